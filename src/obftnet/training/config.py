"""What a training run is made of."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from obftnet.config import CuesConfig
from obftnet.methods.learned import LearnedConfig
from obftnet.methods.registry import MethodConfig, paper_recipe


class TrainConfig(BaseModel):
    """Settings of one run; unknown keys raise. Written to the run's folder and checked on resuming."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(default=1000, ge=1, le=10**8)
    batch: int = Field(default=8, ge=1, le=4096, description="episodes a step, over all processes (paper: 8)")
    seed: int = Field(default=0, ge=0, lt=2**32)
    shots: int = Field(default=1, ge=1, le=100)
    backgrounds: int = Field(default=1, ge=1, le=100)
    #: Episodes that share one guidance, fewer where a kind has few images (a backbone that learns): supports
    #: and backgrounds are most of a step's images. The batch counts guidances.
    queries: int = Field(default=1, ge=1, le=100)
    #: An episode then has 1 to `shots` supports and 1 to `backgrounds` backgrounds, few being likelier, one
    #: half of them just one of each: the largest of many similarities is larger than that of a few, and a
    #: reader must know both.
    varied_shots: bool = False
    background_source: Literal["good", "window", "complement"] = "good"
    good_fraction: float = Field(default=0.0, ge=0, le=1, description="share of episodes whose query is good")
    #: Distinct episodes a fold; 0 draws a new one each time. With a cache, a bounded number is related once.
    episodes: int = Field(default=0, ge=0, le=10**9)

    #: Defects are about 1 % of the pixels: the paper's cross-entropy alone predicts nothing for long.
    loss: Literal["ce", "weighted_ce", "ce_dice", "ce10_dice"] = "ce_dice"
    #: Weight of the cross-entropy of there being any defect, by the mean of a query's largest logits.
    image_loss: float = Field(default=0.0, ge=0, le=100)
    augment: Literal["none", "flip"] = "flip"
    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    momentum: float = Field(default=0.0, ge=0, lt=1, description="of sgd")
    weight_decay: float = Field(default=0.01, ge=0, le=1, description="of adamw and sgd")
    #: "poly" falls as (1 - step / steps)^0.9; "thirds" is divided by ten after each third; "warm_cosine" is
    #: cosine times a rise from 0 over the first tenth.
    schedule: Literal["constant", "cosine", "warm_cosine", "poly", "thirds"] = "cosine"
    #: Adam moves every weight by about this much a step: beyond 10 all that there was is gone.
    lr: float = Field(default=2e-3, gt=0, le=10)
    #: 0 keeps the backbone frozen, as the paper does; above 0 it is trained along, at this rate (cue reader).
    backbone_lr: float = Field(default=0.0, ge=0, le=10)
    #: With a backbone that learns: a step looks at its images at a side drawn between this and the model's
    #: size, in steps of 64 pixels; 0 is always the model's. Small sides cost a fraction, and teach most.
    smallest: int = Field(default=0, ge=0, le=4096)
    #: Decay a step of an average of the weights, which is what the run ends with (Polyak and Juditsky, 1992);
    #: 0 ends with the last weights themselves.
    average: float = Field(default=0.0, ge=0, lt=1)
    #: Of the reader in training; bfloat16 is faster on processors that have it.
    precision: Literal["float32", "bfloat16"] = "float32"

    #: Steps between two model files that stay in the run's folder, for its learning curve; 0 keeps none.
    keep_every: int = Field(default=0, ge=0, le=10**8)

    #: "last" sees no mask at all; "held_out" keeps the step that is best on classes kept out of training;
    #: "test_leak" is HSNet's choice on the tested classes, for parity alone, and is named in the results.
    select: Literal["last", "held_out", "test_leak"] = "last"
    validate_every: int = Field(default=200, ge=1, le=10**8)


def recipe(name: Literal["fast", "short", "paper"], model: MethodConfig) -> dict[str, object]:
    """Settings by name: "paper" is the loss and optimiser of the method's paper; "fast" is what learns in
    minutes, the same for every method but for the learning rate; "short" is "fast" for a few hundred steps,
    after which what "fast" has taught is calibrated, with every score below 0.5, and marks nothing."""
    if name == "paper":
        return {"loss": "ce", "augment": "none", **paper_recipe(model)}
    cues = isinstance(model, CuesConfig)
    if name == "fast":
        # The 4D encoder diverges at the cue reader's rate; HSNet trains it with Adam at 1e-3.
        return {"lr": 2e-3 if cues else 1e-3}
    # Adam's first steps all lower every logit; at 1e-3 and cold, a wide trunk on raw features lands at -10.
    rate = 3e-4 if isinstance(model, LearnedConfig) else 2e-3 if cues else 1e-3
    return {"loss": "ce10_dice", "schedule": "warm_cosine", "lr": rate}
