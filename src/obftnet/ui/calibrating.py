"""A threshold for a rate of false alarms, asked for in the page: chosen by what `obftnet calibrate` calls."""

import contextlib
from typing import Any

from obftnet.calibration.quantile import bound, enough
from obftnet.errors import InputError
from obftnet.files import write_json
from obftnet.segmentation.queries import look_through
from obftnet.ui import lines
from obftnet.ui.engine import Job
from obftnet.ui.trying import Trying, Work
from obftnet.ui.workspace import AskedRate, folder_here


class Calibrating:
    """The calibration of the pack that was accepted last; images are those of the project, and a folder.

    It is one of `trying`'s tasks: none other is done meanwhile.
    """

    def __init__(self, trying: Trying, work: Work) -> None:
        """Go on with what was under way when the last server ended."""
        self._trying, self._work = trying, work
        self._workspace = trying.workspace
        self._begun = self._workspace.folder / "calibrating.json"
        self._counted: tuple[tuple[str, int] | None, int] = (None, 0)
        if self._begun.exists() and trying.pack.exists() and not trying.proposed.exists():
            self._run()

    def state(self) -> dict[str, Any]:
        """What was found, whether it still holds, and what the images that there are can promise."""
        settings, content = self._workspace.settings, self._trying.content
        asked = settings.calibration
        found = None if content is None else content.calibration
        now = (settings.decision, settings.scale)
        holds = content is not None and (content.decision, content.scale) == now
        images = self._images(asked)
        rate = asked.false_alarms
        return {
            "found": None if found is None else {**found, "enough": enough(found["asked"])},
            "decision": None if found is None or content is None else content.decision.model_dump(),
            "holds": found is not None and holds,
            "images": images,
            "promised": bound([0.0] * images, rate).promised if images else None,
            "enough": enough(rate),
        }

    def start(self) -> None:
        """Calibrate by what the settings say.

        Raises:
            InputError: nothing was fitted, a fit waits to be accepted, something is under way, or the folder
                is not there.
        """
        trying, asked = self._trying, self._workspace.settings.calibration
        trying.check_idle()
        if trying.proposed.exists():
            raise InputError(lines.FIT_WAITS())
        if asked.folder is not None:
            folder_here(asked.folder)
        trying.settle()
        write_json(self._begun, asked.model_dump())
        self._run()

    def return_to_it(self) -> None:
        """Have the page decide as was calibrated. Raises InputError: nothing was."""
        content = self._trying.content
        if content is None or content.calibration is None:
            raise InputError(lines.NOTHING_CALIBRATED())
        changed = {"decision": content.decision, "scale": content.scale}
        self._workspace.change_settings(self._workspace.settings.model_copy(update=changed))

    def _images(self, asked: AskedRate) -> int:
        """How many good images there are to calibrate by; some may turn out to be the guidance's own."""
        count = len(self._workspace.images_of("held_good"))
        if asked.folder is None:
            return count
        with contextlib.suppress(InputError, OSError):
            # All of its files are looked at, so not each time that the page asks.
            state = (asked.folder, folder_here(asked.folder).stat().st_mtime_ns)
            if self._counted[0] != state:
                self._counted = (state, len(look_through([asked.folder]).queries))
            return count + self._counted[1]
        return count

    def _run(self) -> None:
        workspace = self._workspace
        asked = workspace.settings.calibration
        good = [workspace.folder_of("held_good")] if workspace.images_of("held_good") else []
        defects = [workspace.folder_of("held_defect")] if workspace.images_of("held_defect") else []
        task = {
            "pack": str(self._trying.pack),
            "good": [*map(str, good), *([asked.folder] if asked.folder is not None else [])],
            "defects": [*map(str, defects)],
            "false_alarms": asked.false_alarms,
            **self._work.said(),
        }

        def then(job: Job) -> None:
            self._begun.unlink(missing_ok=True)
            if job.state == "done":
                self.return_to_it()

        self._trying.do("calibrate", task, then)
