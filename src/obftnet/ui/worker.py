"""The process that does the work: tasks come in as lines of JSON, and go out as lines of what came of them.

It calls what the command line calls. Its own process keeps the page's server small and answering, and may be
ended at any moment: everything it calls leaves whole files or none, and goes on where it was stopped.
"""

import json
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from typing import Any, TextIO

from obftnet.decision import Decision
from obftnet.errors import InputError, InputWarning
from obftnet.tiling import Tile

Say = Callable[[dict[str, Any]], None]


class _Stopped(BaseException):
    """A task that is to end where it stands."""


class Worker:
    """Does one task after the other."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._current = 0
        self._stopped: set[int] = set()

    def stop(self, number: int) -> None:
        """Have the task of this number end at its next whole step."""
        self._stopped.add(number)

    def do(self, task: dict[str, Any]) -> None:
        """Do a task and say what came of it."""
        self._current = task.pop("number")
        do: Callable[..., dict[str, Any]] = getattr(self, f"_{task.pop('task')}")
        with warnings.catch_warnings():
            warnings.simplefilter("always", InputWarning)
            shown = warnings.showwarning

            def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
                if issubclass(category, InputWarning):
                    self._notice(str(message))
                else:
                    shown(message, category, *place, **more)

            warnings.showwarning = show
            try:
                result = do(**task)
            except InputError as error:
                self._say({"refused": str(error)})
            except _Stopped:
                self._say({"stopped": True})
            except Exception:
                traceback.print_exc(file=sys.stderr)
                self._say({"failed": True})
            else:
                self._say({"done": result})

    def _check(self, *, folder: str, bits: int | None, tile: int | None) -> dict[str, Any]:
        from obftnet.checking import check_folder_of

        checked = check_folder_of(folder, "guidance", bits=bits, tile=tile, progress=self._progress)
        return {"findings": [{"text": one.text, "refused": one.refused} for one in checked.findings]}

    def _fit(
        self,
        *,
        guidance: str,
        out: str,
        weights: str | None,
        device: str,
        threads: int | None,
        tile: Tile,
        bits: int | None,
        scale: float | None,
        decision: dict[str, Any],
    ) -> dict[str, Any]:
        from obftnet.packing import fit_pack

        use_threads(threads)
        self._progress(0, 1, "")
        pack = fit_pack(
            guidance,
            out,
            weights=weights,
            device=device,
            tile=tile,
            bits=bits,
            scale=scale,
            decision=Decision(**decision),
        )
        return {"supports": len(pack.content.supports), "backgrounds": len(pack.content.backgrounds)}

    def _segment(
        self,
        *,
        queries: list[str],
        pack: str,
        out: str,
        weights: str | None,
        device: str,
        threads: int | None,
    ) -> dict[str, Any]:
        from obftnet.segmentation import segment_files

        use_threads(threads)
        summary = segment_files(
            queries,
            None,
            out,
            pack=pack,
            weights=weights,
            device=device,
            progress=self._progress,
            notice=self._notice,
        )
        return {"refused": list(summary.refused), "left_out": list(summary.left_out)}

    def _explain(
        self,
        *,
        query: str,
        pack: str,
        out: str,
        point: tuple[int, int],
        weights: str | None,
        device: str,
        threads: int | None,
    ) -> dict[str, Any]:
        from obftnet.explanation.explain import explain

        use_threads(threads)
        x, y = point
        words = explain(query, None, out, pack=pack, points=[(x, y)], weights=weights, device=device)
        return {"words": words}

    def _calibrate(
        self,
        *,
        pack: str,
        good: list[str],
        defects: list[str],
        false_alarms: float,
        weights: str | None,
        device: str,
        threads: int | None,
    ) -> dict[str, Any]:
        from obftnet.calibration import calibrate_pack

        use_threads(threads)
        found = calibrate_pack(
            pack,
            good,
            defects=defects,
            false_alarms=false_alarms,
            weights=weights,
            device=device,
            progress=self._progress,
            notice=self._notice,
        )
        return {"refused": list(found.refused)}

    def _report(self, *, results: str, out: str) -> dict[str, Any]:
        from obftnet.reporting import write_report

        write_report(results, out, progress=self._progress)
        return {}

    def _progress(self, done: int, total: int, name: str) -> None:
        if self._current in self._stopped:
            raise _Stopped
        self._say({"progress": [done, total, name]})

    def _notice(self, text: str) -> None:
        self._say({"notice": text})


def use_threads(threads: int | None) -> None:
    """As many as the command line would; None leaves the number that PyTorch chose."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def main() -> None:
    """Read tasks from standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: whoever gave the tasks ends this one
    # What a library prints must not come between the lines.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lock = threading.Lock()

    def say(line: dict[str, Any]) -> None:
        with lock:
            out.write(json.dumps(line) + "\n")
            out.flush()

    worker = Worker(say)
    waiting: list[dict[str, Any]] = []
    there = threading.Condition()

    def listen(lines: TextIO) -> None:
        for line in lines:
            task = json.loads(line)
            if "stop" in task:
                worker.stop(task["stop"])
                continue
            with there:
                waiting.append(task)
                there.notify()
        os._exit(0)  # whoever gave the tasks is gone

    threading.Thread(target=listen, args=(sys.stdin,), daemon=True).start()
    while True:
        with there:
            there.wait_for(lambda: waiting)
            task = waiting.pop(0)
        worker.do(task)


if __name__ == "__main__":
    main()
