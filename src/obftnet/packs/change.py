"""Packs with more images, or fewer: what was fitted of the others goes, and what was measured by that."""

from collections.abc import Iterable, Sequence

from obftnet.errors import InputError
from obftnet.imaging.encoded import Encoded
from obftnet.imaging.read import ImageSource, as_mask, as_picture, name_of
from obftnet.inputs import SupportPair, as_backgrounds, as_supports
from obftnet.kinds import check_kinds
from obftnet.packs.content import Content, ImageEntry
from obftnet.packs.file import Pack
from obftnet.packs.make import Kept, check_kind, entries_of, image_file, mask_file, named


def unfitted(pack: Pack) -> Pack:
    """The pack without what was fitted, and without the calibration, which is of that."""
    content = pack.content.model_copy(update={"fitted": None, "calibration": None})
    return Pack(content, pack.files, {}, pack.name)


def with_images(
    pack: Pack,
    supports: Iterable[SupportPair] = (),
    backgrounds: Iterable[ImageSource] = (),
    *,
    kind: str | None = None,
) -> tuple[Pack, tuple[str, ...]]:
    """The pack with more images, not fitted. Images stand in the order of their names, as in a folder.

    Args:
        pack: as it was.
        supports: (image, mask) pairs.
        backgrounds: good images. A pack that had none sees good material in these from now on.
        kind: of the defect that the supports show; None for the one kind that the pack knows.

    Returns:
        The pack, and where in it the new images stand (`Content.path`).

    Raises:
        InputError: nothing to add; an image or mask that cannot be used, or is in the pack already; a kind is
            wanted, or cannot be one.
    """
    pairs = as_supports([*supports]) if (supports := [*supports]) else {}
    goods = as_backgrounds(backgrounds) if (backgrounds := [*backgrounds]) else ()
    if not pairs and not goods:
        raise InputError("nothing to add: name a support or a good image", "support", "good")
    of = _kind(pack, kind) if pairs else ""
    new = [
        *(
            _support(image, mask, of, i)
            for i, (image, mask) in enumerate(p for x in pairs.values() for p in x)
        ),
        *(_background(image, index) for index, image in enumerate(goods)),
    ]
    kept = _kept(pack)
    for one in new:
        _check_new(pack, one, kept)
        kept.append(one)
    old = len(pack.content.images)
    given = named(kept)
    changed = _pack(pack, given)
    added = {(one.role, one.kind, one.image.name) for one in given[old:]}
    places = [changed.content.path(e) for e in changed.content.images if (e.role, e.kind, e.name) in added]
    return changed, tuple(places)


def without_images(pack: Pack, names: Sequence[str]) -> tuple[Pack, tuple[str, ...]]:
    """The pack without some images, not fitted.

    Args:
        pack: as it was.
        names: of images, as `Content.path` has them, or the files' names alone where these say which.

    Returns:
        The pack, and where in it the images stood.

    Raises:
        InputError: no name; one that is no image's, or several images'; no support would be left, or no good
            image where good material is seen in such.
    """
    if not names:
        raise InputError(f"{pack.name}: nothing to remove: name an image of the pack")
    content = pack.content
    gone = {content.path(entry) for entry in (_entry(pack, name) for name in names)}
    left = [
        one for one, entry in zip(_kept(pack), content.images, strict=True) if content.path(entry) not in gone
    ]
    for role, what in (("support", "support"), ("background", "good image")):
        had = any(entry.role == role for entry in content.images)
        if had and not any(one.role == role for one in left):
            raise InputError(f"{pack.name}: no {what} would be left; add another one first")
    return _pack(pack, left), tuple(sorted(gone))


def _pack(pack: Pack, kept: Sequence[Kept]) -> Pack:
    """The pack with these files, by their names, in the place of its own."""
    ordered = sorted(kept, key=lambda one: (one.role != "support", one.kind, one.image.name))
    entries, files = entries_of(ordered)
    interest = pack.content.interest
    if interest is not None:
        files[interest.image.tensor] = pack.files[interest.image.tensor]
    changes = {"images": entries, "background_source": _source(pack.content, entries)}
    base = unfitted(pack)
    content = Content.model_validate(base.content.model_dump() | changes)
    return Pack(content, files, {}, pack.name)


def _source(content: Content, entries: Sequence[ImageEntry]) -> str:
    return "good" if any(entry.role == "background" for entry in entries) else content.background_source


def _kept(pack: Pack) -> list[Kept]:
    return [
        Kept(
            entry.role,
            entry.kind,
            Encoded(entry.name, pack.image(entry).data),
            None if entry.mask is None else Encoded(entry.mask_name or "", pack.mask(entry).data),
            None
            if entry.ignored is None
            else Encoded(entry.ignored_name or "", pack.files[entry.ignored.tensor]),
        )
        for entry in pack.content.images
    ]


def _support(image: ImageSource, mask: ImageSource, kind: str, index: int) -> Kept:
    called = name_of(image, f"support {index}")
    picture = as_picture(image, called)
    of = name_of(mask, f"mask of {called}")
    # Once read, so that what is wrong is said of the file that was given.
    as_mask(mask, like=picture.shape, name=of, image_name=called, orientation=picture.orientation)
    return Kept("support", kind, image_file(image, called), mask_file(mask, picture.shape, of))


def _background(image: ImageSource, index: int) -> Kept:
    called = name_of(image, f"background {index}")
    as_picture(image, called)
    return Kept("background", "", image_file(image, called))


def _check_new(pack: Pack, new: Kept, kept: Sequence[Kept]) -> None:
    """Raises InputError for an image that is among those kept, as twice it would count twice, or a mask."""
    for one in kept:
        if one.mask is not None and one.mask.data == new.image.data:
            raise InputError(
                f"{new.image.name}: the mask of {one.image.name} in {pack.name}, no photograph; leave it out"
            )
        if one.image.data == new.image.data and (one.role, one.kind) == (new.role, new.kind):
            raise InputError(
                f"{new.image.name}: the same image as {one.image.name}, which is in {pack.name} already; "
                "leave it out, or remove that one first"
            )


def _kind(pack: Pack, kind: str | None) -> str:
    known = tuple(dict.fromkeys(entry.kind for entry in pack.content.supports))
    if kind is not None:
        return check_kind(check_kinds([kind])[0])
    if len(known) > 1:
        raise InputError(
            f"{pack.name}: holds the kinds {', '.join(known)}; say which the support shows", "kind"
        )
    return known[0]


def _entry(pack: Pack, name: str) -> ImageEntry:
    content = pack.content
    said = name.replace("\\", "/")
    masks = {content.mask_path(entry): content.path(entry) for entry in content.supports}
    found = [entry for entry in content.images if content.path(entry) == said]
    found = found or [entry for entry in content.images if entry.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        which = ", ".join(content.path(entry) for entry in found)
        raise InputError(f"{name}: several images of {pack.name}: {which}; name one so")
    for mask, image in masks.items():
        if said in (mask, mask.rpartition("/")[2]):
            raise InputError(
                f"{name}: the mask of {image} in {pack.name}; name that image, its mask goes along"
            )
    names = [content.path(entry) for entry in content.images]
    listed = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    raise InputError(f"{name}: no image of {pack.name}, which holds {listed}")
