import math

import pytest
import torch

from obftnet.training.loss import image_loss, segmentation_loss

KINDS = ("ce", "weighted_ce", "ce_dice", "ce10_dice")


def entropy(logit: float, target: float) -> float:
    score = 1 / (1 + math.exp(-logit))
    return -(target * math.log(score) + (1 - target) * math.log(1 - score))


def test_cross_entropy_is_the_mean_over_positions():
    logit = torch.tensor([[[2.0, -1.0], [0.0, 0.5]]])
    target = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    by_hand = (entropy(2, 1) + entropy(-1, 0) + entropy(0, 0) + entropy(0.5, 1)) / 4
    assert segmentation_loss(logit, target, "ce").item() == pytest.approx(by_hand, rel=1e-6)


def test_cross_entropy_is_that_of_the_two_channels():
    channels = torch.randn(2, 2, 3, 5)
    target = torch.randint(0, 2, (2, 3, 5))
    two = torch.nn.functional.cross_entropy(channels, target)
    one = segmentation_loss(channels[:, 1] - channels[:, 0], target.float(), "ce")
    assert one.item() == pytest.approx(two.item(), rel=1e-5)


def test_weighted_cross_entropy_lets_defect_weigh_as_much_as_the_rest():
    logit = torch.tensor([[[2.0, -1.0, 0.0, 0.5]]])
    target = torch.tensor([[[1.0, 0.0, 0.0, 0.0]]])
    by_hand = (3 * entropy(2, 1) + entropy(-1, 0) + entropy(0, 0) + entropy(0.5, 0)) / 4
    assert segmentation_loss(logit, target, "weighted_ce").item() == pytest.approx(by_hand, rel=1e-6)


def test_the_weight_of_defect_is_at_most_fifty_and_at_least_one():
    target = torch.zeros(1, 10, 100)
    target[0, 0, 0] = 1
    by_hand = (50 * entropy(0, 1) + 999 * entropy(0, 0)) / 1000
    assert segmentation_loss(torch.zeros_like(target), target, "weighted_ce").item() == pytest.approx(by_hand)
    most = torch.tensor([[[1.0, 1.0, 1.0, 0.0]]])
    logit = torch.tensor([[[0.3, 0.3, 0.3, 0.3]]])
    assert torch.equal(segmentation_loss(logit, most, "weighted_ce"), segmentation_loss(logit, most, "ce"))


def test_dice_is_taken_an_image_and_added():
    logit = torch.zeros(2, 1, 4)
    target = torch.tensor([[[1.0, 1.0, 0.0, 0.0]], [[0.0, 0.0, 0.0, 0.0]]])
    # Scores are 0.5: sums are 2 + 2 with an overlap of 1, and 2 + 0 with none.
    dice = ((1 - 3 / 5) + (1 - 1 / 3)) / 2
    assert segmentation_loss(logit, target, "ce_dice").item() == pytest.approx(math.log(2) + dice, rel=1e-6)


def test_a_defect_position_weighs_ten_times_in_the_entropy_and_as_ever_in_dice():
    logit, target = torch.zeros(1, 1, 10), torch.zeros(1, 1, 10)
    target[..., 0] = 1
    dice = 1 - 2 / 7
    by_hand = (10 * entropy(0, 1) + 9 * entropy(0, 0)) / 10 + dice
    assert segmentation_loss(logit, target, "ce10_dice").item() == pytest.approx(by_hand, rel=1e-6)


def test_dice_of_nothing_found_where_nothing_is_to_be_found_is_zero():
    logit = torch.full((1, 4, 4), -40.0)
    assert segmentation_loss(logit, torch.zeros(1, 4, 4), "ce_dice").item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_raises_defect_and_lowers_the_rest(kind):
    logit = torch.zeros(2, 4, 4, requires_grad=True)
    target = torch.zeros(2, 4, 4)
    target[:, 1, 2] = 1
    segmentation_loss(logit, target, kind).backward()
    assert (logit.grad[target == 1] < 0).all()
    assert (logit.grad[target == 0] > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_logit_gives_a_finite_loss(kind):
    logit = torch.tensor([[[1e4, -1e4]]])
    assert segmentation_loss(logit, torch.tensor([[[0.0, 1.0]]]), kind).isfinite()


def test_an_unknown_loss_is_named():
    with pytest.raises(ValueError, match=r"'focal'.*ce, weighted_ce, ce_dice"):
        segmentation_loss(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2), "focal")


def test_the_image_loss_is_the_cross_entropy_of_the_mean_of_the_largest_logits():
    """A map of 100 x 40 positions: the two largest speak for it."""
    logit = torch.full((2, 100, 40), -5.0)
    logit[0, 3, 4], logit[0, 70, 8], logit[1, 0, 0] = 3.0, 1.0, 4.0
    target = torch.zeros(2, 100, 40)
    target[0, 3, 4] = 1
    by_hand = (entropy(2.0, 1) + entropy(-0.5, 0)) / 2
    assert image_loss(logit, target).item() == pytest.approx(by_hand, rel=1e-5)


def test_one_mark_on_a_large_good_image_is_dear_in_the_image_loss_alone():
    """Cross-entropy over the positions hardly sees one mark in a large good image; this term does."""
    logit = torch.full((1, 256, 256), -9.0)
    logit[0, 10:16, 10:16] = 4.0
    target = torch.zeros(1, 256, 256)
    assert segmentation_loss(logit, target, "ce").item() < 0.01
    assert image_loss(logit, target).item() > 3
