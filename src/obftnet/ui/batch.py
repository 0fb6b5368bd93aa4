"""Folders that are run: begun, paused, gone on with after a kill, looked through, and judged by a person.

batches/<number>/batch.json: what is wanted. used.pack: by what it is run. images: files that were dropped.
results: as `obftnet segment` writes them. judged.json: what a person said of an image.
"""

import shlex
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from obftnet.errors import InputError
from obftnet.files import atomic, write_json
from obftnet.json_files import read_json
from obftnet.segmentation import Outputs
from obftnet.segmentation.record import Entry, Record
from obftnet.ui import lines
from obftnet.ui.engine import Engine, Job
from obftnet.ui.pictures import levels_of
from obftnet.ui.records import Records
from obftnet.ui.trying import Trying, Work
from obftnet.ui.workspace import folder_here

Judged = Literal["pass", "fail"]
_WANTED = "a batch that the page wrote is wanted"


class Batch(BaseModel):
    """What batch.json says. sources: images and folders. wanted: "run" until it is done, paused or stopped.
    refused: a line, where the whole of it could not be run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: tuple[str, ...]
    began: str
    wanted: Literal["collect", "run", "pause", "stop", "done"] = "collect"
    refused: str = ""


@dataclass
class _Course:
    """A job, and since when it finished how many."""

    job: Job
    began: float
    first: int | None = None
    stopping: bool = False


class Batches:
    """All batches of a project. One is run at a time."""

    def __init__(self, folder: Path, trying: Trying, work: Work) -> None:
        """Go on with what was under way when the last server ended. folder: of all batches."""
        self._folder, self._trying, self._work = folder, trying, work
        self._engine = Engine()
        self._courses: dict[int, _Course] = {}
        self._records = Records()
        for number in self.numbers():
            if self._read(number).wanted == "run":
                self._run(number)

    def close(self) -> None:
        """End the work; it is gone on with at the next start."""
        self._engine.close()

    def numbers(self) -> list[int]:
        """Of the batches that there are, the oldest first."""
        if not self._folder.is_dir():
            return []
        return sorted(
            int(path.name)
            for path in self._folder.iterdir()
            if path.name.isdecimal() and (path / "batch.json").exists()
        )

    def new(self, sources: list[str] | None = None) -> int:
        """Begin a batch of files and folders, and run it; None to collect files first (`place_for`).

        Raises:
            InputError: nothing was fitted; a source that is not there; a batch is being run.
        """
        if not self._trying.pack.exists():
            raise InputError(lines.NOTHING_TO_RUN_BY())
        self._check_free()
        for source in sources or ():
            folder_here(source)
        number = max(self.numbers(), default=0) + 1
        place = self._place(number)
        place.mkdir(parents=True, exist_ok=True)
        began = datetime.now(UTC).isoformat(timespec="seconds")
        images = [str(place / "images")]
        self._write(number, Batch(sources=tuple(sources or images), began=began))
        if sources:
            self.start(number)
        return number

    def place_for(self, number: int, called: str) -> Path:
        """Where a dropped file goes. Raises InputError: no such batch, or it is not collecting."""
        if self._read(number).wanted != "collect":
            raise InputError(lines.BATCH_BEGUN(number=number))
        folder = self._place(number) / "images"
        folder.mkdir(exist_ok=True)
        name = self._trying.workspace.plain_name(called)
        stem, suffix = name.rsplit(".", 1)
        names = (name, *(f"{stem}-{count}.{suffix}" for count in range(2, 100_000)))
        return folder / next(one for one in names if not (folder / one).exists())

    def start(self, number: int) -> None:
        """Run it, or go on with it. Raises InputError: another is being run."""
        self._check_free()
        batch = self._read(number)
        pack = self._place(number) / "used.pack"
        if batch.wanted == "collect":
            self._trying.settle()
            with atomic(pack) as temporary:
                shutil.copyfile(self._trying.pack, temporary)
        self._write(number, batch.model_copy(update={"wanted": "run", "refused": ""}))
        self._run(number)

    def halt(self, number: int, wanted: Literal["pause", "stop"]) -> None:
        """Pause it or stop it, after the image that is being looked at."""
        batch = self._read(number)
        if batch.wanted in ("run", "pause"):
            self._write(number, batch.model_copy(update={"wanted": wanted}))
        course = self._courses.get(number)
        if course is not None and course.job.is_open:
            course.stopping = True
            self._engine.stop(course.job)

    def judge(self, number: int, result: str, judged: Judged | None) -> None:
        """Keep what a person says of an image; None takes it back. Raises InputError: no such image."""
        self.entry(number, result)
        said = self._judged(number)
        said.pop(result, None)
        write_json(self.judged_file(number), said | ({result: judged} if judged else {}))

    def entry(self, number: int, result: str) -> tuple[Entry, Outputs]:
        """What was found for an image, by what its results are called. Raises InputError: there is none."""
        record = self._record(number)
        entry = None if record is None else record.entries().get(result)
        if entry is None:
            raise InputError(lines.NO_RESULT(result=result, number=number))
        return entry, Outputs.of(self.results(number), entry.result)

    def results(self, number: int) -> Path:
        """The folder of its results."""
        return self._place(number) / "results"

    def listed(self) -> list[dict[str, Any]]:
        """All batches, the newest first."""
        return [self._short(number) for number in reversed(self.numbers())]

    def state(self, number: int) -> dict[str, Any]:
        """All of one batch."""
        record, judged = self._record(number), self._judged(number)
        entries = [] if record is None else record.images
        images = [
            {
                "result": entry.result,
                "name": Path(entry.file).name,
                "verdict": entry.verdict,
                "image_score": entry.image_score,
                "regions": entry.regions,
                "area": entry.defect_area,
                "width": entry.width,
                "height": entry.height,
                "levels": levels_of((entry.height, entry.width)),
                "judged": judged.get(entry.result),
            }
            for entry in entries
        ]
        refused = [] if record is None else [reason.reason for reason in record.refused]
        band = None if record is None else record.settled.decision.review
        files = sorted(path.name for path in self.results(number).glob("*.*") if path.is_file())
        return {
            **self._short(number),
            "images": images,
            "refused": refused,
            "left_out": [] if record is None else [reason.reason for reason in record.left_out],
            "threshold": None if record is None else record.settled.decision.threshold,
            "review": band,
            "files": files,
            "judged": bool(judged),
            "command": self.command(number),
            "outdated": self._outdated(number),
        }

    def command(self, number: int) -> str:
        """The command line that makes the same results."""
        batch = self._read(number)
        words = ["obftnet", "segment", *batch.sources, "--pack", str(self._place(number) / "used.pack")]
        words += ["--out", "found"]
        work = self._work
        words += ["--weights", work.weights] if work.weights else []
        words += ["--device", work.device] if work.device != "auto" else []
        words += ["--threads", str(work.threads)] if work.threads else []
        return shlex.join(words)

    def judged_file(self, number: int) -> Path:
        """What a person said of its images, where anything was."""
        return self._place(number) / "judged.json"

    def report(self, number: int) -> Path:
        """Write the report of what is finished. Raises InputError as `write_report`."""
        out = self._place(number) / "report.html"
        job = self._engine.submit("report", {"results": str(self.results(number)), "out": str(out)})
        job.ended.wait()
        if job.state != "done":
            raise InputError(job.error or lines.NO_REPORT())
        return out

    def _run(self, number: int) -> None:
        place = self._place(number)
        task = {
            "queries": list(self._read(number).sources),
            "pack": str(place / "used.pack"),
            "out": str(self.results(number)),
            **self._work.said(),
        }

        def then(job: Job) -> None:
            batch = self._read(number)
            if job.state == "done":
                self._write(number, batch.model_copy(update={"wanted": "done"}))
            elif job.state in ("refused", "failed"):
                told = job.error or lines.BATCH_ENDED()
                self._write(number, batch.model_copy(update={"wanted": "pause", "refused": told}))

        self._courses[number] = _Course(self._engine.submit("segment", task, then), time.monotonic())

    def _short(self, number: int) -> dict[str, Any]:
        batch = self._read(number)
        course = self._courses.get(number)
        running = course is not None and course.job.is_open
        done, total, name, left = self._course(course) if running and course else (0, 0, "", None)
        state = batch.wanted
        return {
            "number": number,
            "began": batch.began,
            "sources": list(batch.sources),
            "state": "run" if running else state,
            "stopping": running and course is not None and course.stopping,
            "done": done,
            "total": total,
            "name": name,
            "seconds_left": left,
            "error": batch.refused,
            "told": [] if course is None else course.job.told,
        }

    def _course(self, course: _Course) -> tuple[int, int, str, float | None]:
        """Finished, all, what is being looked at, and how many seconds are left."""
        progress = course.job.progress
        if progress is None:
            return 0, 0, "", None
        done, total, name = progress
        if course.first is None:
            course.first, course.began = done, time.monotonic()
        finished = done - course.first
        left = (time.monotonic() - course.began) / finished * (total - done) if finished else None
        return done, total, name, left

    def _check_free(self) -> None:
        for number, course in self._courses.items():
            if course.job.is_open:
                raise InputError(lines.BATCH_RUNS(number=number))

    def _place(self, number: int) -> Path:
        return self._folder / str(number)

    def _read(self, number: int) -> Batch:
        file = self._place(number) / "batch.json"
        if not file.exists():
            raise InputError(lines.NO_SUCH_BATCH(number=number))
        try:
            return Batch.model_validate(read_json(file, _WANTED))
        except ValidationError as error:
            raise InputError(f"{file}: not of this version; {_WANTED}") from error

    def _write(self, number: int, batch: Batch) -> None:
        write_json(self._place(number) / "batch.json", batch.model_dump(mode="json"))

    def _judged(self, number: int) -> dict[str, Judged]:
        file = self.judged_file(number)
        return dict(read_json(file, "what a person said of images is wanted")) if file.exists() else {}

    def _record(self, number: int) -> Record | None:
        return self._records.of(self.results(number))

    def _outdated(self, number: int) -> Literal["fit", "decision"] | None:
        """What of the page is another by now than what a batch was run by."""
        trying = self._trying
        used, now = trying.content_of(self._place(number) / "used.pack"), trying.content
        if used is None or now is None:
            return None
        if (used.guidance_sha256, used.tile, used.bits) != (now.guidance_sha256, now.tile, now.bits):
            return "fit"
        settings = trying.workspace.settings
        same = (used.decision, used.scale) == (settings.decision, settings.scale)
        return None if same else "decision"
