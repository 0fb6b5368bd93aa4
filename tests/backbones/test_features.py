"""Records of feature maps: their parts, their join, their unit length."""

import torch

from obftnet.backbones.features import Features, joined, unit_features


def features(n: int, seed: int) -> Features:
    generator = torch.Generator().manual_seed(seed)
    taps = tuple(torch.randn(n, 5, side, side, generator=generator) for side in (8, 4))
    views = tuple(tuple(torch.randn(5, 3, generator=generator) for _ in taps) for _ in range(n))
    return Features(taps, (64, 64), torch.randn(n, 2, 16, 16, generator=generator), views)


def test_unit_features_keep_zero_and_ignore_scale():
    maps = torch.randn(2, 6, 3, 3, generator=torch.Generator().manual_seed(0))
    maps[0, :, 1, 1] = 0
    unit = unit_features(maps)
    assert (unit[0, :, 1, 1] == 0).all()
    assert torch.isclose(unit.norm(dim=1), torch.tensor(1.0), atol=1e-5).sum() == 17
    torch.testing.assert_close(unit_features(maps * 1000), unit)
    assert unit_features(maps.half()).dtype == torch.float32


def test_what_is_joined_can_be_taken_apart():
    parts = features(2, 0), features(1, 1)
    whole = joined(parts)
    assert len(whole) == 3
    for part, chosen in zip(parts, (whole[:2], whole[2:]), strict=True):
        assert len(chosen) == len(part)
        for one, other in ((part.taps, chosen.taps), (part.views[0], chosen.views[0])):
            assert all(torch.equal(x, y) for x, y in zip(one, other, strict=True))
        assert torch.equal(part.early, chosen.early)


def test_bytes_are_those_of_all_tensors():
    # Two taps of 5 channels, an early map of 2, two views of 5 x 3 of one image; 4 bytes each.
    assert features(1, 0).nbytes == 4 * (5 * 64 + 5 * 16 + 2 * 256 + 2 * 15)
