"""How maps are taken out of a network: another kind of network is one more function here."""

from collections.abc import Sequence

from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor


def traced(network: nn.Module, names: Sequence[str]) -> nn.Module:
    """Of a network whose forward pass can be traced: the outputs of the nodes of these names."""
    for module in network.modules():
        if isinstance(module, nn.ReLU | nn.ReLU6):
            # The taps lie before a ReLU, which in place would overwrite them.
            module.inplace = False
    found: nn.Module = create_feature_extractor(network.eval(), {name: name for name in names})
    return found
