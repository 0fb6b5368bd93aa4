"""A pack with more images, with fewer, or by other weights: fitted anew, and put in the place of the old one.

Whatever goes wrong, the pack is as it was. Two processes that change one pack do so one after the other, or
the second is refused. Scores depend on what is in the pack, not on the order in which it came there.
"""

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from obftnet.errors import InputWarning
from obftnet.files import alone_in
from obftnet.imaging.read import ImageSource
from obftnet.inputs import SupportPair
from obftnet.packs import Pack, check_pack_place, read_pack
from obftnet.packs.change import unfitted, with_images, without_images
from obftnet.segmenter import Segmenter


@alone_in("path", file=True)
def add_to_pack(
    path: str | Path,
    *,
    supports: Iterable[SupportPair] = (),
    backgrounds: Iterable[ImageSource] = (),
    kind: str | None = None,
    weights: str | Path | None = None,
    who: str | None = None,
    device: str = "auto",
) -> Pack:
    """Add annotated and good images to a pack.

    Args:
        path: of the pack.
        supports: (image, mask) pairs, as `Segmenter.fit` takes them.
        backgrounds: images without a defect.
        kind: of the defect that the supports show; None for the one kind that the pack knows.
        weights: as `Segmenter.load`.
        who: for the history; None for the system's name of the user.
        device: as `Segmenter.from_pretrained`.

    Returns:
        What was written.

    Raises:
        InputError: as `read_pack`, `packs.change.with_images` and `Segmenter.load`; it cannot be written, or
            another process writes it.
    """
    pack = _read(path)
    changed, places = with_images(pack, supports, backgrounds, kind=kind)
    return _fitted(path, pack, changed, f"added {_listed(places)}", weights, who, device)


@alone_in("path", file=True)
def remove_from_pack(
    path: str | Path,
    names: Sequence[str],
    *,
    weights: str | Path | None = None,
    who: str | None = None,
    device: str = "auto",
) -> Pack:
    """Take images out of a pack.

    Args:
        path: of the pack.
        names: as `packs.change.without_images`.
        weights: as `Segmenter.load`.
        who: for the history; None for the system's name of the user.
        device: as `Segmenter.from_pretrained`.

    Returns:
        What was written.

    Raises:
        InputError: as `add_to_pack` and `packs.change.without_images`.
    """
    pack = _read(path)
    changed, places = without_images(pack, names)
    return _fitted(path, pack, changed, f"removed {_listed(places)}", weights, who, device)


@alone_in("path", file=True)
def refit_pack(
    path: str | Path,
    *,
    weights: str | Path | None = None,
    who: str | None = None,
    device: str = "auto",
) -> Pack:
    """Fit the images of a pack again, by other weights or by this version.

    Args:
        path: of the pack; what was fitted in it may be damaged.
        weights: as `Segmenter.load`: None for those that the pack names, as they are now.
        who: for the history; None for the system's name of the user.
        device: as `Segmenter.from_pretrained`.

    Returns:
        What was written.

    Raises:
        InputError: as `add_to_pack`.
    """
    pack = _read(path)
    return _fitted(path, pack, unfitted(pack), "fitted again", weights, who, device)


def _read(path: str | Path) -> Pack:
    """A pack that may be written, too."""
    pack = read_pack(path, fitted=False)
    check_pack_place(path)
    return pack


def _fitted(
    path: str | Path,
    before: Pack,
    changed: Pack,
    what: str,
    weights: str | Path | None,
    who: str | None,
    device: str,
) -> Pack:
    segmenter = Segmenter.load(changed, device, weights=weights)
    was = before.content.weights
    if segmenter.weights_hash != was.sha256:
        by = f"{segmenter.weights_name} ({segmenter.weights_hash[:12]})"
        what += f", by the weights {by}, before by {was.name} ({was.sha256[:12]})"
    if segmenter.tile != before.content.tile:
        how = "as a whole" if segmenter.tile is None else f"in tiles of {segmenter.tile} pixels"
        what += f", looked at {how} from now on"
    pack = segmenter.save(path, what=what, who=who)
    if before.content.calibration is not None:
        warnings.warn(
            f"{path}: its scores are others now, and its calibration is gone; calibrate it again",
            InputWarning,
            stacklevel=3,
        )
    return pack


def _listed(places: Sequence[str]) -> str:
    return ", ".join(places)
