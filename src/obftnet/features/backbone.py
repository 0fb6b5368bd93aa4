"""A frozen backbone that turns images into a pyramid of feature maps."""

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

from obftnet.features.backbones import backbone_spec

#: Feature maps of images, one entry a tap, fine to coarse.
Pyramid = tuple[Tensor, ...]

#: Channel means and standard deviations of ImageNet, RGB in 0..1: what every backbone here is trained with.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def side_by_side(pyramids: Sequence[Pyramid]) -> Pyramid:
    """Pyramids of k images, (1, c, h, w) each -> one of (1, k, c, h, w)."""
    return tuple(torch.stack(maps, 1) for maps in zip(*pyramids, strict=True))


class Backbone(nn.Module):
    """A named backbone, always in eval mode; its parameters take no gradient (section III.B).

    End-to-end training (`obftnet.training.loop`) alone lets them. Built with random weights;
    `features.weights` fills them.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str) -> None:
        super().__init__()
        self.spec = backbone_spec(name)
        network = self.spec.build()
        for module in network.modules():
            if isinstance(module, nn.ReLU | nn.ReLU6):
                # The taps lie before a ReLU, which in place would overwrite them.
                module.inplace = False
        early = () if self.spec.early is None else (self.spec.early,)
        nodes = [tap.module for tap in (*self.spec.taps, *early)]
        if isinstance(network, nn.ModuleDict):
            network = _Sequence(network)
        network.eval()
        self.network = create_feature_extractor(network, return_nodes={node: node for node in nodes})
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).reshape(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode: a frozen backbone's batch statistics never move."""
        return super().train(False)

    def forward(self, images: Tensor, early: bool = False) -> list[Tensor]:
        """Feature maps of images.

        Args:
            images: (b, 3, h, w) float32, RGB, 0..1.
            early: whether the map of `spec.early` is wanted too.

        Returns:
            One (b, c, h / stride, w / stride) map a tap, fine to coarse, as `spec.taps` lists them; after
            them the early one where it is wanted.

        Raises:
            InputError: h or w is too small for the backbone.
            ValueError: an early map is wanted of a backbone that has none.
        """
        self.spec.check_size(*images.shape[-2:])
        if early and self.spec.early is None:
            raise ValueError(f"backbone {self.spec.name} has no early map")
        maps = self.network((images - self.mean) / self.std)
        taps = (*self.spec.taps, self.spec.early) if early and self.spec.early else self.spec.taps
        return [maps[tap.module] for tap in taps]


class _Sequence(nn.Module):
    """Gives VGG's convolutional part, which has no network around it here, a forward pass to trace."""

    def __init__(self, parts: nn.ModuleDict) -> None:
        super().__init__()
        self.features = parts["features"]

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x)  # type: ignore[no-any-return]
