"""One panel of a figure: an image, or a map of scores in the colours that all our pictures have."""

from matplotlib.axes import Axes
from numpy import float32, uint8
from numpy.typing import NDArray


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
