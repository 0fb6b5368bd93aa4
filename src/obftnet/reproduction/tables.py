"""The paper's tables as files: what each row is, and the values printed for it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from obftnet.errors import InputError
from obftnet.methods.registry import REFERENCES
from obftnet.packaged import packaged_names, read_packaged

#: What follows the splits in a printed row.
MEANS = ("mean mIoU", "mean FB-IoU")
#: The splits in the paper's order, under the names of the protocol `mvtec_unseen`.
SPLITS = ("carpet", "leather", "tile", "wood", "grid")


class PaperRow(BaseModel):
    """A row of a table.

    method: name in the registry.
    settings: of `ModelConfig`, for obftnet.
    paper: printed values by backbone and shots: five splits, mean mIoU, mean FB-IoU, in %.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str
    settings: dict[str, Any] = {}
    paper: dict[str, dict[int, tuple[float, float, float, float, float, float, float]]] = {}

    @property
    def trained(self) -> bool:
        """Whether anything is trained for it."""
        return self.method not in REFERENCES

    def printed(self, backbone: str, shots: int, column: str) -> float | None:
        """The paper's value in %, where it prints one for this backbone, these shots and this column."""
        values = self.paper.get(backbone, {}).get(shots)
        columns = (*SPLITS, *MEANS)
        return None if values is None or column not in columns else values[columns.index(column)]


class PaperTable(BaseModel):
    """A table; unknown keys raise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    rows: dict[str, PaperRow] = Field(min_length=1)

    def chosen(self, names: list[str] | None) -> dict[str, PaperRow]:
        """Some of the rows, all where none is named; raises InputError that lists those there are."""
        for name in names or []:
            if name not in self.rows:
                raise InputError(f"--rows {name!r}: no such row; there are {', '.join(self.rows)}")
        return {name: row for name, row in self.rows.items() if not names or name in names}


def table_names() -> list[str]:
    """Names of the tables there are."""
    return packaged_names("obftnet.reproduction")


def read_table(name: str) -> PaperTable:
    """A table by name; raises InputError that lists those there are."""
    return read_packaged("obftnet.reproduction", name, PaperTable, "table")
