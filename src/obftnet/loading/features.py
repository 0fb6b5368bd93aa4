"""An episode's images as features."""

from typing import Any, Generic

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from obftnet.data.collection import Sample
from obftnet.data.episodes import Background, Episode
from obftnet.features.backbone import Pyramid, side_by_side
from obftnet.features.turned import joined_views
from obftnet.loading.store import FeatureStore, spare_bytes
from obftnet.methods.base import Guidance, Method
from obftnet.model import OBFTNet
from obftnet.tensors import mask_fraction, to_tensor


class EpisodeReader(Generic[Guidance]):
    """Reads episodes for one model; features of images met before come from the store."""

    def __init__(self, model: Method[Guidance], store: FeatureStore | None = None) -> None:
        self.model = model
        self.size = (model.size, model.size)
        spare = spare_bytes(self.device)
        self.store = store if store is not None else FeatureStore(spare)
        # Apart from the pyramids: smaller by far, and fifteen looks at an image to make again.
        self._views_met = FeatureStore(spare // 4)

    @property
    def device(self) -> torch.device:
        """Where the model's features are."""
        return self.model.backbone.mean.device

    def query(self, sample: Sample) -> Pyramid:
        """Features (1, c, h, w) of a sample's image, one entry a tap."""
        return self.store.get((sample.image, None), lambda: self._extract(sample.load_image()))

    def guidance(self, episode: Episode) -> Guidance:
        """Prepared guidance of an episode, b = 1."""
        supports = side_by_side([self.query(sample) for sample in episode.supports])
        fraction = torch.stack([mask_fraction(sample.load_mask(), self.size) for sample in episode.supports])
        backgrounds = side_by_side([self._background(background) for background in episode.backgrounds])
        usable = None
        if any(background.complement for background in episode.backgrounds):
            usable = torch.stack(
                [mask_fraction(background.load()[1], self.size) for background in episode.backgrounds]
            )
            usable = usable.unsqueeze(0).to(self.device)
        fraction = fraction.unsqueeze(0).to(self.device)
        return self.model.prepare(
            supports, fraction, backgrounds, usable, **self._views(episode, fraction[0])
        )

    def _views(self, episode: Episode, fractions: Tensor) -> dict[str, Any]:
        """What an OBFTNet whose cues ask for it gets besides: the defects in their turned views."""
        model: object = self.model
        if not isinstance(model, OBFTNet) or not model.config.turned:
            return {}
        turned = [self._turned(model, *pair) for pair in zip(episode.supports, fractions, strict=True)]
        return {"turned": [joined_views(turned)]}

    @torch.no_grad()
    def _turned(self, model: OBFTNet, sample: Sample, fraction: Tensor) -> Pyramid:
        """A support's defect in its turned views, (c, n) a tap."""

        def compute() -> Pyramid:
            image = to_tensor(sample.load_image(), self.size).to(self.device)
            views = model.turn(image[None, None], fraction[None, None])
            assert views is not None
            return tuple(views[0])

        return self._views_met.get((sample.image, sample.mask, sample.mask_value), compute)

    def _background(self, background: Background) -> Pyramid:
        key = (background.sample.image, background.window)
        return self.store.get(key, lambda: self._extract(background.load()[0]))

    @torch.no_grad()
    def _extract(self, image: NDArray[np.float32]) -> Pyramid:
        return self.model.extract(to_tensor(image, self.size).unsqueeze(0).to(self.device))
