"""`obftnet doctor`."""

import typer

from obftnet.cli.signals import signals
from obftnet.cli.terminal import say


def doctor_command() -> None:
    """Say what of this installation works, and what to do about what does not; exit status 2 for that.

    It takes about six seconds of processor time, nearly all of it to load PyTorch and the other packages.
    """
    with signals.loading():
        from obftnet.doctor import examine

    lines = examine()
    width = max(len(line.name) for line in lines)
    marks = {"ok": "", "note": "note: ", "fails": "FAILS: "}
    for line in lines:
        say(f"{line.name:{width}}  {marks[line.state]}{line.text}")
    if any(line.state == "fails" for line in lines):
        raise typer.Exit(2)
