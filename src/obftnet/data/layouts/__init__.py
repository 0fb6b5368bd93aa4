"""Data layouts: readers from a folder to a Collection. A new layout is one file and one line here."""

from collections.abc import Callable
from pathlib import Path

from obftnet.data.collection import Collection
from obftnet.data.layouts.mvtec import read_mvtec
from obftnet.data.layouts.neu_seg import read_neu_seg
from obftnet.data.layouts.report import Report, refuse
from obftnet.errors import InputError
from obftnet.imaging.decode import check_folder

LAYOUTS: dict[str, Callable[[Path, Report], Collection]] = {
    "mvtec": read_mvtec,
    "neu_seg": read_neu_seg,
}


def read_layout(name: str, root: str | Path, report: Report = refuse) -> Collection:
    """Read a data folder in a named layout.

    Args:
        name: of the layout.
        root: the data folder.
        report: takes what cannot be used; by default the first such thing is raised.

    Raises:
        InputError: no such layout, no such folder, or what the layout's reader raises. Reported: a name that
            is not UTF-8, or what the reader reports.
    """
    reader = LAYOUTS.get(name)
    if reader is None:
        raise InputError(f"unknown layout {name!r}; there are: {', '.join(LAYOUTS)}")
    root = Path(root)
    check_folder(root, f"a data folder of layout {name} is wanted")
    try:
        collection = reader(root, report)
    except OSError as error:
        where = error.filename or root
        raise InputError(f"{where}: cannot be read ({error.strerror or error}); make it readable") from error
    for path in (path for sample in collection.samples for path in (sample.image, sample.mask)):
        if path is not None and not _is_text(str(path.relative_to(root))):
            report(InputError(f"{path}: a name that is not UTF-8, which no list can hold; rename it"))
    return collection


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
