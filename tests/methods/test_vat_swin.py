"""Window attention against its definition, written down a second time as loops."""

from itertools import product

import pytest
import torch

from obftnet.methods.vat.swin import Swin, WindowAttention, assembled, relative_index, windows, wrapped


def naive(block, x, window: int, shift: int) -> torch.Tensor:
    """The attention part of a block on one map (a..., c), position by position.

    A position looks at those of its window that were its neighbours before the shift: along every axis the
    windows start at `shift`, and what is left over at both ends are windows of their own.
    """
    attention, heads = block.attention, block.attention.heads
    normed = torch.nn.functional.layer_norm(
        x, x.shape[-1:], block.before_attention.weight, block.before_attention.bias
    )
    sizes, c = x.shape[:-1], x.shape[-1]
    shifts = [shift if size > window else 0 for size in sizes]

    def cell(place):
        return tuple((p - s) // window for p, s in zip(place, shifts, strict=True))

    everywhere = list(product(*(range(size) for size in sizes)))
    q, k, v = {}, {}, {}
    for place in everywhere:
        parts = attention.qkv.weight @ normed[place] + attention.qkv.bias
        q[place], k[place], v[place] = parts.reshape(3, heads, c // heads)
    out = torch.empty_like(x)
    for place in everywhere:
        members = [other for other in everywhere if cell(other) == cell(place)]
        mixed = []
        for head in range(heads):
            logits = []
            for other in members:
                row = 0
                for a, b in zip(place, other, strict=True):
                    row = row * (2 * window - 1) + (a - b + window - 1)
                dot = (q[place][head] * k[other][head]).sum() / (c // heads) ** 0.5
                logits.append(dot + attention.bias[row, head])
            weights = torch.stack(logits).softmax(0)
            mixed.append(sum(w * v[other][head] for w, other in zip(weights, members, strict=True)))
        out[place] = attention.project.weight @ torch.cat(mixed) + attention.project.bias
    return x + out


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize(
    ("sizes", "window"),
    [((8, 4), 4), ((8, 12), 4), ((4, 4, 2, 2), 2), ((4, 2, 4, 2), 2), ((2, 4, 1, 2), 2)],
)
def test_a_block_is_the_definition(sizes, window, shifted):
    torch.manual_seed(0)
    block = Swin(8, 2, window, axes=len(sizes), heads=2).double().blocks[int(shifted)]
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
        x = torch.randn(2, *sizes, 8, dtype=torch.float64)
        found = block(x)
        for own, result in zip(x, found, strict=True):
            attended = naive(block, own, window, window // 2 if shifted else 0)
            expected = attended + block.perceptron(block.before_perceptron(attended))
            torch.testing.assert_close(result, expected, atol=1e-9, rtol=1e-9)


def test_every_second_block_is_shifted_by_half():
    assert [block.shift for block in Swin(8, 4, 4, axes=4).blocks] == [0, 2, 0, 2]


def test_the_mask_by_hand():
    """Four positions, window 2, shift 1: rolled to 1 2 | 3 0, and 0 came round from the other side."""
    apart = wrapped((4,), (2,), (1,), torch.device("cpu"))
    assert apart.tolist() == [[[False, False], [False, False]], [[False, True], [True, False]]]


def test_attention_by_hand():
    """One head of one channel, q = k = v = x, no bias: softmax(x x') x' of x = 0 and ln 3."""
    attention = WindowAttention(1, 2, 1, 1)
    with torch.no_grad():
        attention.qkv.weight.fill_(1)
        attention.project.weight.fill_(1)
        attention.bias.zero_()
    ln3 = float(torch.tensor(3.0).log())
    out = attention(torch.tensor([[[[0.0], [ln3]]]]), (2,))[0, 0, :, 0]
    e = 3.0**ln3
    assert out.tolist() == pytest.approx([ln3 / 2, ln3 * e / (1 + e)], abs=1e-5)
    with torch.no_grad():
        # Differences -1, 0, 1: the first position looks at the second alone.
        attention.bias.copy_(torch.tensor([[50.0], [0], [0]]))
    assert attention(torch.tensor([[[[0.0], [ln3]]]]), (2,))[0, 0, 0, 0].item() == pytest.approx(
        ln3, abs=1e-5
    )


def test_windows_in_reading_order_and_back():
    x = torch.arange(16.0).reshape(1, 4, 4, 1)
    parts = windows(x, (2, 2))
    assert parts[0, :, :, 0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    assert torch.equal(assembled(parts, (2, 2), (4, 4)), x)
    x = torch.randn(2, 4, 6, 2, 3, 5)
    assert torch.equal(assembled(windows(x, (2, 3, 2, 1)), (2, 3, 2, 1), x.shape[1:-1]), x)


def test_a_bias_for_each_difference():
    index = relative_index((2, 2), 2)
    assert index.tolist() == [[4, 3, 1, 0], [5, 4, 2, 1], [7, 6, 4, 3], [8, 7, 5, 4]]
    # A shorter window takes those of the same differences.
    assert relative_index((1, 2), 2).tolist() == [[4, 3], [5, 4]]
    assert relative_index((4,) * 4, 4).unique().tolist() == list(range(7**4))


def test_an_axis_that_is_no_multiple():
    with pytest.raises(ValueError, match=r"multiple of the window \(4, 4\), got \(6, 8\)"):
        Swin(8, 1, 4, axes=2)(torch.randn(1, 8, 6, 8))
