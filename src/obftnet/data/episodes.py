"""Episodes: a query with the support and background images that guide its segmentation.

An episode is a pure function of (seed, split, index) and of the collection's names: no state, no order of
calls, no file system order enters. Query, supports and backgrounds show different physical samples (groups)
of one material. Supports are drawn one after the other, so that those of fewer shots are the first of those
of more.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from obftnet.data.collection import GOOD, Collection, Sample, by_group
from obftnet.data.draws import Draws
from obftnet.data.windows import largest_window
from obftnet.errors import InputError

BackgroundSource: TypeAlias = Literal["good", "window", "complement"]
"""Where backgrounds come from: good images, clean windows of defective ones, or the supports themselves."""


@dataclass(frozen=True)
class Background:
    """Where an episode sees the material without a defect.

    Attributes:
        sample: the image.
        window: (y, x, height, width) in pixels, the clean part of the image; None for the whole.
        complement: the image is a support, of which only what is not defect may be used.
    """

    sample: Sample
    window: tuple[int, int, int, int] | None = None
    complement: bool = False

    def load(self) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The image, cropped to the window, and where it may be used.

        Returns:
            (h, w, 3) float32 RGB, 0..1; (h, w) bool, all True but for a complement, where it is False on
            defects of any kind.

        Raises:
            InputError: as `Sample.load_image` and `Sample.load_mask`.
        """
        image = self.sample.load_image()
        if self.complement:
            return image, ~self.sample.load_defects()
        if self.window is not None:
            y, x, height, width = self.window
            image = np.ascontiguousarray(image[y : y + height, x : x + width])
        return image, np.ones(image.shape[:2], dtype=np.bool_)


@dataclass(frozen=True)
class Episode:
    """One question to a segmenter: what in `query` is of the kind that the supports show.

    Attributes:
        query: the image to segment; a good one has nothing to find.
        supports: annotated samples of the query's material, all of one kind, of different groups.
        backgrounds: of the same material.
        index: the episode's number within its split.
        seed: of the draw.
    """

    query: Sample
    supports: tuple[Sample, ...]
    backgrounds: tuple[Background, ...]
    index: int
    seed: int

    @property
    def kind(self) -> str:
        """The kind of defect that is sought: the supports'."""
        return self.supports[0].kind


def draw_episode(
    collection: Collection,
    *,
    split: str,
    seed: int,
    index: int,
    query: Sample,
    kind: str | None = None,
    shots: int = 1,
    backgrounds: int = 1,
    background_source: BackgroundSource = "good",
) -> Episode:
    """Draw supports and backgrounds for a query.

    Args:
        collection: where from.
        split: name of the list the query stands in; another name, another draw.
        seed: of the draw.
        index: the query's number in its split.
        query: a defect or a good sample of the collection.
        kind: for a good query the supports' kind; drawn where it is None. For a defect query its own.
        shots: supports wanted; fewer come where the kind has fewer groups beside the query's.
        backgrounds: backgrounds wanted; fewer come where the material has fewer. "complement" gives one a
            support whatever is wanted.
        background_source: "good": good images, of groups that differ from the query's and the supports', and
            from each other's while there are enough. "window": the largest clean rectangle of at least 64
            pixels a side of other defect images, all groups different. "complement": the supports.

    Raises:
        InputError: the kind has no group beside the query's, or there is no background at all.
        ValueError: arguments that make no sense.
    """
    if shots < 1 or backgrounds < 0:
        raise ValueError(f"{shots} shots and {backgrounds} backgrounds; at least 1 and 0 are wanted")
    kind = _support_kind(collection, split, seed, index, query, kind)
    supports = _draw_supports(collection, Draws(seed, split, index, "support"), query, kind, shots)
    if not supports:
        raise InputError(
            f"{collection.root}: no support of {query.material}/{kind} for "
            f"{collection.relative(query.image)}: all its images are of the query's group; "
            "images of at least two groups are wanted"
        )
    draws = Draws(seed, split, index, "background")
    taken = {query.group, *(support.group for support in supports)}
    drawn: list[Background]
    if background_source == "complement":
        drawn = [Background(support, complement=True) for support in supports]
    elif background_source == "window":
        drawn = _draw_windows(collection, draws, query.material, taken, backgrounds)
    elif background_source == "good":
        drawn = _draw_good(collection, draws, query.material, taken, backgrounds)
    else:
        raise ValueError(f"background source {background_source!r}; good, window or complement is wanted")
    if backgrounds and not drawn:
        what = "clean window of 64 x 64 pixels" if background_source == "window" else "good image"
        raise InputError(
            f"{collection.root}: no background for {collection.relative(query.image)}: {query.material} has "
            f"no {what} of another group than the query's and the supports'; add good images or take "
            "another background source"
        )
    return Episode(query, supports, tuple(drawn), index, seed)


