"""The defect's other views: what they show, where they are cut, and what is kept of them."""

import pytest
import torch
from torch import Tensor

from obftnet.backbones.features import unit_features
from obftnet.guidance import views as module
from obftnet.guidance.columns import every
from obftnet.guidance.views import defect_views

VIEWS = 15


def drawn(side: int, rows: slice, columns: slice) -> tuple[Tensor, Tensor]:
    """Noise with a defect of one colour, and its mask."""
    image = 0.3 * torch.rand(3, side, side, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(side, side)
    mask[rows, columns] = 1
    image[:, mask > 0] = torch.tensor([1.0, 0.5, 0.0])[:, None]
    return image, mask


def pixels(images: Tensor) -> tuple[Tensor, ...]:
    """Unit features that are the pixels, at strides 1 and 4."""
    return unit_features(images), unit_features(images[..., ::4, ::4])


def test_the_mask_turns_with_the_image():
    image, mask = drawn(256, slice(100, 110), slice(60, 140))
    views = module._views(torch.cat([image, mask[None]]), *module._window(mask, 32))
    assert len(views) == VIEWS
    for number, view in enumerate(views):
        marked = view[3] > 0.99
        # Turned by 45 degrees and sampled, the defect has about as many pixels as before.
        assert int(marked.sum()) == pytest.approx(800, rel=0 if number < 7 else 0.2)
        colours = view[:3, marked]
        assert torch.allclose(colours, torch.tensor([1.0, 0.5, 0.0])[:, None].expand_as(colours), atol=0.02)


def test_the_views_of_a_line_point_every_45_degrees():
    _, mask = drawn(256, slice(126, 129), slice(80, 176))
    views = module._views(mask[None].expand(4, -1, -1), *module._window(mask, 32))
    angles = set()
    for view in views[:, 3]:
        y, x = (view > 0.5).nonzero().double().T
        covariance = torch.cov(torch.stack([x, y]))
        direction = torch.linalg.eigh(covariance).eigenvectors[:, -1]
        angles.add(round(float(torch.atan2(direction[1], direction[0]).rad2deg())) % 180)
    assert angles == {0, 45, 90, 135}


def test_no_view_is_the_one_as_it_lies_and_no_two_are_alike():
    image, mask = drawn(128, slice(40, 50), slice(60, 100))
    both = torch.cat([image, mask[None]])
    top, left, side = module._window(mask, 32)
    views = [both[:, top : top + side, left : left + side], *module._views(both, top, left, side)]
    for number, view in enumerate(views):
        assert not any(torch.equal(view, other) for other in views[:number])


@pytest.mark.parametrize("side", [64, 100, 256, 400])
@pytest.mark.parametrize("place", [(0, 0), (30, 10), (60, 60)])
@pytest.mark.parametrize("extent", [(1, 1), (3, 40)])
def test_the_window_holds_the_defect_and_what_is_around_it(side, place, extent):
    (y, x), (height, width) = place, extent
    height, width = min(height, side - y), min(width, side - x)
    _, mask = drawn(side, slice(y, y + height), slice(x, x + width))
    top, left, window = module._window(mask, 32)
    assert min(top, left) >= 0
    assert max(top, left) + window <= side
    assert window == side or window % 32 == 0
    assert window >= min(side, 64)
    assert mask[top : top + window, left : left + window].sum() == mask.sum()
    for start, stop, corner in ((y, y + height, top), (x, x + width, left)):
        assert start - corner >= min(48, start)
        assert corner + window - stop >= min(48, side - stop)


def test_every_column_is_a_position_of_the_defect():
    image, mask = drawn(256, slice(100, 109), slice(60, 70))
    fine, coarse = defect_views(pixels, image, mask, 32)
    direction = torch.nn.functional.normalize(torch.tensor([1.0, 0.5, 0.0]), dim=0)
    assert fine.shape[0] == coarse.shape[0] == 3
    assert 7 * 90 <= fine.shape[1] <= VIEWS * module._MOST
    # In the straight views each position is of the defect alone.
    assert torch.allclose(fine[:, : 7 * 90], direction[:, None].expand(3, 7 * 90), atol=1e-5)
    assert coarse.shape[1] >= VIEWS


def test_a_large_defect_gives_a_bounded_number_of_columns_spread_over_it():
    image, mask = drawn(256, slice(0, 256), slice(0, 256))
    fine, _ = defect_views(pixels, image, mask, 32)
    assert fine.shape[1] == VIEWS * module._MOST
    chosen = every(torch.arange(1000.0)[None], 128)[0]
    assert chosen[0] == 0
    assert chosen[-1] >= 990
    assert (chosen.diff() > 0).all()


def test_an_empty_mask_gives_no_column():
    fine, coarse = defect_views(pixels, torch.rand(3, 96, 96), torch.zeros(96, 96), 32)
    assert fine.shape == coarse.shape == (3, 0)
