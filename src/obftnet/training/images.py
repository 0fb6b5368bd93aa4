"""Episodes as images with a gradient through the backbone: what end-to-end training looks at.

Every image is seen in another crop, orientation and light each time, so the backbone meets more than the
files hold. A frozen backbone sees the files as they are (`training.augment` turns its relations over).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from obftnet.backbones.features import Features, joined
from obftnet.contract import TrainingInput
from obftnet.data.episodes import Episode
from obftnet.model import OBFTNet
from obftnet.tensors import mask_fraction, to_tensor

#: Smallest side of a crop, as a share of the image's.
_CROP = 0.55
#: Share of the defect that a crop must keep, and tries before the whole image is taken.
_KEEP, _TRIES = 0.5, 6
_GREY = 0.15
#: Share of the images that are lit from one side, and the most that their light rises or falls there.
_SIDELONG, _SLOPE = 0.3, 0.3
#: Share of the episodes whose images have a shape and a scale each of their own, as cut out of larger ones;
#: the logarithm of their ratio of sides is at most `_RATIO`, their scale at least `_SMALLER` of the others'.
_SHAPED, _RATIO, _SMALLER = 0.35, 0.85, 0.7
#: Backgrounds of an episode through which the gradient goes; of the others there may be many.
_TAUGHT_BACKGROUNDS = 2


@dataclass(frozen=True)
class EpisodeImages:
    """Episodes of one guidance for the network, S the side of its input.

    queries: (q, 3, S, S) RGB in 0..1.
    target: (q, S, S), 0 or 1, the queries' defect.
    supports: (k, 3, S, S).
    fraction: (k, S, S) the defect's share of each cell of the supports.
    backgrounds: (j, 3, S, S).
    usable: (j, S, S) the backgrounds' share that is free of defect.
    """

    queries: Tensor
    target: Tensor
    supports: Tensor
    fraction: Tensor
    backgrounds: Tensor
    usable: Tensor


def load_episodes(episodes: Sequence[Episode], size: int, rng: np.random.Generator) -> EpisodeImages:
    """Read the images of episodes that share their guidance, and look at them anew.

    One scale, orientation and (sometimes) loss of colour for all images, a place and a light
    for each of them: support and query differ in those in earnest. Now and then a shape, too, which
    the square input stretches.

    Args:
        episodes: at least one; supports and backgrounds are the first's.
        size: side of the network's input, pixels.
        rng: of the augmentation.

    Raises:
        InputError: an image or mask cannot be used.
    """
    scale = float(rng.uniform(_CROP, 1.0)) if rng.random() < 0.5 else 1.0
    turns, mirrored, grey = int(rng.integers(4)), bool(rng.random() < 0.5), bool(rng.random() < _GREY)
    shaped = bool(rng.random() < _SHAPED)

    def look(image: NDArray[np.float32], mask: NDArray[np.bool_]) -> tuple[Tensor, Tensor]:
        image, mask = _cropped(image, mask, _shape(scale, rng) if shaped else (scale, scale), rng)
        pixels, share = to_tensor(image, (size, size)), mask_fraction(mask, (size, size))
        pixels, share = pixels.rot90(turns, (-2, -1)), share.rot90(turns, (-2, -1))
        if mirrored:
            pixels, share = pixels.flip(-1), share.flip(-1)
        if grey:
            pixels = pixels.mean(0, keepdim=True).expand(3, -1, -1)
        return _other_light(pixels, rng), share

    def stacked(looks: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        images, shares = zip(*looks, strict=True)
        return torch.stack(images), torch.stack(shares)

    queries, target = stacked([look(e.query.load_image(), e.query.load_mask()) for e in episodes])
    shown = episodes[0]
    supports, fraction = stacked([look(s.load_image(), s.load_mask()) for s in shown.supports])
    loaded = [background.load() for background in shown.backgrounds]
    backgrounds, unusable = stacked([look(image, ~usable) for image, usable in loaded])
    return EpisodeImages(queries, target.round(), supports, fraction, backgrounds, 1 - unusable)


def inputs_of(
    model: OBFTNet, episodes: Sequence[EpisodeImages], dtype: torch.dtype, twice: Sequence[bool]
) -> list[TrainingInput]:
    """What training reads of a batch's queries, b = 1 each, in order; the gradient reaches the backbone.

    The backbone looks at the images in `dtype`; similarities are taken in float32. Other views of the
    supports' defects, and backgrounds beyond the first two, are taken as they are: a gradient through them
    would double a step's cost. `twice` says of which guidances' queries it is the second look's, where the
    model takes one.
    """
    device = model.backbone.mean.device

    def extract(images: Tensor, masks: Tensor | None = None) -> Features:
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            return model.extract(images.to(device), None if masks is None else masks.to(device))

    taught = [torch.cat([e.queries, e.supports, e.backgrounds[:_TAUGHT_BACKGROUNDS]]) for e in episodes]
    masks = [torch.zeros_like(images[:, 0]) for images in taught]
    for episode, mask in zip(episodes, masks, strict=True):
        mask[len(episode.queries) :][: len(episode.supports)] = episode.fraction
    features = extract(torch.cat(taught), torch.cat(masks))
    untaught = torch.cat([e.backgrounds[_TAUGHT_BACKGROUNDS:] for e in episodes])
    with torch.no_grad():
        others = extract(untaught) if len(untaught) else None
    inputs, start, first = [], 0, 0
    for episode, images, second in zip(episodes, taught, twice, strict=True):
        q, k, j = len(episode.queries), len(episode.supports), len(episode.backgrounds)
        own = features[start : start + len(images)]
        start += len(images)
        backgrounds = own[q + k :]
        rest = j - len(backgrounds)
        if rest and others is not None:
            backgrounds = joined([backgrounds, others[first : first + rest]])
            first += rest
        usable = episode.usable.to(device)
        guidance = model.guide(
            own[q : q + k],
            episode.fraction.to(device),
            backgrounds,
            None if bool((usable == 1).all()) else usable,
        )
        inputs += [model.training_input(own[i : i + 1], guidance, second_look=second) for i in range(q)]
    return inputs


def _shape(scale: float, rng: np.random.Generator) -> tuple[float, float]:
    """A window's height and width as shares of the image's; the longer is that of a smaller scale."""
    longer = scale * float(rng.uniform(_SMALLER, 1.0))
    shorter = longer * float(np.exp(-_RATIO * rng.random()))
    return (longer, shorter) if rng.random() < 0.5 else (shorter, longer)


def _cropped(
    image: NDArray[np.float32], mask: NDArray[np.bool_], share: tuple[float, float], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A window with sides `share` times the image's that keeps at least half of the defect."""
    if share == (1.0, 1.0):
        return image, mask
    height, width = (max(1, round(part * side)) for part, side in zip(share, mask.shape, strict=True))
    least = _KEEP * int(mask.sum())
    for _ in range(_TRIES):
        y = int(rng.integers(mask.shape[0] - height + 1))
        x = int(rng.integers(mask.shape[1] - width + 1))
        window = (slice(y, y + height), slice(x, x + width))
        if int(mask[window].sum()) >= least:
            return image[window], mask[window]
    return image, mask


def _other_light(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Another exposure, white balance and contrast, now and then from one side, and some noise: (3, s, s) in
    0..1 -> the same."""
    gain = float(np.exp(rng.normal(0, 0.08))) * np.exp(rng.normal(0, 0.02, (3, 1, 1)))
    middle = float(pixels.mean())
    contrast, lift = float(np.exp(rng.normal(0, 0.06))), float(rng.normal(0, 0.02))
    lit = (pixels - middle) * contrast + middle + lift
    lit = lit * torch.from_numpy(gain.astype(np.float32))
    if rng.random() < _SIDELONG:
        x, y = np.meshgrid(np.linspace(-1, 1, pixels.shape[2]), np.linspace(-1, 1, pixels.shape[1]))
        turn = rng.uniform(0, 2 * np.pi)
        slope = float(rng.uniform(0, _SLOPE)) * (np.cos(turn) * x + np.sin(turn) * y)
        lit = lit * torch.from_numpy((1 + slope).astype(np.float32))
    if rng.random() < 0.3:
        noise = rng.standard_normal(pixels.shape, dtype=np.float32) * float(rng.uniform(0, 0.02))
        lit = lit + torch.from_numpy(noise)
    return lit.clamp(0, 1)
