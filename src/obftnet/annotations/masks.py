"""Images and masks in folders: beside each other, or in folders of their own, found by name.

A mask is named as its image, or so with _mask, -mask, _gt, _label behind the stem; where masks have a folder
of their own, the folders within it may repeat those of the images.
"""

from collections.abc import Iterator
from pathlib import Path

from obftnet.annotations.annotated import Annotated, Request
from obftnet.annotations.mask_files import shapes_of
from obftnet.data.layouts.pairs import image_stem
from obftnet.errors import InputError
from obftnet.imaging.checks import check_folder
from obftnet.imaging.read import IMAGE_SUFFIXES

_WANTED = "a folder of masks, with the images beside them or in a folder that is named, is wanted"
#: Folders of a source that hold images and masks, by the names that people give them.
_IMAGES = ("images", "image", "imgs", "img")
_MASKS = ("masks", "mask", "ground_truth", "gt", "labels", "annotations")


def read_masks(request: Request) -> Iterator[Annotated]:
    """Read a folder of masks and their images.

    A mask that is black all over says nothing: the image may be good, or nobody looked at it.

    Raises:
        InputError: no such folder, a mask without its image, two masks of one image, or what is no mask.
    """
    check_folder(request.source, _WANTED)
    if request.images is not None:
        check_folder(request.images, "the folder that holds the images is wanted")
    apart = _apart(request)
    pairs, alone = _beside(request.source) if apart is None else _in_two(*apart)
    for image in alone:
        request.notes.add("images without a mask, left out", image.name)
    for image, mask in pairs:
        yield Annotated(image, str(mask), shapes_of(mask, image, str(mask), request))


def _apart(request: Request) -> tuple[Path, Path] | None:
    """The folders of images and of masks, where they are two."""
    source = request.source
    if request.images is not None:
        return None if request.images.resolve() == source.resolve() else (request.images, source)
    names = {path.name.lower(): path for path in sorted(source.iterdir()) if path.is_dir()}
    images = [names[name] for name in _IMAGES if name in names]
    masks = [names[name] for name in _MASKS if name in names]
    if images and masks:
        if len(images) > 1 or len(masks) > 1:
            several = ", ".join(path.name for path in (*images, *masks))
            raise InputError(
                f"{source}: folders {several} in it; give that of the masks, and that of the images", "images"
            )
        return images[0], masks[0]
    return None


def _beside(folder: Path) -> tuple[list[tuple[Path, Path]], list[Path]]:
    """Images with their masks in one tree, and images without one."""
    files = _images_below(folder)
    by_name = _by_name(files, folder)
    pairs: dict[Path, Path] = {}
    for name, path in by_name.items():
        stem = image_stem(path.stem)
        owner = None if stem is None else by_name.get(str(Path(name).with_name(stem)))
        if owner is not None:
            _pair(pairs, owner, path)
    masks = set(pairs.values())
    if not pairs:
        raise InputError(f"{folder}: no image with its mask (<stem>_mask.png) beside it; {_WANTED}", "images")
    return list(pairs.items()), [path for path in files if path not in masks and path not in pairs]


def _in_two(images: Path, masks: Path) -> tuple[list[tuple[Path, Path]], list[Path]]:
    """Images with the masks of another tree, and images without one."""
    found = _images_below(images)
    by_name = _by_name(found, images)
    pairs: dict[Path, Path] = {}
    for mask in _images_below(masks):
        below = mask.relative_to(masks)
        names = [str(below.with_name(stem)) for stem in (mask.stem, image_stem(mask.stem)) if stem]
        owner = next((by_name[name] for name in names if name in by_name), None)
        if owner is None:
            raise InputError(
                f"{mask}: a mask without an image; {names[-1]} with an image's ending is wanted in {images}",
                "images",
            )
        _pair(pairs, owner, mask)
    if not pairs:
        raise InputError(f"{masks}: no mask in it; {_WANTED}")
    return list(pairs.items()), [path for path in found if path not in pairs]


def _pair(pairs: dict[Path, Path], image: Path, mask: Path) -> None:
    if image in pairs:
        raise InputError(f"{mask}: a second mask of {image}, beside {pairs[image]}; leave one")
    pairs[image] = mask


def _images_below(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not path.name.startswith(".")
    ]


def _by_name(files: list[Path], folder: Path) -> dict[str, Path]:
    """Files by their paths below a folder without what follows the last dot."""
    found: dict[str, Path] = {}
    for path in files:
        name = str(path.relative_to(folder).with_suffix(""))
        if name in found:
            raise InputError(
                f"{path}: the same stem as {found[name]}; image and mask are found by it, rename one"
            )
        found[name] = path
    return found
