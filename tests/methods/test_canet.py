import itertools

import pytest
import torch

from obftnet.methods import canet as module
from obftnet.methods.canet import CANet
from obftnet.methods.comparison import Decoder
from obftnet.methods.learned import Shots


def conv(inside: int, outside: int, side: int) -> int:
    return side * side * inside * outside + outside


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("further", [0, 2])
def test_parameters_of_the_decoder(further):
    residuals = conv(256 + further, 256, 3) + conv(256, 256, 3) + 4 * conv(256, 256, 3)
    branches = 2 * conv(256, 256, 1) + 3 * conv(256, 256, 3)
    assert count(Decoder(further)) == residuals + branches + conv(5 * 256, 256, 1) + conv(256, 2, 1)


def test_parameters():
    trunk = conv(512 + 1024, 256, 3) + conv(512, 256, 3)
    attention = conv(512, 256, 3) + conv(256, 1, 3)
    assert count(CANet((512, 1024, 2048))) == trunk + attention + count(Decoder(2))


@pytest.fixture
def scene(scene_of):
    return scene_of(CANet, batch=1, shots=2)


def test_each_pass_looks_at_the_mask_of_the_last(scene, monkeypatch):
    network, query, shots = scene
    seen = []
    decode = network.decode.forward

    def watched(maps, mask):
        out = decode(maps, mask)
        seen.append((mask, out))
        return out

    monkeypatch.setattr(network.decode, "forward", watched)
    network(query, shots, (128, 128))
    assert len(seen) == module.PASSES
    assert seen[0][0].abs().max() == 0
    for (_, before), (mask, _) in itertools.pairwise(seen):
        assert torch.equal(mask, before.softmax(1))
    assert not torch.equal(seen[0][1], seen[1][1])


def test_attention_sums_to_one_over_the_shots(scene):
    """The same shot twice is the shot once, whatever the attention says of it."""
    network, query, shots = scene
    once = Shots(tuple(x[:, :1] for x in shots.features), shots.fraction[:, :1])
    twice = Shots(tuple(x[:, [0, 0]] for x in shots.features), shots.fraction[:, [0, 0]])
    torch.testing.assert_close(
        network(query, twice, (64, 64)), network(query, once, (64, 64)), atol=1e-4, rtol=1e-4
    )


def test_attention_weighs_the_shots(scene):
    """A bias of the attention cancels; a shot it prefers without bound decides alone."""
    network, query, shots = scene
    alone = Shots(tuple(x[:, 1:] for x in shots.features), shots.fraction[:, 1:])
    values = iter([torch.tensor([-50.0, 50.0]).reshape(2, 1, 1, 1), torch.zeros(1, 1, 1, 1)])
    network.attend = torch.nn.Sequential(network.attend[0], Given(values))
    both = network(query, shots, (64, 64))
    torch.testing.assert_close(both, network(query, alone, (64, 64)), atol=1e-4, rtol=1e-4)


class Given(torch.nn.Module):
    def __init__(self, values) -> None:
        super().__init__()
        self.values = values

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        return next(self.values)
