"""The whole network: sizes, shots, votes, second looks, and what learns."""

import pytest
import torch
from torch import Tensor

from obftnet.backbones.compact import CompactNet
from obftnet.backbones.records import BackboneSpec
from obftnet.backbones.registry import BACKBONES, _compact_taps
from obftnet.backbones.weights import load_backbone
from obftnet.config import CuesConfig, EncoderConfig, model_config
from obftnet.guidance.self_support import own_columns
from obftnet.model import OBFTNet
from obftnet.relation.cues import cue_levels, evidence_of
from obftnet.relation.relation import Relation


def model_of(reader: str = "cues", backbone: str = "compact", **options) -> OBFTNet:
    torch.manual_seed(0)
    config = model_config({"backbone": backbone, "size": 64, "reader": reader, **options})
    return OBFTNet(config, load_backbone(backbone, "random", seed=0)).eval()


def episode(b: int = 1, k: int = 1, j: int = 1, query=(64, 64), guidance=(64, 64)) -> dict[str, Tensor]:
    """One episode with b queries."""
    generator = torch.Generator().manual_seed(0)
    masks = torch.zeros(k, *guidance)
    masks[..., 10:30, 8:40] = 1
    return {
        "query": torch.rand(b, 3, *query, generator=generator),
        "supports": torch.rand(k, 3, *guidance, generator=generator),
        "masks": masks,
        "backgrounds": torch.rand(j, 3, *guidance, generator=generator),
    }


def guidance_of(model: OBFTNet, parts: dict[str, Tensor]):
    supports = model.extract(parts["supports"], parts["masks"])
    return model.guide(supports, parts["masks"], model.extract(parts["backgrounds"]))


def score_of(model: OBFTNet, parts: dict[str, Tensor]) -> Tensor:
    return model.score(model.extract(parts["query"]), guidance_of(model, parts))


READERS = pytest.mark.parametrize("reader", ["encoder4d", "cues"])


@torch.no_grad()
@READERS
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
    for config in (EncoderConfig(backbone=name, size=64), CuesConfig(backbone=name, size=64)):
        assert OBFTNet(config, backbone).eval()(**episode(query=(64, 72))).shape == (1, 64, 72)


@torch.no_grad()
@READERS
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
        {"cosine_channels": True, "transport_scale": "log"},
        {"transport": "none", "cosine_temperature": 0.05, "width": 32},
    ],
)
def test_every_ablation_runs(options):
    assert model_of("encoder4d", **options)(**episode()).shape == (1, 64, 64)


@torch.no_grad()
@READERS
@pytest.mark.parametrize("twice", [False, True])
def test_the_queries_of_a_batch_do_not_meet(reader, twice):
    if twice and reader == "encoder4d":
        pytest.skip("the encoder looks once")
    options = {"cues": "abnsu", "self_support": True} if twice else {}
    model, parts = model_of(reader, **options), episode(b=2, k=2)
    together = model(**parts)
    alone = model(**parts | {"query": parts["query"][1:]})
    torch.testing.assert_close(together[1:], alone, rtol=1e-3, atol=1e-4)


@torch.no_grad()
@READERS
def test_forward_is_its_parts_and_score_its_sigmoid(reader):
    model = model_of(reader)
    parts = episode(k=2)
    guidance, query = guidance_of(model, parts), model.extract(parts["query"])
    logits = model.read(model.relate(query, guidance), (64, 64))
    assert torch.equal(model(**parts), logits)
    torch.testing.assert_close(model.score(query, guidance), logits.sigmoid(), rtol=0, atol=1e-5)


@torch.no_grad()
def test_the_encoder_reads_factors_as_it_reads_the_tensors():
    model, parts = model_of("encoder4d"), episode(k=2)
    guidance, query = guidance_of(model, parts), model.extract(parts["query"])
    relation = model.relate(query, guidance)
    with torch.enable_grad():
        dense = model.relate(query, guidance)
    assert [type(level) for level in dense.levels] == [Tensor] * 3
    torch.testing.assert_close(model.read(relation, (64, 64)), model.read(dense, (64, 64)), rtol=0, atol=1e-4)


@torch.no_grad()
def test_one_shot_decides_alike_by_either_rule():
    parts = episode()
    joint, vote = (model_of("cues", shots_rule=rule) for rule in ("joint", "vote"))
    scores = [score_of(model, parts) for model in (joint, vote)]
    assert torch.equal(scores[0], scores[1])
    assert torch.equal(scores[0] > 0.5, joint(**parts) > 0)


