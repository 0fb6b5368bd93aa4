"""Segment by example: fit on a few annotated images, predict on the rest. The one inference path."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from obftnet.backbones.features import Features, joined
from obftnet.decision import DEFAULT_THRESHOLD, decide
from obftnet.errors import InputError
from obftnet.guidance.guidance import Guidance
from obftnet.imaging.read import as_image, as_mask
from obftnet.imaging.tiles import blend, defect_corners, enlarge, spread_corners, window
from obftnet.model import OBFTNet
from obftnet.tensors import mask_fraction, resize_score, to_tensor
from obftnet.weights import load_model

ImageLike = str | Path | Image.Image | NDArray[np.generic]

#: Least side of a tile, pixels: less shows too little of a texture.
MIN_TILE = 64

#: Tiles of defects, and as many of good material, that guidance is cut into at most, all images together, but
#: for one of each image: what a query is related to, and so its cost, is bounded for guidance of any size.
GUIDANCE_TILES = 5


@dataclass(frozen=True)
class Prediction:
    """What is known of one image, at its own size.

    score: (h, w) float32 in 0..1.
    mask: (h, w) bool, score above the threshold.
    """

    score: NDArray[np.float32]
    mask: NDArray[np.bool_]


class Segmenter:
    """Segments a defect on a material it has never seen, from one to five examples and a few good images.

    segmenter = Segmenter.from_pretrained()
    segmenter.fit(supports=[("scratch.png", "scratch_mask.png")], backgrounds=["good.png"])
    prediction = segmenter.predict("next.png")

    An image is looked at as a whole at the network's input size; with `tile`, in overlapping tiles of that
    many pixels a side (`imaging.tiles`), guidance too: all are seen at one scale, and memory stays bounded.
    """

    def __init__(
        self,
        model: OBFTNet,
        *,
        threshold: float = DEFAULT_THRESHOLD,
        device: str | torch.device = "auto",
        weights_hash: str = "",
        tile: int | None = None,
    ) -> None:
        """Wrap a model; `from_pretrained` is the usual way."""
        self.tile = check_tile(tile)
        self.device = resolve_device(device)
        self.model = model.to(self.device).eval()
        self.threshold = threshold
        self.weights_hash = weights_hash
        self._guidance: Guidance | None = None
        self._seen: set[str] = set()

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path | None = None,
        device: str | torch.device = "auto",
        *,
        threshold: float = DEFAULT_THRESHOLD,
        tile: int | None = None,
    ) -> Self:
        """A segmenter with trained weights.

        Args:
            name_or_path: name of shipped weights, a model file, or a training run's folder; None for the
                default that ships with the package.
            device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1", ...
            threshold: score above which a position is defect, 0..1.
            tile: side in pixels of the tiles that images are looked at in; None for an image as a whole.

        Raises:
            InputError: no such weights or device; a file that is not a model of ours; a tile too small.
        """
        check_tile(tile)
        where = resolve_device(device)
        model, digest = load_model(name_or_path, where)
        return cls(model, threshold=threshold, device=where, weights_hash=digest, tile=tile)

    @torch.inference_mode()
    def fit(self, supports: Sequence[tuple[ImageLike, ImageLike]], backgrounds: Sequence[ImageLike]) -> Self:
        """Take in the guidance; all of its work is done here, once.

        Args:
            supports: (image, mask) pairs, one or more; a mask is two-valued and of its image's size.
            backgrounds: defect-free images of the same material, one or more.

        Raises:
            InputError: no support, no background, or an image or mask that cannot be used.
        """
        if not supports:
            raise InputError("no support: give at least one image of the defect with its mask")
        if not backgrounds:
            raise InputError("no background: give at least one defect-free image of the material")
        size = self._input_size
        seen: set[str] = set()
        seen_supports, fractions, seen_backgrounds = [], [], []
        # One image at a time: of large photographs there is no room for all.
        for index, (image_source, mask_source) in enumerate(supports):
            image = as_image(image_source, f"support {index}")
            mask = as_mask(
                mask_source,
                like=image.shape[:2],
                name=f"mask of support {index}",
                image_name=name_of(image_source, f"support {index}"),
            )
            seen.add(_digest(image))
            for part, marked in self._support_parts(image, mask, most=_share(len(supports))):
                fraction = mask_fraction(marked, size).unsqueeze(0).to(self.device)
                seen_supports.append(self._extract(part, fraction))
                fractions.append(fraction)
        for index, source in enumerate(backgrounds):
            image = as_image(source, f"background {index}")
            for part in self._background_parts(image, most=_share(len(backgrounds))):
                seen_backgrounds.append(self._extract(part))
        self._guidance = self.model.guide(
            joined(seen_supports), torch.cat(fractions), joined(seen_backgrounds)
        )
        self._seen = seen
        return self

    def saw(self, image: ImageLike) -> bool:
        """Whether this very picture (pixel for pixel) was a support: its prediction would prove nothing."""
        return _digest(as_image(image)) in self._seen

    @torch.inference_mode()
    def predict(self, image: ImageLike) -> Prediction:
        """Score and mask of one image, at its own size.

        Raises:
            InputError: the image cannot be used, or `fit` was not called.
        """
        if self._guidance is None:
            raise InputError("nothing to segment by: call fit(supports, backgrounds) before predict(image)")
        pixels = as_image(image)
        values = self._score(pixels) if self.tile is None else self._score_tiles(pixels, self.tile)
        return Prediction(values, decide(values, self.threshold))

    @property
    def guidance(self) -> Guidance:
        """What `fit` took in, as the model meets it. Raises InputError where `fit` was not called."""
        if self._guidance is None:
            raise InputError("no guidance: call fit(supports, backgrounds) first")
        return self._guidance

    @torch.inference_mode()
    def features(self, image: ImageLike) -> Features:
        """An image's features, as `predict` has them. Raises InputError as `predict`."""
        return self._extract(as_image(image))

    @property
    def _input_size(self) -> tuple[int, int]:
        return (self.model.config.size, self.model.config.size)

    def _score(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Image (h, w, 3) -> score (h, w) in 0..1, looked at as a whole."""
        assert self._guidance is not None
        score = self.model.score(self._extract(image), self._guidance)[0]
        values: NDArray[np.float32] = resize_score(score.cpu(), image.shape[:2]).clamp(0, 1).numpy()
        return values

    def _score_tiles(self, image: NDArray[np.float32], side: int) -> NDArray[np.float32]:
        """The same in tiles."""
        whole = enlarge(image, side)
        values = blend(whole.shape[:2], side, lambda corner: self._score(whole[window(corner, side)]))
        return values[: image.shape[0], : image.shape[1]].clip(0, 1)

    def _support_parts(
        self, image: NDArray[np.float32], mask: NDArray[np.bool_], most: int
    ) -> list[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
        """What of a support is shown to the network: all of it, or tiles around its defects."""
        if self.tile is None:
            return [(image, mask)]
        image, mask = enlarge(image, self.tile), enlarge(mask, self.tile)
        places = [window(corner, self.tile) for corner in defect_corners(mask, self.tile, most)]
        return [(image[place], mask[place]) for place in places]

    def _background_parts(self, image: NDArray[np.float32], most: int) -> list[NDArray[np.float32]]:
        """What of a background is shown to the network: all of it, or tiles spread over it."""
        if self.tile is None:
            return [image]
        image = enlarge(image, self.tile)
        places = spread_corners((image.shape[0], image.shape[1]), self.tile, most)
        return [image[window(corner, self.tile)] for corner in places]

    def _extract(self, image: NDArray[np.float32], mask: Tensor | None = None) -> Features:
        """Image (h, w, 3), of a support with its mask (1, S, S) -> features."""
        return self.model.extract(to_tensor(image, self._input_size).unsqueeze(0).to(self.device), mask)


def check_tile(tile: int | None) -> int | None:
    """The side of a tile, as it is. Raises InputError where it is too small."""
    if tile is not None and tile < MIN_TILE:
        raise InputError(
            f"tile of {tile} pixels: at least {MIN_TILE} are wanted, or none to take images whole"
        )
    return tile


def _share(images: int) -> int:
    """Tiles an image of guidance gets at most."""
    return max(1, GUIDANCE_TILES // images)


def resolve_device(device: str | torch.device) -> torch.device:
    """ "auto" is CUDA where there is one. Raises InputError for a device that is not there."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"device {str(device)!r}: no such device; use auto, cpu, cuda or cuda:N") from error
    if chosen.type not in ("cpu", "cuda") or (chosen.type == "cpu" and chosen.index):
        raise InputError(f"device {str(device)!r}: not supported; use auto, cpu, cuda or cuda:N")
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"device {str(device)!r}: {torch.cuda.device_count()} CUDA devices are here; use cpu or auto"
        )
    return chosen


def name_of(source: ImageLike, otherwise: str) -> str:
    """A path's text, or what to call a picture that came without one."""
    return str(source) if isinstance(source, str | Path) else otherwise


def _digest(image: NDArray[np.float32]) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(image).data)
    digest.update(str(image.shape).encode())
    return digest.hexdigest()
