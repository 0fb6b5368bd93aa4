"""Backbones: what is tapped, where, and that nothing moves it."""

import copy

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from obftnet.backbones.backbone import Backbone
from obftnet.backbones.records import IMAGENET_MEAN, IMAGENET_STD, BackboneSpec, Tap
from obftnet.backbones.registry import BACKBONES, backbone_spec
from obftnet.backbones.weights import load_backbone
from obftnet.errors import InputError

#: Name, taps a level, channels a level, grids at 400 px (section IV.B.1).
TABLE = [
    ("vgg16", (3, 3, 1), (512, 512, 512), (50, 25, 12)),
    ("resnet50", (4, 6, 3), (512, 1024, 2048), (50, 25, 13)),
    ("resnet101", (4, 23, 3), (512, 1024, 2048), (50, 25, 13)),
    ("mobilenet_v2", (3, 7, 4), (None, None, None), (50, 25, 13)),
    ("compact", (2, 2, 2), (96, 160, 224), (50, 25, 13)),
    ("compact_fine", (1, 1), (96, 160), (50, 25)),
]
NAMES = [row[0] for row in TABLE]


@pytest.fixture(scope="module")
def backbones():
    made: dict[str, Backbone] = {}

    def get(name: str) -> Backbone:
        if name not in made:
            made[name] = load_backbone(name, "random", seed=0)
        return made[name]

    return get


@pytest.mark.parametrize(("name", "levels", "channels", "grids"), TABLE, ids=NAMES)
def test_the_table_of_the_specification(backbones, name, levels, channels, grids):
    backbone = backbones(name)
    assert backbone.spec.levels == levels
    maps = backbone(torch.rand(1, 3, 400, 400)).taps
    assert len(maps) == sum(levels)
    expected = [(c, g) for count, c, g in zip(levels, channels, grids, strict=True) for _ in range(count)]
    for tap, found, (channel, grid) in zip(backbone.spec.taps, maps, expected, strict=True):
        assert found.shape == (1, tap.channels, grid, grid)
        assert channel in (None, tap.channels)
        assert 400 // tap.stride <= grid <= -(-400 // tap.stride)
        assert found.dtype == torch.float32