def test_queries(collection: Collection, materials: Iterable[str]) -> list[Sample]:
    """Every defect image whose kind has images of two groups or more, sorted by material, kind and path."""
    return [
        sample
        for material, kind in _drawable(collection, materials)
        for sample in collection.defects(material, kind)
    ]


def test_episodes(
    collection: Collection,
    materials: Iterable[str],
    *,
    split: str,
    seed: int,
    shots: int = 1,  # noqa: PT028 (not a pytest test)
    backgrounds: int = 1,  # noqa: PT028
    background_source: BackgroundSource = "good",  # noqa: PT028
) -> list[Episode]:
    """Every one of `test_queries` once as the query; an episode's index is its query's place in that list.

    Raises:
        InputError: as `draw_episode`.
    """
    return [
        draw_episode(
            collection,
            split=split,
            seed=seed,
            index=index,
            query=query,
            shots=shots,
            backgrounds=backgrounds,
            background_source=background_source,
        )
        for index, query in enumerate(test_queries(collection, materials))
    ]


# They would be collected as tests by pytest wherever a test imports them.
test_queries.__test__ = False  # type: ignore[attr-defined]
test_episodes.__test__ = False  # type: ignore[attr-defined]


def good_episodes(
    collection: Collection,
    materials: Iterable[str],
    *,
    split: str,
    seed: int,
    shots: int = 1,
    backgrounds: int = 1,
    background_source: BackgroundSource = "good",
    limit: int | None = None,
) -> list[Episode]:
    """Good images as queries, in which nothing is to be found; the supports' kind is drawn.

    Materials without a defect image are left out, and, where backgrounds are good images, those whose good
    images are all of one group. An index is the query's place among all good images of the materials, so
    that the limit changes which episodes there are but none of them.

    Args:
        limit: most queries a material, drawn by the seed; None for all.

    Raises:
        InputError: as `draw_episode`.
    """
    split = f"{split}:good"
    usable = [
        material
        for material in sorted(set(materials))
        if collection.kinds(material)
        and (background_source != "good" or len(collection.groups(material, GOOD)) > 1)
    ]
    queries = [sample for material in usable for sample in collection.good(material)]
    chosen: list[int] = []
    for material in usable:
        own = [index for index, query in enumerate(queries) if query.material == material]
        if limit is not None:
            own = sorted(Draws(seed, split, material, "limit").shuffled(own)[:limit])
        chosen += own
    return [
        draw_episode(
            collection,
            split=split,
            seed=seed,
            index=index,
            query=queries[index],
            shots=shots,
            backgrounds=backgrounds,
            background_source=background_source,
        )
        for index in chosen
    ]


def train_episode(
    collection: Collection,
    fold_name: str,
    materials: Iterable[str],
    *,
    seed: int,
    index: int,
    shots: int = 1,
    backgrounds: int = 1,
    good_fraction: float = 0.0,
    background_source: BackgroundSource = "good",
) -> Episode:
    """The index-th training episode of one fold.

    It depends on nothing outside its fold, so that runs that leave out different folds share the episodes of
    the folds they have in common. (material, kind) is drawn uniformly among those with two groups or more,
    then the query among its images.

    Args:
        collection: where from.
        fold_name: the fold; names the split.
        materials: the fold's materials.
        seed: of the draw.
        index: the episode's number within the fold.
        shots: as `draw_episode`.
        backgrounds: as `draw_episode`.
        good_fraction: probability, 0..1, that the query is a good image of the material instead, where it
            has good images of two groups or more.
        background_source: as `draw_episode`.

    Raises:
        InputError: the fold has no kind with two groups, or as `draw_episode`.
    """
    if not 0 <= good_fraction <= 1:
        raise ValueError(f"good_fraction {good_fraction}; 0..1 is wanted")
    split = f"train:{fold_name}"
    pairs = _drawable(collection, materials)
    if not pairs:
        raise InputError(
            f"{collection.root}: fold {fold_name!r} has no kind of defect with images of two groups or more; "
            "nothing can be drawn from it"
        )
    draws = Draws(seed, split, index, "query")
    material, kind = draws.one(pairs)
    query = draws.one(collection.defects(material, kind))
    if draws.uniform() < good_fraction and len(collection.groups(material, GOOD)) > 1:
        query = draws.one(collection.good(material))
    return draw_episode(
        collection,
        split=split,
        seed=seed,
        index=index,
        query=query,
        kind=kind,
        shots=shots,
        backgrounds=backgrounds,
        background_source=background_source,
    )


