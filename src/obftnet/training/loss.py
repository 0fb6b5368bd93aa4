"""Losses on a logit map (b, H, W) against a mask (b, H, W) in 0..1."""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.errors import InputError


def segmentation_loss(logit: Tensor, target: Tensor, kind: str) -> Tensor:
    """Scalar loss.

    "ce": mean cross-entropy over all positions, the paper's; the logit is the difference of the two
    channels, so the binary form is the same number. "weighted_ce": defect positions weigh as much as all
    others together, at most 50 times. "ce_dice": cross-entropy plus the soft Dice loss over the batch.
    "ce10_dice": the same with defect positions weighing ten times in the cross-entropy: where little is told
    apart yet, calibrated scores all lie below 0.5, and the threshold of the largest IoU far below it.
    """
    if kind == "ce":
        return F.binary_cross_entropy_with_logits(logit, target)
    if kind == "weighted_ce":
        positive = target.mean()
        weight = ((1 - positive) / positive.clamp(min=1e-6)).clamp(1, 50)
        return F.binary_cross_entropy_with_logits(logit, target, pos_weight=weight)
    if kind == "ce_dice":
        return F.binary_cross_entropy_with_logits(logit, target) + _dice(logit.sigmoid(), target)
    if kind == "ce10_dice":
        entropy = F.binary_cross_entropy_with_logits(logit, target, pos_weight=logit.new_tensor(10.0))
        return entropy + _dice(logit.sigmoid(), target)
    raise ValueError(f"unknown loss {kind!r}: there are ce, weighted_ce, ce_dice, ce10_dice")


def check_loss(out: Path, loss: Tensor, step: int, rate: float) -> None:
    """Stop a run in folder `out` whose loss (scalar) is no number any more, before a step takes its gradient.

    Raises:
        InputError: NaN or infinite at this step, 1-based, with this learning rate.
    """
    if not math.isfinite(loss.item()):
        raise InputError(
            f"{out}: the loss is {loss.item()} at step {step}, with a learning rate of {rate:g}; take a "
            "smaller rate, and another folder"
        )


#: Share of the positions that decide whether there is any defect: about the smallest annotated defect's.
_IMAGE_SHARE = 5e-4


def image_loss(logit: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of each image holding any defect: (b, H, W) logits and truth in 0..1 -> a scalar.

    An image's logit is the mean of its largest: a position's alone would follow the noise.
    """
    count = max(1, round(_IMAGE_SHARE * logit[0].numel()))
    largest = logit.flatten(1).topk(count, 1).values.mean(1)
    return F.binary_cross_entropy_with_logits(largest, (target.flatten(1).amax(1) > 0).to(logit))


def _dice(score: Tensor, target: Tensor) -> Tensor:
    """1 - Dice an image, mean over images. The 1 keeps an empty target's loss small for an empty score."""
    both = (score * target).sum((-2, -1))
    total = score.sum((-2, -1)) + target.sum((-2, -1))
    return torch.mean(1 - (2 * both + 1) / (total + 1))
