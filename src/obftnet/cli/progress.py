"""Progress bars, on standard error so that standard output stays a table."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from obftnet.errors import printable


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[..., None]]:
    """Yields update(done, total, note=""): shows a bar on a terminal, and nothing in a log."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=None, note="")

        def update(done: int, total: int, note: str = "", description: str | None = None) -> None:
            # Names of files and folds are data: shown as they are, and in one line.
            text = printable(description or label)
            bar.update(task, completed=done, total=total, note=printable(note), description=text)

        yield update
