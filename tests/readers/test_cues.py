"""The small U-Net that reads cue maps."""

import pytest
import torch

from obftnet.readers.cues import CuesReader, CueUNet
from obftnet.relation.relation import Relation


def reader(channels: tuple[int, ...] = (4, 3, 2)) -> CuesReader:
    torch.manual_seed(0)
    return CuesReader(channels)


def relation(b: int, channels: tuple[int, ...], grids, early: int = 0) -> Relation:
    torch.manual_seed(1)
    levels = tuple(torch.randn(b, c, *grid) for c, grid in zip(channels, grids, strict=True))
    return Relation(levels, torch.randn(b, early, 18, 14) if early else None)


@pytest.mark.parametrize("b", [1, 3])
@pytest.mark.parametrize(
    "grids",
    [
        ((32, 32), (16, 16), (8, 8)),
        ((13, 9), (7, 5), (4, 3)),
        ((3, 2), (2, 1), (1, 1)),
        ((1, 1), (1, 1), (1, 1)),
    ],
)
@pytest.mark.parametrize("mode", [True, False])
def test_logits_of_any_size_from_grids_of_any_size(b, grids, mode):
    if b == 1 and grids[0] == (1, 1) and mode:
        return  # one value a channel has no variance to learn from
    net = reader().train(mode)
    for size in ((50, 41), (1, 1)):
        logits = net(relation(b, (4, 3, 2), grids), size)
        assert logits.shape == (b, *size)
        assert torch.isfinite(logits).all()


def test_levels_are_resized_to_the_finest_grid():
    net = reader((2, 1)).eval()
    (fine, coarse), *_ = relation(1, (2, 1), ((6, 4), (3, 2)))
    coarse[:] = 0.7  # a constant stays constant, whatever the grid
    found, same = (net(Relation((fine, x)), (9, 9)) for x in (coarse, torch.full((1, 1, 6, 4), 0.7)))
    assert torch.allclose(found, same, atol=1e-5)


def test_two_levels_and_one_are_served():
    for channels, grids in (((5,), ((6, 6),)), ((5, 2), ((6, 6), (3, 3)))):
        assert reader(channels)(relation(2, channels, grids), (12, 12)).shape == (2, 12, 12)


def test_the_early_map_draws_at_any_size():
    torch.manual_seed(0)
    net = CuesReader((4, 3), early=5).eval()
    levels = relation(2, (4, 3), ((9, 7), (5, 4))).levels
    flat, drawn = (
        net(Relation(levels, early), (40, 30))
        for early in (torch.zeros(2, 5, 18, 14), torch.randn(2, 5, 17, 15))
    )
    assert drawn.shape == (2, 40, 30)
    assert not torch.equal(flat, drawn)


@pytest.mark.parametrize("early", [0, 5])
def test_every_parameter_gets_a_gradient(early):
    torch.manual_seed(0)
    net = CuesReader((4, 3, 2), early)
    maps = relation(2, (4, 3, 2), ((9, 7), (5, 4), (3, 2)), early)
    net(maps, (20, 20)).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("channels", [6, 98])
def test_the_number_of_parameters(channels):
    def conv3(inside, outside):
        return inside * outside * 9 + outside

    def block(inside, outside):
        return conv3(inside, outside) + 2 * outside  # GroupNorm's scale and shift

    expected = (
        2 * channels  # batch norm
        + channels * 64
        + 64
        + 2 * block(64, 64)
        + block(64, 96)
        + block(96, 96)
        + block(160, 64)
        + block(64, 64)
        + block(64, 32)
        + 32
        + 1
    )
    assert sum(p.numel() for p in CueUNet(channels).parameters()) == expected


def test_items_of_a_batch_do_not_meet_in_eval_mode():
    net = reader().eval()
    maps = relation(2, (4, 3, 2), ((9, 7), (5, 4), (3, 2)))
    together = net(maps, (20, 20))
    alone = net(Relation(tuple(x[1:] for x in maps.levels)), (20, 20))
    torch.testing.assert_close(together[1:], alone, rtol=1e-4, atol=1e-5)


def test_residual_maps_of_any_grid_are_read_beside_the_cues():
    torch.manual_seed(0)
    net = CuesReader((3, 2), early=4, change=(5, 6)).eval()
    levels = (torch.randn(2, 3, 8, 8), torch.randn(2, 2, 4, 4))
    change = (torch.randn(2, 5, 8, 8), torch.randn(2, 6, 4, 4))
    early = torch.randn(2, 4, 16, 16)
    found = net(Relation(levels, early, change=change), (20, 20))
    assert found.shape == (2, 20, 20)
    other = (change[0], change[1] + 1.0)
    assert not torch.allclose(found, net(Relation(levels, early, change=other), (20, 20)))
