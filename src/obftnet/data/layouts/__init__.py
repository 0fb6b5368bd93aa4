"""Data layouts: readers from a folder to a Collection. A new layout is one file and one line here."""

from collections.abc import Callable
from pathlib import Path

from obftnet.data.collection import Collection
from obftnet.data.layouts.mvtec import read_mvtec
from obftnet.data.layouts.neu_seg import read_neu_seg
from obftnet.errors import InputError
from obftnet.imaging.decode import check_folder

LAYOUTS: dict[str, Callable[[Path], Collection]] = {
    "mvtec": read_mvtec,
    "neu_seg": read_neu_seg,
}


def read_layout(name: str, root: str | Path) -> Collection:
    """Read a data folder in a named layout.

    Raises:
        InputError: no such layout, no such folder, a name that is not UTF-8, or what the layout's reader
            refuses.
    """
    reader = LAYOUTS.get(name)
    if reader is None:
        raise InputError(f"unknown layout {name!r}; there are: {', '.join(LAYOUTS)}")
    root = Path(root)
    check_folder(root, f"a data folder of layout {name} is wanted")
    try:
        collection = reader(root)
    except OSError as error:
        where = error.filename or root
        raise InputError(f"{where}: cannot be read ({error.strerror or error}); make it readable") from error
    for path in (path for sample in collection.samples for path in (sample.image, sample.mask)):
        if path is not None and not _is_text(str(path.relative_to(root))):
            raise InputError(f"{path}: a name that is not UTF-8, which no list can hold; rename it")
    return collection


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
