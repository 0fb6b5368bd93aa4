"""The reader's last layer, adapted to one guidance by leaving its images out in turn.

How generously somebody annotates, and what of a material looks like a defect and is none, stands in the
guidance itself: each of its images is looked at by the others, and a layer of 33 values learns what of them
is defect.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.errors import InputError
from obftnet.guidance.guidance import Guidance
from obftnet.model import OBFTNet
from obftnet.readers.cues import CuesReader
from obftnet.shown import Shown, guidance_of

#: Images that are left out in turn, of each sort, at least.
LEAST = 2
#: Parts of supports of a kind, and as many of good images, that are looked at, at most.
_LOOKS = 5
# Adam's; by generated materials (docs/lab).
_STEPS = 200
_RATE = 0.03


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


def adapted(model: OBFTNet, supports: Sequence[Shown], backgrounds: Sequence[Shown]) -> Tensor:
    """Values for the reader's last layer (`Guidance.readout`), from the trained ones by gradient descent.

    They are learnt from each part of the guidance, looked at by the other pictures.

    A picture is left out wherever it is: as a support of another kind, in another file. The loss of a part is
    the cross-entropy, and of a support the soft Dice loss besides, both of the score before it is scaled by
    the presence.

    Args:
        model: whose reader it is; it is left as it is.
        supports, backgrounds: the guidance, in the order that it is fitted in.

    Returns:
        (n + 1,) float32.

    Raises:
        InputError: as `check_adaptable`, by the pictures that differ.
    """
    reader = model.reader
    pictures: dict[str, set[str]] = {}
    for one in supports:
        pictures.setdefault(one.kind, set()).add(one.picture)
    different = {kind: len(found) for kind, found in pictures.items()}
    check_adaptable(model, different, len({one.picture for one in backgrounds}))
    assert isinstance(reader, CuesReader)
    hidden, truth, weight = [], [], []
    with torch.no_grad():
        for one, guidance in _left_out(model, supports, backgrounds):
            relation = model.relate(one.features, guidance, second_look=model.looks_twice)
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


def _left_out(
    model: OBFTNet, supports: Sequence[Shown], backgrounds: Sequence[Shown]
) -> Iterator[tuple[Shown, Guidance]]:
    """Parts, and for each the guidance of the other pictures, of one kind of defect."""
    looks: Counter[str] = Counter()
    for one in supports:
        rest = _others(supports, one)
        if looks[one.kind] < _LOOKS and any(other.kind == one.kind for other in rest):
            looks[one.kind] += 1
            guidance = guidance_of(model, rest, backgrounds)
            yield one, guidance.of(guidance.names.index(one.kind))
    for one in backgrounds[:_LOOKS]:
        guidance = guidance_of(model, supports, _others(backgrounds, one))
        for kind in range(len(guidance.names)):
            yield one, guidance.of(kind)


def _others(shown: Sequence[Shown], left_out: Shown) -> list[Shown]:
    return [one for one in shown if one.picture != left_out.picture]


def _pooled(share: Tensor, grid: tuple[int, int]) -> Tensor:
    return F.adaptive_avg_pool2d(share[None, None].float(), grid)[0, 0]


def _loss(logit: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean over episodes (n, h, w)."""
    entropy = F.binary_cross_entropy_with_logits(logit, target, weight, reduction="none").mean((1, 2))
    score = logit.sigmoid() * weight
    both, all_of = (score * target).sum((1, 2)), score.sum((1, 2)) + target.sum((1, 2))
    dice = 1 - (2 * both + 1) / (all_of + 1)
    return (entropy + dice * (target.sum((1, 2)) > 0)).mean()
