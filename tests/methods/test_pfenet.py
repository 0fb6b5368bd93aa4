import pytest
import torch

from obftnet.methods.enrichment import SCALES
from obftnet.methods.learned import Shots
from obftnet.methods.pfenet import PFENet, prior_mask


def test_parameters_on_resnet50_are_the_published_ones():
    """10.8 million, counted layer by layer."""
    reduce = 2 * (512 + 1024) * 256
    merge, across = 4 * 513 * 256, 3 * 512 * 256
    refinement, head = 2 * 9 * 256 * 256, 9 * 256 * 256 + 256 * 2 + 2
    expected = reduce + merge + across + 5 * refinement + 5 * head + 4 * 256 * 256
    assert sum(p.numel() for p in PFENet((512, 1024, 2048)).parameters()) == expected == 10_817_034


def test_the_prior_by_hand():
    """Support: defect (1, 0), rest (0, 1). Cosines of the query 1, 0.6 and -0.6; the zeroed cell gives 0."""
    query = torch.tensor([[2.0, 3, -3], [0, 4, 4]]).reshape(1, 2, 1, 3)
    support = torch.tensor([[1.0, 0], [0, 1]]).reshape(1, 1, 2, 1, 2)
    prior = prior_mask(query, support, torch.tensor([[[[1.0, 0]]]]))
    # The nearest of (defect, zeroed): 1, 0.6, 0; from 0 to 1 they are themselves.
    assert prior[0, 0, 0].tolist() == pytest.approx([1, 0.6, 0], abs=1e-5)


def test_the_prior_of_several_shots_is_their_mean():
    query = torch.randn(2, 4, 5, 6)
    support = torch.randn(2, 3, 4, 5, 6)
    mask = (torch.rand(2, 3, 40, 48) > 0.5).float()
    alone = [prior_mask(query, support[:, k : k + 1], mask[:, k : k + 1]) for k in range(3)]
    torch.testing.assert_close(prior_mask(query, support, mask), torch.stack(alone).mean(0))


def test_a_prior_without_contrast_is_nothing():
    assert (
        prior_mask(torch.ones(1, 2, 3, 3), torch.ones(1, 1, 2, 3, 3), torch.ones(1, 1, 9, 9)).abs().max()
        < 0.5
    )


def test_every_scale_has_its_loss():
    network = PFENet((4, 4, 4))
    maps = tuple(torch.randn(1, 4, s, s) for s in (16, 8, 4))
    shots = Shots(tuple(x.unsqueeze(1) for x in maps), torch.ones(1, 1, 128, 128))
    terms = network.loss_terms(maps, shots, torch.zeros(1, 128, 128))
    assert [term.weight for term in terms] == [1, *[1 / len(SCALES)] * len(SCALES)]
    assert network.enrichment(
        torch.randn(1, 256, 16, 30), torch.randn(1, 256, 16, 30), torch.rand(1, 1, 16, 30)
    )[1][3].shape == (1, 2, 4)