@torch.no_grad()
def test_a_vote_runs_each_shot_alone_with_its_background():
    model = model_of("cues", shots_rule="vote")
    parts = episode(k=2)
    votes = sum(
        (
            model(
                **{key: value if key == "query" else value[[k % len(value)]] for key, value in parts.items()}
            )
            > 0
        ).float()
        for k in range(2)
    )
    expected = votes / votes.amax((-2, -1), keepdim=True).clamp(min=1)
    assert torch.equal(score_of(model, parts), expected)


@READERS
def test_only_the_reader_learns(reader):
    model = model_of(reader).train()
    assert not model.backbone.training
    model(**episode(b=2)).square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == name.startswith("reader."), name
        assert (parameter.grad is not None) == name.startswith("reader."), name
    assert model.trainable_parameters() == sum(p.numel() for p in model.parameters() if p.requires_grad)


def test_our_own_number_of_parameters():
    """HSNet's for ResNet50 (4, 6, 3), more channels into the first layers, two more fusion steps."""
    hsnet = 2_573_794
    fusion_step = 3 * (2 * (128 * 128 * 9 + 128) + 2 * 128)
    for name, cosines, channels in (
        ("resnet50", False, (8, 12, 6)),
        ("mobilenet_v2", False, (6, 14, 8)),
        ("mobilenet_v2", True, (12, 28, 16)),
    ):
        more = [new - old for new, old in zip(channels, (4, 6, 3), strict=True)]
        first_layers = sum(2 * 16 * side**2 * count for side, count in zip((5, 5, 3), more, strict=True))
        model = OBFTNet(EncoderConfig(backbone=name, cosine_channels=cosines))
        assert model.trainable_parameters() == hsnet + first_layers + 2 * fusion_step
    plain = OBFTNet(EncoderConfig(backbone="resnet50", transport="none", background=False, fusion="top_down"))
    assert plain.trainable_parameters() == hsnet


@torch.no_grad()
def test_unusable_background_is_not_looked_at():
    model = model_of("cues")
    parts = episode()
    usable = torch.ones(1, 64, 64)
    usable[..., :32] = 0
    one = model(**parts, usable=usable)
    assert not torch.equal(one, model(**parts))
    assert torch.isfinite(one).all()


@torch.no_grad()
def test_a_line_across_the_supports_resembles_one_of_its_views():
    model = model_of(cues="atbn")
    generator = torch.Generator().manual_seed(0)
    support = 0.5 + 0.05 * torch.rand(3, 64, 64, generator=generator)
    mask = torch.zeros(64, 64)
    mask[30:34, 8:56] = 1
    support[:, mask > 0] = 0
    query, across = support.rot90(1, (-2, -1)), mask.rot90(1, (-2, -1))
    good = 0.5 + 0.05 * torch.rand(1, 3, 64, 64, generator=generator)
    guidance = guidance_of(model, {"supports": support[None], "masks": mask[None], "backgrounds": good})
    finest = model.relate(model.extract(query[None]), guidance).levels[0]
    marked = torch.nn.functional.adaptive_max_pool2d(across[None], finest.shape[-2:])[0] > 0
    as_it_lies, turned = finest[0, 0][marked], finest[0, 1][marked]
    # The window is the whole image here, and one of the views is the query itself.
    torch.testing.assert_close(turned, torch.ones_like(turned), rtol=0, atol=1e-5)
    assert as_it_lies.mean() < 0.99


def test_supports_without_their_views_are_refused_where_the_cues_want_them():
    model, parts = model_of(cues="abnst"), episode()
    with pytest.raises(ValueError, match="extracted with their masks"):
        model.guide(model.extract(parts["supports"]), parts["masks"], model.extract(parts["backgrounds"]))
    assert not model_of(cues="abns").extract(parts["supports"], parts["masks"]).views


