"""A support's defect in other views: a query's scratch may lie across the support's.

Sixteen views: the eight ways to lay down a square, and the eight of the square turned by 45 degrees. A line
of the query is then within 22.5 degrees of one of a view. Only the defect's own positions of them are of use,
so no more than the defect's surroundings are looked at.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.backbones.features import Pyramid
from obftnet.guidance.columns import every
from obftnet.guidance.masks import MaskResize, cells_with_defect

#: Surroundings of the defect that a view shows, pixels of the input: about what a position's features see.
_MARGIN = 48

#: Positions a view has at most: a large defect's repeat themselves.
_MOST = 128


@torch.no_grad()
def defect_views(
    extract: Callable[[Tensor], Pyramid],
    image: Tensor,
    fraction: Tensor,
    stride: int,
    how: MaskResize = "any",
) -> Pyramid:
    """Unit features of one support's defect in its turned and mirrored views, without gradient.

    Args:
        extract: (b, 3, h, w) RGB in 0..1 -> unit features (b, c, h', w'), one a tap.
        image: (3, S, S) RGB in 0..1, the network's input.
        fraction: (S, S) the defect's share of each of its cells, 0..1.
        stride: the coarsest tap's, pixels.
        how: how the mask comes to a map's size.

    Returns:
        (c, n) float32 a tap, a column a position and view; n = 0 where the mask is empty, at most 15 x 128.
    """
    views = _views(torch.cat([image, fraction[None]]), *_window(fraction, stride))
    found = []
    for unit in extract(views[:, :3]):
        marked = cells_with_defect(views[:, 3], (unit.shape[-2], unit.shape[-1]), how)
        columns = [every(maps[:, cells], _MOST) for maps, cells in zip(unit, marked, strict=True)]
        found.append(torch.cat(columns, 1))
    return tuple(found)


def _views(image: Tensor, top: int, left: int, side: int) -> Tensor:
    """The turned views of a square window: (c, S, S) -> (15, c, side, side)."""
    straight = image[:, top : top + side, left : left + side]
    part, whole = side / image.shape[-1], image.shape[-1]
    turn = part * math.sqrt(0.5)
    # The window's middle, the image's edges at -1 and 1.
    x, y = (2 * left + side) / whole - 1, (2 * top + side) / whole - 1
    matrix = image.new_tensor([[[turn, -turn, x], [turn, turn, y]]])
    grid = F.affine_grid(matrix, [1, len(image), side, side], align_corners=False)
    # What lies beyond the image is its reflection: there is no seam that could be taken for a defect.
    diagonal = F.grid_sample(image[None], grid, padding_mode="reflection", align_corners=False)[0]
    views = [
        square.rot90(turns, (-2, -1)) for square in _and_mirrored(straight, diagonal) for turns in range(4)
    ]
    return torch.stack(views[1:])


def _and_mirrored(*squares: Tensor) -> list[Tensor]:
    return [view for square in squares for view in (square, square.flip(-1))]


def _window(fraction: Tensor, stride: int) -> tuple[int, int, int]:
    """Top, left and side of a square around the defect, in whole strides where the image has room for it."""
    side = len(fraction)
    spans = []
    for axis in (1, 0):
        marked = (fraction > 0).any(axis).nonzero().flatten()
        spans.append((int(marked[0]), int(marked[-1]) + 1) if len(marked) else (0, 1))
    longest = max(stop - start for start, stop in spans) + 2 * _MARGIN
    # Two strides are the least that a backbone takes.
    width = min(side, max(2, -(-longest // stride)) * stride)
    top, left = (min(max(0, (start + stop - width) // 2), side - width) for start, stop in spans)
    return top, left, width
