"""Where the transport sends a query position's mass (the paper's figure 10)."""

from collections.abc import Sequence

import torch

from obftnet.config import ModelConfig
from obftnet.explanation.match import Match
from obftnet.features.backbone import Pyramid
from obftnet.features.guidance import GuidanceFeatures
from obftnet.relation.correlation import cosine, positions, unit_features
from obftnet.transport import sinkhorn, sinkhorn_masked


@torch.no_grad()
def matches(
    query: Pyramid,
    guidance: GuidanceFeatures,
    taps: Sequence[int],
    cells: Sequence[tuple[int, int]],
    config: ModelConfig,
) -> list[Match]:
    """The rows of Algorithm 1's plans that belong to some query cells.

    Args:
        query: features (1, c, h, w), one a tap.
        guidance: of one episode; all its supports are columns of one plan, all its backgrounds of another.
        taps: of one level, so that their maps have one size.
        cells: (row, column) in those maps.
        config: epsilon, iterations, relu, zeroed_columns.
    """
    w = query[taps[0]].shape[-1]
    rows = torch.tensor([row * w + column for row, column in cells])
    support, background = [], []
    for tap in taps:
        maps = unit_features(query[tap]).flatten(2).mT
        to_support = cosine(maps, positions(guidance.supports[tap]))
        to_background = cosine(maps, positions(guidance.backgrounds[tap]))
        if config.relu == "before":
            to_support, to_background = to_support.clamp(min=0), to_background.clamp(min=0)
        on_defect = guidance.defect[tap].flatten(1)
        foreground = sinkhorn_masked(
            to_support,
            on_defect,
            config.epsilon,
            config.iterations,
            keep_rest=config.zeroed_columns == "keep",
        ).dense(to_support.shape[-1])[0, rows]
        usable = guidance.usable[tap].flatten(1).to(to_background)
        good = sinkhorn(to_background, config.epsilon, config.iterations, multiplicity=usable)[0, rows]
        foreground = foreground / foreground.sum(-1, keepdim=True) * on_defect
        support.append(foreground.reshape(len(cells), *guidance.defect[tap].shape[1:]))
        good = good / good.sum(-1, keepdim=True)
        background.append(good.reshape(len(cells), *guidance.usable[tap].shape[1:]))
    both = zip(torch.stack(support).mean(0), torch.stack(background).mean(0), strict=True)
    return [Match(foreground.cpu().numpy(), good.cpu().numpy()) for foreground, good in both]
