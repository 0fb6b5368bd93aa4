"""Runs command lines in forked children and kills one before its n-th write: the imports are paid for once.

Reads a JSON object a line: {"argv", "out", "kill_at", "log"}; `kill_at` null lets it end. Answers each with
{"status", "writes"}: the child's status (negative: the signal) and how many writes it came to.
"""

import json
import os
import signal
import sys
from pathlib import Path

import torch

import obftnet.calibration
import obftnet.cli
import obftnet.cli.app
import obftnet.cli.settings
import obftnet.evaluation.evaluate
import obftnet.packing
import obftnet.reporting
import obftnet.segmentation
import obftnet.synthetic
import obftnet.training.distill
import obftnet.training.log
import obftnet.training.loop

# A write of a folder's content or names, as Python tells its audit hooks.
_NAMES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink")


class Killer:
    """Counts writes below a folder and ends the process before one of them, with half a file where it can."""

    def __init__(self, out: str, kill_at: int | None) -> None:
        self.writes = 0
        self._out, self._kill_at = out, kill_at
        self._ending = False

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        if self._ending or not self._writes(event, args):
            return
        if self.writes == self._kill_at:
            self._ending = True
            if event == "os.rename" and Path(str(args[0])).is_file():
                os.truncate(str(args[0]), Path(str(args[0])).stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        self.writes += 1

    def _writes(self, event: str, args: tuple[object, ...]) -> bool:
        if event == "open":
            path, mode, flags = args
            writes = any(letter in (mode or "") for letter in "wax+") or (
                isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
            )
            return writes and self._below(path)
        return event in _NAMES and self._below(args[0])

    def _below(self, path: object) -> bool:
        return isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(self._out)


def serve() -> None:
    """Answer until there is nothing more to read."""
    torch.set_num_threads(1)
    # So few steps that a test takes seconds, and several states in them.
    obftnet.training.loop.SAVE_EVERY = obftnet.training.distill.SAVE_EVERY = 2
    obftnet.training.log._tensorboard = lambda folder, step: None
    for line in sys.stdin:
        asked = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _run(asked, writing)
        os.close(writing)
        with os.fdopen(reading) as told:
            writes = told.read()
        _, status = os.waitpid(child, 0)
        answer = {"status": os.waitstatus_to_exitcode(status), "writes": int(writes or 0)}
        print(json.dumps(answer), flush=True)


def _run(asked: dict[str, object], writing: int) -> None:
    log = os.open(str(asked["log"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.argv = ["obftnet", *map(str, asked["argv"])]  # type: ignore[call-overload]
    killer = Killer(str(asked["out"]), asked["kill_at"])  # type: ignore[arg-type]
    sys.addaudithook(killer)
    code = 70  # of an error that is no refusal
    try:
        obftnet.cli.main()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(writing, str(killer.writes).encode())
        os._exit(code)


if __name__ == "__main__":
    serve()
