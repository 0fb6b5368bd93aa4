"""Which queries a figure shows: a pure function of a seed, so that none is picked for its looks."""

from collections.abc import Sequence

from obftnet.data.draws import Draws
from obftnet.data.episodes import Episode


def drawn_queries(episodes: Sequence[Episode], count: int, seed: int, fold: str) -> list[Episode]:
    """Some test episodes of a fold, of as many classes as there can be.

    Args:
        episodes: those of good queries are passed over.
        count: wanted; fewer come where there are fewer.
        seed: of the draw.
        fold: its name, so that folds with as many classes do not draw alike.
    """
    draws = Draws(seed, "figure", fold)
    classes: dict[tuple[str, str], list[Episode]] = {}
    for episode in episodes:
        if episode.query.mask is not None:
            classes.setdefault((episode.query.material, episode.query.kind), []).append(episode)
    queues = [draws.shuffled(classes[name]) for name in draws.shuffled(sorted(classes))]
    rounds = range(max(map(len, queues), default=0))
    return [queue[turn] for turn in rounds for queue in queues if turn < len(queue)][:count]
