import torch

from obftnet.methods.comparison import Decoder
from obftnet.methods.pmms import PMMs


def test_parameters_and_the_start_in_the_state():
    network = PMMs((512, 1024, 2048))
    trunk = sum(9 * inside * 256 + 256 for inside in (512 + 1024, 512, 258))
    decoder = sum(p.numel() for p in Decoder().parameters())
    assert sum(p.numel() for p in network.parameters()) == trunk + decoder
    assert network.state_dict()["start"].shape == (3, 256)
    torch.testing.assert_close(network.start.norm(dim=1), torch.ones(3))
