"""A trained model that reads more cues than it was trained with."""

import torch

from obftnet.config import CuesConfig, ModelConfig
from obftnet.errors import InputError
from obftnet.model import OBFTNet


@torch.no_grad()
def widened(model: OBFTNet, config: ModelConfig) -> OBFTNet:
    """The same model with the cues of `config`; those it did not have weigh nothing until they are trained.

    Args:
        model: a cue reader.
        config: the model's own but for `cues`, which hold all of its, and for what has no weights.

    Raises:
        InputError: a cue of the model's is missing, or it has another reader.
    """
    had, wanted = (one.cues if isinstance(one, CuesConfig) else "" for one in (model.config, config))
    if set(had) - set(wanted):
        raise InputError(f"cues {wanted!r}: a model goes on with all of its own cues, {had!r}, or with more")
    wide = OBFTNet(config, model.backbone)
    places = [tap * len(wanted) + wanted.index(cue) for tap in range(sum(model.levels)) for cue in had]
    state = wide.reader.state_dict()
    for key, old in model.reader.state_dict().items():
        new = state[key]
        if key == "unet.entry.weight":
            new.zero_()
            new[:, places] = old
        elif key.startswith("unet.norm.") and old.ndim:
            new[places] = old
        else:
            new.copy_(old)
    wide.reader.load_state_dict(state)
    return wide
