"""One colour for a score, the same in every picture of a report: it depends on the threshold alone.

Below half the threshold nothing is drawn. From there to the threshold blue grows denser; at the threshold
the colour changes to yellow, and goes over orange to dark red at 1. So what is yellow or red is above the
threshold in whatever picture, and no picture is stretched to its own scores.
"""

import numpy as np
from numpy.typing import NDArray

#: Red, green, blue in 0..255 and opacity: just below the threshold; just above it, in the middle, at 1.
_BELOW = np.array((60, 130, 255, 0.42))
_ABOVE = np.array(((255, 225, 40, 0.45), (255, 130, 0, 0.55), (190, 0, 30, 0.65)))


def color_of(score: NDArray[np.floating], threshold: float) -> NDArray[np.float32]:
    """The colour that is laid over a picture where it has a score.

    Args:
        score: any shape, 0..1.
        threshold: 0..1; a score equal to it is below.

    Returns:
        (..., 4) float32: red, green, blue and opacity, each 0..1.
    """
    score = np.asarray(score, np.float64)
    found = np.empty((*score.shape, 4), np.float32)
    found[..., :3] = _BELOW[:3] / 255
    start = threshold / 2
    reached = (score - start) / max(threshold - start, 1e-9)
    found[..., 3] = np.clip(reached, 0, 1) * _BELOW[3]
    above = score > threshold
    place = (score[above] - threshold) / max(1 - threshold, 1e-9)
    stops = np.linspace(0, 1, len(_ABOVE))
    for channel, divisor in enumerate((255, 255, 255, 1)):
        found[above, channel] = np.interp(place, stops, _ABOVE[:, channel]) / divisor
    return found


def laid_over(
    image: NDArray[np.float32], score: NDArray[np.floating], threshold: float
) -> NDArray[np.float32]:
    """An image (h, w, 3) in 0..1 with the colours of a score (h, w) laid over it."""
    color = color_of(score, threshold)
    opacity = color[..., 3:]
    blended: NDArray[np.float32] = image * (1 - opacity) + color[..., :3] * opacity
    return blended
