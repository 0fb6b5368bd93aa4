"""The page's server: what a browser asks for, and the calls that answer it. It holds no logic of its own."""

import asyncio
import contextlib
import math
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from obftnet.errors import InputError
from obftnet.imaging.decode import bits_stored
from obftnet.packs.content import DecisionEntry
from obftnet.ui import lines
from obftnet.ui.batch import Batches, Judged
from obftnet.ui.calibrating import Calibrating
from obftnet.ui.checks import Checks
from obftnet.ui.downloads import downloads
from obftnet.ui.engine import Engine
from obftnet.ui.painting import DEFECT, NOTHING, Painting, Stroke
from obftnet.ui.pictures import READING, TILE, Pictures, levels_of, painted_png
from obftnet.ui.scores import Decided
from obftnet.ui.security import MAX_IMAGE, Guard
from obftnet.ui.strokes import StaleError
from obftnet.ui.trying import Trying, Work
from obftnet.ui.workspace import Image, Role, Settings, Workspace
from obftnet.version import __version__

STATIC = Path(__file__).parent / "static"
#: Seconds for scores that are not known yet, in an answer that is wanted at once.
PATIENCE = 0.3


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Change(_Message):
    """What is done to a painting. revision: of what the browser shows. stroke: where `do` is "stroke"."""

    revision: int
    do: Literal["stroke", "undo", "redo"]
    stroke: Stroke | None = None


