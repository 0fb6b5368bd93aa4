"""Everything that makes one model differ from another. docs/method.md says why each default."""

from typing import Any, ClassVar, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from obftnet.errors import InputError
from obftnet.relation.bilateral import Bilateral, Scale
from obftnet.relation.cues import CUES
from obftnet.transport import Algorithm1


class _Config(BaseModel):
    """What every model has; unknown keys raise. It travels inside the model's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reader: str
    backbone: str = "mobilenet_v2"
    size: int = Field(
        default=256, ge=64, le=4096, description="side of the network's square input, pixels (paper: 400)"
    )
    epsilon: float = Field(default=0.05, ge=0.01, le=100, description="regularisation of Algorithm 1")
    iterations: int = Field(default=20, ge=1, le=10_000, description="sweeps, the paper's t_max")
    #: P > 0, so a ReLU after it does nothing: the cosine is clamped at 0 before. "after" is the literal form.
    relu: Literal["before", "after"] = "before"
    #: "any" marks every cell that holds defect; "bilinear" is HSNet's point sampling, which loses small ones.
    mask_resize: Literal["any", "bilinear"] = "any"
    #: "vote" runs each shot alone as HSNet does; "joint" makes all of them columns of one transport.
    shots_rule: Literal["vote", "joint"] = "joint"

    #: What only the other reader reads, with its defaults.
    foreign: ClassVar[dict[str, Any]] = {}
    #: Whether a backbone can be trained along, through what the reader reads.
    end_to_end: ClassVar[bool]
    #: Whether relations are small enough to be kept on disk.
    small_relations: ClassVar[bool]
    #: PyTorch's 3D convolution in bfloat16 on a CPU ends the process (double free, torch 2.15).
    half_precision_on_cpu: ClassVar[bool]

    @model_validator(mode="before")
    @classmethod
    def _without_foreign(cls, values: Any) -> Any:
        """Files of earlier versions name what their reader does not read: at its default it says nothing."""
        if not isinstance(values, dict):
            return values
        for name, default in cls.foreign.items():
            if name in values and values[name] != default:
                reader = cls.model_fields["reader"].default
                raise ValueError(
                    f"the {reader} reader does not read {name}, which is {values[name]!r}; leave it out"
                )
        return {key: value for key, value in values.items() if key not in cls.foreign}


class EncoderConfig(_Config):
    """A model with the paper's 4D encoder, which reads the bilateral tensors."""

    end_to_end: ClassVar[bool] = False
    small_relations: ClassVar[bool] = False
    half_precision_on_cpu: ClassVar[bool] = False

    reader: Literal["encoder4d"] = "encoder4d"
    transport: Literal["none", "foreground", "bilateral"] = "bilateral"
    background: bool = True
    #: Unit marginals leave the mean of P at 1 / positions, which the first GroupNorm's epsilon swallows;
    #: "positions" multiplies it back to 1, "log" is log(1 + that), "none" is the literal form.
    transport_scale: Scale = "positions"
    #: Zeroed support columns take up the mass of query positions that match nothing.
    zeroed_columns: Literal["keep", "drop"] = "keep"
    #: A plan's rows and columns do not say how alike two positions are at all; the cosines beside it do.
    cosine_channels: bool = False
    cosine_temperature: float = Field(
        default=0,
        ge=0,
        le=100,
        description="T > 0: exp((cosine - 1) / T) is read in place of cosines, which may all lie near 1",
    )
    fusion: Literal["top_down", "bidirectional"] = "bidirectional"
    width: int = Field(
        default=128, ge=16, le=1024, multiple_of=8, description="channels of a squeezed level (HSNet: 128)"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.background and self.transport == "bilateral":
            raise ValueError(
                "transport = bilateral needs the background branch; without it take foreground or none"
            )
        if self.cosine_channels and self.transport == "none":
            raise ValueError("transport = none reads the cosines already; leave cosine_channels out")
        beside_plans = self.cosine_channels or (self.background and self.transport == "foreground")
        if self.cosine_temperature and self.transport != "none" and not beside_plans:
            raise ValueError(
                "of plans alone no cosine is read; add cosine_channels, or leave the temperature out"
            )
        return self

    @property
    def algorithm(self) -> Algorithm1:
        """Algorithm 1 under these options."""
        return Algorithm1(self.epsilon, self.iterations, self.relu, self.zeroed_columns)

    @property
    def bilateral(self) -> Bilateral:
        """The tensors that are read."""
        return Bilateral(
            self.algorithm,
            self.transport,
            self.background,
            self.transport_scale,
            self.cosine_channels,
            self.cosine_temperature,
        )


class CuesConfig(_Config):
    """A model with the cue reader, which reads a few numbers of the correspondence a position."""

    end_to_end: ClassVar[bool] = True
    small_relations: ClassVar[bool] = True
    half_precision_on_cpu: ClassVar[bool] = True

    reader: Literal["cues"] = "cues"
    #: Letters of `relation.cues.CUES`.
    cues: str = "abnsolp"
    #: Of the supports' sound positions, and of the good ones, a tap keeps at most as many; 0 keeps all.
    coreset: int = Field(default=0, ge=0, le=10**6)
    #: The cue reader draws outlines with the query's own early features; the backbone must offer a map.
    query_skip: bool = False
    #: A query is looked at twice, the second time with its own confident positions as guidance, too
    #: (`guidance.self_support`).
    self_support: bool = False
    #: The reader reads the query's residuals from softly aligned good features, too (`relation.change`).
    change: bool = False
    #: The reader says how likely it is that there is any defect, and scales all scores by it
    #: (`readers.presence`); a query that seems good is then not looked at twice.
    presence: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.cues or set(self.cues) - set(CUES) or len(set(self.cues)) < len(self.cues):
            raise ValueError(f"cues must be distinct letters of {''.join(CUES)!r}, got {self.cues!r}")
        if not any(CUES[letter].guided for letter in self.cues):
            raise ValueError(
                f"cues {self.cues!r} alone look at the query only; add one that looks at the guidance"
            )
        if self.presence and self.shots_rule == "vote":
            raise ValueError("presence goes with shots_rule = joint; leave one of them out")
        if self.coreset:
            self._check_streamed("a coreset serves")
        if self.views:
            self._check_streamed("the defect's other views go with")
        if self.self_support:
            self._check_streamed("self_support goes with")
        if self.change:
            self._check_streamed("change goes with")
        return self

    @property
    def views(self) -> bool:
        """Whether the supports' defects are looked at in their other views, too."""
        return any(CUES[letter].views for letter in self.cues)

    @property
    def algorithm(self) -> Algorithm1:
        """Algorithm 1 under these options."""
        return Algorithm1(self.epsilon, self.iterations, self.relu)

    def _check_streamed(self, what: str) -> None:
        """Raise ValueError where a setting that only streamed cues have meets one that they do not have."""
        streamed = "".join(cue.letter for cue in CUES.values() if cue.streamed)
        if set(self.cues) - set(streamed) or self.shots_rule == "vote":
            raise ValueError(
                f"{what} the cues {streamed!r} and shots_rule = joint; got cues {self.cues!r} "
                f"and {self.shots_rule!r}; leave one of them out"
            )


def _defaults(config: type[_Config]) -> dict[str, Any]:
    own = set(config.model_fields) - set(_Config.model_fields)
    return {name: field.default for name, field in config.model_fields.items() if name in own}


EncoderConfig.foreign = _defaults(CuesConfig)
CuesConfig.foreign = _defaults(EncoderConfig)

#: An OBFTNet's configuration: which fields there are, `reader` says.
ModelConfig: TypeAlias = EncoderConfig | CuesConfig

_OF_READER: dict[object, type[EncoderConfig] | type[CuesConfig]] = {
    "encoder4d": EncoderConfig,
    "cues": CuesConfig,
}


def model_config(values: dict[str, Any]) -> ModelConfig:
    """A configuration of its fields; without a reader it is the paper's.

    Raises:
        InputError: no such reader.
        pydantic.ValidationError: a key or a value that it does not have.
    """
    reader = values.get("reader", "encoder4d")
    if not isinstance(reader, str) or reader not in _OF_READER:
        raise InputError(f"unknown reader {reader!r}: there are {', '.join(map(str, _OF_READER))}")
    return _OF_READER[reader].model_validate(values)
