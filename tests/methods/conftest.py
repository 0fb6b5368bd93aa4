from collections.abc import Callable

import pytest
import torch

from obftnet.backbones.features import Pyramid
from obftnet.methods.learned import Network, Shots


@pytest.fixture
def scene_of() -> Callable[..., tuple[Network, Pyramid, Shots]]:
    """A network on random maps of four channels a level, and supports whose defect is one rectangle."""

    def scene_of(kind: type[Network], batch: int, shots: int) -> tuple[Network, Pyramid, Shots]:
        torch.manual_seed(0)
        network = kind((4, 4, 4)).eval()
        query = tuple(torch.randn(batch, 4, s, s) for s in (16, 8, 4))
        mask = torch.zeros(batch, shots, 128, 128)
        mask[..., 20:60, 20:70] = 1
        return network, query, Shots(tuple(torch.randn(batch, shots, 4, s, s) for s in (16, 8, 4)), mask)

    return scene_of
