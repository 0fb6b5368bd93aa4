"""The guidance fitted and tried, and a change of it shown on what was tried before it is accepted."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from obftnet.decision import judge
from obftnet.errors import InputError
from obftnet.files import write_json
from obftnet.json_files import read_json
from obftnet.packs import Content, Pack, read_pack, write_pack
from obftnet.packs.content import DecisionEntry
from obftnet.segmentation import Outputs
from obftnet.segmentation.record import Entry
from obftnet.ui import lines
from obftnet.ui.engine import Engine, Job
from obftnet.ui.records import Records
from obftnet.ui.scores import Decided, Scores
from obftnet.ui.workspace import Image, Role, Workspace, remove_folder, replace_folder


class Move(BaseModel):
    """An image that serves for something else since the last fit that was accepted."""

    model_config = ConfigDict(extra="forbid")

    name: str
    was: Role


@dataclass(frozen=True)
class Work:
    """How tasks are done: as `Segmenter.from_pretrained`; threads: None for as many as PyTorch takes."""

    weights: str | None
    device: str
    threads: int | None

    def said(self) -> dict[str, Any]:
        """For a task."""
        return {"weights": self.weights, "device": self.device, "threads": self.threads}


class Trying:
    """The pack, the results of the images to try, and a proposal for both."""

    def __init__(self, workspace: Workspace, engine: Engine, work: Work) -> None:
        """Go on with what was under way when the last server ended."""
        self.workspace = workspace
        self._engine, self._work = engine, work
        self.scores = Scores()
        self._records = Records()
        self.job: Job | None = None
        self._contents: dict[tuple[str, int, int], Content] = {}
        folder = workspace.folder
        self.pack, self.results = folder / "fit.pack", folder / "tried"
        self.proposed, self.proposed_results = folder / "proposed.pack", folder / "proposed"
        #: Results of a calibration, where `obftnet calibrate` has them.
        self.calibrated = folder / "fit.calibration"
        self._moves = folder / "moved.json"
        # An acceptance that was cut short has moved the pack and not yet the results.
        if not self.proposed.exists() and self.proposed_results.exists():
            replace_folder(self.proposed_results, self.results)
            self._moves.unlink(missing_ok=True)
        if self.proposed.exists() and workspace.images_of("query"):
            self._segment(self.proposed, self.proposed_results)

    @property
    def content(self) -> Content | None:
        """What the accepted pack says of itself; None where there is none."""
        return self.content_of(self.pack)

    def state(self) -> dict[str, Any]:
        """All of it but the results."""
        # First, so that what is no longer under way shows all that it left.
        job = self.job
        under_way = job is not None and job.is_open
        content, proposed = self.content, self.content_of(self.proposed)
        now = self.workspace.guidance_sha256()
        settings = self.workspace.settings
        last = proposed or content
        state = "none"
        if last is not None:
            asked = "auto" if last.plan is not None else last.tile
            fitted = (last.guidance_sha256, asked, last.bits)
            state = "current" if fitted == (now, settings.tile, settings.bits) else "stale"
        return {
            "state": state,
            "ready": now is not None,
            "supports": 0 if content is None else len(content.supports),
            "backgrounds": 0 if content is None else len(content.backgrounds),
            "plan": None if last is None or last.tile_plan is None else str(last.tile_plan),
            "proposed": proposed is not None,
            "version": "".join(f"{_stamp(file)} " for file in (self.pack, self.proposed)).strip(),
            "job": self._job(job) if job is not None and under_way else None,
            "ended": None if job is None or under_way else self._ended(job),
        }

    def fit(self) -> None:
        """Fit the guidance as it is now, and try it; where one was accepted before, as a proposal.

        Raises:
            InputError: a defect image is not painted, or something is under way.
        """
        self.check_idle()
        workspace = self.workspace
        if unpainted := workspace.unpainted():
            raise InputError(lines.NOT_PAINTED(image=unpainted[0].name))
        workspace.write_masks()
        first = not self.pack.exists()
        settings = workspace.settings
        remove_folder(self.proposed_results)
        out = self.pack if first else self.proposed
        task = {
            "guidance": str(workspace.guidance),
            "out": str(out),
            "tile": settings.tile,
            "bits": settings.bits,
            "scale": settings.scale,
            "decision": settings.decision.model_dump(),
            **self._work.said(),
        }

        def then(job: Job) -> None:
            if job.state != "done":
                return
            if first:
                self._moves.unlink(missing_ok=True)
                remove_folder(self.results)
                remove_folder(self.calibrated)
            if workspace.images_of("query"):
                self._segment(out, self.results if first else self.proposed_results)
            elif not first:
                self._become()

        self.do("fit", task, then)

    def try_all(self) -> None:
        """Look at the images that were not looked at yet. Raises InputError: nothing was fitted."""
        self.check_idle()
        if not self.pack.exists():
            raise InputError(lines.NOTHING_TO_TRY_BY())
        self._segment(self.pack, self.results)

    def stop(self) -> None:
        """End what is under way; what is finished is kept."""
        if self.job is not None:
            self._engine.stop(self.job)

    def serve_for(self, name: str, role: Role) -> None:
        """Have a tried image serve as guidance; `reject` takes it back."""
        image = self.workspace.image(name)
        moves = [*self._moved(), Move(name=name, was=image.role)]
        write_json(self._moves, [move.model_dump() for move in moves])
        self.workspace.move(name, role)

    def accept(self) -> None:
        """Have the proposal in the place of what was accepted. Raises InputError: there is none, or it is not
        done."""
        self.check_idle()
        if not self.proposed.exists():
            raise InputError(lines.NOTHING_PROPOSED())
        self._become()

    def reject(self) -> None:
        """Leave what was accepted as it is; images that were given to the guidance meanwhile go back."""
        self.stop()
        if self.job is not None:
            self.job.ended.wait(60)
        self.proposed.unlink(missing_ok=True)
        remove_folder(self.proposed_results)
        for move in reversed(self._moved()):
            with contextlib.suppress(InputError):  # it was removed
                self.workspace.move(move.name, move.was)
        self._moves.unlink(missing_ok=True)

    def tried(self, image: Image, *, proposed: bool = False) -> tuple[Entry, Outputs] | None:
        """What was found for an image; None where it was not looked at by this fit."""
        held: dict[Role, str] = {"held_good": "good", "held_defect": "defects"}
        if image.role in held:
            results = self.calibrated / held[image.role]
            if proposed:
                return None
        else:
            results = self.proposed_results if proposed else self.results
        entry = self._entries(results).get(str(image.path.resolve()))
        return None if entry is None else (entry, Outputs.of(results, entry.result))

    def decided(self, image: Image, said: DecisionEntry, *, proposed: bool = False) -> Decided | None:
        """What a decision makes of an image; None where it was not looked at."""
        found = self.tried(image, proposed=proposed)
        if found is None:
            return None
        scale = self.workspace.settings.scale
        decision = said.decision().in_pixels(scale)
        return self.scores.decided(found[1], decision, scale)

    def judged(self, image: Image, said: DecisionEntry, *, wait: bool) -> dict[str, Any] | None:
        """Verdict and image score of an image, for a list; None where it was not looked at.

        Both are None where they are not known yet and not to be waited for.
        """
        found = self.tried(image)
        if found is None:
            return None
        decision = said.decision().in_pixels(self.workspace.settings.scale)
        value = self.scores.value(found[1], decision, wait=wait)
        return {"image_score": value, "verdict": None if value is None else str(judge(value, decision))}

    def comparison(self) -> list[dict[str, Any]]:
        """Of every image that was tried before and by the proposal: what both say, by the decision now."""
        said = self.workspace.settings.decision
        rows = []
        for image in self.workspace.images_of("query"):
            before, after = (self.decided(image, said, proposed=one) for one in (False, True))
            if after is not None:
                rows.append(
                    {
                        "name": image.name,
                        "before": None if before is None else short(before),
                        "after": short(after),
                        "changed": None if before is None else self._changed(before, after),
                    }
                )
        return rows

    def explain(self, image: Image, point: tuple[int, int]) -> tuple[list[str], Path]:
        """Where in the guidance a pixel (x, y) was matched: words and a picture.

        Raises:
            InputError: as `explanation.explain`; something long is under way.
        """
        self.check_idle()
        out = self.workspace.folder / "explained" / "explained.png"
        out.parent.mkdir(exist_ok=True)
        task = {
            "query": str(image.path),
            "pack": str(self.pack),
            "out": str(out),
            "point": point,
            **self._work.said(),
        }
        job = self._engine.submit("explain", task)
        job.ended.wait()
        if job.state != "done":
            raise InputError(job.error or lines.NOT_EXPLAINED())
        return list(job.result["words"]), out

    def settle(self) -> None:
        """Have the pack decide as the page does: what is run by it must agree with what is shown."""
        if not self.pack.exists():
            raise InputError(lines.NOTHING_FITTED())
        pack = read_pack(self.pack)
        settings = self.workspace.settings
        if (pack.content.decision, pack.content.scale) != (settings.decision, settings.scale):
            # A calibration is of the decision that it found.
            changed = {"decision": settings.decision, "scale": settings.scale, "calibration": None}
            content = pack.content.model_copy(update=changed)
            write_pack(self.pack, Pack(content, pack.files, pack.fitted, pack.name))

    def _segment(self, pack: Path, results: Path) -> None:
        task = {
            "queries": [str(self.workspace.folder_of("query"))],
            "pack": str(pack),
            "out": str(results),
            **self._work.said(),
        }
        self.do("segment", task)

    def do(self, kind: str, task: dict[str, Any], then: Callable[[Job], None] | None = None) -> None:
        """Have a task done, which `state` tells of and `stop` ends."""
        self.job = self._engine.submit(kind, task, then)

    def _become(self) -> None:
        remove_folder(self.calibrated)  # of what was accepted before
        self.proposed.replace(self.pack)
        if self.proposed_results.exists():
            replace_folder(self.proposed_results, self.results)
        else:
            remove_folder(self.results)
        self._moves.unlink(missing_ok=True)

    def check_idle(self) -> None:
        """Raises InputError: a task is under way."""
        if self.job is not None and self.job.is_open:
            raise InputError(lines.UNDER_WAY())

    def content_of(self, pack: Path) -> Content | None:
        """What a pack says of itself; None where there is none."""
        with contextlib.suppress(FileNotFoundError):
            found = pack.stat()
            key = (str(pack), found.st_size, found.st_mtime_ns)
            if key not in self._contents:
                self._contents[key] = read_pack(pack, fitted=False).content
            return self._contents[key]
        return None

    def _entries(self, results: Path) -> dict[str, Entry]:
        """What was found, by the images' files, also by a job that is not finished."""
        try:
            record = self._records.of(results)
        except InputError:
            return {}  # of another version: it is made anew
        return {} if record is None else {entry.file: entry for entry in record.images}

    def _moved(self) -> list[Move]:
        if not self._moves.exists():
            return []
        return [
            Move.model_validate(one) for one in read_json(self._moves, "images that were moved are wanted")
        ]

    def _changed(self, before: Decided, after: Decided) -> float:
        """The share of pixels that are marked by one and not by the other."""
        size = before.painting.size
        whole = ((0, 0), size)
        one, other = (decided.painting.level(0, *whole) for decided in (before, after))
        return float(np.count_nonzero(one != other) / (size[0] * size[1]))

    def _job(self, job: Job) -> dict[str, Any]:
        return {"kind": job.kind, "progress": job.progress}

    def _ended(self, job: Job) -> dict[str, Any]:
        refused = job.result.get("refused", []) if job.state == "done" else []
        return {
            "number": job.number,
            "kind": job.kind,
            "state": job.state,
            "error": job.error,
            "told": job.told,
            "refused": refused,
        }


def _stamp(file: Path) -> str:
    """Another one when the file is another."""
    with contextlib.suppress(FileNotFoundError):
        found = file.stat()
        return f"{found.st_size:x}-{found.st_mtime_ns:x}"
    return "none"


def short(decided: Decided) -> dict[str, Any]:
    """What a list shows of it."""
    said = decided.said
    del said["regions"]
    return said
