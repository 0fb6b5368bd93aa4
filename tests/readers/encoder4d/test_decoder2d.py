"""The decoder's shapes and its resizing."""

import torch
from torch import nn

from obftnet.readers.encoder4d.decoder import Decoder2d


@torch.no_grad()
def test_shapes_at_several_sizes():
    decoder = Decoder2d()
    for (h, w), size in [((4, 7), (33, 20)), ((1, 1), (5, 3)), ((9, 2), (6, 6))]:
        assert decoder(torch.rand(1, 128, h, w), size).shape == (1, 2, *size)


def test_both_resizings_align_the_corners_and_the_first_doubles():
    # Without its convolutions the decoder is two bilinear resizings; with aligned corners a plane stays one.
    decoder = Decoder2d()
    seen = []
    decoder.before = nn.Sequential()
    decoder.after = nn.Sequential()
    decoder.after.register_forward_hook(lambda module, given, result: seen.append(tuple(result.shape)))
    out = decoder((torch.linspace(0, 1, 3)[:, None] + torch.linspace(0, 10, 4))[None, None], (17, 11))
    assert seen == [(1, 1, 6, 8)]
    expected = torch.linspace(0, 1, 17)[:, None] + torch.linspace(0, 10, 11)
    torch.testing.assert_close(out[0, 0], expected)
