"""Everything that makes one model differ from another. docs/method.md says why each default."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: The letters by which a configuration names the cues. `relation.statistics` says what each is, and
#: `relation.own` what u is.
CUES = "abnsolputm"

#: Cosines over a smaller epsilon lie so far from 0 that sums of their exponentials need a shift in float32,
#: which cues read a block at a time (`relation.streaming`) do without.
LEAST_STREAMED_EPSILON = 1 / 60


class ModelConfig(BaseModel):
    """A model's configuration; unknown keys raise. It travels inside the model's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backbone: str = "mobilenet_v2"
    size: int = Field(
        default=256, ge=64, description="side of the network's square input, pixels (paper: 400)"
    )
    reader: Literal["encoder4d", "cues"] = "encoder4d"

    # Transport (Algorithm 1).
    transport: Literal["none", "foreground", "bilateral"] = "bilateral"
    background: bool = True
    epsilon: float = Field(default=0.05, ge=0.01)
    iterations: int = Field(default=20, ge=1, description="sweeps, the paper's t_max")
    #: Unit marginals leave the mean of P at 1 / positions, which the first GroupNorm's epsilon swallows;
    #: "positions" multiplies it back to 1, "none" is the literal form.
    transport_scale: Literal["none", "positions"] = "positions"
    #: P > 0, so a ReLU after it does nothing: the cosine is clamped at 0 before. "after" is the literal form.
    relu: Literal["before", "after"] = "before"
    #: Zeroed support columns take up the mass of query positions that match nothing.
    zeroed_columns: Literal["keep", "drop"] = "keep"
    #: "any" marks every cell that holds defect; "bilinear" is HSNet's point sampling, which loses small ones.
    mask_resize: Literal["any", "bilinear"] = "any"
    #: "vote" runs each shot alone as HSNet does; "joint" makes all of them columns of one transport.
    shots_rule: Literal["vote", "joint"] = "joint"

    fusion: Literal["top_down", "bidirectional"] = "bidirectional"
    cues: str = "abnsolp"
    #: Of the supports' sound positions, and of the good ones, a tap keeps at most as many; 0 keeps all.
    coreset: int = Field(default=0, ge=0)
    #: The cue reader draws outlines with the query's own early features; the backbone must offer a map.
    query_skip: bool = False
    #: A query is looked at twice, the second time with its own confident positions as guidance, too
    #: (`features.self_support`).
    self_support: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.reader == "cues" and (
            not self.cues or set(self.cues) - set(CUES) or len(set(self.cues)) < len(self.cues)
        ):
            raise ValueError(f"cues must be distinct letters of {CUES!r}, got {self.cues!r}")
        if self.cues == "u":
            raise ValueError("cues 'u' alone looks at the query only; add one that looks at the guidance")
        unread = (
            _READ_BY_ENCODER if self.reader == "cues" else ("cues", "query_skip", "coreset", "self_support")
        )
        for name in unread:
            value = getattr(self, name)
            if value != type(self).model_fields[name].default:
                raise ValueError(
                    f"the {self.reader} reader does not read {name}, which is {value!r}; leave it out"
                )
        if self.coreset:
            self._check_streamed("a coreset serves")
        if self.turned:
            self._check_streamed("cues t and m go with")
        if self.self_support:
            self._check_streamed("self_support goes with")
        if not self.background and self.transport == "bilateral":
            raise ValueError(
                "transport = bilateral needs the background branch; without it take foreground or none"
            )
        return self

    @property
    def turned(self) -> bool:
        """Whether the supports' defects are looked at in their turned views, too."""
        return self.reader == "cues" and bool(set(self.cues) & set("tm"))

    def _check_streamed(self, what: str) -> None:
        """Raise ValueError where a setting that only streamed cues have meets one that they do not have."""
        if set(self.cues) - set(_STREAMED) or self.shots_rule == "vote":
            raise ValueError(
                f"{what} the cues {_STREAMED!r} and shots_rule = joint; got cues {self.cues!r} "
                f"and {self.shots_rule!r}; leave one of them out"
            )
        if self.epsilon < LEAST_STREAMED_EPSILON:
            raise ValueError(f"{what} an epsilon of 1/60 or more, got {self.epsilon}; leave one of them out")


#: Cues that see a position of the guidance by its similarity alone; a transport wants them all.
_STREAMED = "abnsutm"

#: What only the cue reader's relation reads.
_READ_BY_CUES = ("cues", "query_skip", "coreset", "self_support")

#: What only the 4D encoder's relation reads; what the cues take from the correspondence, `cues` says.
_READ_BY_ENCODER = ("transport", "background", "transport_scale", "zeroed_columns", "fusion")
