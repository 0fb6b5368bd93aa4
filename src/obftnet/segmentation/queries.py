"""Which files are to be segmented, what of a folder is not, and why: nothing is passed over in silence."""

import os
import stat
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from obftnet import wording
from obftnet.data.layouts.folders import NO_IMAGE, why_no_image
from obftnet.data.layouts.guidance import GuidanceFolder
from obftnet.data.layouts.pairs import image_stem
from obftnet.errors import InputError
from obftnet.files import is_address
from obftnet.imaging.read import IMAGE_SUFFIXES, image_size, read_mask
from obftnet.segmentation.record import NAME as RECORD
from obftnet.segmentation.shard import Shard


@dataclass(frozen=True)
class Query:
    """A file to segment, and the folder of its results below that of all results ("" for that itself)."""

    path: Path
    folder: str = ""


@dataclass(frozen=True)
class Aside:
    """A file that is not segmented, and why, in one line that names it; `support`: it is one's image."""

    path: Path
    reason: str
    support: bool = False


@dataclass
class Found:
    """What the sources hold.

    queries: in order. refused: what is or may be an image and cannot be taken. left_out: what needs no look.
    """

    queries: list[Query] = field(default_factory=list)
    refused: list[Aside] = field(default_factory=list)
    left_out: list[Aside] = field(default_factory=list)

    def of(self, shard: Shard) -> "Found":
        """What of it is in a shard."""
        return Found(
            [query for query in self.queries if shard.has(f"{query.folder}/{query.path.name}")],
            [aside for aside in self.refused if shard.has(aside.path.name)],
            [aside for aside in self.left_out if shard.has(aside.path.name)],
        )


def find_queries(sources: Iterable[str | Path | Query], apart: Sequence[tuple[Path, str]] = ()) -> Found:
    """`look_through`, where at least one query is wanted.

    Raises:
        InputError: there is nothing to segment at all.
    """
    found = look_through(sources, apart)
    if not found.queries:
        if found.refused:
            more = len(found.refused) - 1
            first = found.refused[0].reason
            raise InputError(wording.AND_MORE(line=first, count=more) if more else first)
        if found.left_out:
            raise InputError(f"{found.left_out[0].reason}; name at least one image to segment")
        raise InputError("no query: name at least one image, or a folder of images")
    return found


def look_through(sources: Iterable[str | Path | Query], apart: Sequence[tuple[Path, str]] = ()) -> Found:
    """Files stay, folders become their images and those of the folders below them, in the order given.

    A file given twice counts once. In a folder, hidden files are not looked at; all else is a query, or is
    listed as refused or left out. `part_mask.png` is left out where it is the annotation of a
    `part.*` beside it: black and one other value at its size. Else it is a photograph like any other.

    Args:
        sources: images, or folders of images; a query stands for itself.
        apart: folders that are left out where they lie within a source, each with what to call it.
    """
    found = Found()
    seen: set[str] = set()
    folders: set[str] = set()
    walk = _Walk(found, folders, {os.path.realpath(folder): what for folder, what in apart})
    for given in sources:
        source = given.path if isinstance(given, Query) else Path(given)
        if "\0" in str(source):
            found.refused.append(Aside(source, f"{source}: no name that a file can have; name an image"))
            continue
        listed = [given] if isinstance(given, Query) else list(walk.of(source))
        if not listed and not walk.asides_of(source):
            said = wording.NO_IMAGE_IN(file=source, endings=", ".join(IMAGE_SUFFIXES))
            found.refused.append(Aside(source, said))
        for query in listed:
            real = os.path.realpath(query.path)
            if real not in seen:
                seen.add(real)
                found.queries.append(query)
    return found


