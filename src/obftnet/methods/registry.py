"""The methods there are, by name. A new one is one file beside this and one line here."""

from collections.abc import Callable
from typing import Any, TypeAlias

from obftnet.backbones.backbone import Backbone
from obftnet.config import EncoderConfig, ModelConfig, model_config
from obftnet.contract import Method
from obftnet.errors import InputError
from obftnet.methods import hsnet
from obftnet.methods.asgnet import ASGNet
from obftnet.methods.canet import CANet
from obftnet.methods.learned import Learned, LearnedConfig, Network
from obftnet.methods.memory_bank import MemoryBank
from obftnet.methods.nn_contrast import NNContrast
from obftnet.methods.panet import PANet
from obftnet.methods.pfenet import PFENet
from obftnet.methods.pmms import PMMs
from obftnet.methods.prototype import Prototype
from obftnet.methods.rpmms import RPMMs
from obftnet.methods.sg_one import SGOne
from obftnet.methods.vat import VAT
from obftnet.model import OBFTNet

#: Training-free references by name: each is made of a backbone and the side of its input, pixels.
REFERENCES: dict[str, Callable[[Backbone, int], Method[Any]]] = {
    "nn_contrast": NNContrast,
    "memory_bank": MemoryBank,
    "prototype": Prototype,
}

#: Networks over frozen features by name.
NETWORKS: dict[str, type[Network]] = {
    "sg_one": SGOne,
    "panet": PANet,
    "canet": CANet,
    "pmms": PMMs,
    "rpmms": RPMMs,
    "pfenet": PFENet,
    "asgnet": ASGNet,
    "vat": VAT,
}

#: Every method that is trained.
TRAINED = ("obftnet", "hsnet", *NETWORKS)

MethodConfig: TypeAlias = ModelConfig | LearnedConfig


def reference(name: str, backbone: Backbone, size: int) -> Method[Any]:
    """A training-free reference by name; raises InputError that lists the methods there are."""
    if name not in REFERENCES:
        raise InputError(
            f"unknown method {name!r}: there are {', '.join(TRAINED)}, and without weights "
            f"{', '.join(REFERENCES)}"
        )
    return REFERENCES[name](backbone, size)


def build(config: MethodConfig, backbone: Backbone | None = None) -> OBFTNet | Learned:
    """A trained method of a configuration; without `backbone`, one with random weights is made.

    Raises:
        InputError: no such method.
    """
    if not isinstance(config, LearnedConfig):
        return OBFTNet(config, backbone)
    if config.method not in NETWORKS:
        raise InputError(f"unknown method {config.method!r}: there are {', '.join(TRAINED)}")
    return Learned(config, NETWORKS[config.method], backbone)


def method_config(name: str, values: dict[str, Any]) -> MethodConfig:
    """A trained method's configuration by its name.

    Args:
        name: of `TRAINED`.
        values: of `ModelConfig` for obftnet, of `LearnedConfig` for the others; backbone and size for all.

    Raises:
        InputError: no such method. ValidationError: values that it does not have.
    """
    if name == "obftnet":
        return model_config(values)
    if name == "hsnet":
        return EncoderConfig.model_validate(hsnet.SETTINGS | values)
    if name not in NETWORKS:
        raise InputError(f"unknown method {name!r}: there are {', '.join(TRAINED)}")
    return LearnedConfig.model_validate(values | {"method": name})


def method_name(config: MethodConfig) -> str:
    """What a table calls a configuration."""
    if isinstance(config, LearnedConfig):
        return config.method
    if isinstance(config, EncoderConfig):
        settings = hsnet.SETTINGS.items()
        return "hsnet" if all(getattr(config, key) == value for key, value in settings) else "obftnet"
    return "obftnet_cues"


def paper_recipe(config: MethodConfig) -> dict[str, object]:
    """Optimiser settings as the method's paper gives them."""
    if isinstance(config, LearnedConfig):
        return dict(NETWORKS[config.method].PAPER)
    if method_name(config) == "hsnet":
        return dict(hsnet.PAPER)
    # OBFTNet, section IV.B.
    return {"optimizer": "adam", "schedule": "constant", "lr": 1e-4}
