"""A protocol's file, validated."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from obftnet.data.collection import Collection
from obftnet.errors import InputError
from obftnet.packaged import packaged_names, read_packaged


class MaterialFacts(BaseModel):
    """What a protocol's data holds of one material.

    kinds: images a kind of defect, and "good" ones.
    backgrounds: of the good images those under train/, which the paper's Table I counts; None where there is
        no such part.
    size: (width, height) of every image, pixels; None where they differ.
    sha256: `check.material_hash` of the files; None where it is not known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kinds: dict[str, int] = Field(min_length=1)
    backgrounds: int | None = None
    size: tuple[int, int] | None = None
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")


class DataProtocol(BaseModel):
    """A protocol; unknown keys raise.

    about: one line. source: where the data is had from. layout: of `data.LAYOUTS`.
    background_source: where an episode's backgrounds come from.
    missing: what the data lacks of what the paper's figures were measured on, said wherever theirs stand
        beside ours; "" where nothing is missing or no figures are compared.
    folds: the materials of each, in the protocol's order.
    materials: what the data must hold, by material.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str
    source: str
    missing: str = ""
    layout: Literal["mvtec", "neu_seg"]
    background_source: Literal["good", "window", "complement"]
    folds: dict[str, tuple[str, ...]] = Field(min_length=1)
    materials: dict[str, MaterialFacts]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        named = [material for materials in self.folds.values() for material in materials]
        if sorted(named) != sorted(self.materials):
            raise ValueError(f"the folds name {sorted(named)}, the materials are {sorted(self.materials)}")
        return self

    def folds_in(self, collection: Collection) -> dict[str, tuple[str, ...]]:
        """The folds, where the data has every material of them.

        Raises:
            InputError: a material is missing.
        """
        missing = [material for material in self.materials if material not in collection.materials]
        if missing:
            raise InputError(
                f"{collection.root}: no {', '.join(missing)} in it, which the protocol wants; "
                f"see {self.source}"
            )
        return dict(self.folds)


def names() -> list[str]:
    """Names of the protocols there are."""
    return packaged_names("obftnet.protocols")


def read_protocol(name: str) -> DataProtocol:
    """A protocol by name; raises InputError that lists those there are."""
    return read_packaged("obftnet.protocols", name, DataProtocol, "protocol")
