"""Where the transport sends a query position's mass (the paper's figure 10)."""

from collections.abc import Sequence

import numpy as np
import torch

from obftnet.backbones.features import Features
from obftnet.explanation.match import Match
from obftnet.guidance.guidance import Guidance
from obftnet.transport import Algorithm1


@torch.no_grad()
def matches(
    query: Features,
    guidance: Guidance,
    taps: Sequence[int],
    cells: Sequence[tuple[int, int]],
    algorithm: Algorithm1,
) -> list[Match]:
    """The rows of Algorithm 1's plans that belong to some query cells.

    Args:
        query: unit features of one image.
        guidance: all its supports are columns of one plan, all its backgrounds of another.
        taps: of one level, so that their maps have one size.
        cells: (row, column) in those maps.
        algorithm: the transport's options.
    """
    w = query.taps[taps[0]].shape[-1]
    rows = [row * w + column for row, column in cells]
    support, background = [], []
    for tap in taps:
        maps = query.taps[tap][0].flatten(1).mT
        marked, usable = guidance.defect[tap], guidance.usable[tap]
        defect = guidance.supports[tap].transpose(0, 1).flatten(1)[:, marked.flatten()]
        plan = algorithm.foreground(maps, defect, marked.numel() - defect.shape[1]).plan()[rows]
        # The last column is each zeroed position's; those that were dropped have none of the mass.
        whole = plan[:, :-1].sum(-1) + plan[:, -1] * (marked.numel() - defect.shape[1])
        share = plan.new_zeros(len(rows), *marked.shape)
        share[:, marked] = plan[:, :-1] / whole.unsqueeze(-1)
        support.append(share)
        good = guidance.backgrounds[tap].transpose(0, 1).flatten(1)
        mass = algorithm.background(maps, good, usable.flatten().to(maps)).plan()[rows]
        background.append((mass / mass.sum(-1, keepdim=True)).reshape(len(rows), *usable.shape))
    both = zip(torch.stack(support).mean(0), torch.stack(background).mean(0), strict=True)
    return [
        Match(foreground.cpu().numpy().astype(np.float32), good.cpu().numpy().astype(np.float32))
        for foreground, good in both
    ]
