"""Kinds of defect: what they are called, and which of them a pixel shows."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from obftnet.errors import InputError

#: The name of the kind where nothing names kinds.
DEFAULT_KIND = "defect"
#: A map of kinds is of bytes, of which 0 is none.
MOST_KINDS = 255
#: Characters of a name: of a folder's on every file system.
_LONGEST = 200


def check_kinds(names: Iterable[object]) -> tuple[str, ...]:
    """Names of kinds as they are.

    Raises:
        InputError: one that is no text, empty, too long or with a sign that cannot be printed; or too many.
    """
    found = []
    for name in names:
        if not isinstance(name, str):
            raise InputError(f"kind of defect {name!r}: a {type(name).__name__}; a name is wanted")
        if not 1 <= len(name) <= _LONGEST or not name.isprintable():
            wanted = f"a name of 1 to {_LONGEST} printable characters is wanted"
            raise InputError(f"kind of defect {name[:_LONGEST]!r}: {wanted}")
        found.append(name)
    if len(found) > MOST_KINDS:
        raise InputError(f"{len(found)} kinds of defect: at most {MOST_KINDS} are wanted")
    return tuple(found)


def best_of(
    scores: Iterable[NDArray[np.float32]],
) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
    """The largest of several kinds' scores, and whose it is.

    >>> score, best = best_of(np.array([[[0.2, 0.9, 0.0]], [[0.7, 0.1, 0.0]]], np.float32))
    >>> score.tolist(), best.tolist()
    ([[0.699999988079071, 0.8999999761581421, 0.0]], [[1, 0, 0]])

    Args:
        scores: (h, w) in 0..1 of each kind; of one, that array itself is the score.

    Returns:
        (h, w) float32 in 0..1; (h, w) uint8, which kind has that score, the first of several; None of one.
    """
    best = None
    for kind, score in enumerate(scores):
        if kind == 0:
            largest = score
            continue
        if best is None:
            largest, best = largest.copy(), np.zeros(score.shape, np.uint8)
        above = score > largest
        largest[above], best[above] = score[above], kind
    return largest, best
