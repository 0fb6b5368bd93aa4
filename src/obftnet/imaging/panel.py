"""One panel of a figure: an image, or a map of scores in the colours that all our pictures have."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
from matplotlib.axes import Axes
from numpy import float32, uint8
from numpy.typing import NDArray


@contextmanager
def names_as_they_are() -> Iterator[None]:
    """Figures drawn within take texts for what they are: a material's name is no formula, whatever it holds,
    and signs that the font lacks are nothing to warn a user of. Also a decorator."""
    with matplotlib.rc_context({"text.parse_math": False, "text.usetex": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        yield


def show_panel(
    axis: Axes, panel: NDArray[float32] | NDArray[uint8], title: str = "", fontsize: float = 9
) -> None:
    """Draw (h, w, 3) colours as they are, or (h, w) values in 0..1, without ticks."""
    axis.set_xticks([])
    axis.set_yticks([])
    if title:
        axis.set_title(title, fontsize=fontsize)
    if panel.ndim == 2:
        axis.imshow(panel, vmin=0, vmax=1, cmap="magma")
    else:
        axis.imshow(panel)
