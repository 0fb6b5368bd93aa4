"""What a segmenter's fit left, as the part of a pack that says it, and back."""

from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray

from obftnet.errors import InputError
from obftnet.guidance.guidance import Guidance
from obftnet.imaging.tiles import Part
from obftnet.inputs import BackgroundSource, KnownPicture, KnownPictures
from obftnet.model import OBFTNet
from obftnet.packs.content import FittedEntry, Known, PartEntry
from obftnet.packs.file import Pack, fitted_hash
from obftnet.packs.fitted import UnfitError, arrays_of, guidance_of
from obftnet.packs.make import Given
from obftnet.version import __version__


@dataclass(frozen=True)
class Fit:
    """What is known of the guidance once it was fitted.

    guidance: as the model meets it. parts: what of the supports, and of the backgrounds, it holds, in order.
    given: the images, supports before backgrounds. bits: of samples stored in 16; None where no image has 16.
    background_source: where good material was seen. adapt: whether the reader was adapted to it.
    """

    guidance: Guidance
    parts: tuple[tuple[Part, ...], tuple[Part, ...]]
    given: tuple[Given, ...]
    bits: int | None
    background_source: BackgroundSource = "good"
    adapt: bool = False

    def known(self) -> KnownPictures:
        """The pictures, each known again."""
        return KnownPictures(one.known for one in self.given)

    def entry(self, weights_sha256: str) -> tuple[FittedEntry, dict[str, NDArray[Any]]]:
        """It as a part of a pack: what the pack says of it, and its arrays."""
        arrays = arrays_of(self.guidance)
        said = FittedEntry(
            obftnet=__version__,
            weights_sha256=weights_sha256,
            sha256=fitted_hash(arrays),
            bits_used=self.bits,
            supports=tuple(map(_entry, self.parts[0])),
            backgrounds=tuple(map(_entry, self.parts[1])),
            known=tuple(
                Known(fingerprint=one.known.fingerprint, digest=one.known.digest, marked=one.marked)
                for one in self.given
            ),
            outside="painted out",
        )
        return said, arrays


def fit_of(pack: Pack, model: OBFTNet, device: torch.device) -> Fit:
    """What a pack holds of a fit, for the model that it was fitted with.

    Raises:
        InputError: it is damaged, or of another model.
    """
    said = pack.content.fitted
    assert said is not None
    supports = pack.content.supports
    kinds = [supports[part.image].kind for part in said.supports]
    try:
        guidance = guidance_of(pack.fitted, model, kinds, len(said.backgrounds), device)
    except UnfitError as error:
        raise InputError(
            f"{pack.name}: what was fitted is damaged ({error}); take a copy, or fit it again from its images"
        ) from error
    ignored = {image.name: region for image, region in pack.ignored}
    given = []
    for entry, known in zip(pack.content.images, said.known, strict=True):
        image = pack.image(entry)
        mask = None if entry.mask is None else pack.mask(entry)
        shown = KnownPicture(known.fingerprint, known.digest, entry.role, image.name)
        given.append(Given(entry.role, entry.kind, image, mask, shown, known.marked, ignored.get(image.name)))
    parts = (_parts(said.supports), _parts(said.backgrounds))
    if pack.content.adapt != (guidance.readout is not None):
        raise InputError(
            f"{pack.name}: what was fitted is damaged (adapted or not, other than it says); take a copy, "
            "or fit it again from its images"
        )
    content = pack.content
    return Fit(guidance, parts, tuple(given), said.bits_used, content.background_source, content.adapt)


def why_unfitted(pack: Pack, weights_sha256: str) -> str | None:
    """Why what was fitted does not serve, in words; "" where nothing is, None where it does."""
    said = pack.content.fitted
    if said is None:
        return ""
    if said.weights_sha256 != weights_sha256:
        return "fitted with other weights"
    if pack.content.interest is not None and said.outside == "seen":
        return "fitted when what lies outside of the region of interest still counted"
    return None if said.obftnet == __version__ else f"fitted by obftnet {said.obftnet}"


def _entry(part: Part) -> PartEntry:
    return PartEntry(image=part.image, corner=part.corner, size=part.size, whole=part.whole)


def _parts(entries: tuple[PartEntry, ...]) -> tuple[Part, ...]:
    return tuple(Part(one.image, one.corner, one.size, one.whole) for one in entries)
