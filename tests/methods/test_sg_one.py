import torch

from obftnet.methods import sg_one as module
from obftnet.methods.learned import Shots
from obftnet.methods.sg_one import SGOne


def test_parameters():
    stem = 32 + 96 + 320

    def conv(inside: int, outside: int = 128, side: int = 3) -> int:
        return side * side * inside * outside + outside

    guidance = conv(stem) + 2 * conv(128)
    segmentation = conv(stem) + 2 * conv(256)
    count = sum(p.numel() for p in SGOne((32, 96, 320)).parameters())
    assert count == guidance + segmentation + conv(128) + conv(128, 2, 1)


def test_the_similarity_multiplies_what_is_seen(monkeypatch):
    """With a similarity of 0 everywhere nothing of the query is left: the logit is a constant."""
    torch.manual_seed(0)
    network = SGOne((2, 2, 2)).eval()
    query = tuple(torch.randn(1, 2, 8, 8) for _ in range(3))
    support = Shots(tuple(torch.randn(1, 1, 2, 8, 8) for _ in range(3)), torch.ones(1, 1, 64, 64))
    assert network(query, support, (64, 64))[0, 16:48, 16:48].std() > 1e-4
    monkeypatch.setattr(module.F, "cosine_similarity", lambda maps, vector: torch.zeros_like(maps[:, 0]))
    assert network(query, support, (64, 64))[0, 16:48, 16:48].std() < 1e-6


def test_the_vector_comes_from_the_defect_alone():
    """What lies outside the mask may change, as long as no convolution reaches from there."""
    torch.manual_seed(0)
    network = SGOne((2, 2, 2)).eval()
    query = tuple(torch.randn(1, 2, 16, 16) for _ in range(3))
    support = [torch.randn(1, 1, 2, 16, 16) for _ in range(3)]
    mask = torch.zeros(1, 1, 128, 128)
    mask[..., :32, :32] = 1
    before = network(query, Shots(tuple(support), mask), (128, 128))
    changed = [x.clone() for x in support]
    for x in changed:
        x[..., 10:, 10:] += 3
    torch.testing.assert_close(network(query, Shots(tuple(changed), mask), (128, 128)), before)
    changed[0][..., 1, 1] += 3
    after = network(query, Shots(tuple(changed), mask), (128, 128))
    assert (after - before).abs().max() > 1e-4


def test_shots_give_the_mean_vector():
    torch.manual_seed(0)
    network = SGOne((2, 2, 2)).eval()
    query = tuple(torch.randn(1, 2, 8, 8) for _ in range(3))
    support = tuple(torch.randn(1, 1, 2, 8, 8) for _ in range(3))
    once = network(query, Shots(support, torch.ones(1, 1, 64, 64)), (64, 64))
    twice = tuple(x.repeat(1, 2, 1, 1, 1) for x in support)
    both = network(query, Shots(twice, torch.ones(1, 2, 64, 64)), (64, 64))
    torch.testing.assert_close(both, once, atol=1e-5, rtol=1e-5)
