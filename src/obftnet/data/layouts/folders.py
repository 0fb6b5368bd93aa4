"""What lies in a data folder: all of it counts, and what cannot be used is named and not passed over."""

from pathlib import Path

from obftnet import wording
from obftnet.data.layouts.report import Report, refuse
from obftnet.errors import InputError
from obftnet.imaging.decode import check_file
from obftnet.imaging.formats import IMAGE_SUFFIXES, READ, image_format
from obftnet.imaging.read import list_images

#: Endings of what lies beside images and is none. All others might hold an image that nobody looked at.
NO_IMAGE = frozenset(
    f".{ending}"
    for line in (
        "cfg css csv db doc docx htm html ini ipynb js json jsonl lnk log md",
        "py rst sh toml tsv txt url xls xlsx xml yaml yml",
    )
    for ending in line.split()
)


def images_in(folder: Path, report: Report = refuse) -> list[Path]:
    """The image files of a folder, sorted by name; hidden ones are left out.

    Raises:
        InputError: the folder cannot be read. Reported: something in it has an image's name and is no file:
            a folder, a pipe, a link to nothing.
    """
    images = []
    for path in list_images(folder):
        try:
            if not path.is_file():
                check_file(path)
        except InputError as error:
            report(error)
        else:
            images.append(path)
    return images


def subfolders(parent: Path, report: Report = refuse) -> list[Path]:
    """The folders of a folder, sorted by name; hidden ones are left out. None where there is no such folder.

    Reports:
        InputError: a link to nothing, which may stand for a folder.
    """
    if not parent.is_dir():
        return []
    found = sorted(path for path in parent.iterdir() if not path.name.startswith("."))
    for path in found:
        if path.is_symlink() and not path.exists():
            report(InputError(f"{path}: a link to nothing; mend it, or remove it"))
    return [path for path in found if path.is_dir()]


def why_no_image(path: Path) -> str:
    """Why a file without an image's ending is not looked at."""
    try:
        kind = image_format(path)
    except InputError as error:
        return str(error).removeprefix(f"{path}: ")
    endings = ", ".join(IMAGE_SUFFIXES)
    if kind in READ:
        return wording.WRONG_ENDING(kind=kind, endings=endings)
    save_as = wording.SAVE_AS(endings=endings)
    if kind is not None:
        return wording.OTHER_KIND_THERE(kind=kind, wanted=save_as)
    if path.suffix:
        return wording.UNKNOWN_ENDING(ending=path.suffix, wanted=save_as)
    return wording.NO_ENDING(wanted=save_as)