@pytest.mark.parametrize("name", NAMES)
def test_maps_of_an_image_that_is_not_square(backbones, name):
    backbone = backbones(name)
    seen = backbone(torch.rand(2, 3, 96, 168))
    assert (len(seen), seen.size, seen.early, seen.views) == (2, (96, 168), None, ())
    for tap, found in zip(backbone.spec.taps, seen.taps, strict=True):
        height, width = 96 // tap.stride, 168 // tap.stride
        assert found.shape[:2] == (2, tap.channels)
        assert found.shape[2] == height
        assert found.shape[3] in (width, -(-168 // tap.stride))


def test_mobilenet_v2_has_every_block_at_its_three_strides():
    spec = backbone_spec("mobilenet_v2")
    assert [tap.stride for tap in spec.taps] == [8] * 3 + [16] * 7 + [32] * 4
    assert [tap.channels for tap in spec.taps] == [32] * 3 + [64] * 4 + [96] * 3 + [160] * 3 + [320]


@pytest.mark.parametrize("name", NAMES)
def test_the_taps_come_before_the_relu(backbones, name):
    backbone = backbones(name)
    maps = backbone(torch.rand(1, 3, 96, 96)).taps
    for tap, found in zip(backbone.spec.taps, maps, strict=True):
        if tap.module == "features.30":  # VGG's last max-pool, which comes after a ReLU
            assert (found >= 0).all()
        else:
            assert (found < 0).any(), tap.module


def _normal(images: torch.Tensor) -> torch.Tensor:
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    return (images - mean[:, None, None]) / std[:, None, None]


def _twin(backbone: Backbone, build) -> nn.Module:
    network = build(weights=None)
    found = network.load_state_dict(backbone.network.state_dict(), strict=False)
    assert not found.unexpected_keys
    assert all(key.startswith(("fc.", "classifier.", "features.18.")) for key in found.missing_keys)
    return network.eval()


@torch.no_grad()
def test_resnet50_is_tapped_after_the_addition(backbones):
    backbone = backbones("resnet50")
    images = torch.rand(1, 3, 64, 96)
    maps = backbone(images).taps
    network = _twin(backbone, torchvision.models.resnet50)
    x = network.maxpool(network.relu(network.bn1(network.conv1(_normal(images)))))
    x = network.layer1(x)
    tap = 0
    for layer in (network.layer2, network.layer3, network.layer4):
        for block in layer:
            identity = x if block.downsample is None else block.downsample(x)
            out = block.relu(block.bn1(block.conv1(x)))
            out = block.relu(block.bn2(block.conv2(out)))
            added = block.bn3(block.conv3(out)) + identity
            torch.testing.assert_close(maps[tap], added, rtol=1e-4, atol=1e-5)
            x = added.clamp(min=0)
            tap += 1
    assert tap == len(maps)


@torch.no_grad()
def test_vgg16_is_tapped_at_its_convolutions(backbones):
    backbone = backbones("vgg16")
    images = torch.rand(1, 3, 64, 96)
    maps = iter(backbone(images).taps)
    x = _normal(images)
    convolutions = 0
    for layer in _twin_vgg(backbone):
        x = layer(x)
        if isinstance(layer, nn.Conv2d):
            convolutions += 1
            if convolutions > 7:  # conv4_1 is the eighth
                torch.testing.assert_close(next(maps), x.clone(), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(next(maps), x, rtol=1e-4, atol=1e-6)
    assert next(maps, None) is None


def _twin_vgg(backbone: Backbone) -> nn.Sequential:
    features = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"])
    features.load_state_dict(
        {k.removeprefix("features."): v for k, v in backbone.network.state_dict().items()}
    )
    return features


@torch.no_grad()
def test_mobilenet_v2_is_tapped_at_its_blocks(backbones):
    backbone = backbones("mobilenet_v2")
    images = torch.rand(1, 3, 64, 96)
    maps = backbone(images).taps
    x = _normal(images)
    for index, block in enumerate(_twin(backbone, torchvision.models.mobilenet_v2).features[:18]):
        x = block(x)
        if index >= 4:
            torch.testing.assert_close(maps[index - 4], x, rtol=1e-4, atol=1e-6)


@torch.no_grad()
def test_compact_fine_is_the_beginning_of_compact(tmp_path):
    compact, path = load_backbone("compact", "random", seed=0), tmp_path / "w.safetensors"
    save_file(compact.network.state_dict(), path)
    images = torch.rand(1, 3, 96, 64)
    whole, fine = compact(images).taps, load_backbone("compact_fine", path)(images).taps
    assert [tap.stride for tap in backbone_spec("compact_fine").taps] == [8, 16]
    assert all(torch.equal(one, other) for one, other in zip(whole[1:3], fine, strict=True))


def test_a_backbone_stays_frozen(backbones):
    backbone = backbones("compact")
    images = torch.rand(2, 3, 64, 64)
    before = backbone(images).taps
    state = {key: value.clone() for key, value in backbone.state_dict().items()}
    assert backbone.train() is backbone
    nn.ModuleList([backbone]).train()
    assert not any(module.training for module in backbone.modules())
    after = backbone(images).taps
    for one, other in zip(before, after, strict=True):
        assert torch.equal(one, other)
        assert not other.requires_grad
    assert all(torch.equal(value, state[key]) for key, value in backbone.state_dict().items())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_a_small_image_is_refused_with_the_size_that_works(backbones, name):
    backbone = backbones(name)
    least = 2 * backbone.spec.taps[-1].stride
    with pytest.raises(
        InputError, match=rf"{least - 1} x 80 is too small for the backbone {name}: use at least {least} x 80"
    ):
        backbone(torch.rand(1, 3, least - 1, 80))
    coarsest = backbone(torch.rand(1, 3, least, least)).taps[-1]
    assert min(coarsest.shape[-2:]) >= 2


def test_an_unknown_backbone_is_named_with_those_there_are():
    with pytest.raises(InputError, match=r"unknown backbone 'resnet7'.*vgg16.*resnet50.*mobilenet_v2"):
        Backbone("resnet7")


@pytest.mark.parametrize(
    ("taps", "message"),
    [
        ((Tap("b", 1, 8, 16), Tap("a", 0, 8, 8)), "fine to coarse"),
        ((Tap("a", 0, 8, 8), Tap("b", 2, 8, 32)), "without a gap"),
        ((Tap("a", 0, 8, 16), Tap("b", 1, 8, 8)), "fine to coarse"),
        ((Tap("a", 0, 8, 8), Tap("b", 0, 8, 8)), "at least two levels"),
    ],
)
def test_a_record_that_makes_no_pyramid_is_refused(taps, message):
    with pytest.raises(ValueError, match=message):
        BackboneSpec("wrong", nn.Identity, taps, None)


def test_every_record_names_published_weights_that_exist():
    for spec in BACKBONES.values():
        if isinstance(spec.weights, str):
            assert torchvision.models.get_weight(spec.weights).url.startswith("https://")


@pytest.mark.parametrize("name", ["compact", "mobilenet_v2"])
def test_a_copy_sees_as_the_original_does(name):
    backbone = load_backbone(name, "random", seed=0)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = backbone(images).taps
    other = copy.deepcopy(backbone)
    assert not any(module.training for module in other.modules())
    assert all(torch.equal(a, b) for a, b in zip(other(images).taps, expected, strict=True))
    other.train()
    assert all(torch.equal(a, b) for a, b in zip(other(images).taps, expected, strict=True))
