import numpy as np
import pytest
import torch
from torch.nn import functional

from obftnet.tensors import by_itself, mask_fraction, resize_score, to_tensor, without_autocast

SIZES = [(1, 1), (3, 5), (7, 7), (8, 4), (32, 32), (33, 50), (100, 41)]


def test_fraction_by_hand():
    """Three pixels over two cells: the middle one counts half to each, of a cell of one and a half."""
    mask = np.array([[False, True, False]])
    torch.testing.assert_close(mask_fraction(mask, (1, 2)), torch.tensor([[1 / 3, 1 / 3]]))
    mask = np.array([[True, False, False]])
    torch.testing.assert_close(mask_fraction(mask, (1, 2)), torch.tensor([[2 / 3, 0.0]]))
    # Two pixels over three cells: the middle cell lies half in each.
    torch.testing.assert_close(mask_fraction(mask[:, :2], (1, 3)), torch.tensor([[1.0, 0.5, 0.0]]))


@pytest.mark.parametrize("size", SIZES)
def test_fraction_preserves_the_mean_and_loses_no_defect(size):
    rng = np.random.default_rng(0)
    mask = rng.random((37, 53)) < 0.02
    fraction = mask_fraction(mask, size)
    assert fraction.shape == size
    assert fraction.dtype == torch.float32
    assert fraction.min() >= 0
    assert fraction.max() <= 1
    assert fraction.double().mean().item() == pytest.approx(mask.mean(), rel=1e-6)
    # A cell is above zero exactly where a defect pixel reaches into it: whole-number arithmetic.
    for i in range(size[0]):
        rows = slice(i * 37 // size[0], -(-(i + 1) * 37 // size[0]))
        for j in range(size[1]):
            columns = slice(j * 53 // size[1], -(-(j + 1) * 53 // size[1]))
            assert (fraction[i, j] > 0).item() == mask[rows, columns].any()


@pytest.mark.parametrize("size", SIZES)
def test_fraction_of_everything_is_exactly_one(size):
    assert (mask_fraction(np.ones((37, 53), bool), size) == 1).all()
    assert (mask_fraction(np.zeros((37, 53), bool), size) == 0).all()


def test_fraction_agrees_with_pooling_where_that_is_exact():
    mask = np.random.default_rng(1).random((64, 96)) < 0.3
    pooled = functional.adaptive_avg_pool2d(torch.from_numpy(mask)[None].float(), (16, 32))[0]
    torch.testing.assert_close(mask_fraction(mask, (16, 32)), pooled)
    same = mask_fraction(mask, (64, 96))
    np.testing.assert_array_equal(same.numpy(), mask)


def test_tensor_layout_and_identity():
    image = np.random.default_rng(0).random((6, 9, 3)).astype(np.float32)
    tensor = to_tensor(image, (6, 9))
    assert tensor.shape == (3, 6, 9)
    np.testing.assert_array_equal(tensor.permute(1, 2, 0).numpy(), image)
    tensor.zero_()
    assert image.any()


def test_tensor_does_not_alias():
    """A checkerboard four times finer than the target is grey; plain bilinear would leave stripes."""
    board = (np.indices((64, 64)).sum(axis=0) % 2).astype(np.float32)
    tensor = to_tensor(np.repeat(board[:, :, None], 3, axis=2), (16, 16))
    assert tensor.shape == (3, 16, 16)
    torch.testing.assert_close(tensor, torch.full((3, 16, 16), 0.5), atol=0.02, rtol=0)


def test_tensor_is_not_square_and_takes_views():
    image = np.random.default_rng(0).random((10, 20, 3)).astype(np.float32)[::-1, ::2]
    assert to_tensor(image, (7, 13)).shape == (3, 7, 13)


def test_score_by_hand():
    score = torch.tensor([[0.0, 1.0]])
    torch.testing.assert_close(resize_score(score, (1, 4)), torch.tensor([[0.0, 0.25, 0.75, 1.0]]))
    assert resize_score(score, (3, 5)).shape == (3, 5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: to_tensor(np.zeros((4, 4), np.float32), (2, 2)),
        lambda: to_tensor(np.zeros((4, 4, 3), np.float32), (0, 2)),
        lambda: mask_fraction(np.zeros((4, 4, 1), bool), (2, 2)),
        lambda: mask_fraction(np.zeros((0, 4), bool), (2, 2)),
        lambda: mask_fraction(np.zeros((4, 4), bool), (2, 0)),
        lambda: resize_score(torch.zeros(1, 4, 4), (2, 2)),
    ],
)
def test_wrong_shapes(call):
    with pytest.raises(ValueError, match=r"is wanted"):
        call()


@pytest.mark.parametrize("shield", [without_autocast, by_itself])
def test_autocast_inside_a_shielded_function_sees_weights_that_changed(shield):
    weight = torch.nn.Parameter(torch.ones(1, 1))

    @shield
    def before_and_after():
        seen = []
        for value in (1.0, 2.0):
            with torch.no_grad():
                weight.fill_(value)
            with torch.autocast("cpu", torch.bfloat16):
                seen.append((torch.ones(1, 1) @ weight).item())
        return seen

    assert before_and_after() == [1.0, 2.0]
