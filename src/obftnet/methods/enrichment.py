"""PFENet's feature enrichment: query, guide and prior, merged from fine to coarse over four scales."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from obftnet.methods.parts import difference, resized

WIDTH = 256
#: Side of each scale as a share of the finest grid (60, 30, 15 and 8 of 60 in the paper).
SCALES = (1.0, 0.5, 0.25, 8 / 60)


class Enrichment(nn.Module):
    """The feature enrichment module of PFENet (Tian et al., TPAMI 2022, section 4.3), which ASGNet uses too.

    At each scale query features, guide features and a one-channel prior are merged (inter-source), the merged
    map of the finer scale is added (inter-scale), and a head of its own predicts the mask. The maps of all
    scales together give the result.
    """

    def __init__(self) -> None:
        super().__init__()
        self.merge = nn.ModuleList(_point(2 * WIDTH + 1, WIDTH) for _ in SCALES)
        self.across = nn.ModuleList(_point(2 * WIDTH, WIDTH) for _ in SCALES[1:])
        self.refine = nn.ModuleList(_refinement() for _ in SCALES)
        self.heads = nn.ModuleList(_head() for _ in SCALES)
        self.together = _point(len(SCALES) * WIDTH, WIDTH)
        self.last = _refinement()
        self.head = _head()

    def forward(self, query: Tensor, guide: Tensor, prior: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits at the finest grid, and those of each scale.

        Args:
            query: (b, 256, h, w).
            guide: (b, 256, h, w) what of the support belongs to each query cell.
            prior: (b, 1, h, w).

        Returns:
            (b, h, w); one (b, h', w') a scale, fine to coarse.
        """
        h, w = query.shape[-2:]
        maps: list[Tensor] = []
        logits = []
        for index, share in enumerate(SCALES):
            size = (max(1, round(h * share)), max(1, round(w * share)))
            parts = (F.adaptive_avg_pool2d(query, size), resized(guide, size), resized(prior, size))
            merged = self.merge[index](torch.cat(parts, 1))
            if maps:
                finer = resized(maps[-1], size)
                merged = self.across[index - 1](torch.cat([merged, finer], 1)) + merged
            merged = self.refine[index](merged) + merged
            logits.append(difference(self.heads[index](merged)))
            maps.append(merged)
        joined = self.together(torch.cat([resized(x, (h, w)) for x in maps], 1))
        joined = self.last(joined) + joined
        return difference(self.head(joined)), logits


def reduction(channels: int) -> nn.Sequential:
    """The 1 x 1 convolution to 256 channels, ReLU and dropout of PFENet's trunk."""
    return nn.Sequential(nn.Conv2d(channels, WIDTH, 1, bias=False), nn.ReLU(), nn.Dropout2d(0.5))


def _point(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, outside, 1, bias=False), nn.ReLU())


def _refinement() -> nn.Sequential:
    layers = [nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False), nn.ReLU())


def _head() -> nn.Sequential:
    convolution = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.ReLU(), nn.Dropout2d(0.1), nn.Conv2d(WIDTH, 2, 1))
