"""Backbones of timm: what is tapped, the sizes they take, their weights, and that both readers read them."""

import copy
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from obftnet.backbones.backbone import Backbone
from obftnet.backbones.records import HubFile
from obftnet.backbones.registry import BACKBONES, backbone_spec
from obftnet.backbones.weights import load_backbone
from obftnet.config import CuesConfig, EncoderConfig
from obftnet.errors import InputError
from obftnet.methods.learned import LearnedConfig
from obftnet.methods.registry import NETWORKS, REFERENCES, build, reference
from obftnet.model import OBFTNet
from obftnet.weights import load_model, save_model

timm = pytest.importorskip("timm", reason="timm is not installed: pip install 'obftnet[timm]'")

#: Name, taps a level, channels a level, stride a level, a small input (height, width).
TABLE = [
    ("convnext_tiny", (1, 1, 1), (192, 384, 768), (8, 16, 32), (64, 96)),
    ("dinov2_small", (2, 2, 2), (384, 384, 384), (14, 14, 14), (70, 98)),
    ("dinov3_small", (2, 2, 2), (384, 384, 384), (16, 16, 16), (64, 96)),
]
NAMES = [row[0] for row in TABLE]
SIDE = {"convnext_tiny": 64, "dinov2_small": 70, "dinov3_small": 64}
TRANSFORMERS = ("dinov2_small", "dinov3_small")


@pytest.fixture(scope="module")
def backbones():
    made: dict[str, Backbone] = {}

    def get(name: str) -> Backbone:
        if name not in made:
            made[name] = load_backbone(name, "random", seed=0)
        return made[name]

    return get


