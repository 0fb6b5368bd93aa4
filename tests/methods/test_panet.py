import math

import pytest
import torch

from obftnet.methods.learned import Shots
from obftnet.methods.panet import PANet


class AsTheyAre(torch.nn.Module):
    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return maps[:, :2]


@pytest.fixture
def plain() -> PANet:
    """A network that takes its features as they are, so that its core can be followed by hand."""
    network = PANet((2, 1, 1))
    network.embed = AsTheyAre()
    return network


def maps(*vectors: tuple[float, float]) -> tuple[torch.Tensor, ...]:
    """One image of one row, (1, c, 1, n) a level; the coarser levels hold nothing."""
    fine = torch.tensor(vectors).T[None, :, None]
    empty = torch.zeros(1, 1, 1, 1)
    return fine, empty, empty


def test_parameters():
    channels = 32 + 96 + 320
    count = sum(p.numel() for p in PANet((32, 96, 320)).parameters())
    assert count == 9 * channels * 256 + 256 + 9 * 256 * 256 + 256


def test_the_logit_by_hand(plain):
    """Prototypes (1, 0) and (0, 1): 20 x the difference of the cosines."""
    support = Shots(tuple(x.unsqueeze(1) for x in maps((2, 0), (0, 3))), torch.tensor([[[[1.0, 0]]]]))
    logit = plain(maps((5, 0), (1, 1), (3, 4)), support, (1, 3))[0, 0]
    assert logit.tolist() == pytest.approx([20, 0, 20 * (3 - 4) / 5], abs=1e-4)


def test_the_alignment_by_hand(plain):
    """The query is found defect on its first cell alone; its vectors judge the support."""
    support = Shots(tuple(x.unsqueeze(1) for x in maps((1, 0), (0, 1))), torch.tensor([[[[1.0, 0]]]]))
    terms = plain.loss_terms(maps((3, 4 - 1.5), (0, 1)), support, torch.tensor([[[1.0, 0]]]))
    (logit, target, weight) = terms[1]
    length = math.hypot(3, 2.5)
    assert logit[0, 0].tolist() == pytest.approx([20 * 3 / length, 20 * (2.5 / length - 1)], abs=1e-4)
    assert target.tolist() == [[[1, 0]]]
    assert weight == 1


def test_without_a_prediction_there_is_no_alignment(plain):
    support = Shots(tuple(x.unsqueeze(1) for x in maps((1, 0), (0, 1))), torch.tensor([[[[1.0, 0]]]]))
    assert len(plain.loss_terms(maps((0, 1), (0, 2)), support, torch.zeros(1, 1, 2))) == 1
