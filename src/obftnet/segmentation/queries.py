"""Which files are to be segmented, and every reason to refuse them that their names alone give."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from obftnet.data.layouts.guidance import GuidanceFolder
from obftnet.data.layouts.pairs import SUFFIX
from obftnet.errors import InputError
from obftnet.imaging.read import IMAGE_SUFFIXES, list_images


def find_queries(sources: Iterable[str | Path]) -> list[Path]:
    """Files stay, folders become their images (not those of subfolders), in the order given.

    A file given twice counts once. In a folder, `<stem>_mask.*` is left out where the image `<stem>.*` lies
    beside it: it is an annotation.

    Raises:
        InputError: a source is missing, a folder holds no image, there is nothing at all, or two files share
            a stem, so that one result would overwrite the other.
    """
    found: dict[Path, Path] = {}
    for source in map(Path, sources):
        for path in _images(source) if source.is_dir() else [source]:
            if not path.exists():
                raise InputError(f"{path}: no such file or folder; an image or a folder of images is wanted")
            found.setdefault(path.resolve(), path)
    if not found:
        raise InputError("no query: name at least one image, or a folder of images")
    by_stem: dict[str, Path] = {}
    for path in found.values():
        other = by_stem.setdefault(path.stem, path)
        if other is not path:
            raise InputError(
                f"{path}: the same stem as {other}, so one result would overwrite the other; "
                "rename one, or segment them into two folders"
            )
    return list(found.values())


def check_no_support(queries: Sequence[Path], supports: Iterable[Path]) -> None:
    """Raises InputError, naming both, where a query is the file of a support."""
    by_file = {path.resolve(): path for path in supports}
    for query in queries:
        if query.resolve() in by_file:
            raise is_support(query, by_file[query.resolve()])


def is_support(query: Path, support: Path) -> InputError:
    """What to say of a query that is also a support."""
    return InputError(
        f"{query}: the same image as the support {support}; its result would prove nothing, leave it out"
    )


def check_apart(out: Path, queries: Sequence[Path], guidance: GuidanceFolder) -> None:
    """Raises InputError where `out` holds images that are read: results would be taken for them, or replace
    annotations that lie beside them."""
    inputs = (*queries, *(path for pair in guidance.supports for path in pair), *guidance.backgrounds)
    for path in inputs:
        if path.resolve().parent == out.resolve():
            raise InputError(f"{out}: holds {path.name}, which is read; name a folder for the results alone")


def _images(folder: Path) -> list[Path]:
    listed = list_images(folder)
    stems = {path.stem for path in listed}
    annotations = {stem for stem in stems if stem.endswith(SUFFIX) and stem.removesuffix(SUFFIX) in stems}
    images = [path for path in listed if path.stem not in annotations]
    if not images:
        raise InputError(f"{folder}: no image in it; files of {', '.join(IMAGE_SUFFIXES)} are wanted")
    return images
