"""How maps are taken out of a network: another kind of network is one more function here."""

from collections.abc import Sequence

from torch import Tensor, nn


def itself(network: nn.Module, names: Sequence[str]) -> nn.Module:
    """Of a network whose forward pass gives all of its maps by name."""
    return network.eval()


def traced(network: nn.Module, names: Sequence[str]) -> nn.Module:
    """Of a network whose forward pass can be traced: the outputs of the nodes of these names."""
    # Not at the top: torchvision takes seconds and 160 MB, which the weights that ship have no use for.
    from torchvision.models.feature_extraction import create_feature_extractor

    for module in network.modules():
        if isinstance(module, nn.ReLU | nn.ReLU6):
            # The taps lie before a ReLU, which in place would overwrite them.
            module.inplace = False
    found: nn.Module = create_feature_extractor(network.eval(), {name: name for name in names})
    return found


class Intermediates(nn.Module):
    """The maps of some blocks of a network of timm, by the blocks' numbers.

    trunk: the network; its parameter names are those of its weight file.
    """

    def __init__(self, trunk: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.trunk = trunk
        self.names = tuple(names)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(b, 3, h, w) -> (b, c, h', w') a name. A vision transformer's pass its last norm, without which a
        few channels of great values decide every cosine."""
        chosen = sorted(int(name) for name in self.names)
        maps = self.trunk.forward_intermediates(  # type: ignore[operator]
            images, indices=chosen, norm=True, stop_early=True, output_fmt="NCHW", intermediates_only=True
        )
        return {str(index): found for index, found in zip(chosen, maps, strict=True)}


def intermediates(network: nn.Module, names: Sequence[str]) -> nn.Module:
    """Of a network of timm: the maps of the blocks (or stages) of these numbers, and nothing behind them."""
    network.prune_intermediate_layers([int(name) for name in names], prune_norm=False, prune_head=True)  # type: ignore[operator]
    return Intermediates(network, names)
