"""ASGNet: as many prototypes as the support's defect is large, and for each query position its best."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.backbones.features import Pyramid
from obftnet.methods.enrichment import EnrichedNetwork
from obftnet.methods.learned import Shots
from obftnet.methods.parts import at_grid, masked_average

#: Largest number of superpixels a support, and the cells of one.
_MOST, _CELLS = 5, 100
#: Rounds of clustering in training and in use.
_ROUNDS = {True: 10, False: 5}


class ASGNet(EnrichedNetwork):
    """Superpixels of the support's defect as prototypes, allocated to query positions by cosine.

    Li et al., "Adaptive Prototype Learning and Allocation for Few-Shot Segmentation", CVPR 2021. Superpixel
    guided clustering (algorithm 1): min(5, round(cells / 100)) seeds far from the mask's border and from each
    other, soft assignment by feature and position, 10 rounds in training and 5 in use; below two seeds the
    masked average. Guided prototype allocation (equations 5 to 7): each query position takes the prototype of
    largest cosine, and the sum of its cosines is the prior. Then PFENet's enrichment, whose scales' losses
    weigh 1 together. K shots: the prototypes of all shots.

    Differences: as PFENet's trunk; a cell belongs to the mask where half of it or more is defect (where no
    cell is, the masked average); positions are taken from 0 to 1 over the map, with the weight of one channel
    each, and features at length 1, so that neither decides alone at any width; the sum of the cosines is
    their mean, so that it does not grow with the number of prototypes.
    """

    PAPER: ClassVar[dict[str, object]] = {
        "optimizer": "sgd",
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "schedule": "poly",
        "lr": 2.5e-3,
    }

    def guide(self, query: Pyramid, shots: Shots, maps: Tensor, supports: Tensor) -> tuple[Tensor, Tensor]:
        """Each query cell's best superpixel, and its mean cosine to all."""
        rounds = _ROUNDS[self.training]
        guides, priors = [], []
        for own, features, fraction in zip(maps, supports, shots.fraction, strict=True):
            found = [prototypes(x, share, rounds) for x, share in zip(features, fraction, strict=True)]
            guide, prior = allocate(own, torch.cat(found))
            guides.append(guide)
            priors.append(prior)
        return torch.stack(guides), torch.stack(priors)


def prototypes(features: Tensor, fraction: Tensor, rounds: int) -> Tensor:
    """Superpixel centres of a support's defect: (c, h, w), (H, W) share in 0..1 -> (n, c), 1 <= n <= 5."""
    mask = at_grid(fraction[None, None].to(features), features)[0, 0] >= 0.5
    starts = seeds(mask, min(_MOST, round(int(mask.sum()) / _CELLS)))
    if len(starts) < 2:
        return masked_average(features[None, None], fraction[None, None])[0]
    h, w = mask.shape
    y, x = mask.nonzero().unbind(1)
    own = features[:, y, x].mT
    place = torch.stack([y / h, x / w], 1)
    unit = torch.cat([F.normalize(own, dim=1), place], 1)
    first = torch.tensor([int(((y == a) & (x == b)).nonzero()) for a, b in starts], device=own.device)
    centres, described = own[first], unit[first]
    for _ in range(rounds):
        # Of a centre's weights only the ratios count: a softmax over the cells is the same, and stays finite.
        weights = (-torch.cdist(unit, described).square()).softmax(0)
        centres, described = weights.mT @ own, weights.mT @ unit
    return centres


def seeds(mask: Tensor, count: int) -> list[tuple[int, int]]:
    """Cells far from what is outside and from each other: the maximum of the distance transform, repeatedly.

    Args:
        mask: (h, w) bool.
        count: how many, at most the mask's cells.

    Returns:
        (row, column) of each; the first of equals in reading order.
    """
    inside = mask.nonzero()
    outside = (~mask).nonzero()
    chosen: list[tuple[int, int]] = []
    for _ in range(min(count, len(inside))):
        taken = torch.cat([outside, torch.tensor(chosen, dtype=torch.long).reshape(-1, 2).to(outside)])
        if len(taken):
            distance = torch.cdist(inside.double(), taken.double()).amin(1)
        else:
            distance = torch.ones(len(inside))
        row, column = inside[int(distance.argmax())].tolist()
        chosen.append((row, column))
    return chosen


def allocate(query: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Each position's best prototype, and its mean cosine: (c, h, w), (n, c) -> (c, h, w), (1, h, w)."""
    cosines = F.normalize(query.flatten(1), dim=0).mT @ F.normalize(centres, dim=1).mT
    guide = centres[cosines.argmax(1)].mT.reshape(query.shape)
    return guide, cosines.mean(1).reshape(1, *query.shape[1:])
