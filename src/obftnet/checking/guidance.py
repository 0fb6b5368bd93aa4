"""A guidance folder, as `Segmenter.fit` would take it in."""

from pathlib import Path

from obftnet.annotations.region import read_region
from obftnet.checking.findings import Findings, Progress
from obftnet.checking.leftovers import note_leftovers, read_others
from obftnet.data.layouts.folders import images_in, subfolders
from obftnet.data.layouts.guidance import GuidanceFolder, read_guidance
from obftnet.imaging.read import as_picture, image_size
from obftnet.inputs import (
    KnownPictures,
    check_count,
    check_tile_fits,
    find_bits,
    read_support,
    with_bits,
)


def check_guidance(
    folder: Path, findings: Findings, *, bits: int | None, tile: int | None, progress: Progress
) -> tuple[GuidanceFolder, KnownPictures, int | None]:
    """List what is wrong with a guidance folder.

    Args:
        folder: as `data.layouts.guidance` describes it.
        findings: take it.
        bits: as `Segmenter.from_pretrained`.
        tile: as `Segmenter.from_pretrained`.
        progress: called before each image.

    Returns:
        What of it can be used, its pictures, and the bits of samples stored in 16 that it has.

    Raises:
        InputError: there is no such folder.
    """
    found = read_guidance(folder, findings.refuse)
    used = set(found.files)
    for kind, pairs in found.by_kind.items():
        with findings.listed():
            check_count(len(pairs), kind if len(found.by_kind) > 1 else "")
    bits = bits or _bits(found, findings)
    known, total = KnownPictures(), len(found.supports) + len(found.backgrounds)
    for index, (image, mask) in enumerate(found.supports):
        progress(index, total, image.name)
        with findings.listed():
            picture, _ = read_support(image, mask, str(image), bits)
            known.add(picture, "support")
            if tile is not None:
                check_tile_fits(picture.shape, tile, picture.name)
    for index, image in enumerate(found.backgrounds, start=len(found.supports)):
        progress(index, total, image.name)
        with findings.listed():
            picture = with_bits(as_picture(image), bits)
            known.add(picture, "background")
            if tile is not None:
                check_tile_fits(picture.shape, tile, picture.name)
    for image, region in found.ignored:
        with findings.listed():
            read_region(region, like=image_size(image))
    progress(total, total, "")
    support = folder / "support"
    of_kinds = [] if support.is_dir() and images_in(support, findings.refuse) else subfolders(support)
    for part in (support, *of_kinds, folder / "background"):
        if part.is_dir():
            read_others(images_in(part, findings.refuse), used, findings)
            note_leftovers(part, findings, folders=part != support or not of_kinds)
    return found, known, bits


def _bits(found: GuidanceFolder, findings: Findings) -> int | None:
    """`find_bits` of the images that can be read."""
    most = None
    for image in (*(image for image, _ in found.supports), *found.backgrounds):
        with findings.listed():
            bits = find_bits([(str(image), image)])
            most = bits if most is None else max(most, bits or 0)
    return most
