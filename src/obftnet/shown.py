"""What of the guidance's images a network is shown, and the guidance that it makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from obftnet.backbones.features import Features, joined
from obftnet.guidance.guidance import Guidance
from obftnet.imaging.tiles import Part
from obftnet.model import OBFTNet


@dataclass(frozen=True)
class Shown:
    """A part of an image of the guidance as the network saw it.

    picture: digest of the whole image's pixels. kind: of a support's defect; "" of a background. fraction:
    (S, S) of a support, the share of each cell that is defect. ignored: (S, S), the share that is neither
    defect nor good material, of a background all that is not good; None for nothing.
    """

    part: Part
    features: Features
    picture: str
    kind: str = ""
    fraction: Tensor | None = None
    ignored: Tensor | None = None


def ignored_shares(shown: Sequence[Shown]) -> Tensor | None:
    """(n, S, S) what of each part is ignored; None where nothing is of any."""
    found = [one.ignored for one in shown]
    some = next((one for one in found if one is not None), None)
    if some is None:
        return None
    return torch.stack([torch.zeros_like(some) if one is None else one for one in found])


def guidance_of(model: OBFTNet, supports: Sequence[Shown], backgrounds: Sequence[Shown]) -> Guidance:
    """The guidance of these parts, one or more of each (`OBFTNet.guide`)."""
    left_out = ignored_shares(backgrounds)
    return model.guide(
        joined([one.features for one in supports]),
        torch.stack([one.fraction for one in supports if one.fraction is not None]),
        joined([one.features for one in backgrounds]),
        None if left_out is None else 1 - left_out,
        ignored=ignored_shares(supports),
        kinds=[one.kind for one in supports],
    )
