"""What lies in a folder and is not looked at, so that nobody thinks it was."""

from collections.abc import Iterable
from pathlib import Path

from obftnet import wording
from obftnet.checking.findings import Findings
from obftnet.data.layouts.folders import NO_IMAGE, why_no_image
from obftnet.imaging.formats import IMAGE_SUFFIXES
from obftnet.imaging.read import read_picture


def note_leftovers(folder: Path, findings: Findings, *, folders: bool = True) -> None:
    """Files of a folder that may be images and have no image's ending, and folders in it where those are not
    looked into; hidden ones aside."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if folders and path.suffix.lower() not in IMAGE_SUFFIXES:
                findings.note(f"{path}: a folder, which is not looked into; move what is meant out of it")
        elif path.suffix.lower() not in (*IMAGE_SUFFIXES, *NO_IMAGE):
            findings.note(wording.NOT_LOOKED_AT(file=path, reason=why_no_image(path)))


def read_others(images: Iterable[Path], used: set[Path], findings: Findings) -> None:
    """Read the images that were left out for their name's or partner's sake: mended, they must be sound."""
    for path in images:
        if path not in used:
            with findings.listed():
                read_picture(path)
