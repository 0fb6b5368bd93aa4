import pytest
import torch
from torch import nn

from obftnet.methods.comparison import beside


@pytest.mark.parametrize("padding", [1, 2, 6])
@pytest.mark.parametrize("grid", [(7, 5), (1, 3)])
def test_it_is_the_convolution_of_the_maps_with_each_vector_tiled_next_to_them(padding, grid):
    """To the border, where the tiled vector ends as the maps do; and so are all its gradients."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(5, 4, 3, padding=padding, dilation=padding), nn.ReLU()).double()
    maps = torch.randn(2, 3, *grid, dtype=torch.double, requires_grad=True)
    vectors = torch.randn(2, 4, 2, dtype=torch.double, requires_grad=True)
    tiled = [v[:, :, None, None].expand(-1, -1, *grid) for v in vectors.unbind(1)]
    literal = torch.stack([layers(torch.cat([maps, v], 1)) for v in tiled], 1)
    found = beside(layers, maps, vectors)
    torch.testing.assert_close(found, literal)
    weight = torch.randn_like(literal)
    of = [maps, vectors, *layers.parameters()]
    expected = torch.autograd.grad((literal * weight).sum(), of)
    torch.testing.assert_close(torch.autograd.grad((found * weight).sum(), of), expected)
