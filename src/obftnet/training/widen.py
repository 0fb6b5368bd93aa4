"""A trained model that reads more than it was trained with."""

import torch

from obftnet.config import CuesConfig, ModelConfig
from obftnet.errors import InputError
from obftnet.model import OBFTNet


@torch.no_grad()
def widened(model: OBFTNet, config: ModelConfig) -> OBFTNet:
    """The same model with what `config` reads; what it did not read weighs nothing until it is trained.

    Args:
        model: a cue reader.
        config: the model's own but for `cues`, which hold all of its, for `change`, which it does not have or
            keeps, for `presence`, which is fitted anew to what is trained, and for what has no weights.

    Raises:
        InputError: a cue of the model's is missing, or its change; or it has another reader.
    """
    if getattr(model.config, "change", False) and not getattr(config, "change", False):
        raise InputError("change: a model goes on with what it reads; it was trained with change")
    had, wanted = (one.cues if isinstance(one, CuesConfig) else "" for one in (model.config, config))
    if set(had) - set(wanted):
        raise InputError(f"cues {wanted!r}: a model goes on with all of its own cues, {had!r}, or with more")
    wide = OBFTNet(config, model.backbone)
    places = [tap * len(wanted) + wanted.index(cue) for tap in range(sum(model.levels)) for cue in had]
    state = wide.reader.state_dict()
    for key, value in state.items():
        # Not the norms, which keep their statistics.
        if value.ndim > 1 and key.startswith("unet.change."):
            value.zero_()
    for key, old in model.reader.state_dict().items():
        if key.startswith("presence."):
            continue
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
