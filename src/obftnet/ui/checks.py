"""What `obftnet check` says of the guidance, kept up with what is painted."""

import threading
from dataclasses import dataclass
from typing import Any

from obftnet import wording
from obftnet.ui import lines
from obftnet.ui.engine import Engine, Job
from obftnet.ui.workspace import Workspace


@dataclass(frozen=True)
class Finding:
    """A line of `check`. image: of the project that it is about, "" of none; refused: it cannot be used."""

    text: str
    image: str
    refused: bool


class Checks:
    """The findings of the guidance as it was looked at last; it is looked at again when it has changed."""

    def __init__(self, workspace: Workspace, engine: Engine) -> None:
        self._workspace, self._engine = workspace, engine
        self._lock = threading.Lock()
        self._of: tuple[Any, ...] = ()
        self._seen: tuple[Any, ...] = ()
        self._job: Job | None = None
        self._found: tuple[Finding, ...] = ()

    def close(self) -> None:
        """End what was begun."""
        self._engine.close()

    def now(self) -> tuple[bool, tuple[Finding, ...]]:
        """Whether a look is under way, and what the last one that ended found."""
        workspace = self._workspace
        with self._lock:
            if self._job is not None and self._job.ended.is_set():
                self._found = self._understood(self._job)
                self._job = None
            guidance = workspace.guidance_state()
            state = (workspace.settings.tile, workspace.settings.bits, guidance)
            if not guidance:
                self._found = ()
            elif state != self._of and self._job is None:
                if state != self._seen:
                    self._seen = state  # who paints goes on painting: not before it stays as it is
                    return True, self._found
                self._of = state
                workspace.write_masks()
                task = {
                    "folder": str(workspace.guidance),
                    "tile": None if workspace.settings.tile == "auto" else workspace.settings.tile,
                    "bits": workspace.settings.bits,
                }
                self._job = self._engine.submit("check", task)
            return self._job is not None, self._found

    def _understood(self, job: Job) -> tuple[Finding, ...]:
        if job.state != "done":
            told = job.error or lines.CHECK_ENDED()
            return (Finding(told, "", refused=True),)
        unpainted = {image.name for image in self._workspace.unpainted()}
        found = []
        images = self._workspace.images()
        none = {  # that there is none of a kind yet is what the page itself says
            wording.NO_SUPPORT_IN(folder=self._workspace.folder_of("defect")),
            wording.NO_BACKGROUND_IN(folder=self._workspace.folder_of("good")),
        }
        for said in job.result["findings"]:
            text = said["text"]
            if text in none:
                continue
            about = next((one for one in images if text.startswith((str(one.path), str(one.mask)))), None)
            if about is not None and about.name in unpainted:
                continue  # that it has no mask yet is what the page itself says
            for image in images:
                text = text.replace(str(image.path), image.name).replace(str(image.mask), image.mask.name)
            text = text.replace(f"{self._workspace.guidance}/", "")
            found.append(Finding(text, "" if about is None else about.name, said["refused"]))
        return tuple(found)
