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

from obftnet.contract import TrainingInput
from obftnet.data.episodes import Episode
from obftnet.model import OBFTNet
from obftnet.tensors import mask_fraction, to_tensor

#: Smallest side of a crop, as a share of the image's.
_CROP = 0.55
#: Share of the defect that a crop must keep, and tries before the whole image is taken.
_KEEP, _TRIES = 0.5, 6
_GREY = 0.15
#: Share of the episodes whose images have a shape and a scale each of their own, as cut out of larger ones;
#: the logarithm of their ratio of sides is at most `_RATIO`, their scale at least `_SMALLER` of the others'.
_SHAPED, _RATIO, _SMALLER = 0.35, 0.85, 0.7


@dataclass(frozen=True)
class EpisodeImages:
    """One episode for the network, S the side of its input.

    images: (1 + k + j, 3, S, S) RGB in 0..1: query, supports, backgrounds.
    target: (S, S), 0 or 1, the query's defect.
    fraction: (k, S, S) the defect's share of each cell of the supports.
    usable: (j, S, S) the backgrounds' share that is free of defect.
    """

    images: Tensor
    target: Tensor
    fraction: Tensor
    usable: Tensor


def load_episode(episode: Episode, size: int, rng: np.random.Generator) -> EpisodeImages:
    """Read an episode's images and look at them anew.

    One scale, orientation and (sometimes) loss of colour for all images of an episode, a place and a light
    for each of them: support and query differ in those in earnest. Now and then a shape, too, which
    the square input stretches.

    Args:
        episode: which.
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

    query = look(episode.query.load_image(), episode.query.load_mask())
    supports = [look(sample.load_image(), sample.load_mask()) for sample in episode.supports]
    backgrounds = []
    for background in episode.backgrounds:
        image, usable = background.load()
        backgrounds.append(look(image, ~usable))
    looks = [query, *supports, *backgrounds]
    return EpisodeImages(
        torch.stack([pixels for pixels, _ in looks]),
        query[1].round(),
        torch.stack([share for _, share in supports]),
        1 - torch.stack([share for _, share in backgrounds]),
    )


def inputs_of(
    model: OBFTNet, episodes: Sequence[EpisodeImages], dtype: torch.dtype, twice: Sequence[bool]
) -> list[TrainingInput]:
    """What training reads of a batch of episodes; the gradient reaches the backbone.

    The backbone looks at all images at once, in `dtype`; similarities are taken in float32. Other views of
    the supports' defects are taken as they are: a gradient through them would double a step's cost.
    `twice` says of which episodes it is the second look's, where the model takes one.
    """
    device = model.backbone.mean.device
    images = torch.cat([episode.images for episode in episodes]).to(device)
    masks = torch.cat([_masks(episode) for episode in episodes]).to(device)
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        features = model.extract(images, masks)
    inputs, start = [], 0
    for episode, second in zip(episodes, twice, strict=True):
        shots = len(episode.fraction)
        own = features[start : start + len(episode.images)]
        start += len(episode.images)
        usable = episode.usable.to(device)
        guidance = model.guide(
            own[1 : 1 + shots],
            episode.fraction.to(device),
            own[1 + shots :],
            None if bool((usable == 1).all()) else usable,
        )
        inputs.append(model.training_input(own[:1], guidance, second_look=second))
    return inputs


def _masks(episode: EpisodeImages) -> Tensor:
    """The masks of an episode's images for `OBFTNet.extract`: only the supports have one."""
    masks = torch.zeros_like(episode.images[:, 0])
    masks[1 : 1 + len(episode.fraction)] = episode.fraction
    return masks


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
    """Another exposure, white balance and contrast, and some noise: (3, s, s) in 0..1 -> the same."""
    gain = float(np.exp(rng.normal(0, 0.08))) * np.exp(rng.normal(0, 0.02, (3, 1, 1)))
    middle = float(pixels.mean())
    contrast, lift = float(np.exp(rng.normal(0, 0.06))), float(rng.normal(0, 0.02))
    lit = (pixels - middle) * contrast + middle + lift
    lit = lit * torch.from_numpy(gain.astype(np.float32))
    if rng.random() < 0.3:
        noise = rng.standard_normal(pixels.shape, dtype=np.float32) * float(rng.uniform(0, 0.02))
        lit = lit + torch.from_numpy(noise)
    return lit.clamp(0, 1)
