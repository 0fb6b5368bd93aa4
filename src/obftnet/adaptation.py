"""The reader's last layer, adapted to one guidance by leaving its images out in turn.

How generously somebody annotates, and what of a material looks like a defect and is none, stands in the
guidance itself: each of its images is looked at by the others, and a layer of 33 values learns what of them
is defect.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.backbones.features import Features
from obftnet.errors import InputError
from obftnet.guidance.guidance import Guidance
from obftnet.model import OBFTNet
from obftnet.readers.cues import CuesReader

#: Images that are left out in turn, of each sort, at least.
LEAST = 2
# Adam's; by generated materials (docs/lab).
_STEPS = 200
_RATE = 0.03


@dataclass(frozen=True)
class LeftOut:
    """An image of the guidance, and the guidance of all others.

    features: of the image, b = 1. guidance: of one kind of defect. fraction: (S, S), the share of each cell
    that is defect; None for a good image. ignored: (S, S), the share that is neither; None for none.
    """

    features: Features
    guidance: Guidance
    fraction: Tensor | None
    ignored: Tensor | None


def check_adaptable(model: OBFTNet, supports: Mapping[str, int], backgrounds: int) -> None:
    """Whether a model can be adapted to so many supports, by their kinds, and good images.

    Raises:
        InputError: it reads no cues, or each support for itself; too few images.
    """
    if model.config.reader != "cues" or model.config.shots_rule != "joint":
        raise InputError(
            "adapt: these weights cannot be adapted, which read the transport or each support for itself; "
            "fit without it, or take weights that read cues of all supports together, as those that ship",
            "adapt",
        )
    most = max(supports.values())
    if most < LEAST or backgrounds < LEAST:
        raise InputError(
            f"adapt: {most} support(s) of a kind and {backgrounds} good image(s); each is left out in turn, "
            f"so at least {LEAST} of both, of different pictures, are wanted: give more, or fit without it",
            "adapt",
        )


def adapted(model: OBFTNet, episodes: Iterable[LeftOut]) -> Tensor:
    """Values for the reader's last layer (`Guidance.readout`), from the trained ones by gradient descent.

    The loss of an episode is the cross-entropy, and of a support the soft Dice loss besides, both of the
    score before it is scaled by the presence.

    Args:
        model: whose reader it is; it is left as it is.
        episodes: one or more.

    Returns:
        (n + 1,) float32.
    """
    reader = model.reader
    assert isinstance(reader, CuesReader)
    hidden, truth, weight = [], [], []
    with torch.no_grad():
        for one in episodes:
            relation = model.relate(one.features, one.guidance, second_look=model.looks_twice)
            maps, _ = reader.hidden(relation)
            grid = (maps.shape[-2], maps.shape[-1])
            none = maps.new_zeros(grid)
            defect = none if one.fraction is None else _pooled(one.fraction, grid)
            ignored = none if one.ignored is None else _pooled(one.ignored, grid)
            hidden.append(maps[0])
            truth.append(defect)
            weight.append(torch.where(defect > 0, 1, 1 - ignored))
    # Tensors of inference mode take part in no gradient.
    with torch.inference_mode(False), torch.enable_grad():
        maps, target, share = (torch.stack(one).clone() for one in (hidden, truth, weight))
        values = model.trained_readout.detach().clone().requires_grad_()
        optimiser = torch.optim.Adam([values], lr=_RATE)
        for _ in range(_STEPS):
            optimiser.zero_grad()
            loss = _loss(reader.unet.read_out(maps, values)[:, 0], target, share)
            (values.grad,) = torch.autograd.grad(loss, [values])
            optimiser.step()
    return values.detach()


def _pooled(share: Tensor, grid: tuple[int, int]) -> Tensor:
    return F.adaptive_avg_pool2d(share[None, None].float(), grid)[0, 0]


def _loss(logit: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean over episodes (n, h, w)."""
    entropy = F.binary_cross_entropy_with_logits(logit, target, weight, reduction="none").mean((1, 2))
    score = logit.sigmoid() * weight
    both, all_of = (score * target).sum((1, 2)), score.sum((1, 2)) + target.sum((1, 2))
    dice = 1 - (2 * both + 1) / (all_of + 1)
    return (entropy + dice * (target.sum((1, 2)) > 0)).mean()
