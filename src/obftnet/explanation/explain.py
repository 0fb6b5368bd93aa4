"""A picture of the correspondence: for points of a query, where their mass goes in the guidance."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from obftnet.backbones.features import Features
from obftnet.data.layouts.guidance import read_guidance
from obftnet.errors import InputError
from obftnet.explanation.matches import matches
from obftnet.explanation.picture import Row, draw
from obftnet.guidance.guidance import Guidance
from obftnet.imaging.read import image_size, read_mask
from obftnet.imaging.write import check_picture
from obftnet.model import OBFTNet
from obftnet.segmenter import Segmenter
from obftnet.weights import find_weights

#: Points that are chosen where none is asked for.
POINTS = 4


def explain(
    query: str | Path,
    guidance: str | Path,
    out: str | Path,
    *,
    points: Sequence[tuple[int, int]] = (),
    level: int = 0,
    weights: str | Path | None = None,
    bits: int | None = None,
    device: str = "auto",
) -> list[tuple[tuple[int, int], float, float]]:
    """Draw where Algorithm 1 sends the mass of some query points, on supports and backgrounds.

    It is the plan of the model's own features and transport settings, averaged over the taps of a level. The
    4D encoder reads this plan; the `cues` reader reads row statistics of it (l, p) beside others.

    Args:
        query: an image.
        guidance: folder as `data.layouts.guidance` describes it.
        out: the PNG to write.
        points: (x, y) in pixels of the query; none for the highest score and three spread over the image.
        level: of the feature pyramid, 0 the finest.
        weights: as `Segmenter.from_pretrained`.
        bits: as `Segmenter.from_pretrained`.
        device: as `Segmenter.from_pretrained`.

    Returns:
        For each point (x, y), its score and the share of its mass on the supports' defect, both 0..1.

    Raises:
        InputError: an image, the guidance, the weights or the device cannot be used; a point outside the
            query; a level that the model does not have; a picture that cannot be written, or
            that would replace what is read or what we did not draw.
    """
    found = read_guidance(guidance)
    read = (query, *(path for pair in found.supports for path in pair), *found.backgrounds)
    check_picture(out, (*read, find_weights(weights)))
    height, width = image_size(query)
    for x, y in points:
        if not (0 <= x < width and 0 <= y < height):
            raise InputError(
                f"point {x},{y}: outside {query}, which is {width} x {height} pixels; "
                f"0..{width - 1},0..{height - 1} is wanted"
            )
    segmenter = Segmenter.from_pretrained(weights, device, bits=bits)
    levels = segmenter.model.levels
    if not 0 <= level < len(levels):
        raise InputError(f"level {level}: the model has {len(levels)}; 0 (the finest) to {len(levels) - 1}")
    segmenter.fit(found.supports, found.backgrounds)
    image = segmenter.read(query)
    score = segmenter.predict(image).score
    chosen = list(points) or spread_points(score, POINTS)
    rows = explain_points(
        segmenter.model, segmenter.features(image), segmenter.guidance, score, chosen, level
    )
    supports = [(segmenter.read(file).floats(), read_mask(mask, image=file)) for file, mask in found.supports]
    backgrounds = [segmenter.read(file).floats() for file in found.backgrounds]
    draw(Path(out), image.floats(), score, supports, backgrounds, rows)
    return [(row.point, row.score, row.match.defect) for row in rows]


def explain_points(
    model: OBFTNet,
    query: Features,
    guidance: Guidance,
    score: NDArray[np.float32],
    points: Sequence[tuple[int, int]],
    level: int = 0,
) -> list[Row]:
    """Where the mass of some points of a query goes.

    Args:
        model: whose features and transport settings these are.
        query: features of one image.
        guidance: of one episode.
        score: (H, W) of the query at its own size, 0..1.
        points: (x, y) in pixels of the query.
        level: of the feature pyramid, 0 the finest.
    """
    height, width = score.shape
    taps = range(sum(model.levels[:level]), sum(model.levels[: level + 1]))
    grid = query.taps[taps[0]].shape[-2:]
    cells = [(y * grid[0] // height, x * grid[1] // width) for x, y in points]
    told = matches(query, guidance, taps, cells, model.config.algorithm)
    return [Row((x, y), float(score[y, x]), match) for (x, y), match in zip(points, told, strict=True)]


def spread_points(score: NDArray[np.float32], count: int) -> list[tuple[int, int]]:
    """The highest score of a map (h, w), then points of a 5 x 5 grid, each as far from the others as can be.

    Returns:
        (x, y) of `count` points, at most 26.
    """
    height, width = score.shape
    y, x = np.unravel_index(int(score.argmax()), score.shape)
    chosen = [(int(x), int(y))]
    grid = [
        (int((column + 0.5) * width / 5), int((row + 0.5) * height / 5))
        for row in range(5)
        for column in range(5)
    ]
    while len(chosen) < min(count, len(grid) + 1):
        nearest = [min((x - a) ** 2 + (y - b) ** 2 for a, b in chosen) for x, y in grid]
        chosen.append(grid[int(np.argmax(nearest))])
    return chosen
