"""A picture and words of what a model read: for points of a query, what in the guidance they are like."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from obftnet.backbones.features import Features
from obftnet.config import ModelConfig
from obftnet.data.layouts.guidance import read_guidance
from obftnet.errors import InputError
from obftnet.explanation.matches import matches
from obftnet.explanation.nearest import Place, nearest
from obftnet.explanation.picture import Row, draw
from obftnet.explanation.sight import Sight, Spot
from obftnet.explanation.sight_picture import draw_sights
from obftnet.guidance.guidance import Guidance
from obftnet.imaging.picture import Picture
from obftnet.imaging.read import ImageSource, as_mask, image_size, name_of
from obftnet.imaging.tiles import Part
from obftnet.imaging.write import check_picture
from obftnet.model import OBFTNet
from obftnet.packs import read_pack
from obftnet.prediction import Prediction
from obftnet.relation.cues import CUES
from obftnet.segmenter import Segmenter, weights_of
from obftnet.tensors import resize_score, without_autocast
from obftnet.tiling import Tile
from obftnet.weights import find_weights

#: Points that are chosen where none is asked for.
POINTS = 4


def explain(
    query: str | Path,
    guidance: str | Path | None,
    out: str | Path,
    *,
    pack: str | Path | None = None,
    points: Sequence[tuple[int, int]] = (),
    level: int = 0,
    weights: str | Path | None = None,
    tile: Tile = "auto",
    bits: int | None = None,
    device: str = "auto",
) -> list[str]:
    """Draw and say what some query points were scored by.

    Of a model that reads similarities (the weights that ship): what of the defect and of good material a
    point is most like, where that is, and what the second look had (`explain_sights`). Of a model that reads
    Algorithm 1's plans: where the plan sends the point's mass (`explain_points`).

    Args:
        query: an image.
        guidance: folder as `data.layouts.guidance` describes it; None where a pack is given.
        out: the PNG to write.
        pack: a pack in place of the folder; it settles tile and bits.
        points: (x, y) in pixels of the query; none for the highest score and three spread over the image.
        level: of the feature pyramid, 0 the finest.
        weights: as `Segmenter.from_pretrained`.
        tile: as `Segmenter.from_pretrained`.
        bits: as `Segmenter.from_pretrained`.
        device: as `Segmenter.from_pretrained`.

    Returns:
        A line of words for each point.

    Raises:
        InputError: an image, the guidance, the weights or the device cannot be used; a tile or bits out of
            range; a point outside the query; a level that the model does not have; a picture that cannot be
            written, or that would replace what is read or what we did not draw.
    """
    by_kind: Mapping[str, Sequence[tuple[ImageSource, ImageSource]]]
    backgrounds: Sequence[ImageSource]
    if (guidance is None) == (pack is None):
        raise InputError("a folder of guidance or a pack is wanted, one of the two", "guidance", "pack")
    found = None
    if pack is not None:
        for name, given in (("tile", tile != "auto"), ("bits", bits is not None)):
            if given:
                raise InputError(f"{pack}: the pack settles {name}; leave it out", name)
        packed = read_pack(pack)
        by_kind, names = packed.by_kind, packed.content.support_names
        # Without good images, good material is seen in the supports.
        backgrounds = packed.backgrounds or [image for image, _ in packed.supports]
        weights = weights_of(packed, weights)
        read = [query, pack]
    else:
        assert guidance is not None
        packed, found = None, read_guidance(guidance)
        by_kind, names, backgrounds = found.by_kind, found.support_names, found.backgrounds
        read = [query, *found.files]
    supports = [pair for pairs in by_kind.values() for pair in pairs]
    check_picture(out, (*read, find_weights(weights)))
    height, width = image_size(query)
    for x, y in points:
        if not (0 <= x < width and 0 <= y < height):
            raise InputError(
                f"point {x},{y}: outside {query}, which is {width} x {height} pixels; "
                f"0..{width - 1},0..{height - 1} is wanted"
            )
    if packed is not None:
        segmenter = Segmenter.load(packed, device, weights=weights)
    else:
        segmenter = Segmenter.from_pretrained(weights, device, tile=tile, bits=bits)
    levels = segmenter.model.levels
    if not 0 <= level < len(levels):
        raise InputError(f"level {level}: the model has {len(levels)}; 0 (the finest) to {len(levels) - 1}")
    if packed is None:
        assert found is not None
        segmenter.fit(by_kind, backgrounds, ignored=found.ignored)
    image = segmenter.read(query)
    prediction = segmenter.predict(image)
    interest = segmenter.decision.interest
    for x, y in points:
        if interest is not None and not interest[y, x]:
            raise InputError(
                f"point {x},{y}: outside the region of interest of {pack}, where nothing is looked for; "
                "name one inside"
            )
    chosen = list(points) or spread_points(prediction.score, POINTS, interest)
    if reads_transport(segmenter.model.config):
        return _draw_transport(Path(out), segmenter, supports, backgrounds, image, prediction, chosen, level)
    sights = explain_sights(
        segmenter,
        image,
        prediction,
        chosen,
        level,
        names,
        [Path(name_of(image, "background")).name for image in backgrounds],
    )

    def support(index: int) -> tuple[Picture, NDArray[np.bool_]]:
        file, mask = supports[index]
        return segmenter.read(file), as_mask(mask)

    draw_sights(
        Path(out),
        image,
        prediction.score,
        sights,
        support,
        lambda index: segmenter.read(backgrounds[index]),
    )
    return [sight.words for sight in sights]


def reads_transport(config: ModelConfig) -> bool:
    """Whether a model reads Algorithm 1's plans, not similarities and their softmax alone."""
    return config.reader == "encoder4d" or not all(CUES[letter].streamed for letter in config.cues)


