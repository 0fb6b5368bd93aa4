"""What is taken away: the pack, masks, tables, the report."""

import secrets
import zipfile
from collections.abc import Callable
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from obftnet.errors import InputError
from obftnet.ui import lines
from obftnet.ui.batch import Batches
from obftnet.ui.trying import Trying

#: Files of a batch's results that may be taken away as they are.
TABLES = ("images.csv", "regions.csv", "coco.json", "regions.parquet", "segment.json")


def downloads(project: Path, trying: Trying, batches: Batches) -> APIRouter:
    """Answers that a browser saves as files."""
    router = APIRouter()

    @router.get("/pack")
    def pack() -> FileResponse:
        trying.settle()
        return FileResponse(trying.pack, filename=f"{project.resolve().name}.pack")

    @router.get("/batches/{number}/masks")
    def masks(number: int) -> FileResponse:
        file = project / f".received-{secrets.token_hex(8)}"
        paths = sorted(batches.results(number).rglob("*_mask.png"))
        if not paths:
            raise InputError(lines.NO_MASK(number=number))
        _zip(file, paths, batches.results(number))
        return _once(file, f"masks-{number}.zip", file.unlink)

    @router.get("/batches/{number}/report")
    def report(number: int) -> FileResponse:
        return FileResponse(batches.report(number), filename=f"report-{number}.html")

    @router.get("/batches/{number}/{name}")
    def table(number: int, name: str) -> FileResponse:
        judged = batches.judged_file(number)
        file = judged if name == judged.name else batches.results(number) / name
        if name not in (*TABLES, judged.name) or not file.is_file():
            raise InputError(f"{name}: not among the results of batch {number}")
        return FileResponse(file, filename=f"{file.stem}-{number}{file.suffix}")

    return router


def _zip(file: Path, paths: list[Path], folder: Path) -> None:
    """Masks are compressed already."""
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as opened:
            for path in paths:
                opened.write(path, path.relative_to(folder))
    except OSError as error:
        file.unlink(missing_ok=True)
        raise InputError(lines.NOT_WRITTEN(folder=file.parent, reason=error.strerror or error)) from error


def _once(file: Path, name: str, after: Callable[[], None]) -> FileResponse:
    """A file that goes when it was sent."""
    return FileResponse(file, filename=name, background=BackgroundTask(after))
