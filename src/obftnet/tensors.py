"""Images and masks as tensors of the network's size, and scores back at the image's."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from obftnet.imaging import resize
from obftnet.imaging.picture import Picture
from obftnet.imaging.resize import check_size, resize_image

_P = ParamSpec("_P")
_R = TypeVar("_R")


def to_tensor(image: NDArray[np.float32] | Picture, size: tuple[int, int]) -> Tensor:
    """An image for the network, (3, H, W) float32 in 0..1: `imaging.resize.resize_image` as a tensor."""
    return torch.from_numpy(resize_image(image, size))


def mask_fraction(mask: NDArray[np.bool_], size: tuple[int, int]) -> Tensor:
    """The share of each cell of a grid that is defect: the exact area average for any ratio of sizes.

    Every cell that holds any defect is above 0, every cell wholly defect is exactly 1, and the mean over
    the grid is the mean of the mask. (Adaptive pooling is none of these for ratios that are not whole.)

    Args:
        mask: (h, w) bool.
        size: (H, W) of the grid, smaller or larger than the mask.

    Returns:
        (H, W) float32, 0..1.

    Raises:
        ValueError: another shape, or a size below one.
    """
    if mask.ndim != 2 or mask.size == 0:
        raise ValueError(f"mask of shape {mask.shape}; (h, w) with h, w >= 1 is wanted")
    check_size(size)
    covered = _cell_sums(_cell_sums(mask.astype(np.int32), size[0]).T, size[1]).T
    return torch.from_numpy((covered / mask.size).astype(np.float32))


def resize_score(score: Tensor, size: tuple[int, int]) -> Tensor:
    """A score map (h, w) at another size (H, W): `imaging.resize.resize_score` of a tensor, no gradient."""
    return torch.from_numpy(resize.resize_score(score.numpy(), size))


def _cell_sums(values: NDArray[np.int32] | NDArray[np.int64], cells: int) -> NDArray[np.int64]:
    """Integrals of a piecewise constant function over `cells` equal cells along axis 0: (n, m) -> (cells, m).

    In units of 1/cells of a pixel, so that everything is a whole number and the result exact.
    """
    n = len(values)
    sums = np.zeros((n + 1, values.shape[1]), dtype=np.int64)
    np.cumsum(values, axis=0, out=sums[1:])
    edges = np.arange(cells + 1, dtype=np.int64) * n  # in 1/cells of a pixel
    whole, part = edges // cells, edges % cells
    inside = values[np.minimum(whole, n - 1)].astype(np.int64)  # the last edge has part == 0
    integral: NDArray[np.int64] = cells * sums[whole] + part[:, None] * inside
    return integral[1:] - integral[:-1]


def without_autocast(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorate a function: it computes in the precision it names, whatever a caller has set.

    Of weights that learn, autocast keeps the cast copies until its outermost context ends. That is this one,
    so none are kept: a training inside would go on with copies of the weights that it began with.
    """

    @functools.wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with (
            torch.autocast("cuda", enabled=False, cache_enabled=False),
            torch.autocast("cpu", enabled=False, cache_enabled=False),
        ):
            return function(*args, **kwargs)

    return run


def by_itself(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorate a function that trains: as `without_autocast`, and neither a mode without gradients nor
    another default of floats around the call has a part in it."""

    @functools.wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        default = torch.get_default_dtype()
        with torch.inference_mode(False), torch.enable_grad():
            torch.set_default_dtype(torch.float32)
            try:
                return without_autocast(function)(*args, **kwargs)
            finally:
                torch.set_default_dtype(default)

    return run
