"""The centre-pivot convolution against a plain 4D convolution with the same, explicit, 4D kernel."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.readers.encoder4d.conv4d import CenterPivotConv4d


def naive_conv4d(x: Tensor, kernel: Tensor, bias: Tensor, stride: tuple[int, int]) -> Tensor:
    """4D convolution, zero padded by k // 2: a sum over every offset of kernel (out, in, k1, k2, k3, k4)."""
    sides = kernel.shape[2:]
    padded = F.pad(x, [p for side in reversed(sides) for p in (side // 2, side // 2)])
    strides = (1, 1, *stride)
    out_size = [(g + 2 * (k // 2) - k) // s + 1 for g, k, s in zip(x.shape[2:], sides, strides, strict=True)]
    out = bias.view(1, -1, 1, 1, 1, 1).expand(x.shape[0], -1, *out_size).clone()
    for offset in itertools.product(*(range(side) for side in sides)):
        i, j, k, m = (
            slice(o, o + (n - 1) * s + 1, s) for o, n, s in zip(offset, out_size, strides, strict=True)
        )
        out += torch.einsum("oc,bcijkm->boijkm", kernel[(..., *offset)], padded[:, :, i, j, k, m])
    return out


def pivot_kernel(conv: CenterPivotConv4d) -> Tensor:
    """The 4D kernel: query weights on the plane of the guidance centre, guidance weights on the other."""
    query, guidance = conv.query.weight.detach(), conv.guidance.weight.detach()
    (a, b), (c, d) = query.shape[2:], guidance.shape[2:]
    kernel = query.new_zeros(*query.shape, c, d)
    kernel[..., c // 2, d // 2] += query
    kernel[:, :, a // 2, b // 2] += guidance
    return kernel


def make(*args: object, **kwargs: object) -> CenterPivotConv4d:
    torch.manual_seed(0)
    return CenterPivotConv4d(*args, **kwargs).double()  # type: ignore[arg-type]


@pytest.mark.parametrize("stride", [1, 2, 4, (2, 3)])
@pytest.mark.parametrize("kernel", [1, 3, 5, (3, 1, 5, 3)])
def test_equals_a_4d_convolution_with_the_pivot_kernel_at_several_sizes(kernel, stride):
    conv = make(2, 3, kernel, stride)
    strides = (stride, stride) if isinstance(stride, int) else stride
    # One module, several sizes in a row: nothing may be left over from the first. The last is a single point.
    for shape in [(2, 2, 4, 3, 5, 7), (1, 2, 3, 5, 8, 6), (1, 2, 2, 1, 9, 4), (1, 2, 1, 1, 1, 1)]:
        x = torch.randn(shape, dtype=torch.float64)
        bias = conv.query.bias.detach() + conv.guidance.bias.detach()
        expected = naive_conv4d(x, pivot_kernel(conv), bias, strides)
        with torch.no_grad():
            torch.testing.assert_close(conv(x), expected, rtol=1e-10, atol=1e-10)


def test_a_single_one_spreads_over_the_two_centre_planes_and_nowhere_else():
    conv = make(1, 1, 3)
    for parameter in conv.parameters():
        torch.nn.init.ones_(parameter) if parameter.ndim > 1 else torch.nn.init.zeros_(parameter)
    x = torch.zeros(1, 1, 3, 3, 3, 3, dtype=torch.float64)
    x[0, 0, 1, 1, 1, 1] = 1
    out = conv(x)[0, 0]
    assert out[1, 1, 1, 1] == 2  # the centre weight is the sum of both
    assert out.count_nonzero() == 9 + 9 - 1
    assert out[:, :, 1, 1].count_nonzero() == 9
    assert out[1, 1].count_nonzero() == 9


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel", [3, 5])
def test_guidance_size_is_the_ceiling_of_size_over_stride(kernel, stride):
    conv = make(1, 1, kernel, stride)
    for g in range(1, 18):
        out = conv(torch.zeros(1, 1, 2, 3, g, 18 - g, dtype=torch.float64))
        assert out.shape == (1, 1, 2, 3, -(-g // stride), -(-(18 - g) // stride))


@pytest.mark.parametrize("stride", [1, 2])
def test_gradients(stride):
    conv = make(2, 2, 3, stride)
    x = torch.randn(1, 2, 2, 3, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *_: conv(x), (x, *conv.parameters()))


@pytest.mark.parametrize("order", [(5, 4, 3, 2, 1, 0), (0, 5, 1, 2, 3, 4)], ids=["reversed", "channels last"])
def test_an_input_that_is_a_strided_view_gives_the_same(order):
    conv = make(2, 3, 3, 2)
    view = torch.randn(2, 5, 4, 6, 5, 2, dtype=torch.float64).permute(order)[:, :2]
    torch.testing.assert_close(conv(view), conv(view.contiguous()))


@pytest.mark.parametrize("kernel", [2, 0, (3, 3, 4, 3), (3, 3)])
def test_refuses_a_kernel_without_a_centre(kernel):
    with pytest.raises(ValueError, match="kernel_size must be one odd side or four"):
        CenterPivotConv4d(1, 1, kernel)


def test_refuses_a_stride_below_one():
    with pytest.raises(ValueError, match="stride must be"):
        CenterPivotConv4d(1, 1, 3, 0)
