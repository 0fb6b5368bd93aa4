"""What the units of a command share: the data, the backbone, how much is spent on each."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch

from obftnet.backbones.backbone import Backbone
from obftnet.protocols import ProtocolData
from obftnet.safefile import tensors_hash


@dataclass(frozen=True)
class Budget:
    """How much is spent on a unit.

    size: side of the input, pixels. epochs: passes over the training defect images, or else `steps`.
    batch: episodes a step. recipe: of `training.config`. seeds: of the evaluation's draws.
    episodes: distinct ones of a fold in training; 0 draws a new one each time.
    """

    size: int
    epochs: int
    steps: int
    batch: int
    recipe: Literal["fast", "short", "paper"]
    seeds: int
    episodes: int = 0


#: "paper": section IV.B.1. "standard": 8,000 episodes at a small size. "medium": minutes a unit on one core,
#: after which the 4D encoder mostly finds something. "short": a third of its episodes; it shows that all
#: runs, and little of what a method can do.
BUDGETS = {
    "paper": Budget(size=400, epochs=500, steps=0, batch=8, recipe="paper", seeds=5),
    "standard": Budget(size=128, epochs=0, steps=1000, batch=8, recipe="fast", seeds=5, episodes=250),
    "medium": Budget(size=128, epochs=0, steps=300, batch=8, recipe="fast", seeds=1),
    "short": Budget(size=96, epochs=0, steps=400, batch=2, recipe="short", seeds=1),
}


@dataclass(frozen=True)
class Setting:
    """What all units of a command share.

    data: trained on, without a unit's fold, which is tested. backbone: frozen, with weights in.
    budget: of a unit. out: the folder. device: where to compute.
    transfer: tested instead of the fold where it is not None.
    """

    data: ProtocolData
    backbone: Backbone
    budget: Budget
    out: Path
    device: torch.device
    transfer: ProtocolData | None = None

    @cached_property
    def backbone_hash(self) -> str:
        """SHA-256 of the backbone's tensors: of hundreds of MB, asked for by every unit."""
        return tensors_hash(self.backbone.state_dict())