class Page:
    """What all answers are made of."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        weights: str | Path | None = None,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        """weights, device: as `Segmenter.from_pretrained`. threads: None for as many as PyTorch takes."""
        self.workspace = workspace
        self.engine = Engine()
        self.pictures = Pictures()
        self.checks = Checks(workspace, Engine())
        work = Work(None if weights is None else str(weights), device, threads)
        self.trying = Trying(workspace, self.engine, work)
        self.calibrating = Calibrating(self.trying, work)
        self.batches = Batches(workspace.folder / "batches", self.trying, work)
        self._facts: dict[tuple[str, int, int], dict[str, Any]] = {}

    def close(self) -> None:
        """End what was begun."""
        self.checks.close()
        self.batches.close()
        self.engine.close()

    def state(self) -> dict[str, Any]:
        """All that the page shows beside pictures."""
        workspace = self.workspace
        checking, findings = self.checks.now()
        fit = self.trying.state()
        until = time.monotonic() + PATIENCE
        return {
            "version": __version__,
            "project": workspace.folder.resolve().name,
            "folder": str(workspace.folder.resolve()),
            "languages": sorted(path.stem for path in (STATIC / "texts").glob("*.json")),
            "settings": workspace.settings.model_dump(mode="json"),
            "images": [self.described(image, until) for image in workspace.images()],
            "checking": checking,
            "findings": [asdict(finding) for finding in findings],
            "fit": fit,
            "calibration": self.calibrating.state(),
            "batches": self.batches.listed(),
        }

    def described(self, image: Image, until: float = math.inf) -> dict[str, Any]:
        """What is known of an image, and of what is painted on it; after this moment, what costs nothing."""
        said: dict[str, Any] = {"name": image.name, "role": image.role, **self._file(image)}
        if image.guides:
            record = self.workspace.strokes(image).record
            said |= {
                "revision": record.revision,
                "marked": record.marked,
                "ignored": record.ignored,
                "undo": record.done,
                "redo": len(record.strokes) - record.done,
            }
        if not image.guides:
            said["tried"] = self.trying.judged(
                image, self.workspace.settings.decision, wait=time.monotonic() < until
            )
        return said

    def _file(self, image: Image) -> dict[str, Any]:
        """What the header says; read once."""
        with contextlib.suppress(OSError):
            found = image.path.stat()
            key = (str(image.path), found.st_size, found.st_mtime_ns)
            if key not in self._facts:
                with READING:
                    bits = bits_stored(image.path)
                height, width = self.workspace.strokes(image).size
                self._facts[key] = {
                    "width": width,
                    "height": height,
                    "levels": levels_of((height, width)),
                    "bits": bits,
                    "version": f"{found.st_size:x}-{found.st_mtime_ns:x}",
                }
            return self._facts[key]
        return {}


def create_app(page: Page, hosts: list[str], token: str | None = None) -> ASGIApp:
    """The server as ASGI.

    Args:
        page: what it shows.
        hosts: names with ports by which it is asked (`security.Guard`).
        token: wanted of everyone; None for none.
    """

    @asynccontextmanager
    async def whole_life(app: FastAPI) -> AsyncIterator[None]:
        yield
        page.close()

    app = FastAPI(lifespan=whole_life, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(StaleError, _refusal(409))
    app.add_exception_handler(InputError, _refusal(422))
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _no_such)
    app.add_exception_handler(Exception, _fault)
    app.include_router(_project(page), prefix="/api")
    app.include_router(_painting(page), prefix="/api/images")
    app.include_router(_fitting(page), prefix="/api/fit")
    app.include_router(_calibrating(page), prefix="/api/calibration")
    app.include_router(_trying(page), prefix="/api/tried")
    app.include_router(_batches(page), prefix="/api/batches")
    app.include_router(downloads(page.workspace.folder, page.trying, page.batches), prefix="/api/export")

    @app.get("/")
    def index() -> Response:
        return FileResponse(STATIC / "index.html")

    app.mount("/static", StaticFiles(directory=STATIC))
    return Guard(app, hosts, token)


def _project(page: Page) -> APIRouter:
    """The project's images and settings."""
    router, workspace = APIRouter(), page.workspace

    @router.get("/state")
    def state() -> dict[str, Any]:
        return page.state()

    @router.get("/lines")
    def templates() -> dict[str, str]:
        return dict(lines.LINES)

    @router.put("/settings")
    def settings(settings: Settings) -> dict[str, Any]:
        workspace.change_settings(settings)
        return page.state()

    @router.post("/images")
    async def add(request: Request, name: str, role: Role) -> dict[str, Any]:
        file = await _received(request, workspace.folder)
        try:
            image = await run_in_threadpool(workspace.add, file, name, role)
        finally:
            file.unlink(missing_ok=True)
        return {"name": image.name}

    @router.delete("/images/{name}")
    def remove(name: str) -> dict[str, Any]:
        workspace.remove(name)
        return page.state()

    @router.put("/images/{name}/role")
    def move(name: str, role: Role) -> dict[str, Any]:
        workspace.move(name, role)
        return page.state()

    return router


def _painting(page: Page) -> APIRouter:
    """Pictures, and what is painted on them."""
    router, workspace = APIRouter(), page.workspace

    @router.get("/{name}/tile/{level}/{row}/{column}")
    def tile(
        name: str, level: int, row: int, column: int, low: float | None = None, high: float | None = None
    ) -> Response:
        window = None if low is None or high is None else (low, high)
        return _png(page.pictures.of(workspace.image(name).path).tile(level, row, column, window))

    @router.get("/{name}/thumbnail")
    def thumbnail(name: str) -> Response:
        return _png(page.pictures.of(workspace.image(name).path).thumbnail())

    @router.get("/{name}/window")
    def window(name: str) -> dict[str, float]:
        shown = page.pictures.of(workspace.image(name).path)
        low, high = shown.window()
        return {"low": low, "high": high, "white": shown.white}

    @router.get("/{name}/painted/{level}/{row}/{column}")
    def painted(name: str, level: int, row: int, column: int, revision: int = 0) -> Response:
        image = workspace.image(name)
        # What was painted as the defect when a good image served as one is kept, and not shown.
        hidden = None if image.role == "defect" else DEFECT
        return _tile(workspace.strokes(image).painting(), level, row, column, hidden)

    @router.post("/{name}/strokes")
    def change(name: str, change: Change) -> dict[str, Any]:
        image = workspace.image(name)
        strokes = workspace.strokes(image)
        if change.do == "undo":
            strokes.undo(change.revision)
        elif change.do == "redo":
            strokes.redo(change.revision)
        elif change.stroke is None:
            raise InputError("a stroke is wanted")
        else:
            strokes.add(change.stroke, change.revision)
        return page.described(image)

    @router.post("/{name}/mask")
    async def mask(request: Request, name: str, revision: int) -> dict[str, Any]:
        image = workspace.image(name)
        file = await _received(request, workspace.folder)
        try:
            await run_in_threadpool(workspace.strokes(image).take_mask, file, revision, image.path)
        finally:
            file.unlink(missing_ok=True)
        return page.described(image)

    return router