def more_queries(
    collection: Collection, episode: Episode, fold_name: str, count: int, *, good_fraction: float
) -> list[Episode]:
    """Up to `count` further training episodes with the guidance of one: a look at the guidance is the dearer
    part of a step.

    Their queries show other groups than the guidance, the episode's query and each other; each is good with
    probability `good_fraction`. Fewer come where the material has fewer groups left.

    Args:
        collection: the episode's.
        episode: as `train_episode` drew it.
        fold_name: the fold it was drawn from.
        count: how many.
        good_fraction: 0..1.
    """
    material = episode.query.material
    shown = [*episode.supports, *(background.sample for background in episode.backgrounds), episode.query]
    draws = Draws(episode.seed, f"train:{fold_name}", episode.index, "more")
    taken = {sample.group for sample in shown}
    left = {
        kind: [
            group for group in draws.shuffled(list(collection.groups(material, kind))) if group not in taken
        ]
        for kind in (GOOD, episode.kind)
    }
    more: list[Episode] = []
    for _ in range(count):
        kind = GOOD if draws.uniform() < good_fraction else episode.kind
        if left[kind]:
            query = draws.one(collection.groups(material, kind)[left[kind].pop()])
            more.append(replace(episode, query=query))
    return more


def draw_fold(names: Iterable[str], *, seed: int, step: int, slot: int) -> str:
    """The fold from which place `slot` of the batch of a training step is drawn: each equally likely."""
    return Draws(seed, "fold", step, slot).one(sorted(names))


def _drawable(collection: Collection, materials: Iterable[str]) -> list[tuple[str, str]]:
    """(material, kind) pairs with two groups or more, sorted."""
    return [
        (material, kind)
        for material in sorted(set(materials))
        for kind in collection.kinds(material)
        if len(collection.groups(material, kind)) > 1
    ]


def _support_kind(
    collection: Collection, split: str, seed: int, index: int, query: Sample, kind: str | None
) -> str:
    if query.kind != GOOD:
        if kind not in (None, query.kind):
            raise ValueError(f"kind {kind!r} for a query of kind {query.kind!r}; supports show the same")
        return query.kind
    if kind is not None:
        return kind
    material = query.material
    kinds = [k for k in collection.kinds(material) if set(collection.groups(material, k)) - {query.group}]
    if not kinds:
        raise InputError(
            f"{collection.root}: no support for {collection.relative(query.image)}: {material} has no "
            "defect image of another group; annotated images are wanted"
        )
    return Draws(seed, split, index, "kind").one(kinds)


def _draw_supports(
    collection: Collection, draws: Draws, query: Sample, kind: str, shots: int
) -> tuple[Sample, ...]:
    groups = collection.groups(query.material, kind)
    order = draws.shuffled([group for group in groups if group != query.group])
    return tuple(draws.one(groups[group]) for group in order[:shots])


def _draw_good(
    collection: Collection, draws: Draws, material: str, taken: set[str], count: int
) -> list[Background]:
    """Good images of groups not taken: one a group, and second images of a group only when all are used."""
    groups = collection.groups(material, GOOD)
    # The taken are left out after the shuffle: so the rest keep their order whatever the number of shots.
    order = [group for group in draws.shuffled(list(groups)) if group not in taken]
    images = {group: draws.shuffled(groups[group]) for group in order[:count]}
    drawn: list[Background] = []
    depth = 0
    while len(drawn) < count and any(len(samples) > depth for samples in images.values()):
        drawn += [Background(samples[depth]) for samples in images.values() if len(samples) > depth]
        depth += 1
    return drawn[:count]


def _draw_windows(
    collection: Collection, draws: Draws, material: str, taken: set[str], count: int
) -> list[Background]:
    """Clean windows of defect images, at most one a group; images are looked at until there are enough."""
    groups = by_group(
        sample for kind in collection.kinds(material) for sample in collection.defects(material, kind)
    )
    drawn: list[Background] = []
    for group in draws.shuffled(list(groups)):
        if len(drawn) == count:
            break
        if group in taken:
            continue
        sample = draws.one(groups[group])
        window = largest_window(sample.load_defects())
        if window is not None:
            drawn.append(Background(sample, window))
    return drawn
