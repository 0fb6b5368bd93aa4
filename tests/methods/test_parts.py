import pytest
import torch

from obftnet.methods.parts import difference, joined, masked_average, over_shots


def test_the_masked_average_by_hand():
    features = torch.tensor([[1.0, 3.0], [5.0, 7.0]]).reshape(1, 1, 1, 2, 2)
    share = torch.tensor([[1.0, 0.0], [0.5, 0.0]]).reshape(1, 1, 2, 2)
    assert masked_average(features, share).item() == pytest.approx((1 * 1 + 5 * 0.5) / 1.5)


def test_a_mask_finer_than_the_features_weighs_by_area():
    features = torch.tensor([[2.0, 10.0]]).reshape(1, 1, 1, 1, 2)
    share = torch.zeros(1, 1, 2, 4)
    share[..., 0, 0] = 1  # a quarter of the first cell
    share[..., :, 2:] = 1  # all of the second
    assert masked_average(features, share).item() == pytest.approx((2 / 4 + 10) / 1.25)


def test_nothing_that_counts_is_a_zero_vector():
    assert masked_average(torch.rand(1, 2, 3, 4, 4), torch.zeros(1, 2, 4, 4)).abs().max() == 0


def test_maps_are_joined_on_the_finest_grid():
    fine, coarse = torch.rand(2, 3, 4, 8, 6), torch.full((2, 3, 5, 4, 3), 7.0)
    together = joined((fine, coarse))
    assert together.shape == (2, 3, 9, 8, 6)
    assert torch.equal(together[:, :, :4], fine)
    assert torch.equal(together[:, :, 4:], torch.full((2, 3, 5, 8, 6), 7.0))


def test_a_layer_over_shots_is_the_layer_on_each():
    layer, maps = torch.nn.Conv2d(3, 2, 3), torch.rand(2, 4, 3, 5, 5)
    torch.testing.assert_close(over_shots(layer, maps)[1, 2], layer(maps[1, 2:3])[0])


def test_the_difference_is_the_softmax():
    channels = torch.randn(2, 2, 3, 3)
    torch.testing.assert_close(difference(channels).sigmoid(), channels.softmax(1)[:, 1])
