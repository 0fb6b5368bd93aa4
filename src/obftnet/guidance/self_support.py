"""A query's own confident positions as guidance: its defect and its sound material in its own light.

The self-support of Fan et al., "Self-Support Few-Shot Semantic Segmentation" (ECCV 2022), of positions where
they have prototypes: a first look at a query finds the part of a defect that resembles the support's, and the
rest of that defect resembles this part more than it does the support's.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.guidance.columns import Columns

#: A cell's mean score from which on it is an example of the defect.
CERTAIN_DEFECT = 0.9
#: A cell is an example of sound material where no pixel of it, and of its eight neighbours, scores as much:
#: a neighbour's features show some of a defect, too.
CERTAIN_SOUND = 0.02
#: A query of which it is less likely that it shows any defect seems good (`seems_good`).
SURE = 0.5


def own_columns(unit: Tensor, scores: Tensor) -> Columns | None:
    """A query's confident positions as columns; None where a first look is certain of none.

    Sound is what the first looks for all kinds of defect find sound: another kind's defect is no example of
    good material.

    Args:
        unit: (c, h, w) unit features of one tap.
        scores: (kinds, H, W) in 0..1, of a first look at the query for each kind of defect.
    """
    size = (unit.shape[-2], unit.shape[-1])
    defects = F.adaptive_avg_pool2d(scores, size) > CERTAIN_DEFECT
    largest = F.adaptive_max_pool2d(scores.amax(0, keepdim=True), size)
    sound = F.max_pool2d(largest, 3, stride=1, padding=1)[0] < CERTAIN_SOUND
    places = [cells.flatten().nonzero()[:, 0] for cells in (*defects, sound)]
    place = torch.cat(places)
    if not len(place):
        return None
    matrix = unit.flatten(1)[:, place].contiguous()
    sizes = [len(cells) for cells in places]
    counts = (sum(sizes[:-1]), 0, sizes[-1], 0)
    defect_counts = tuple((size, 0) for size in sizes[:-1])
    return Columns(matrix, counts, torch.ones_like(matrix[0]), place, defect_counts)


def seems_good(presence: Tensor) -> bool:
    """Whether a first look finds it more likely that a query shows no defect, of its probability of one.

    Such a query's sound positions, taken as guidance, would only make what little stands out of it stand out
    more.
    """
    return bool(presence < SURE)
