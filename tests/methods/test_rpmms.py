import itertools

import pytest
import torch

from obftnet.methods.comparison import Decoder
from obftnet.methods.mixture import mixture
from obftnet.methods.pmms import PMMs
from obftnet.methods.rpmms import STAGES, RPMMs


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.fixture
def scene(scene_of):
    return scene_of(RPMMs, batch=2, shots=1)


def test_parameters_are_those_of_pmms_and_the_two_further_channels():
    channels = (512, 1024, 2048)
    network = RPMMs(channels)
    assert count(network) == count(PMMs(channels)) - count(Decoder()) + count(Decoder(2))
    assert count(network) == count(PMMs(channels)) + 2 * 9 * 256
    assert network.state_dict()["start"].shape == (10, 256)


def test_each_stage_has_its_prototypes_and_sees_the_mask_of_the_last(scene, monkeypatch):
    network, query, shots = scene
    starts, seen = [], []
    duplex, decode = network.duplex, network.decode.forward

    def watched_duplex(maps, positions, share, start):
        starts.append(start)
        return duplex(maps, positions, share, start)

    def watched_decode(maps, mask):
        seen.append((mask, decode(maps, mask)))
        return seen[-1][1]

    monkeypatch.setattr(network, "duplex", watched_duplex)
    monkeypatch.setattr(network.decode, "forward", watched_decode)
    logit = network(query, shots, (16, 16))
    assert [len(start) for start in starts] == list(STAGES) == [1, 3, 6]
    assert seen[0][0].abs().max() == 0
    for (_, before), (mask, _) in itertools.pairwise(seen):
        assert torch.equal(mask, before.softmax(1))
    torch.testing.assert_close(logit, seen[-1][1][:, 1] - seen[-1][1][:, 0])


def test_every_stage_has_its_loss_and_the_last_is_the_result(scene):
    network, query, shots = scene
    terms = network.loss_terms(query, shots, torch.zeros(2, 128, 128))
    assert [term.weight for term in terms] == [1, 1, 1]
    assert torch.equal(terms[-1].logit, network(query, shots, (128, 128)))
    assert not torch.equal(terms[0].logit, terms[1].logit)


def test_the_last_loss_alone_moves_what_an_earlier_stage_predicts(scene):
    """The mask handed on takes a gradient."""
    network, query, shots = scene
    kept = []
    decode = network.decode.forward

    def watched(maps, mask):
        kept.append(decode(maps, mask))
        kept[-1].retain_grad()
        return kept[-1]

    network.decode.forward = watched
    network(query, shots, (16, 16)).sum().backward()
    assert kept[0].grad.abs().max() > 0


def test_one_prototype_is_the_weighted_mean_of_the_directions():
    """By hand: (3, 0), (0, 2), (0, 5) with shares 1, 1, 0 lie half way between the axes."""
    positions = torch.tensor([[[3.0, 0], [0, 2], [0, 5]]])
    mean = mixture(positions, torch.tensor([[1.0, 1, 0]]), torch.tensor([[0.6, 0.8]]))
    torch.testing.assert_close(mean, torch.full((1, 1, 2), 0.5**0.5))
