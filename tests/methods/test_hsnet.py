"""HSNet's forward pass against its definition, written down a second time with none of our code."""

import pytest
import torch

from obftnet.backbones.weights import load_backbone
from obftnet.config import CuesConfig, EncoderConfig
from obftnet.methods import hsnet
from obftnet.methods.registry import method_name, paper_recipe
from obftnet.model import OBFTNet
from obftnet.relation.relation import Relation


@pytest.fixture(scope="module")
def model() -> OBFTNet:
    torch.manual_seed(0)
    config = EncoderConfig(backbone="compact", size=64, **hsnet.SETTINGS)
    model = OBFTNet(config, load_backbone("compact", "random")).eval()
    with torch.no_grad():
        for parameter in model.reader.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.double()


def interpolation(outside: int, inside: int) -> torch.Tensor:
    """(outside, inside) weights of linear interpolation with the corners aligned."""
    weights = torch.zeros(outside, inside, dtype=torch.float64)
    for i in range(outside):
        place = i * (inside - 1) / (outside - 1) if outside > 1 else 0.0
        low = min(int(place), inside - 1)
        high = min(low + 1, inside - 1)
        weights[i, low] += 1 - (place - low)
        weights[i, high] += place - low
    return weights


def resize(maps: torch.Tensor, size: tuple[int, int], first: int) -> torch.Tensor:
    """Bilinear, corners aligned, over the axes `first` and `first` + 1."""
    for axis, outside in ((first, size[0]), (first + 1, size[1])):
        weights = interpolation(outside, maps.shape[axis])
        maps = torch.tensordot(maps, weights, ([axis], [1])).movedim(-1, axis)
    return maps


def conv4d(x: torch.Tensor, query: tuple, guidance: tuple, stride: int) -> torch.Tensor:
    """A 4D convolution whose kernel is zero but on the two planes through its centre, offset by offset.

    x: (c, hq, wq, hg, wg); query, guidance: (weight (o, c, k, k), bias (o)) of the two planes.
    """
    k = query[0].shape[-1] // 2
    padded = torch.nn.functional.pad(x, (k,) * 8)
    sizes = x.shape[1:]
    out = 0
    for dy in range(-k, k + 1):
        for dx in range(-k, k + 1):
            for weight, offset in ((query[0], (dy, dx, 0, 0)), (guidance[0], (0, 0, dy, dx))):
                cut = tuple(slice(k + o, k + o + n) for o, n in zip(offset, sizes, strict=True))
                out = out + torch.einsum(
                    "oc,cabde->oabde", weight[:, :, k + dy, k + dx], padded[(slice(None), *cut)]
                )
    out = out + (query[1] + guidance[1])[:, None, None, None, None]
    return out[..., ::stride, ::stride]


def group_norm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    groups = x.reshape(4, -1)
    normal = (groups - groups.mean(1, keepdim=True)) / (
        groups.var(1, unbiased=False, keepdim=True) + 1e-5
    ).sqrt()
    shape = (-1,) + (1,) * (x.ndim - 1)
    return normal.reshape(x.shape) * weight.reshape(shape) + bias.reshape(shape)