def certain(model: OBFTNet) -> list[tuple[bool, bool]]:
    """Make the reader certain that the left half is defect, and record (learning, gradient) a look."""
    looks = []

    def read(relation: Relation, size: tuple[int, int]) -> Tensor:
        looks.append((model.reader.training, torch.is_grad_enabled()))
        logit = torch.full((relation.tensors()[0].shape[0], *size), -9.0)
        logit[..., : size[1] // 2] = 9.0
        return logit

    model.read = read
    return looks


@torch.no_grad()
@pytest.mark.parametrize("coreset", [0, 40])
def test_a_second_look_is_one_at_all_columns_together(coreset):
    """The join of two passes, against one over the columns of both side by side."""
    model = model_of("cues", cues="abnsu", self_support=True, coreset=coreset)
    parts = episode(k=2)
    guidance, query = guidance_of(model, parts), model.extract(parts["query"])
    first = model.read(model.relate(query, guidance), (64, 64)).sigmoid()[0]
    certain_half = torch.where(torch.arange(64) < 32, 0.95, 0.001).expand_as(first)
    model.read = lambda relation, size: certain_half.logit()[None]
    found = model.relate(query, guidance, second_look=True)
    again = []
    for columns, unit in zip(guidance.columns, query.taps, strict=True):
        own = own_columns(unit[0], certain_half[None])
        assert own is not None
        parts_of = [(columns, kind) for kind in range(4)]
        order = sorted([*parts_of, *((own, kind) for kind in range(4))], key=lambda pair: pair[1])
        chosen = [one.slices()[kind] for one, kind in order]
        again.append(
            type(columns)(
                torch.cat([one.matrix[:, c] for (one, _), c in zip(order, chosen, strict=True)], 1),
                tuple(a + b for a, b in zip(columns.counts, own.counts, strict=True)),
                torch.cat([one.weight[c] for (one, _), c in zip(order, chosen, strict=True)]),
                torch.cat([one.place[c] for (one, _), c in zip(order, chosen, strict=True)]),
            )
        )
    evidence = evidence_of(tuple(x[0] for x in query.taps), tuple(again), "abnsu", model.config.algorithm)
    expected = cue_levels(evidence, "abnsu", [x.shape[-2:] for x in query.taps], model.levels)
    for one, other in zip(found.levels, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_what_the_first_look_is_certain_of_is_of_the_defect_in_the_second():
    model = model_of("cues", cues="ab", self_support=True)
    parts = episode()
    guidance, query = guidance_of(model, parts), model.extract(parts["query"])
    certain(model)
    defect, good = model.relate(query, guidance, second_look=True).levels[0][0, :2]
    half = defect.shape[1] // 2
    assert torch.allclose(defect[:, :half], torch.ones(()), atol=1e-5)
    # The cells beside the other half's are left out.
    assert torch.allclose(good[:, half + 1 :], torch.ones(()), atol=1e-5)
    assert (defect[:, half:] < 0.999).all()
    assert (good[:, :half] < 0.999).all()


def test_a_first_look_teaches_nothing_and_a_model_looks_as_often_as_it_is_told():
    model = model_of("cues", cues="ab", self_support=True).train()
    parts = episode()
    guidance, query = guidance_of(model, parts), model.extract(parts["query"])
    looks = certain(model)
    model.relate(query, guidance, second_look=True)
    assert looks == [(False, False)]
    assert model.reader.training
    model.score(query, guidance)
    assert len(looks) == 3
    assert not model.one_relation(1)
    once = model_of("cues", cues="ab")
    looks = certain(once)
    once.score(query, guidance_of(once, parts))
    assert len(looks) == 1
    assert once.one_relation(1)


def test_a_batch_of_queries_shares_its_guidance_with_gradient_through_the_backbone():
    model = model_of("cues", cues="abnstu").train()
    model.backbone.requires_grad_(True)
    parts = episode(b=2)
    model(**parts).square().mean().backward()
    found = [p.grad for p in model.backbone.parameters() if p.grad is not None]
    assert found
    assert all(torch.isfinite(grad).all() for grad in found)
    assert any((grad != 0).any() for grad in found)


def of_kinds(model: OBFTNet, kinds: tuple[str, ...]):
    """Guidance of as many supports (three of no name), each marked elsewhere; and features of two queries."""
    parts = episode(b=2, k=len(kinds) or 3, j=2)
    parts["masks"] = torch.stack([mask.roll(8 * index, 1) for index, mask in enumerate(parts["masks"])])
    supports = model.extract(parts["supports"], parts["masks"])
    guidance = model.guide(supports, parts["masks"], model.extract(parts["backgrounds"]), kinds=kinds)
    return guidance, model.extract(parts["query"])


KIND_MODELS = pytest.mark.parametrize(
    "options",
    [
        {"cues": "abnsutm"},
        {"cues": "abnsutm", "self_support": True, "coreset": 40},
        {"cues": "abnsu", "self_support": True, "presence": True, "change": True, "query_skip": True},
        {"cues": "abnsolp"},
        {"cues": "abns", "shots_rule": "vote"},
        {"reader": "encoder4d"},
        {"reader": "encoder4d", "shots_rule": "vote"},
    ],
)


@torch.no_grad()
@KIND_MODELS
def test_one_kind_is_scored_as_before_kinds_whatever_it_is_called(options):
    model = model_of(**options)
    guidance, query = of_kinds(model, ("cut", "cut", "cut"))
    unnamed, _ = of_kinds(model, ())
    assert guidance.names == ("cut",)
    assert torch.equal(model.kind_scores(query, guidance)[:, 0], model.score(query, unnamed))


@torch.no_grad()
@KIND_MODELS
def test_a_score_is_the_largest_of_the_kinds_each_by_its_own_supports(options):
    model = model_of(**options)
    guidance, query = of_kinds(model, ("cut", "dent", "cut"))
    scores = model.kind_scores(query, guidance)
    assert scores.shape == (2, 2, 64, 64)
    assert torch.equal(model.score(query, guidance), scores.amax(1))
    assert guidance.names == ("cut", "dent")
    if not model.looks_twice:
        for kind in range(2):
            alone = model.kind_scores(query, guidance.of(kind))[:, 0]
            torch.testing.assert_close(scores[:, kind], alone, rtol=1e-4, atol=1e-5)
    if model.config.reader == "encoder4d":
        assert guidance.of(1).shots == 1
        assert torch.equal(guidance.of(0).supports[0], guidance.supports[0][[0, 2]])


@torch.no_grad()
def test_the_second_look_of_a_kind_sees_no_other_kinds_defect_and_all_kinds_see_what_is_sound():
    model = model_of("cues", cues="abu", self_support=True)
    guidance, query = of_kinds(model, ("cut", "dent"))
    one = query[:1]
    looks = torch.full((2, 64, 64), 0.001)
    looks[0, :16, :16] = looks[1, 32:48, 32:48] = 0.95
    once = model.evidence(one, guidance)
    model.read = lambda relation, size: looks.logit()
    twice = model.evidence(one, guidance, second_look=True)
    for tap, unit in enumerate(one.taps[:2]):
        grid = unit.shape[-1]
        own = [score[None] for score in looks]
        for kind in range(2):
            first, second = once[kind][tap], twice[kind][tap]
            defect = own_columns(unit[0], own[kind])
            assert defect is not None
            cells = defect.place[defect.slices()[0]]
            other = own_columns(unit[0], own[1 - kind])
            assert other is not None
            foreign = other.place[other.slices()[0]]
            # What its own look is certain of is like itself now, and what the other kind's is, as it was.
            torch.testing.assert_close(second.scan.largest[0, cells], torch.ones(len(cells)))
            like = unit[0].flatten(1)[:, cells].mT @ unit[0].flatten(1)
            expected = torch.maximum(first.scan.largest[0], like.amax(0))
            torch.testing.assert_close(second.scan.largest[0], expected)
            assert second.own is not None
            sound = second.own[0].place[second.own[0].slices(kind)[2]]
            assert not set(sound.tolist()) & (set(cells.tolist()) | set(foreign.tolist()))
            assert grid * grid > len(sound) > 0


@torch.no_grad()
def test_a_kind_that_seems_good_is_not_looked_at_twice():
    model = model_of("cues", cues="abnsu", self_support=True, presence=True)
    guidance, query = of_kinds(model, ("cut", "dent"))
    looks = torch.full((2, 64, 64), 0.001)
    looks[:, :16, :16] = 0.95
    once = model.evidence(query[:1], guidance)
    model.judge = lambda relation, size: (looks, torch.tensor([0.7, 0.4]))
    twice = model.evidence(query[:1], guidance, second_look=True)
    assert not torch.equal(twice[0][0].scan.largest, once[0][0].scan.largest)
    assert torch.equal(twice[1][0].scan.largest, once[1][0].scan.largest)
    assert twice[1][0].own is None


@torch.no_grad()
def test_what_is_ignored_of_a_support_is_neither_defect_nor_good():
    model = model_of("cues", cues="abns")
    parts = episode(k=2)
    supports = model.extract(parts["supports"], parts["masks"])
    ignored = torch.zeros(2, 64, 64)
    ignored[0, 40:48, 8:24] = 1
    guidance = model.guide(supports, parts["masks"], model.extract(parts["backgrounds"]), ignored=ignored)
    plain = guidance_of(model, parts)
    for kept, whole, stride in zip(guidance.columns, plain.columns, (8, 8, 16, 16, 32, 32), strict=True):
        assert kept.counts[0] == whole.counts[0]
        assert whole.counts[1] - kept.counts[1] == -(-8 // stride) * -(-16 // stride) or stride > 8
        assert kept.counts[1] < whole.counts[1]