@pytest.mark.parametrize(("name", "levels", "channels", "strides", "size"), TABLE, ids=NAMES)
def test_the_maps_are_those_of_the_record(backbones, name, levels, channels, strides, size):
    backbone = backbones(name)
    assert backbone.spec.levels == levels
    found = backbone(torch.rand(2, 3, *size))
    assert len(found.taps) == sum(levels)
    expected = [(c, s) for count, c, s in zip(levels, channels, strides, strict=True) for _ in range(count)]
    for tap, maps, (channel, stride) in zip(backbone.spec.taps, found.taps, expected, strict=True):
        assert (tap.channels, tap.stride) == (channel, stride)
        assert maps.shape == (2, channel, size[0] // stride, size[1] // stride)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_the_maps_are_what_the_blocks_of_timms_network_give(name):
    """Caught in a whole pass of timm's network with the same weights, of images as the record sees them."""
    backbone = load_backbone(name, "random", seed=0)
    spec = backbone.spec
    assert isinstance(spec.weights, HubFile)
    for key, parameter in backbone.trunk.named_parameters():
        if "gamma" in key:  # Drawn near 0, which makes each block's output nearly its input.
            parameter.fill_(1)
    options = {"dynamic_img_size": True} if name in TRANSFORMERS else {}
    whole = timm.create_model(
        spec.weights.repository.removeprefix("timm/"), pretrained=False, **options
    ).eval()
    found = whole.load_state_dict(backbone.trunk.state_dict(), strict=False)
    assert not found.unexpected_keys
    assert all(key.startswith("head") for key in found.missing_keys)
    caught: dict[str, torch.Tensor] = {}
    blocks = whole.blocks if name in TRANSFORMERS else whole.stages
    for index, block in enumerate(blocks):
        block.register_forward_hook(lambda *call, index=index: caught.update({str(index): call[2]}))
    side = SIDE[name]
    images = torch.rand(1, 3, side, side)
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (spec.mean, spec.std))
    whole((images - mean) / std)
    for tap, maps in zip(spec.taps, backbone(images).taps, strict=True):
        expected = caught[tap.module]
        if name in TRANSFORMERS:
            tokens = whole.norm(expected)[:, whole.num_prefix_tokens :]
            expected = tokens.mT.reshape(1, tap.channels, side // tap.stride, side // tap.stride)
        torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_mean_and_std_are_those_of_the_published_weights(name):
    spec = backbone_spec(name)
    assert isinstance(spec.weights, HubFile)
    published = timm.get_pretrained_cfg(spec.weights.repository.removeprefix("timm/"))
    assert f"timm/{published.architecture}.{published.tag}" == spec.weights.repository
    assert (spec.mean, spec.std) == (published.mean, published.std)


def test_the_records_mean_and_std_are_taken_out(monkeypatch, backbones):
    name = "convnext_tiny"
    spec = replace(backbone_spec(name), mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    monkeypatch.setitem(BACKBONES, name, spec)
    other = load_backbone(name, "random", seed=0)
    images = torch.rand(1, 3, 64, 64)
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (spec.mean, spec.std))
    wanted = backbones(name).network((images - mean) / std)
    for tap, maps in zip(spec.taps, other(images).taps, strict=True):
        torch.testing.assert_close(maps, wanted[tap.module])


@pytest.mark.parametrize("name", NAMES)
def test_what_lies_behind_the_taps_is_left_out(backbones, name):
    assert not [key for key in backbones(name).trunk.state_dict() if key.startswith(("head", "fc"))]


@pytest.mark.parametrize(
    ("name", "size", "named"),
    [
        ("dinov2_small", (256, 256), ("multiples of that", "252 x 252", "266 x 266")),
        ("dinov2_small", (70, 100), ("70 x 98", "70 x 112")),
        ("dinov3_small", (100, 64), ("96 x 64", "112 x 64")),
        ("dinov3_small", (16, 64), ("at least 32 x 64",)),
    ],
)
def test_other_sizes_are_refused_with_the_nearest_that_work(backbones, name, size, named):
    backbone = backbones(name)
    with pytest.raises(InputError) as refused:
        backbone(torch.rand(1, 3, *size))
    assert all(words in str(refused.value) for words in (name, *named))


def test_a_model_is_refused_before_it_sees_an_image(backbones):
    with pytest.raises(InputError, match="252 x 252 or 266 x 266"):
        OBFTNet(CuesConfig(backbone="dinov2_small", size=256), backbones("dinov2_small"))


CONFIGS = {
    "encoder4d": lambda name: EncoderConfig(backbone=name, size=SIDE[name]),
    "cues": lambda name: CuesConfig(
        backbone=name, size=SIDE[name], cues="abnsutm", self_support=True, query_skip=name == "convnext_tiny"
    ),
}


@pytest.mark.parametrize("reader", CONFIGS)
@pytest.mark.parametrize("name", NAMES)
def test_both_readers_read_it_and_a_file_holds_it(backbones, tmp_path, name, reader):
    torch.manual_seed(1)
    model = OBFTNet(CONFIGS[reader](name), backbones(name)).eval()
    side = SIDE[name]
    masks = torch.zeros(1, side, side)
    masks[0, 20:40, 10:30] = 1
    episode = (
        torch.rand(2, 3, side, side),
        torch.rand(1, 3, side, side),
        masks,
        torch.rand(2, 3, side, side),
    )
    with torch.no_grad():
        logit = model(*episode)
    assert logit.shape == (2, side, side)
    assert logit.isfinite().all()
    assert logit.std() > 0
    save_model(tmp_path / "model.safetensors", model)
    again, _ = load_model(tmp_path / "model.safetensors")
    with torch.no_grad():
        torch.testing.assert_close(again(*episode), logit, rtol=0, atol=0)


def test_a_copy_sees_as_the_original_does(backbones):
    backbone = backbones("dinov3_small")
    images = torch.rand(1, 3, 64, 64)
    for ours, theirs in zip(backbone(images).taps, copy.deepcopy(backbone)(images).taps, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("name", TRANSFORMERS)
@pytest.mark.parametrize("method", NETWORKS)
def test_methods_of_strides_that_it_lacks_refuse_it(backbones, name, method):
    with pytest.raises(InputError, match=f"backbone {name} has no tap of stride 8, only"):
        build(LearnedConfig(method=method, backbone=name, size=SIDE[name]), backbones(name))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", REFERENCES)
def test_references_look_at_it_or_refuse_it(backbones, name, method):
    backbone, side = backbones(name), SIDE[name]
    strides = {"nn_contrast": {16}, "prototype": {16}, "memory_bank": {8, 16}}[method]
    if strides - {tap.stride for tap in backbone.spec.taps}:
        with pytest.raises(InputError, match=f"backbone {name} has no tap of stride"):
            reference(method, backbone, side)
        return
    made = reference(method, backbone, side)
    masks = torch.zeros(1, side, side)
    masks[0, 20:40, 10:30] = 1
    with torch.no_grad():
        supports = made.extract(torch.rand(1, 3, side, side), masks)
        guidance = made.guide(supports, masks, made.extract(torch.rand(2, 3, side, side)))
        score = made.score(made.extract(torch.rand(1, 3, side, side)), guidance)
    assert score.shape == (1, side, side)
    assert score.isfinite().all()


def test_every_network_is_built_on_convnext(backbones):
    for method in NETWORKS:
        build(LearnedConfig(method=method, backbone="convnext_tiny", size=64), backbones("convnext_tiny"))


@pytest.fixture
def file(tmp_path) -> Path:
    """As the hub has it: every tensor of timm's whole network."""
    torch.manual_seed(3)
    path = tmp_path / "published.safetensors"
    save_file(timm.create_model("convnext_tiny", pretrained=False).state_dict(), path)
    return path


def filled_from(backbone: Backbone, file: Path) -> None:
    stored = load_file(file)
    state = backbone.trunk.state_dict()
    assert len(state) > 100
    assert all(torch.equal(value, stored[key]) for key, value in state.items())


def test_a_local_file_fills_it(file):
    filled_from(load_backbone("convnext_tiny", file), file)


def test_a_file_of_another_network_names_the_tensor(file):
    with pytest.raises(InputError, match=r"not weights of dinov3_small.*timm's key names"):
        load_backbone("dinov3_small", file)


def test_published_weights_are_fetched_where_none_are_here(file, monkeypatch):
    asked = []

    def download(repository, name, *, local_files_only=False):
        asked.append((repository, name, local_files_only))
        if local_files_only:
            raise FileNotFoundError("not here")
        return str(file)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    filled_from(load_backbone("convnext_tiny"), file)
    named = ("timm/convnext_tiny.in12k_ft_in1k", "model.safetensors")
    assert asked == [(*named, True), (*named, False)]


def test_weights_that_cannot_be_fetched_are_one_line(monkeypatch):
    def download(*_args, **_options):
        raise FileNotFoundError("cannot\nreach it")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    with pytest.raises(InputError) as refused:
        load_backbone("dinov2_small")
    said = str(refused.value)
    assert "\n" not in said
    for words in ("dinov2_small", "timm/vit_small_patch14_dinov2.lvd142m", "name that safetensors file"):
        assert words in said
    assert refused.value.parameters == ("backbone_weights",)


@pytest.mark.parametrize("name", NAMES)
def test_without_timm_one_line_says_what_to_install(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match=r"timm is not installed; run: pip install 'obftnet\[timm\]'"):
        load_backbone(name, "random")
