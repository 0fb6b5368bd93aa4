"""Whether episodes that a file names are such as the protocol draws: others compare with nothing."""

from collections.abc import Iterable, Sequence

from obftnet.data.collection import GOOD, Collection, Sample
from obftnet.data.episodes import Background, Episode
from obftnet.data.windows import MIN_SIDE
from obftnet.errors import InputError


def check_episodes(episodes: Sequence[Episode], collection: Collection, name: str) -> None:
    """Make sure that every episode could have been drawn (`data.episodes`), and none twice.

    Query, supports and backgrounds are of one material and of different groups; supports show one kind of
    defect, the query's where it has one; backgrounds all come from one source, which is what they say they
    are. A seed has each query once, and all have as many supports and backgrounds as there are to be had.

    Args:
        episodes: in the file's order.
        collection: that their samples are of.
        name: the file's, for the message.

    Raises:
        InputError: the first episode that is none, and why.
    """
    met: dict[tuple[int, Sample], int] = {}
    shots = max((len(episode.supports) for episode in episodes), default=0)
    backgrounds = max((len(episode.backgrounds) for episode in episodes), default=0)
    for number, episode in enumerate(episodes):
        problem = (
            _of_supports(episode)
            or _of_backgrounds(episode)
            or _of_sources(episode, episodes[0])
            or _of_counts(episode, collection, shots, backgrounds)
        )
        first = met.setdefault((episode.seed, episode.query), number)
        if problem is None and first != number:
            problem = f"has the query and the seed of episodes.{first}"
        if problem is not None:
            query = collection.relative(episode.query.image)
            raise InputError(
                f"{name}: episodes.{number}, of query {query}, {problem}; episodes as the protocol "
                "draws them are wanted"
            )


def _of_supports(episode: Episode) -> str | None:
    """What is wrong with an episode's supports; None where nothing is."""
    query, kinds = episode.query, {support.kind for support in episode.supports}
    if GOOD in kinds:
        return "has a good image as support"
    if query in episode.supports or query.image in {support.image for support in episode.supports}:
        return "has its query as support"
    if any(support.material != query.material for support in episode.supports):
        return f"has a support of another material than {query.material}"
    if len(kinds) > 1:
        return f"has supports of several kinds ({', '.join(sorted(kinds))})"
    if query.kind not in (GOOD, *kinds):
        return f"has supports of {kinds.pop()}, but its query shows {query.kind}"
    groups = [query.group, *(support.group for support in episode.supports)]
    if len(set(groups)) < len(groups):
        return "has supports that show one physical sample (group) twice, or the query's"
    return None


def _of_backgrounds(episode: Episode) -> str | None:
    """What is wrong with an episode's backgrounds; None where nothing is."""
    query = episode.query
    used = {query.group, *(support.group for support in episode.supports)}
    if any(background.sample.material != query.material for background in episode.backgrounds):
        return f"has a background of another material than {query.material}"
    if len({background.sample.image for background in episode.backgrounds}) < len(episode.backgrounds):
        return "has a background twice"
    for background in episode.backgrounds:
        sample, window = background.sample, background.window
        if background.complement:
            if window is not None or sample not in episode.supports:
                return "has a complement as background that is not of one of its supports"
        elif sample.group in used:
            return "has a background of the group of its query or of a support"
        elif window is not None:
            if not _is_clean(sample, window):
                return f"has a background window {list(window)} that is not a clean part of its image"
        elif sample.kind != GOOD:
            return f"has an image of kind {sample.kind} as a whole background"
    return None


def _of_sources(episode: Episode, first: Episode) -> str | None:
    if {_source(background) for background in episode.backgrounds} != {_source(first.backgrounds[0])}:
        return f"has backgrounds of another source than {_source(first.backgrounds[0])}, that of episodes.0"
    return None


def _of_counts(episode: Episode, collection: Collection, shots: int, backgrounds: int) -> str | None:
    """Fewer supports or backgrounds than others have, though there are more to be had."""
    query, found = episode.query, len(episode.supports)
    usable = _others(collection.groups(query.material, episode.kind), {query.group})
    if found < min(shots, len(usable)):
        return f"has {found} supports where others have {shots} and its kind has {len(usable)} groups to draw"
    found = len(episode.backgrounds)
    if episode.backgrounds[0].complement:
        wanted = len(episode.supports)
    elif episode.backgrounds[0].window is not None:
        return None  # how many images have a clean window is known only from all of their masks
    else:
        groups = collection.groups(query.material, GOOD)
        free = _others(groups, {query.group, *(support.group for support in episode.supports)})
        wanted = min(backgrounds, sum(len(groups[group]) for group in free))
    if found < wanted:
        return f"has {found} backgrounds where {wanted} are to be had"
    return None


def _others(groups: Iterable[str], taken: set[str]) -> list[str]:
    return [group for group in groups if group not in taken]


def _source(background: Background) -> str:
    return "complement" if background.complement else "good" if background.window is None else "window"


def _is_clean(sample: Sample, window: tuple[int, int, int, int]) -> bool:
    """Whether a window (y, x, height, width) is large enough, in the image, and on no defect of it."""
    defects = sample.load_defects()
    y, x, height, width = window
    if min(height, width) < MIN_SIDE:
        return False
    inside = y + height <= defects.shape[0] and x + width <= defects.shape[1]
    return inside and not defects[y : y + height, x : x + width].any()
