"""The training-free reference of anomaly detection: how far a position is from every good one."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.backbones.backbone import Backbone
from obftnet.backbones.features import Features
from obftnet.guidance.masks import usable_cells

#: The strides whose last taps are joined; the finer one's grid is the bank's.
_STRIDES = (8, 16)
#: Standard deviation of the blur over the distance map, pixels (PatchCore).
_SIGMA = 4.0
#: Share of the good positions whose own distance stays below the decision.
QUANTILE = 0.99
#: Cells around a position, in each direction, that are near it for being its neighbours: 3 x 3 cells of
#: stride 16 reach three cells of stride 8 each way. As many at the border are not measured: what looks like
#: a border is there alone.
NEIGHBOURHOOD = 3


@dataclass(frozen=True)
class Bank:
    """Features of an episode's good positions.

    features: (n, c) float32. limit: the distance above which a position is called defect, > 0.
    """

    features: Tensor
    limit: float


class MemoryBank:
    """Distance to the nearest good position; the defect examples are not looked at.

    Roth et al., "Towards Total Recall in Industrial Anomaly Detection" (PatchCore, 2022): features of two
    middle layers, each averaged over 3 x 3 cells (section 3.1), the coarser brought to the finer's grid and
    joined; the anomaly score of a position is its Euclidean distance to the nearest member of the bank (eq. 6
    for one position); the map is resized and blurred with sigma 4 pixels (section 3.3). Differences: the
    channels are joined as they are, not pooled to 1,024; averages at the border leave out the padding; no
    coreset, since the bank is one to five images; no re-weighting, which the paper uses for its score of a
    whole image alone.

    The decision comes from the good images alone. Their own positions are measured against the bank without
    the image they lie in, or, where there is one image only, without their neighbourhood; the distance that
    99 % of them stay below is where the score is 0.5.
    """

    def __init__(self, backbone: Backbone, size: int = 256) -> None:
        self.backbone = backbone
        self.size = size
        self._taps = [backbone.spec.at_stride(stride)[-1] for stride in _STRIDES]

    @property
    def reads_masks(self) -> bool:
        """No: of the supports nothing is used."""
        return False

    def extract(self, images: Tensor, masks: Tensor | None = None) -> Features:
        """(n, 3, h, w) RGB in 0..1 -> one map (n, c, h / 8, w / 8), aggregated and joined."""
        found = self.backbone(images)
        means = [
            F.avg_pool2d(found.taps[tap].float(), 3, stride=1, padding=1, count_include_pad=False)
            for tap in self._taps
        ]
        grid = means[0].shape[-2:]
        resized = [F.interpolate(x, grid, mode="bilinear", align_corners=False) for x in means]
        return Features((torch.cat(resized, 1),), found.size)

    @torch.no_grad()
    def guide(
        self, supports: Features, masks: Tensor, backgrounds: Features, usable: Tensor | None = None
    ) -> Bank:
        """See `Method.guide`; of the supports nothing is used."""
        (maps,) = backgrounds.taps
        cells = usable_cells(usable, len(maps), (maps.shape[-2], maps.shape[-1]), maps.device)
        features = maps.permute(0, 2, 3, 1)
        return Bank(features[cells], _limit(features, cells, backgrounds.size))

    @torch.no_grad()
    def score(self, query: Features, guidance: Bank) -> Tensor:
        """Score d / (d + limit) of the blurred distance d: (b, h, w) in 0..1, 0.5 at the limit."""
        (maps,) = query.taps
        rows = maps.permute(0, 2, 3, 1)
        nearest = torch.cdist(rows.flatten(0, 2), guidance.features).amin(-1).reshape(rows.shape[:3])
        distance = _smooth(nearest, query.size)
        return distance / (distance + guidance.limit)


def _limit(features: Tensor, cells: Tensor, size: tuple[int, int]) -> float:
    """The quantile of the good positions' own distances, resized and blurred as a query's are.

    features: (j, h, w, c). cells: (j, h, w) bool, the good ones.
    """
    j, h, w, _ = features.shape
    nearest = features.new_full((j, h * w), torch.inf)
    flat, good = features.flatten(1, 2), cells.flatten(1)
    for own in range(j):
        others = [other for other in range(j) if other != own] or [own]
        for other in others:
            distance = torch.cdist(flat[own], flat[other]).masked_fill(~good[other], torch.inf)
            if other == own:
                distance = distance.masked_fill(_near(h, w, features.device), torch.inf)
            nearest[own] = torch.minimum(nearest[own], distance.amin(-1))
    known = nearest.isfinite()
    # A position without a counterpart takes the mean, so that the blur spreads no infinity.
    filled = torch.where(known, nearest, nearest[known].mean())
    maps = _smooth(filled.reshape(j, h, w), size)
    judged = known.reshape(j, h, w) & cells
    if j == 1:
        edge = min(NEIGHBOURHOOD, (min(h, w) - 1) // 2)
        inner = torch.zeros_like(cells)
        inner[:, edge : h - edge, edge : w - edge] = True
        judged &= inner
    if not bool(judged.any()):
        # Too small a map for any position to lie outside another's neighbourhood.
        return float("inf")
    wide = F.interpolate(judged[:, None].float(), size, mode="nearest")[:, 0] > 0
    return max(float(maps[wide].quantile(QUANTILE)), 1e-6)


def _near(h: int, w: int, device: torch.device) -> Tensor:
    """(h * w, h * w) bool: which cells lie in which one's neighbourhood, itself among them."""
    y = torch.arange(h, device=device).repeat_interleave(w)
    x = torch.arange(w, device=device).repeat(h)
    apart = torch.maximum((y[:, None] - y).abs(), (x[:, None] - x).abs())
    return apart <= NEIGHBOURHOOD


def _smooth(distance: Tensor, size: tuple[int, int]) -> Tensor:
    """Distances (n, h, w) -> (n, H, W), bilinear, then blurred."""
    from torchvision.transforms.functional import gaussian_blur  # slow to load

    maps = F.interpolate(distance.unsqueeze(1), size, mode="bilinear", align_corners=False)
    radius = min(int(4 * _SIGMA + 0.5), min(size) - 1)
    blurred: Tensor = gaussian_blur(maps, [2 * radius + 1] * 2, [_SIGMA] * 2)
    return blurred.squeeze(1)