@without_autocast
@torch.inference_mode()
def explain_sights(
    segmenter: Segmenter,
    image: Picture,
    prediction: Prediction,
    points: Sequence[tuple[int, int]],
    level: int,
    supports: Sequence[str],
    backgrounds: Sequence[str],
) -> list[Sight]:
    """What some points of a query were scored by; of several kinds of defect, for each point that of its own.

    The reader reads the cues of all taps of all levels; told are those of the level's last tap. With tiles
    they are those of the tile that counts most for a point.

    Args:
        segmenter: fitted, of a model that reads no transport.
        image: the query.
        prediction: what `Segmenter.predict` gives of it.
        points: (x, y) in pixels of the query.
        level: of the feature pyramid, 0 the finest.
        supports: names of the images that the segmenter was fitted with.
        backgrounds: the same.
    """
    model, guidance = segmenter.model, segmenter.guidance
    tap = sum(model.levels[: level + 1]) - 1
    of_supports, of_backgrounds = segmenter.parts
    told: dict[tuple[int, int], Sight] = {}
    several = len(prediction.kinds) > 1
    for part, all_members in _by_part(segmenter, image, points):
        features = segmenter.features(image, part)
        looks = [model.kind_scores(features, guidance)[0]]
        if model.looks_twice:
            looks.insert(0, model.scores(model.relate(features, guidance), features.size, guidance.readout))
        grid = (features.taps[tap].shape[-2], features.taps[tap].shape[-1])
        for kind, members in _by_kind(prediction, all_members).items():
            maps = [resize_score(look[kind].cpu(), part.size) for look in looks]
            cells = [part.cell(point, grid) for point in members]
            found = nearest(model, features, guidance, tap, cells, kind)
            for (x, y), one in zip(members, found, strict=True):
                value = float(prediction.score[y, x])
                good_parts, good_names = (
                    (of_supports, supports) if one.good_in_support else (of_backgrounds, backgrounds)
                )
                told[x, y] = Sight(
                    (x, y),
                    value,
                    value > segmenter.threshold,
                    tuple(float(seen[y - part.corner[0], x - part.corner[1]]) for seen in maps),
                    part,
                    one.here,
                    one.typical,
                    _spot(one.defect, of_supports, supports),
                    _spot(one.good, good_parts, good_names),
                    one.good_in_support,
                    _spot(one.own_defect, (part,), ("the query",)),
                    _spot(one.own_good, (part,), ("the query",)),
                    one.certain,
                    prediction.kinds[kind] if several else "",
                )
    return [told[point] for point in points]


def explain_points(
    model: OBFTNet,
    query: Features,
    guidance: Guidance,
    score: NDArray[np.float32],
    points: Sequence[tuple[int, int]],
    level: int = 0,
    part: Part | None = None,
) -> list[Row]:
    """Where the mass of some points of a query goes.

    It is the plan of the model's own features and transport settings, averaged over the taps of a level. The
    4D encoder reads this plan; the `cues` reader reads row statistics of it (l, p) beside others.

    Args:
        model: whose features and transport settings these are.
        query: features of one image, or of a part of it.
        guidance: of one episode.
        score: (H, W) of the query at its own size, 0..1.
        points: (x, y) in pixels of the query.
        level: of the feature pyramid, 0 the finest.
        part: that the features are of; None for the whole.
    """
    height, width = score.shape
    seen = part or Part(0, (0, 0), (height, width), (height, width))
    taps = range(sum(model.levels[:level]), sum(model.levels[: level + 1]))
    grid = (query.taps[taps[0]].shape[-2], query.taps[taps[0]].shape[-1])
    cells = [seen.cell(point, grid) for point in points]
    told = matches(query, guidance, taps, cells, model.config.algorithm)
    return [Row((x, y), float(score[y, x]), match) for (x, y), match in zip(points, told, strict=True)]


