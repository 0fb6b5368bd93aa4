"""The score map of a picture, looked at as a whole or in tiles, whatever runs the network; and its mask."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from obftnet.decision import Decision, decide
from obftnet.imaging.interest import painted_out
from obftnet.imaging.picture import Picture
from obftnet.imaging.tiles import Corner, blend, enlarge, window
from obftnet.inputs import KnownPictures, check_interest, check_tile_fits, warn_of_background
from obftnet.kinds import best_of
from obftnet.prediction import Prediction

#: A picture that is looked at as a whole -> for each kind of defect its score (h, w) float32 in 0..1.
Look = Callable[[Picture], Iterable[NDArray[np.float32]]]


def predict_picture(
    image: Picture,
    known: KnownPictures,
    tile: int | None,
    kinds: Sequence[str],
    decision: Decision,
    look: Look,
) -> Prediction:
    """Score and mask of a picture: the one inference path, of a network in torch and of an exported one.

    Args:
        image: as `score_picture`.
        known: the guidance's pictures; one of its backgrounds is warned of (InputWarning).
        tile: as `score_picture`.
        kinds: names of the kinds of defect that `look` looks for, in its order.
        decision: sizes in pixels. Outside of its region of interest the picture is painted out, and scores
            are 0.
        look: as `score_picture`.

    Raises:
        InputError: as `score_picture`; a region of interest of another size than the picture; a least region
            that is larger than the picture.
    """
    check_interest(decision.interest, image)
    decision.check_markable(image.shape, image.name)
    background = known.find(image, "background")
    if background is not None:
        warn_of_background(image.name, background)
    interest = decision.interest
    score, best = score_picture(painted_out(image, interest), tile, len(kinds), look, interest)
    if interest is not None:
        score *= interest
    return Prediction(score, decide(score, decision), tuple(kinds), best)


def score_picture(
    image: Picture,
    tile: int | None,
    kinds: int,
    look: Look,
    interest: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
    """The largest score of the kinds of defect, and whose it is.

    Args:
        image: of any size; with a tile, at least half of one.
        tile: side of the tiles it is looked at in, pixels; None for a look at the whole.
        kinds: how many `look` looks for.
        look: at a tile, or at the whole.
        interest: (h, w) bool; tiles without any of it are not looked at, and score 0. None for all of them.

    Returns:
        As `kinds.best_of`, of the picture's size.

    Raises:
        InputError: the picture is smaller than half a tile.
    """
    if tile is None:
        return best_of(look(image))
    whole = enlarged(image, tile)
    height, width = image.shape
    score = np.empty((height, width), np.float32)
    best = np.empty((height, width), np.uint8) if kinds > 1 else None
    wanted = None if interest is None else enlarge(interest, tile)

    def look_at(corner: Corner) -> NDArray[np.float32]:
        place = window(corner, tile)
        if wanted is not None and not wanted[place].any():
            return np.zeros((kinds, tile, tile), np.float32)
        return np.stack([*look(whole[place])])

    strips = blend(whole.shape, tile, look_at)
    for rows, strip in strips:
        # Below the image lies what a tile was mirrored to.
        seen = strip[:, : max(0, height - rows.start), :width]
        score[rows], which = best_of(seen.clip(0, 1, out=seen))
        if best is not None and which is not None:
            best[rows] = which
    return score, best


def enlarged(image: Picture, side: int) -> Picture:
    """A picture into which a tile fits. Raises InputError where it is smaller than half of one."""
    check_tile_fits(image.shape, side)
    return replace(image, samples=enlarge(image.samples, side), alpha=None)
