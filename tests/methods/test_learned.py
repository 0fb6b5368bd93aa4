"""What every learned network must do, whichever it is."""

import pytest
import torch

from obftnet.backbones.weights import load_backbone
from obftnet.config import CuesConfig
from obftnet.errors import InputError
from obftnet.methods.learned import LearnedConfig, Shots
from obftnet.methods.registry import NETWORKS, build, method_name, paper_recipe
from obftnet.training.config import TrainConfig, recipe
from obftnet.weights import load_method, load_model, save_model

CHANNELS = (5, 7, 9)


def features(*lead: int, side: tuple[int, int] = (16, 12), seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Maps of strides 8, 16 and 32 of an image of 8 x side."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(*lead, c, -(-side[0] // s), -(-side[1] // s), generator=generator)
        for c, s in zip(CHANNELS, (1, 2, 4), strict=True)
    )


def shots(b: int, k: int, side: tuple[int, int] = (16, 12)) -> Shots:
    mask = torch.zeros(b, k, 8 * side[0], 8 * side[1])
    mask[..., 8 : 4 * side[0], 24 : 5 * side[1]] = 1
    return Shots(features(b, k, side=side, seed=1), mask)


@pytest.fixture(params=NETWORKS)
def network(request):
    torch.manual_seed(0)
    return NETWORKS[request.param](CHANNELS)


@pytest.mark.parametrize(("side", "b", "k"), [((16, 12), 2, 1), ((9, 20), 1, 3)])
def test_a_logit_has_the_size_asked_for(network, side, b, k):
    logit = network.eval()(features(b, side=side), shots(b, k, side), (8 * side[0], 50))
    assert logit.shape == (b, 8 * side[0], 50)
    assert logit.isfinite().all()
    assert logit.std() > 0


def test_an_episode_does_not_depend_on_its_batch(network):
    network.eval()
    query, guidance = features(2), shots(2, 2)
    both = network(query, guidance, (128, 96))
    for index in range(2):
        one = slice(index, index + 1)
        own = Shots(tuple(x[one] for x in guidance.features), guidance.fraction[one])
        alone = network(tuple(x[one] for x in query), own, (128, 96))
        torch.testing.assert_close(alone[0], both[index], atol=1e-4, rtol=1e-3)


def test_the_order_of_the_shots_does_not_count(network):
    network.eval()
    query, guidance = features(1), shots(1, 3)
    guidance.fraction[0, 1, :64] = 0
    guidance.fraction[0, 1, 100:, 30:] = 1
    turned = Shots(tuple(x.flip(1) for x in guidance.features), guidance.fraction.flip(1))
    torch.testing.assert_close(
        network(query, guidance, (128, 96)), network(query, turned, (128, 96)), atol=1e-3, rtol=1e-3
    )


def test_the_gradient_reaches_every_parameter(network):
    network.train()
    target = (torch.rand(2, 128, 96) > 0.7).float()
    # Dropout of whole channels and random choices may leave a parameter out of one pass.
    for _ in range(4):
        for logit, truth, weight in network.loss_terms(features(2), shots(2, 2), target):
            assert logit.shape == truth.shape
            assert weight > 0
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logit, truth)
            (weight * loss).backward(retain_graph=True)
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_it_learns_one_episode(network):
    """Twenty steps on one episode whose query is its support bring the loss down."""
    torch.manual_seed(0)
    network.train()
    guidance = shots(1, 1)
    query = tuple(x[:, 0] for x in guidance.features)
    target = guidance.fraction[:, 0]
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(20):
        terms = network.loss_terms(query, guidance, target)
        loss = sum(w * torch.nn.functional.binary_cross_entropy_with_logits(x, t) for x, t, w in terms)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert min(losses[-5:]) < 0.8 * losses[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_model_file_holds_the_method(name, tmp_path):
    model = build(LearnedConfig(method=name, backbone="compact", size=64), load_backbone("compact", "random"))
    save_model(tmp_path / "m.safetensors", model.eval())
    loaded, _ = load_method(tmp_path / "m.safetensors")
    assert method_name(loaded.config) == name
    images = torch.rand(2, 3, 64, 64)
    masks = torch.zeros(1, 64, 64)
    masks[:, 20:40, 20:50] = 1
    supports = model.extract(images[:1])
    scores = [m.score(m.extract(images[1:]), m.guide(supports, masks, supports)) for m in (model, loaded)]
    torch.testing.assert_close(*scores)
    assert 0 <= float(scores[0].min()) <= float(scores[0].max()) <= 1
    with pytest.raises(InputError, match=f"weights of {name}, which obftnet evaluate reads"):
        load_model(tmp_path / "m.safetensors")


def test_a_file_of_a_method_there_is_not(tmp_path):
    model = build(LearnedConfig(method="panet", backbone="compact", size=64))
    model.config = LearnedConfig(method="maskrcnn", backbone="compact", size=64)
    save_model(tmp_path / "m.safetensors", model)
    with pytest.raises(InputError, match=r"m\.safetensors: unknown method 'maskrcnn': there are"):
        load_method(tmp_path / "m.safetensors")


@pytest.mark.parametrize("name", NETWORKS)
def test_its_papers_recipe_is_a_training(name):
    config = TrainConfig(**recipe("paper", LearnedConfig(method=name)))
    assert config.loss == "ce"
    assert paper_recipe(LearnedConfig(method=name)) == NETWORKS[name].PAPER


def test_the_last_tap_of_each_level_is_read():
    backbone = load_backbone("mobilenet_v2", "random")
    model = build(LearnedConfig(method="panet", size=64), backbone)
    maps = model.extract(torch.rand(1, 3, 64, 64)).taps
    assert [tuple(x.shape[1:]) for x in maps] == [(32, 8, 8), (96, 4, 4), (320, 2, 2)]


def test_episodes_of_different_shots_are_weighted_by_their_number():
    model = build(
        LearnedConfig(method="sg_one", backbone="compact", size=64), load_backbone("compact", "random")
    )
    seen, masks = model.extract(torch.rand(5, 3, 64, 64)), torch.ones(5, 64, 64)
    inputs = [model.training_input(seen[:1], model.guide(seen[:k], masks[:k], seen[:1])) for k in (1, 2, 1)]
    target = torch.stack([torch.full((64, 64), float(i)) for i in range(3)])
    terms = model.loss_terms(inputs, target)
    assert [(len(x.target), x.weight) for x in terms] == [
        (2, pytest.approx(2 / 3)),
        (1, pytest.approx(1 / 3)),
    ]
    assert terms[0].target[:, 0, 0].tolist() == [0, 2]


def test_an_unknown_method_is_named():
    with pytest.raises(InputError, match="unknown method 'maskrcnn': there are obftnet, hsnet"):
        build(LearnedConfig(method="maskrcnn"))
    assert method_name(build(CuesConfig(backbone="compact")).config) == "obftnet_cues"
