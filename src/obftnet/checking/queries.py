"""Images to be segmented, as `segment` would take them in."""

from pathlib import Path

from obftnet.checking.findings import Findings, Progress
from obftnet.data.hashes import FileHashes
from obftnet.data.layouts.guidance import GuidanceFolder
from obftnet.errors import InputError
from obftnet.imaging.read import as_picture
from obftnet.inputs import KnownPictures, check_tile_fits, warn_of_background, with_bits
from obftnet.segmentation.names import name_results
from obftnet.segmentation.queries import is_support, look_through, support_or_mask


def check_queries(
    folder: Path,
    findings: Findings,
    *,
    guidance: tuple[GuidanceFolder, KnownPictures, int | None] | None,
    apart: Path | None,
    tile: int | None,
    progress: Progress,
) -> int:
    """List what is wrong with a folder of queries.

    Args:
        folder: of images, or one image.
        findings: take it.
        guidance: as `check_guidance` returns it; None: nothing is compared with it.
        apart: the guidance's folder, which is left out where it lies in this one.
        tile: as `Segmenter.from_pretrained`.
        progress: called before each image.

    Returns:
        How many images there are.
    """
    found = look_through([folder], [(apart, "the guidance")] if apart else [])
    named, too_long = name_results(found.queries, {}, Path("results"), FileHashes())
    for aside in (*found.refused, *too_long):
        findings.refuse(InputError(aside.reason))
    for aside in found.left_out:
        findings.note(aside.reason)
    queries = list(named.values())
    for index, query in enumerate(queries):
        progress(index, len(queries), query.path.name)
        with findings.listed():
            picture = as_picture(query.path)
            if tile is not None:
                check_tile_fits(picture.shape, tile, picture.name)
            if guidance is None:
                continue
            used, known, bits = guidance
            aside_of = support_or_mask(query.path, used)
            if aside_of is not None:
                if aside_of.support:
                    raise InputError(aside_of.reason)
                findings.note(aside_of.reason)
                continue
            picture = with_bits(picture, bits)
            support = known.find(picture, "support")
            background = known.find(picture, "background")
            if support is not None:
                raise InputError(is_support(query.path, Path(support)))
            if background is not None:
                warn_of_background(picture.name, background)
    progress(len(queries), len(queries), "")
    return len(queries)
