"""A pack on the disk changed in what it says, by one process at a time: what was fitted stays as it is."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from obftnet.files import alone_in
from obftnet.packs.content import Content, Event
from obftnet.packs.file import Pack, read_pack, write_pack
from obftnet.packs.person import person


@alone_in("path", file=True)
def edit_pack(
    path: str | Path, change: Callable[[Content], Content], what: str, *, who: str | None = None
) -> Pack:
    """Read a pack, change what it says, and write it, whole or not at all.

    Args:
        path: of the pack.
        change: from what it says to what it is to say; the images stay.
        what: a line for the history.
        who: for the history; None for the system's name of the user.

    Returns:
        What was written.

    Raises:
        InputError: as `read_pack`; what it is to say makes no sense; it cannot be written, or another process
            writes it.
    """
    pack = read_pack(path)
    changed = replace(pack, content=with_event(change(pack.content), what, who))
    _ = changed.decision
    write_pack(path, changed)
    return changed


def with_event(content: Content, what: str, who: str | None) -> Content:
    """The same with a line more in its history, of now. who: None for the system's name of the user."""
    event = Event.now(what, person() if who is None else who)
    return content.model_copy(update={"history": (*content.history, event)})