def conv2d(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    padded = torch.nn.functional.pad(x, (1,) * 4)
    h, w = x.shape[1:]
    shifted = [
        torch.einsum("oc,chw->ohw", weight[:, :, i, j], padded[:, i : i + h, j : j + w])
        for i in range(3)
        for j in range(3)
    ]
    return sum(shifted) + bias[:, None, None]


def naive(
    state: dict, query: list, support: list, mask: torch.Tensor, levels: tuple, size: tuple
) -> torch.Tensor:
    """Logit (H, W) of one query by one support: HSNet section 4, level by level.

    query, support: maps (c, h, w) a tap. mask: (H, W) in 0..1.
    """

    def block(x: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        parts = [(state[f"{name}.0.{p}.weight"], state[f"{name}.0.{p}.bias"]) for p in ("query", "guidance")]
        x = conv4d(x, *parts, stride)
        return group_norm(x, state[f"{name}.1.weight"], state[f"{name}.1.bias"]).clamp(min=0)

    correlations, start = [], 0
    for count in levels:
        layers = []
        for q, s in zip(query[start : start + count], support[start : start + count], strict=True):
            kept = resize(mask, (s.shape[1], s.shape[2]), 0) > 0
            s = s * kept
            q, s = q / q.norm(dim=0).clamp(min=1e-6), s / s.norm(dim=0).clamp(min=1e-6)
            layers.append(torch.einsum("cab,cde->abde", q, s).clamp(min=0))
        correlations.append(torch.stack(layers))
        start += count
    squeezed = []
    for level, (x, strides) in enumerate(zip(correlations, ((4, 4, 2), (4, 2, 2), (2, 2, 2)), strict=True)):
        for index, stride in enumerate(strides):
            x = block(x, f"encoders.{level}.blocks.{index}", stride)
        squeezed.append(x)
    x = squeezed[2]
    for level in (1, 0):
        x = squeezed[level] + resize(x, squeezed[level].shape[1:3], 1)
        for index in range(3):
            x = block(x, f"fusion.top_down.{level}.{index}")
    x = x.mean((3, 4))
    for name in ("before.0", "before.2"):
        x = conv2d(x, state[f"decoder.{name}.weight"], state[f"decoder.{name}.bias"]).clamp(min=0)
    x = resize(x, (2 * x.shape[1], 2 * x.shape[2]), 1)
    x = conv2d(x, state["decoder.after.0.weight"], state["decoder.after.0.bias"]).clamp(min=0)
    x = conv2d(x, state["decoder.after.2.weight"], state["decoder.after.2.bias"])
    x = resize(x, size, 1)
    return x[1] - x[0]


def episode(model: OBFTNet, shots: int) -> tuple:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(1 + shots, 3, 64, 64, generator=generator)
    masks = torch.zeros(shots, 64, 64)
    masks[0, 10:40, 8:20] = 1
    masks[1:, 30:60, 30:50] = 1
    return images, masks


@pytest.mark.parametrize("size", [(64, 64), (40, 56)])
def test_one_shot_is_the_definition(model, size):
    images, masks = episode(model, 1)
    # The library computes in float32 up to the correlation; here everything is float64.
    maps = [x.double() for x in model.backbone.float()(images).taps]
    seen = model.extract(images)
    relation = model.relate(seen[:1], model.guide(seen[1:], masks, seen[1:]))
    relation = Relation(tuple(x.double() for x in relation.tensors()), shots=relation.shots)
    state = model.reader.state_dict()
    expected = naive(state, [x[0] for x in maps], [x[1] for x in maps], masks[0].double(), model.levels, size)
    found = model.read(relation, size)[0]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert found.std() > 0.01


def test_five_shots_are_a_vote_over_single_passes(model):
    images, masks = episode(model, 3)
    model = model.float()
    seen = model.extract(images)
    query, supports = seen[:1], seen[1:]
    alone = [
        model.score(query, model.guide(supports[k : k + 1], masks[k : k + 1], supports)) for k in range(3)
    ]
    votes = sum((score > 0.5).float() for score in alone)
    together = model.score(query, model.guide(supports, masks, supports))
    torch.testing.assert_close(together, votes / votes.max().clamp(min=1))
    model.double()


def test_its_name_and_recipe():
    config = EncoderConfig(**hsnet.SETTINGS)
    assert method_name(config) == "hsnet"
    assert paper_recipe(config) == {"optimizer": "adam", "schedule": "constant", "lr": 1e-3}
    assert method_name(EncoderConfig()) == "obftnet"
    assert method_name(CuesConfig()) == "obftnet_cues"


def test_parameters_on_resnet50():
    config = EncoderConfig(backbone="resnet50", size=400, **hsnet.SETTINGS)
    with torch.device("meta"):
        assert OBFTNet(config).trainable_parameters() == 2_573_794
