"""What the command line prints: data are shown, never taken for markup or for a terminal's orders."""

import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from obftnet.errors import printable


def say(line: object = "") -> None:
    """One line of the result, on standard output."""
    print(printable(str(line)))


def note(line: object) -> None:
    """One line about the command, on standard error."""
    try:
        print(f"obftnet: {printable(str(line))}", file=sys.stderr, flush=True)
    except OSError:
        # Nobody listens, and there is no other place to say so.
        return


def table(
    title: str, columns: Sequence[tuple[str, Literal["left", "right"]]], rows: Iterable[Sequence[object]]
) -> None:
    """A table on standard output, as wide as it needs: no cell is cut to fit a terminal or a pipe."""
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    drawn = Table()
    for heading, side in columns:
        drawn.add_column(Text(heading), justify=side, no_wrap=True)
    for row in rows:
        drawn.add_row(*(Text(printable(str(cell))) for cell in row))
    console = Console(file=sys.stdout)
    console.width = Measurement.get(console, console.options.update_width(1_000_000), drawn).maximum
    say(title)
    console.print(drawn)


class OutputError(Exception):
    """Standard output does not take what is said.

    reason: of the operating system. broken_pipe: whether it is that nobody reads any more.
    """

    def __init__(self, error: OSError) -> None:
        self.reason = error.strerror or str(error)
        self.broken_pipe = isinstance(error, BrokenPipeError)
        super().__init__(self.reason)


class _Output(io.TextIOWrapper):
    """Standard output that escapes what its encoding lacks, and whose errors are told from those of files."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise OutputError(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise OutputError(error) from error


@contextmanager
def safe_streams() -> Iterator[None]:
    """Within it any character can be printed, and standard output raises OutputError where it fails.

    A stream that was closed before the start is replaced, because the next file that is opened would take its
    place and be written into: standard output by one that takes nothing, standard error by one that keeps
    nothing.
    """
    stdout, stderr = sys.stdout, sys.stderr
    given = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8") if stdout is None else stdout
    if stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    own = None
    if hasattr(given, "buffer"):  # a notebook's has none
        given.flush()
        own = _Output(
            given.buffer, encoding=given.encoding, errors="backslashreplace", line_buffering=given.isatty()
        )
        sys.stdout = own
    try:
        yield
    finally:
        if own is not None:
            _let_go(own)
        sys.stdout, sys.stderr = stdout, stderr


def _let_go(own: _Output) -> None:
    try:
        own.detach()
    except OutputError:
        # What was not written is still in the buffer, and Python would try it again at its end.
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), own.fileno())
        own.detach()
