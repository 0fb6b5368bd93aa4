"""An episode's images as features."""

from typing import Generic

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from obftnet.backbones.features import Features, joined
from obftnet.contract import Guidance, Method
from obftnet.data.collection import Sample
from obftnet.data.episodes import Background, Episode
from obftnet.loading.store import FeatureStore, spare_bytes
from obftnet.tensors import mask_fraction, to_tensor


class EpisodeReader(Generic[Guidance]):
    """Reads episodes for one method; features of images met before come from the store."""

    def __init__(self, method: Method[Guidance], store: FeatureStore | None = None) -> None:
        self.method = method
        self.size = (method.size, method.size)
        spare = spare_bytes(self.device)
        self.store = store if store is not None else FeatureStore(spare)
        # Apart from the others, which would push them out: a support's other views are many looks at it.
        self._supports = FeatureStore(spare // 4)

    @property
    def device(self) -> torch.device:
        """Where the method's features are."""
        return self.method.backbone.mean.device

    def query(self, sample: Sample) -> Features:
        """Features of a sample's image."""
        return self.store.get((sample.image, None), lambda: self._extract(sample.load_image()))

    def guidance(self, episode: Episode) -> Guidance:
        """The guidance of an episode."""
        masks = [self._fraction(sample.load_mask()) for sample in episode.supports]
        supports = [self._support(sample, mask) for sample, mask in zip(episode.supports, masks, strict=True)]
        backgrounds = joined([self._background(background) for background in episode.backgrounds])
        usable = None
        if any(background.complement for background in episode.backgrounds):
            usable = torch.stack([self._fraction(b.load()[1]) for b in episode.backgrounds])
        return self.method.guide(joined(supports), torch.stack(masks), backgrounds, usable)

    def _support(self, sample: Sample, mask: Tensor) -> Features:
        if not self.method.reads_masks:
            return self.query(sample)
        key = (sample.image, sample.mask, sample.mask_value)
        return self._supports.get(key, lambda: self._extract(sample.load_image(), mask.unsqueeze(0)))

    def _background(self, background: Background) -> Features:
        key = (background.sample.image, background.window)
        return self.store.get(key, lambda: self._extract(background.load()[0]))

    def _fraction(self, mask: NDArray[np.bool_]) -> Tensor:
        return mask_fraction(mask, self.size).to(self.device)

    @torch.no_grad()
    def _extract(self, image: NDArray[np.float32], mask: Tensor | None = None) -> Features:
        return self.method.extract(to_tensor(image, self.size).unsqueeze(0).to(self.device), mask)
