"""Records that say what a backbone is and where it is tapped. A new one is one record in `registry.py`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from obftnet.backbones.extractors import traced
from obftnet.errors import InputError

#: Channel means and standard deviations of ImageNet: what most published networks were trained with.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Tap:
    """One feature map of a backbone.

    module: by which the record's extractor knows it: the node's name in the traced graph, or a block's index.
    level: of the pyramid, 0 is the finest.
    channels: of the map.
    stride: in input pixels.
    """

    module: str
    level: int
    channels: int
    stride: int


@dataclass(frozen=True)
class HubFile:
    """Weights that are published as a safetensors file, in the key names of timm.

    repository: on the Hugging Face hub, file: in it.
    """

    repository: str
    file: str = "model.safetensors"


@dataclass(frozen=True)
class BackboneSpec:
    """A backbone that can be named.

    build: makes the network with random weights; its parameter names are those of the weight file.
    extractor: makes of that network, and the names of some taps, a module that maps images (b, 3, h, w) to
        a dictionary of those taps' maps (b, c, h', w').
    taps: fine to coarse.
    mean, std: of the channels R, G, B in 0..1, taken out of every image.
    early: a map finer than every tap, for a reader that draws its outlines with the query's own features
        (`CuesConfig.query_skip`); it is not correlated. None where the backbone offers none.
    weights: name of torchvision's published weights as `torchvision.models.get_weight` takes it, or where
        timm's are; None for a network of our own, whose weights travel inside our model files.
    multiple: sides of an input are multiples of it, pixels: the patch of a vision transformer.
    """

    name: str
    build: Callable[[], nn.Module]
    taps: tuple[Tap, ...]
    weights: str | HubFile | None
    early: Tap | None = None
    extractor: Callable[[nn.Module, Sequence[str]], nn.Module] = traced
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    multiple: int = 1

    def __post_init__(self) -> None:
        levels = [tap.level for tap in self.taps]
        strides = [tap.stride for tap in self.taps]
        if (
            levels != sorted(levels)
            or strides != sorted(strides)
            or set(levels) != set(range(max(levels) + 1))
        ):
            raise ValueError(f"{self.name}: taps must run from fine to coarse without a gap, got {self.taps}")
        if max(levels) < 1:
            raise ValueError(f"{self.name}: a pyramid needs at least two levels")

    @property
    def levels(self) -> tuple[int, ...]:
        """Taps a level, fine to coarse; (4, 6, 3) for ResNet50."""
        count = [tap.level for tap in self.taps]
        return tuple(count.count(level) for level in range(count[-1] + 1))

    def at_stride(self, stride: int) -> tuple[int, ...]:
        """Indices of the taps of a stride, fine to coarse; InputError where there is none."""
        found = tuple(index for index, tap in enumerate(self.taps) if tap.stride == stride)
        if not found:
            strides = ", ".join(str(s) for s in sorted({tap.stride for tap in self.taps}))
            raise InputError(
                f"backbone {self.name} has no tap of stride {stride}, only {strides}; take another backbone"
            )
        return found

    def check_size(self, height: int, width: int) -> None:
        """Refuse an input whose coarsest map would be under 2 x 2, or that is not of whole patches, with the
        nearest size that works."""
        least = 2 * self.taps[-1].stride
        if height < least or width < least:
            raise InputError(
                f"input of {height} x {width} is too small for the backbone {self.name}: "
                f"use at least {max(height, least)} x {max(width, least)}"
            )
        if height % self.multiple or width % self.multiple:
            below, above = (
                " x ".join(str((side + up) // self.multiple * self.multiple) for side in (height, width))
                for up in (0, self.multiple - 1)
            )
            raise InputError(
                f"input of {height} x {width}: the backbone {self.name} sees patches of {self.multiple} "
                f"pixels, and sides must be multiples of that: use {below} or {above}"
            )
