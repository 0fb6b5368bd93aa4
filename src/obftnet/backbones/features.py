"""What a backbone makes of images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

#: Feature maps, one a tap, fine to coarse.
Pyramid = tuple[Tensor, ...]


def unit_features(features: Tensor) -> Tensor:
    """Features (..., c, h, w) scaled to length 1 over c, float32; a zero vector stays zero."""
    return F.normalize(features.float(), dim=-3, eps=1e-6)


@dataclass(frozen=True)
class Features:
    """Feature maps of n images that were seen at one size.

    taps: (n, c, h / stride, w / stride) a tap, fine to coarse.
    size: (h, w) of the images as the network saw them, pixels.
    early: (n, c, h / 4, w / 4), finer than every tap and not correlated; None where nobody reads it.
    views: of each image the defect in its other views (`guidance.views`), (c, t) a tap; () where nobody
        reads them.
    """

    taps: Pyramid
    size: tuple[int, int]
    early: Tensor | None = None
    views: tuple[Pyramid, ...] = ()

    def __len__(self) -> int:
        """How many images."""
        return int(self.taps[0].shape[0])

    def __getitem__(self, chosen: slice) -> Self:
        """The features of some of the images."""
        early = None if self.early is None else self.early[chosen]
        return replace(self, taps=tuple(x[chosen] for x in self.taps), early=early, views=self.views[chosen])

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        tensors = [*self.taps, *(x for image in self.views for x in image)]
        if self.early is not None:
            tensors.append(self.early)
        return sum(x.numel() * x.element_size() for x in tensors)


def joined(parts: Sequence[Features]) -> Features:
    """The features of all images of several records, which were seen at one size."""
    earlies = [part.early for part in parts if part.early is not None]
    return Features(
        tuple(torch.cat(maps) for maps in zip(*(part.taps for part in parts), strict=True)),
        parts[0].size,
        torch.cat(earlies) if earlies else None,
        tuple(image for part in parts for image in part.views),
    )
