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

from obftnet.decision import DEFAULT_THRESHOLD, decide
from obftnet.errors import InputError
from obftnet.features.guidance import GuidanceFeatures
from obftnet.imaging.read import as_image, as_mask
from obftnet.imaging.resize import mask_fraction, resize_score, to_tensor
from obftnet.model import OBFTNet
from obftnet.weights import load_model

ImageLike = str | Path | Image.Image | NDArray[np.generic]


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
    """

    def __init__(
        self,
        model: OBFTNet,
        *,
        threshold: float = DEFAULT_THRESHOLD,
        device: str | torch.device = "auto",
        weights_hash: str = "",
    ) -> None:
        """Wrap a model; `from_pretrained` is the usual way."""
        self.device = resolve_device(device)
        self.model = model.to(self.device).eval()
        self.threshold = threshold
        self.weights_hash = weights_hash
        self._guidance: GuidanceFeatures | None = None
        self._seen: set[str] = set()

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path | None = None,
        device: str | torch.device = "auto",
        *,
        threshold: float = DEFAULT_THRESHOLD,
    ) -> Self:
        """A segmenter with trained weights.

        Args:
            name_or_path: name of shipped weights, a model file, or a training run's folder; None for the
                default that ships with the package.
            device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1", ...
            threshold: score above which a position is defect, 0..1.

        Raises:
            InputError: no such weights or device; a file that is not a model of ours.
        """
        where = resolve_device(device)
        model, digest = load_model(name_or_path, where)
        return cls(model, threshold=threshold, device=where, weights_hash=digest)

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
        images, masks = [], []
        for index, (image_source, mask_source) in enumerate(supports):
            image = as_image(image_source, f"support {index}")
            images.append(image)
            masks.append(
                as_mask(
                    mask_source,
                    like=image.shape[:2],
                    name=f"mask of support {index}",
                    image_name=name_of(image_source, f"support {index}"),
                )
            )
        good = [as_image(source, f"background {index}") for index, source in enumerate(backgrounds)]
        size = self._input_size
        fraction = torch.stack([mask_fraction(mask, size) for mask in masks]).unsqueeze(0).to(self.device)
        self._guidance = self.model.prepare(self._extract(images), fraction, self._extract(good))
        self._seen = {_digest(image) for image in images}
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
        query = tuple(x[:, 0] for x in self._extract([pixels]))
        score = self.model.score(query, self._guidance, self._input_size)[0]
        score = resize_score(score.cpu(), pixels.shape[:2]).clamp(0, 1)
        values: NDArray[np.float32] = score.numpy()
        return Prediction(values, decide(values, self.threshold))

    @property
    def guidance(self) -> GuidanceFeatures:
        """What `fit` took in, as the model meets it. Raises InputError where `fit` was not called."""
        if self._guidance is None:
            raise InputError("no guidance: call fit(supports, backgrounds) first")
        return self._guidance

    @torch.inference_mode()
    def features(self, image: ImageLike) -> tuple[Tensor, ...]:
        """An image's features (1, c, h, w) a tap, as `predict` has them. Raises InputError as `predict`."""
        return tuple(x[:, 0] for x in self._extract([as_image(image)]))

    @property
    def _input_size(self) -> tuple[int, int]:
        return (self.model.config.size, self.model.config.size)

    def _extract(self, images: Sequence[NDArray[np.float32]]) -> tuple[Tensor, ...]:
        """Images (h, w, 3) -> features (1, k, c, h', w') a tap."""
        batch = torch.stack([to_tensor(image, self._input_size) for image in images]).to(self.device)
        return tuple(x.unsqueeze(0) for x in self.model.extract(batch))


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
    return hashlib.sha256(np.ascontiguousarray(image).tobytes() + str(image.shape).encode()).hexdigest()