def _fitting(page: Page) -> APIRouter:
    """The guidance fitted, and a new fit accepted or not."""
    router, trying = APIRouter(), page.trying

    def does(path: str, action: Callable[[], None]) -> None:
        @router.post(path)
        def answer() -> dict[str, Any]:
            action()
            return page.state()

    does("", trying.fit)
    does("/try", trying.try_all)
    does("/stop", trying.stop)
    does("/accept", trying.accept)
    does("/reject", trying.reject)

    @router.get("/comparison")
    def comparison() -> list[dict[str, Any]]:
        return trying.comparison()

    return router


def _calibrating(page: Page) -> APIRouter:
    """The rate of false alarms that is asked for; the settings say which."""
    router, calibrating = APIRouter(), page.calibrating

    @router.post("")
    def start() -> dict[str, Any]:
        calibrating.start()
        return page.state()

    @router.post("/return")
    def return_to_it() -> dict[str, Any]:
        calibrating.return_to_it()
        return page.state()

    return router


def _trying(page: Page) -> APIRouter:
    """What was found for images that were tried, and what a decision makes of it."""
    router, workspace, trying = APIRouter(), page.workspace, page.trying

    def decided(name: str, said: DecisionEntry, proposed: bool) -> Decided:
        found = trying.decided(workspace.image(name), said, proposed=proposed)
        if found is None:
            raise InputError(lines.NOT_TRIED(name=name))
        return found

    @router.get("/{name}/preview")
    def preview(name: str, proposed: bool = False) -> Response:
        found = trying.tried(workspace.image(name), proposed=proposed)
        if found is None:
            raise InputError(lines.NOT_TRIED(name=name))
        small, step = trying.scores.preview(found[1])
        height, width = small.shape
        size = {"X-Width": str(width), "X-Height": str(height), "X-Step": str(step)}
        data = small.astype("<u2").tobytes()
        return Response(data, media_type="application/octet-stream", headers=size)

    @router.get("/{name}/decided")
    def answer(name: str, said: Asked, proposed: bool = False) -> dict[str, Any]:
        return decided(name, said, proposed).said

    @router.get("/{name}/mask/{level}/{row}/{column}")
    def mask(name: str, level: int, row: int, column: int, said: Asked, proposed: bool = False) -> Response:
        return _tile(decided(name, said, proposed).painting, level, row, column)

    @router.post("/{name}/explain")
    def explain(name: str, x: int, y: int) -> dict[str, Any]:
        words, _ = trying.explain(workspace.image(name), (x, y))
        return {"words": words}

    @router.get("/explained/picture")
    def picture() -> Response:
        return FileResponse(workspace.folder / "explained" / "explained.png", media_type="image/png")

    @router.post("/{name}/false-alarm")
    def false_alarm(name: str) -> dict[str, Any]:
        trying.serve_for(name, "good")
        trying.fit()
        return page.state()

    @router.post("/{name}/missed")
    def missed(name: str) -> dict[str, Any]:
        trying.serve_for(name, "defect")
        return page.state()

    return router


