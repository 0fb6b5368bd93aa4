"""The backbones there are, each one record (section IV.B.1 of the paper)."""

from typing import Any

from torch import Tensor, nn

from obftnet.backbones.compact import CompactNet
from obftnet.backbones.extractors import intermediates, itself
from obftnet.backbones.records import BackboneSpec, HubFile, Tap
from obftnet.errors import InputError


def _torchvision(name: str) -> nn.Module:
    """A network of torchvision with random weights."""
    from torchvision import models

    network: nn.Module = models.get_model(name, weights=None)
    return network


def _vgg16() -> nn.Module:
    from torchvision.models.vgg import cfgs, make_layers

    # The convolutional part alone: torchvision's whole network would build its classifier, 494 MB.
    features = make_layers(cfgs["D"])
    for layer in features:
        if isinstance(layer, nn.Conv2d) and layer.bias is not None:
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return _Convolutions(features)


class _Convolutions(nn.Module):
    """VGG's convolutional part, under the name that it has in the whole network."""

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x)  # type: ignore[no-any-return]


def _vgg16_taps() -> tuple[Tap, ...]:
    conv4 = [Tap(f"features.{i}", 0, 512, 8) for i in (17, 19, 21)]
    conv5 = [Tap(f"features.{i}", 1, 512, 16) for i in (24, 26, 28)]
    return (*conv4, *conv5, Tap("features.30", 2, 512, 32))


def _resnet_taps(blocks: tuple[int, int, int]) -> tuple[Tap, ...]:
    """Every bottleneck of conv3_x to conv5_x after the residual addition, before its ReLU."""
    return tuple(
        Tap(f"layer{level + 2}.{block}.add", level, 512 * 2**level, 8 * 2**level)
        for level, count in enumerate(blocks)
        for block in range(count)
    )


def _mobilenet_v2_taps() -> tuple[Tap, ...]:
    channels = {4: 32, 5: 32, 6: 32, 7: 64, 8: 64, 9: 64, 10: 64, 11: 96, 12: 96, 13: 96}
    channels |= {14: 160, 15: 160, 16: 160, 17: 320}
    return tuple(
        Tap(f"features.{i}", level := (0 if i < 7 else 1 if i < 14 else 2), c, 8 * 2**level)
        for i, c in channels.items()
    )


def _compact_taps() -> tuple[Tap, ...]:
    return tuple(
        Tap(f"stages.{level}.{block}", level, CompactNet.CHANNELS[level], 8 * 2**level)
        for level, count in enumerate(CompactNet.BLOCKS)
        for block in range(count)
    )


def _timm(name: str, **options: Any) -> nn.Module:
    """A network of timm (Wightman, "PyTorch Image Models") with random weights."""
    try:
        import timm
    except ImportError as error:
        raise InputError(
            f"backbone of timm ({name}): timm is not installed; run: pip install 'obftnet[timm]'"
        ) from error
    network: nn.Module = timm.create_model(name, pretrained=False, num_classes=0, **options)
    return network


def _convnext_taps() -> tuple[Tap, ...]:
    """The end of each stage but the first."""
    return tuple(Tap(str(level + 1), level, 192 * 2**level, 8 * 2**level) for level in range(3))


def _transformer_taps(channels: int, patch: int) -> tuple[Tap, ...]:
    """Of 12 blocks that all see one grid: two of the middle, two later, the last two."""
    return tuple(
        Tap(str(block), level, channels, patch)
        for level, blocks in enumerate(((4, 5), (7, 8), (10, 11)))
        for block in blocks
    )


BACKBONES: dict[str, BackboneSpec] = {
    spec.name: spec
    for spec in (
        BackboneSpec("vgg16", _vgg16, _vgg16_taps(), "VGG16_Weights.IMAGENET1K_V1"),
        BackboneSpec(
            "resnet50",
            lambda: _torchvision("resnet50"),
            _resnet_taps((4, 6, 3)),
            "ResNet50_Weights.IMAGENET1K_V1",
        ),
        BackboneSpec(
            "resnet101",
            lambda: _torchvision("resnet101"),
            _resnet_taps((4, 23, 3)),
            "ResNet101_Weights.IMAGENET1K_V1",
        ),
        BackboneSpec(
            "mobilenet_v2",
            lambda: _torchvision("mobilenet_v2"),
            _mobilenet_v2_taps(),
            "MobileNet_V2_Weights.IMAGENET1K_V1",
        ),
        BackboneSpec(
            "compact",
            CompactNet,
            _compact_taps(),
            None,
            Tap("stem", 0, CompactNet.STEM_CHANNELS, 4),
            extractor=itself,
        ),
        # The beginning of the same network, for a reader that is larger than the rest of it.
        BackboneSpec(
            "compact_fine",
            lambda: CompactNet((2, 1)),
            (
                Tap("stages.0.1", 0, CompactNet.CHANNELS[0], 8),
                Tap("stages.1.0", 1, CompactNet.CHANNELS[1], 16),
            ),
            None,
            extractor=itself,
        ),
        # Liu et al., "A ConvNet for the 2020s" (CVPR 2022).
        BackboneSpec(
            "convnext_tiny",
            lambda: _timm("convnext_tiny"),
            _convnext_taps(),
            HubFile("timm/convnext_tiny.in12k_ft_in1k"),
            Tap("0", 0, 96, 4),
            extractor=intermediates,
        ),
        # Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision" (TMLR 2024).
        BackboneSpec(
            "dinov2_small",
            lambda: _timm("vit_small_patch14_dinov2", dynamic_img_size=True),
            _transformer_taps(384, 14),
            HubFile("timm/vit_small_patch14_dinov2.lvd142m"),
            extractor=intermediates,
            multiple=14,
        ),
        # Simeoni et al., "DINOv3" (2025). Its weights are under the DINOv3 License, not under Apache-2.0.
        BackboneSpec(
            "dinov3_small",
            lambda: _timm("vit_small_patch16_dinov3", dynamic_img_size=True),
            _transformer_taps(384, 16),
            HubFile("timm/vit_small_patch16_dinov3.lvd1689m"),
            extractor=intermediates,
            multiple=16,
        ),
    )
}


def backbone_spec(name: str) -> BackboneSpec:
    """The record of a backbone by name; raises InputError that lists those there are."""
    if name not in BACKBONES:
        raise InputError(f"unknown backbone {name!r}: there are {', '.join(BACKBONES)}")
    return BACKBONES[name]
