"""The whole network: sizes, shots, votes, and what learns."""

import pytest
import torch
from torch import Tensor

from obftnet.config import ModelConfig
from obftnet.features.backbones import BACKBONES, _compact_taps
from obftnet.features.compact import CompactNet
from obftnet.features.self_support import self_supported
from obftnet.features.taps import BackboneSpec
from obftnet.features.weights import load_backbone
from obftnet.model import OBFTNet


def model_of(reader: str = "cues", backbone: str = "compact", **options) -> OBFTNet:
    torch.manual_seed(0)
    config = ModelConfig(backbone=backbone, size=64, reader=reader, **options)
    return OBFTNet(config, load_backbone(backbone, "random", seed=0)).eval()


def episode(b: int = 1, k: int = 1, j: int = 1, query=(64, 64), guidance=(64, 64)) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    masks = torch.zeros(b, k, *guidance)
    masks[..., 10:30, 8:40] = 1
    return {
        "query": torch.rand(b, 3, *query, generator=generator),
        "supports": torch.rand(b, k, 3, *guidance, generator=generator),
        "masks": masks,
        "backgrounds": torch.rand(b, j, 3, *guidance, generator=generator),
    }


def guidance_of(model: OBFTNet, parts: dict[str, Tensor]):
    return model.prepare(
        model._extract_many(parts["supports"]), parts["masks"], model._extract_many(parts["backgrounds"])
    )


@torch.no_grad()
@pytest.mark.parametrize("reader", ["encoder4d", "cues"])
def test_one_model_serves_every_size_and_number_of_shots(reader):
    model = model_of(reader)
    for shapes in (
        {},
        {"query": (96, 64), "guidance": (64, 80)},
        {"b": 2, "k": 3, "j": 2, "query": (70, 64)},
        {},
    ):
        parts = episode(**shapes)
        logits = model(**parts)
        assert logits.shape == (parts["query"].shape[0], *parts["query"].shape[-2:])
        assert torch.isfinite(logits).all()


@torch.no_grad()
@pytest.mark.parametrize("name", ["vgg16", "resnet50", "mobilenet_v2"])
def test_the_backbones_serve_both_readers(name):
    backbone = load_backbone(name, "random")
    for reader in ("encoder4d", "cues"):
        model = OBFTNet(ModelConfig(backbone=name, size=64, reader=reader), backbone).eval()
        assert model(**episode(query=(64, 72))).shape == (1, 64, 72)


@torch.no_grad()
@pytest.mark.parametrize("reader", ["encoder4d", "cues"])
def test_a_pyramid_may_have_two_levels(reader, monkeypatch):
    taps = tuple(tap for tap in _compact_taps() if tap.level < 2)
    monkeypatch.setitem(BACKBONES, "two", BackboneSpec("two", CompactNet, taps, None))
    model = model_of(reader, "two")
    assert model.levels == (2, 2)
    assert model(**episode(b=2)).shape == (2, 64, 64)


@torch.no_grad()
@pytest.mark.parametrize(
    "options",
    [
        {"transport": "none", "background": False},
        {"transport": "foreground", "fusion": "top_down"},
        {"zeroed_columns": "drop", "transport_scale": "none", "relu": "after"},
    ],
)
def test_every_ablation_runs(options):
    assert model_of("encoder4d", **options)(**episode()).shape == (1, 64, 64)


