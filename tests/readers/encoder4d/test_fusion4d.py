"""Resizing, alignment and order of the fusion steps."""

import pytest
import torch
from torch import nn

from obftnet.readers.encoder4d.fusion import LevelFusion, align_guidance, resize_query


def test_resizing_interpolates_the_query_axes_with_aligned_corners():
    # Linear in both query positions, another plane at each guidance position: bilinear keeps it linear.
    i, j = torch.linspace(0, 1, 3), torch.linspace(0, 1, 4)
    offset = torch.arange(6.0).view(2, 3)
    level = i.view(3, 1, 1, 1) + 10 * j.view(4, 1, 1) + 100 * offset
    i, j = torch.linspace(0, 1, 5), torch.linspace(0, 1, 2)
    expected = i.view(5, 1, 1, 1) + 10 * j.view(2, 1, 1) + 100 * offset
    resized = resize_query(level[None, None], (5, 2))
    assert resized.shape == (1, 1, 5, 2, 2, 3)
    torch.testing.assert_close(resized[0, 0], expected)


def test_guidance_grids_that_agree_are_left_alone():
    levels = [torch.rand(1, 2, g, g, 2, 3) for g in (4, 2)]
    for aligned, level in zip(align_guidance(levels), levels, strict=True):
        assert aligned is level


def test_guidance_grids_that_differ_are_averaged_to_the_smallest_on_each_axis():
    levels = [torch.rand(2, 3, 4, 5, 2, 3), torch.rand(2, 3, 2, 2, 4, 1)]
    fine, coarse = align_guidance(levels)
    torch.testing.assert_close(fine, levels[0].mean(-1, keepdim=True))
    assert coarse.shape == (2, 3, 2, 2, 2, 1)
    torch.testing.assert_close(coarse[..., 0, :], levels[1][..., :2, :].mean(-2))
    torch.testing.assert_close(coarse[..., 1, :], levels[1][..., 2:, :].mean(-2))


class Affine(nn.Module):
    """Stands for a fusion step: x -> weight * x."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * x


def constant_levels() -> list[torch.Tensor]:
    return [torch.full((1, 128, g, g + 1, 2, 2), value) for g, value in ((4, 1.0), (3, 2.0), (2, 4.0))]


def test_top_down_adds_coarse_to_mid_to_fine():
    fusion = LevelFusion(3, "top_down")
    fusion.top_down = nn.ModuleList([Affine(3.0), Affine(5.0)])
    # mid = 5 (2 + 4) = 30; fine = 3 (1 + 30) = 93
    out = fusion(constant_levels())
    assert out.shape == (1, 128, 4, 5)
    torch.testing.assert_close(out, torch.full_like(out, 93.0))


def test_bidirectional_goes_up_first_and_then_down_over_what_that_gave():
    fusion = LevelFusion(3, "bidirectional")
    fusion.bottom_up = nn.ModuleList([Affine(7.0), Affine(2.0)])
    fusion.top_down = nn.ModuleList([Affine(3.0), Affine(5.0)])
    # up: mid = 7 (2 + 1) = 21, coarse = 2 (4 + 21) = 50; down: mid = 5 (21 + 50) = 355, fine = 3 (1 + 355)
    out = fusion(constant_levels())
    torch.testing.assert_close(out, torch.full_like(out, 1068.0))


def test_levels_given_are_not_changed():
    levels = constant_levels()
    copies = [level.clone() for level in levels]
    given = list(levels)
    LevelFusion(3, "bidirectional")(given)
    for level, kept, copy in zip(given, levels, copies, strict=True):
        assert level is kept
        assert torch.equal(level, copy)


def test_result_is_the_mean_over_the_guidance_axes():
    fusion = LevelFusion(2, "top_down")
    fusion.top_down = nn.ModuleList([nn.Identity()])
    levels = [torch.rand(1, 128, 3, 2, 2, 3), torch.zeros(1, 128, 2, 2, 2, 3)]
    torch.testing.assert_close(fusion(levels), levels[0].mean((4, 5)))


def test_refuses_another_fusion():
    with pytest.raises(ValueError, match="'top_down' or 'bidirectional', got 'up'"):
        LevelFusion(3, "up")  # type: ignore[arg-type]