def _batches(page: Page) -> APIRouter:
    """Folders that are run."""
    router, batches = APIRouter(), page.batches

    @router.post("")
    def new(asked: Folder) -> dict[str, Any]:
        return batches.state(batches.new(None if asked.folder is None else [asked.folder]))

    @router.get("/{number}")
    def state(number: int) -> dict[str, Any]:
        return batches.state(number)

    @router.post("/{number}/images")
    async def add(request: Request, number: int, name: str) -> dict[str, Any]:
        place = await run_in_threadpool(batches.place_for, number, name)
        file = await _received(request, page.workspace.folder)
        file.replace(place)
        return {"name": place.name}

    @router.post("/{number}/start")
    def start(number: int) -> dict[str, Any]:
        batches.start(number)
        return batches.state(number)

    @router.post("/{number}/pause")
    def pause(number: int) -> dict[str, Any]:
        batches.halt(number, "pause")
        return batches.state(number)

    @router.post("/{number}/stop")
    def stop(number: int) -> dict[str, Any]:
        batches.halt(number, "stop")
        return batches.state(number)

    @router.post("/{number}/judged")
    def judged(number: int, result: str, judged: Judged | None = None) -> dict[str, Any]:
        batches.judge(number, result, judged)
        return batches.state(number)

    @router.get("/{number}/picture/{level}/{row}/{column}")
    def picture(
        number: int,
        level: int,
        row: int,
        column: int,
        result: str,
        what: Literal["overlay", "image"] = "overlay",
    ) -> Response:
        entry, outputs = batches.entry(number, result)
        path = outputs.overlay if what == "overlay" else Path(entry.file)
        return _png(page.pictures.of(path).tile(level, row, column, None))

    return router


class Folder(_Message):
    """What a batch is begun with: a folder on this machine, or None for files that are dropped."""

    folder: str | None = None


def _tile(painting: Painting, level: int, row: int, column: int, hidden: int | None = None) -> Response:
    """A tile of what is painted, without the label that is hidden; of a place outside, 404."""
    if not 0 <= level <= levels_of(painting.size):
        return _png(None)
    height, width = (-(-n // 2**level) for n in painting.size)
    if not (0 <= row * TILE < height and 0 <= column * TILE < width):
        return _png(None)
    size = (min(TILE, height - row * TILE), min(TILE, width - column * TILE))
    labels = painting.level(level, (row * TILE, column * TILE), size)
    labels[labels == hidden] = NOTHING
    return _png(painted_png(labels))


def _asked(
    threshold: float,
    min_area: float = 0,
    min_length: float = 0,
    low: float | None = None,
    high: float | None = None,
    low_threshold: float | None = None,
) -> DecisionEntry:
    """A decision as an address says it, sizes in pixels."""
    review = None if low is None or high is None else (low, high)
    return DecisionEntry(
        threshold=threshold,
        low_threshold=low_threshold,
        min_area=min_area,
        min_length=min_length,
        review=review,
    )


Asked = Annotated[DecisionEntry, Depends(_asked)]


async def _received(request: Request, folder: Path) -> Path:
    """A request's body in a file of the project that is hidden, and to be moved or removed."""
    if request.headers.get("content-type") != "application/octet-stream":
        raise InputError(f"a file of at most {MAX_IMAGE:,} bytes as application/octet-stream is wanted")
    file = folder / f".received-{secrets.token_hex(8)}"
    try:
        with file.open("wb") as opened:
            async for part in request.stream():
                await asyncio.to_thread(opened.write, part)
    except OSError as error:
        file.unlink(missing_ok=True)
        raise InputError(lines.NOT_WRITTEN(folder=folder, reason=error.strerror or error)) from error
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    return file


def _png(data: bytes | None) -> Response:
    if data is None:
        return JSONResponse({"error": "no such part of the image"}, 404)
    # Whoever asks names the version that is meant.
    return Response(data, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})


def _refusal(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, status)

    return answer


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return JSONResponse({"error": f"{where}: {first['msg']}"}, 422)


async def _no_such(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": str(error.detail)}, error.status_code)


async def _fault(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": lines.FAULT}, 500)
