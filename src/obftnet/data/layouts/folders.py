"""What lies in a data folder: all of it counts, and what cannot be used is named and not passed over."""

from pathlib import Path

from obftnet.errors import InputError
from obftnet.imaging.decode import check_file
from obftnet.imaging.read import IMAGE_SUFFIXES, list_images


def images_in(folder: Path) -> list[Path]:
    """The image files of a folder, sorted by name; hidden ones are left out.

    Raises:
        InputError: the folder cannot be read, or something in it has an image's name and is no file: a
            folder, a pipe, a link to nothing.
    """
    images = list_images(folder)
    named = (path for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES)
    for path in named:
        if not path.name.startswith(".") and not path.is_file():
            check_file(path)
    return images


def subfolders(parent: Path) -> list[Path]:
    """The folders of a folder, sorted by name; hidden ones are left out. None where there is no such folder.

    Raises:
        InputError: a link to nothing, which may stand for a folder.
    """
    if not parent.is_dir():
        return []
    found = sorted(path for path in parent.iterdir() if not path.name.startswith("."))
    for path in found:
        if path.is_symlink() and not path.exists():
            raise InputError(f"{path}: a link to nothing; mend it, or remove it")
    return [path for path in found if path.is_dir()]