def spread_points(
    score: NDArray[np.float32], count: int, interest: NDArray[np.bool_] | None = None
) -> list[tuple[int, int]]:
    """The highest score of a map (h, w), then points of a 5 x 5 grid, each as far from the others as can be.

    interest: (h, w) bool, where points may lie; None for everywhere.

    Returns:
        (x, y) of `count` points, at most 26, or fewer where the region holds fewer of the grid.
    """
    height, width = score.shape
    # Scores are 0 and more: -1 is none of them.
    inside = score if interest is None else np.where(interest, score, np.float32(-1))
    y, x = np.unravel_index(int(inside.argmax()), score.shape)
    chosen = [(int(x), int(y))]
    grid = [
        (int((column + 0.5) * width / 5), int((row + 0.5) * height / 5))
        for row in range(5)
        for column in range(5)
    ]
    if interest is not None:
        grid = [(x, y) for x, y in grid if interest[y, x]]
    while len(chosen) < min(count, len(grid) + 1):
        nearest = [min((x - a) ** 2 + (y - b) ** 2 for a, b in chosen) for x, y in grid]
        chosen.append(grid[int(np.argmax(nearest))])
    return chosen


def _draw_transport(
    out: Path,
    segmenter: Segmenter,
    guided: Sequence[tuple[ImageSource, ImageSource]],
    goods: Sequence[ImageSource],
    image: Picture,
    prediction: Prediction,
    points: Sequence[tuple[int, int]],
    level: int,
) -> list[str]:
    """The picture of a model that reads the transport, and its words."""
    told: dict[tuple[int, int], Row] = {}
    guidance, score = segmenter.guidance, prediction.score
    for part, all_members in _by_part(segmenter, image, points):
        features = segmenter.features(image, part)
        for kind, members in _by_kind(prediction, all_members).items():
            alone = guidance.of(kind)
            for row in explain_points(segmenter.model, features, alone, score, members, level, part):
                # Nothing of its mass is on the supports of other kinds.
                support = np.zeros((guidance.shots, *row.match.support.shape[1:]), np.float32)
                support[guidance.members(kind)] = row.match.support
                told[row.point] = replace(row, match=replace(row.match, support=support))
    rows = [told[point] for point in points]
    of_kind = {}
    if len(prediction.kinds) > 1:
        of_kind = {
            point: f" ({prediction.kinds[kind]})"
            for kind, members in _by_kind(prediction, points).items()
            for point in members
        }
    of_supports, of_backgrounds = segmenter.parts
    supports = []
    for part in of_supports:
        file, mask = guided[part.image]
        supports.append((part.cut(segmenter.read(file).floats()), part.cut(as_mask(mask))))
    backgrounds = [part.cut(segmenter.read(goods[part.image]).floats()) for part in of_backgrounds]
    draw(out, image.floats(), score, supports, backgrounds, rows)
    return [
        f"point {row.point[0]},{row.point[1]}: score {row.score:.2f}{of_kind.get(row.point, '')}; "
        f"{100 * row.match.defect:.0f} % of its mass on the supports' defect"
        for row in rows
    ]


def _by_part(
    segmenter: Segmenter, image: Picture, points: Sequence[tuple[int, int]]
) -> list[tuple[Part, list[tuple[int, int]]]]:
    """What is looked at for the points, each with those it is looked at for."""
    parts: dict[Part, list[tuple[int, int]]] = {}
    for point in points:
        parts.setdefault(segmenter.part_around(image, point), []).append(point)
    return list(parts.items())


def _by_kind(prediction: Prediction, points: Sequence[tuple[int, int]]) -> dict[int, list[tuple[int, int]]]:
    """The points by which kind of defect has the score there."""
    found: dict[int, list[tuple[int, int]]] = {}
    for x, y in points:
        kind = 0 if prediction.best is None else int(prediction.best[y, x])
        found.setdefault(kind, []).append((x, y))
    return found


def _spot(place: Place | None, parts: Sequence[Part], names: Sequence[str]) -> Spot | None:
    if place is None:
        return None
    part = parts[place.image]
    return Spot(names[part.image], part, part.pixel(place.cell, place.grid), place.similarity)