@torch.no_grad()
@pytest.mark.parametrize("reader", ["encoder4d", "cues"])
def test_the_items_of_a_batch_do_not_meet(reader):
    model = model_of(reader)
    parts = episode(b=2, k=2)
    parts["masks"][1] = 0
    parts["masks"][1, :, 40:50, 40:50] = 1
    together = model(**parts)
    alone = model(**{key: value[1:] for key, value in parts.items()})
    torch.testing.assert_close(together[1:], alone, rtol=1e-3, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("reader", ["encoder4d", "cues"])
def test_forward_is_its_parts_and_score_its_sigmoid(reader):
    model = model_of(reader)
    parts = episode(k=2)
    guidance = guidance_of(model, parts)
    query = model.extract(parts["query"])
    logits = model.read(model.relate(query, guidance), (64, 64), guidance.shots)
    assert torch.equal(model(**parts), logits)
    torch.testing.assert_close(model.score(query, guidance, (64, 64)), logits.sigmoid(), rtol=0, atol=1e-5)


@torch.no_grad()
def test_one_shot_decides_alike_by_either_rule():
    parts = episode()
    joint, vote = (model_of("cues", shots_rule=rule) for rule in ("joint", "vote"))
    query = joint.extract(parts["query"])
    scores = [model.score(query, guidance_of(model, parts), (64, 64)) for model in (joint, vote)]
    assert torch.equal(scores[0], scores[1])
    assert torch.equal(scores[0] > 0.5, joint(**parts) > 0)


@torch.no_grad()
def test_a_vote_is_the_share_of_the_largest_vote(monkeypatch):
    model = model_of("cues", shots_rule="vote")
    parts = episode(k=3, j=2)
    passes = iter(
        [
            torch.tensor([[[5.0, 0.1, -1.0, -3.0]]]),
            torch.tensor([[[0.2, 9.0, 0.0, -3.0]]]),
            torch.tensor([[[-9.0, 0.3, 4.0, -0.1]]]),
        ]
    )
    seen = []

    def read(relation, size, shots=1):
        seen.append((size, shots))
        return next(passes)

    monkeypatch.setattr(model, "read", read)
    score = model.score(model.extract(parts["query"]), guidance_of(model, parts), (1, 4))
    # Votes 2, 3, 1, 0 of 3; a logit of exactly 0 is no vote.
    torch.testing.assert_close(score, torch.tensor([[[2 / 3, 1.0, 1 / 3, 0.0]]]))
    assert seen == [((1, 4), 1)] * 3


@torch.no_grad()
def test_a_vote_scales_each_image_by_itself_and_none_stays_none(monkeypatch):
    model = model_of("cues", shots_rule="vote")
    parts = episode(b=3, k=2)
    passes = iter(
        [
            torch.tensor([[[1.0, -1]], [[1.0, -1]], [[-1.0, -1]]]),
            torch.tensor([[[1.0, 1]], [[-1.0, -1]], [[-1.0, -1]]]),
        ]
    )
    monkeypatch.setattr(model, "read", lambda *_: next(passes))
    score = model.score(model.extract(parts["query"]), guidance_of(model, parts), (1, 2))
    assert score.tolist() == [[[1.0, 0.5]], [[1.0, 0.0]], [[0.0, 0.0]]]


@torch.no_grad()
def test_a_vote_runs_each_shot_alone():
    model = model_of("cues", shots_rule="vote")
    parts = episode(k=2)
    guidance = guidance_of(model, parts)
    query = model.extract(parts["query"])
    votes = sum(
        (
            model(
                **{
                    key: value if key == "query" else value[:, k % value.shape[1]].unsqueeze(1)
                    for key, value in parts.items()
                }
            )
            > 0
        ).float()
        for k in range(2)
    )
    expected = votes / votes.amax((-2, -1), keepdim=True).clamp(min=1)
    assert torch.equal(model.score(query, guidance, (64, 64)), expected)


@pytest.mark.parametrize("reader", ["encoder4d", "cues"])
def test_only_the_reader_learns(reader):
    model = model_of(reader).train()
    assert not model.backbone.training
    parts = episode(b=2)
    model(**parts).square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == name.startswith("reader."), name
        assert (parameter.grad is not None) == name.startswith("reader."), name
    assert model.trainable_parameters() == sum(p.numel() for p in model.parameters() if p.requires_grad)


def test_our_own_number_of_parameters():
    """HSNet's for ResNet50 (4, 6, 3), more channels into the first layers, two more fusion steps."""
    hsnet = 2_573_794
    fusion_step = 3 * (2 * (128 * 128 * 9 + 128) + 2 * 128)
    for name, bilateral in (("resnet50", (8, 12, 6)), ("mobilenet_v2", (6, 14, 8))):
        more = [new - old for new, old in zip(bilateral, (4, 6, 3), strict=True)]
        first_layers = sum(2 * 16 * side**2 * count for side, count in zip((5, 5, 3), more, strict=True))
        model = OBFTNet(ModelConfig(backbone=name))
        assert model.trainable_parameters() == hsnet + first_layers + 2 * fusion_step
    plain = OBFTNet(ModelConfig(backbone="resnet50", transport="none", background=False, fusion="top_down"))
    assert plain.trainable_parameters() == hsnet


@torch.no_grad()
def test_unusable_background_is_not_looked_at():
    model = model_of("cues")
    parts = episode()
    usable = torch.ones(1, 1, 64, 64)
    usable[..., :32] = 0
    one = model(**parts, usable=usable)
    assert not torch.equal(one, model(**parts))
    assert torch.isfinite(one).all()


@torch.no_grad()
def test_a_line_across_the_supports_resembles_a_turned_view():
    model = model_of(cues="atbn")
    generator = torch.Generator().manual_seed(0)
    support = 0.5 + 0.05 * torch.rand(3, 64, 64, generator=generator)
    mask = torch.zeros(64, 64)
    mask[30:34, 8:56] = 1
    support[:, mask > 0] = 0
    query, across = support.rot90(1, (-2, -1)), mask.rot90(1, (-2, -1))
    guidance = model.prepare(
        model._extract_many(support[None, None]),
        mask[None, None],
        model._extract_many(0.5 + 0.05 * torch.rand(1, 1, 3, 64, 64, generator=generator)),
        turned=model.turn(support[None, None], mask[None, None]),
    )
    finest = model.relate(model.extract(query[None]), guidance)[0]
    marked = torch.nn.functional.adaptive_max_pool2d(across[None], finest.shape[-2:])[0] > 0
    as_it_lies, turned = finest[0, 0][marked], finest[0, 1][marked]
    # The window is the whole image here, and one of the views is the query itself.
    torch.testing.assert_close(turned, torch.ones_like(turned), rtol=0, atol=1e-5)
    assert as_it_lies.mean() < 0.99


@torch.no_grad()
def test_forward_looks_at_turned_views():
    model, parts = model_of(cues="abnst"), episode(b=2, k=2)
    guidance = model.prepare(
        model._extract_many(parts["supports"]),
        parts["masks"],
        model._extract_many(parts["backgrounds"]),
        turned=model.turn(parts["supports"], parts["masks"]),
    )
    score = model.score(model.extract(parts["query"]), guidance, (64, 64))
    torch.testing.assert_close(model(**parts).sigmoid(), score, rtol=0, atol=1e-5)


def test_without_their_cues_there_are_no_views():
    assert model_of(cues="abns").turn(torch.rand(1, 1, 3, 64, 64), torch.ones(1, 1, 64, 64)) is None


def certain(model: OBFTNet) -> list[tuple[bool, bool]]:
    """Make the reader certain that the left half is defect, and record (learning, gradient) a look."""
    looks = []

    def read(relation, size, shots=1):
        looks.append((model.reader.training, torch.is_grad_enabled()))
        logit = torch.full((relation[0].shape[0], *size), -9.0)
        logit[..., : size[1] // 2] = 9.0
        return logit

    model.read = read
    return looks


@torch.no_grad()
@pytest.mark.parametrize("b", [1, 2])
def test_self_support_is_a_second_look_with_what_the_first_one_found(b):
    model = model_of("cues", cues="abnsu", self_support=True)
    parts = episode(b=b, k=2)
    guidance, query = guidance_of(model, parts), model.extract(parts["query"])
    first = model.read(model.relate(query, guidance), (64, 64)).sigmoid()
    again = self_supported(guidance, query, first)
    expected = model.read(model.relate(query, again), (64, 64))
    torch.testing.assert_close(model.score(query, guidance, (64, 64)), expected.sigmoid(), rtol=0, atol=1e-5)
    torch.testing.assert_close(model(**parts), expected, rtol=0, atol=1e-5)
    assert not model.one_relation(1)


@torch.no_grad()
def test_what_the_first_look_is_certain_of_is_of_the_defect_in_the_second():
    model = model_of("cues", cues="ab", self_support=True)
    parts = episode()
    guidance, query = guidance_of(model, parts), model.extract(parts["query"])
    certain(model)
    cues = model.relate(query, model.supported(query, guidance, (64, 64)))
    defect, good = cues[0][0, :2]
    half = defect.shape[1] // 2
    assert torch.allclose(defect[:, :half], torch.ones(()), atol=1e-5)
    # The cells beside the other half's are left out.
    assert torch.allclose(good[:, half + 1 :], torch.ones(()), atol=1e-5)
    assert (defect[:, half:] < 0.999).all()
    assert (good[:, :half] < 0.999).all()


def test_a_first_look_teaches_nothing():
    model = model_of("cues", cues="ab", self_support=True).train()
    looks = certain(model)
    parts = episode()
    guidance, query = guidance_of(model, parts), model.extract(parts["query"])
    model.supported(query, guidance, (64, 64))
    assert looks == [(False, False)]
    assert model.reader.training


def test_without_self_support_a_query_is_looked_at_once():
    model = model_of("cues", cues="ab")
    looks = certain(model)
    parts = episode()
    guidance, query = guidance_of(model, parts), model.extract(parts["query"])
    assert model.supported(query, guidance, (64, 64)) is guidance
    assert not looks