class _Walk:
    """Goes through folders, each once whatever links lead to it."""

    def __init__(self, found: Found, folders: set[str], apart: dict[str, str]) -> None:
        self._found, self._folders, self._apart = found, folders, apart
        self._count = 0

    def asides_of(self, source: Path) -> bool:
        """Whether something was refused or left out since the last call."""
        before, self._count = self._count, len(self._found.refused) + len(self._found.left_out)
        return self._count > before

    def of(self, source: Path) -> Iterator[Query]:
        """The images of a source."""
        try:
            mode = source.stat().st_mode
        except (OSError, ValueError) as error:
            if is_address(source):
                what = "an address; images are read from folders alone, mount the store or copy them here"
                self._refuse(source, what)
            elif isinstance(error, FileNotFoundError):
                self._found.refused.append(Aside(source, wording.NO_SUCH_SOURCE(file=source)))
            else:
                self._refuse(source, f"{_reason(error)}; an image or a folder of images is wanted")
            return
        if stat.S_ISDIR(mode) and (source / RECORD).is_file():
            self._found.refused.append(Aside(source, wording.EARLIER_RESULTS(file=source)))
        elif stat.S_ISDIR(mode):
            yield from self._folder(source, PurePosixPath())
        else:
            yield Query(source)

    def _folder(self, folder: Path, place: PurePosixPath) -> Iterator[Query]:
        real = os.path.realpath(folder)
        if real in self._folders:
            return
        self._folders.add(real)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            self._refuse(folder, f"cannot be listed ({_reason(error)}); make it readable")
            return
        below, images = [], []
        for entry in entries:
            path = folder / entry.name
            if entry.name.startswith("."):
                continue
            if _is_folder(path):
                below.append(path)
            elif path.suffix.lower() in IMAGE_SUFFIXES:
                images.append(path)
            elif path.suffix.lower() in NO_IMAGE:
                self._found.left_out.append(Aside(path, f"{path}: no image by its ending"))
            else:
                self._refuse(path, why_no_image(path))
        by_stem = {path.stem: path for path in images}
        for path in images:
            image = by_stem.get(image_stem(path.stem) or "")
            if image is not None and is_annotation(path, image):
                self._found.left_out.append(Aside(path, f"{path}: the mask of {image.name}"))
            else:
                yield Query(path, "" if place == PurePosixPath() else place.as_posix())
        for path in below:
            what = self._apart.get(os.path.realpath(path))
            if what is None and (path / RECORD).is_file():
                what = "the results of an earlier job"
            if what is not None:
                self._found.left_out.append(Aside(path, f"{path}: {what}"))
            else:
                yield from self._folder(path, place / path.name)

    def _refuse(self, path: Path, reason: str) -> None:
        self._found.refused.append(Aside(path, wording.ABOUT(file=path, reason=reason)))


def is_annotation(path: Path, image: Path) -> bool:
    """Whether a file is, by its content, the mask of an image: of its size, black and one other value.

    An image of one value alone is none unless it is black. Where neither can be read, it is none: reading it
    as a query then says what is wrong.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a mask that is taken for one with a doubt is not left out
            return not read_mask(path, like=image_size(image), image=image, allow_empty=True).all()
    except (InputError, Warning):
        return False


def support_or_mask(query: Path, guidance: GuidanceFolder) -> Aside | None:
    """Why the file of a query is not segmented if it is a support's image or mask; None if it is neither."""
    real = os.path.realpath(query)
    for image, mask in guidance.supports:
        if real == os.path.realpath(image):
            return Aside(query, is_support(query, image), support=True)
        if real == os.path.realpath(mask):
            return Aside(query, f"{query}: the mask of the support {image}")
    return None


def is_support(query: Path, support: Path) -> str:
    """What to say of a query that is also a support."""
    return wording.QUERY_IS_SUPPORT(image=query, support=support)


def check_apart(out: Path, queries: Sequence[Query], guided: Iterable[Path]) -> None:
    """Raises InputError where a folder that results go into holds images that are read: results would be
    taken for them, or replace annotations that lie beside them."""
    folders = {os.path.realpath(out / query.folder): out / query.folder for query in queries}
    for path in (*(query.path for query in queries), *guided):
        folder = folders.get(str(Path(os.path.realpath(path)).parent))
        if folder is not None:
            raise InputError(
                f"{folder}: holds {path.name}, which is read; name a folder for the results alone"
            )


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error)
