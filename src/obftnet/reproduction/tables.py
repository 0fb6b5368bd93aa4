"""The paper's tables as files: what each row is, and the values printed for it."""

from collections.abc import Sequence
from typing import Any, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

from obftnet.errors import InputError
from obftnet.methods.registry import REFERENCES
from obftnet.packaged import packaged_names, read_packaged

#: What follows the splits in a printed row.
MEANS = ("mean mIoU", "mean FB-IoU")
#: The splits in the paper's order, under the names of the protocol `mvtec_unseen`.
SPLITS = ("carpet", "leather", "tile", "wood", "grid")
#: Whose values stand beside a backbone that the paper does not have, the first of them that a row has: most
#: rows and all of its ablations are on ResNet50.
_PAPER_BACKBONES = ("resnet50", "resnet101", "vgg16")
#: Printed values by backbone and shots: five splits, mean mIoU, mean FB-IoU, in %.
Printed: TypeAlias = dict[str, dict[int, tuple[float, float, float, float, float, float, float]]]


class PaperRow(BaseModel):
    """A row of a table.

    method: name in the registry.
    settings: of `ModelConfig`, for obftnet.
    weights: those that ship, by name, as they are: on a backbone and at a size of their own.
    paper: printed values.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str
    settings: dict[str, Any] = {}
    weights: str | None = None
    paper: Printed = {}

    @property
    def trained(self) -> bool:
        """Whether anything is trained for it."""
        return self.method not in REFERENCES and self.weights is None

    def beside(self, backbone: str) -> str | None:
        """The backbone whose printed values stand beside ours: the same one where the paper has it."""
        return next((name for name in (backbone, *_PAPER_BACKBONES) if name in self.paper), None)

    def printed(self, backbone: str, shots: int, column: str) -> float | None:
        """The paper's value in %, where it prints one for this backbone, these shots and this column."""
        values = self.paper.get(backbone, {}).get(shots)
        columns = (*SPLITS, *MEANS)
        return None if values is None or column not in columns else values[columns.index(column)]


class PaperTable(BaseModel):
    """A table; unknown keys raise.

    rows: by name, in the table's order. usual: those taken where none is named; none here for all.
    against: rows that are told from another one, by their names (`differences.differences`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    rows: dict[str, PaperRow] = Field(min_length=1)
    usual: tuple[str, ...] = ()
    against: dict[str, str] = {}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        unknown = {*self.usual, *self.against, *self.against.values()} - set(self.rows)
        if unknown:
            raise ValueError(f"no such rows: {', '.join(sorted(unknown))}")
        return self

    def chosen(self, names: Sequence[str] | None) -> dict[str, PaperRow]:
        """Some of the rows, the usual where none is named; raises InputError that lists those there are."""
        for name in names or []:
            if name not in self.rows:
                raise InputError(f"row {name!r}: no such row; there are {', '.join(self.rows)}", "rows")
        wanted = names or self.usual or self.rows
        return {name: row for name, row in self.rows.items() if name in wanted}


class _SameRows(BaseModel):
    """The file of a table that has another's rows.

    rows_of: name of the other table. paper: this table's printed values by row, as `PaperRow.paper`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    rows_of: str
    paper: dict[str, Printed]

    def table(self) -> PaperTable:
        """The other table's rows with these values; the usual rows are those with a value."""
        other = read_table(self.rows_of)
        rows = other.rows
        unknown = sorted(set(self.paper) - set(rows))
        if unknown:
            raise ValueError(f"printed values of {', '.join(unknown)}, which {self.rows_of} does not have")
        own = {name: row.model_copy(update={"paper": self.paper.get(name, {})}) for name, row in rows.items()}
        usual = tuple(name for name in own if name in self.paper)
        return PaperTable(title=self.title, rows=own, usual=usual, against=other.against)


class _File(RootModel[PaperTable | _SameRows]):
    """Either kind of file."""


def table_names() -> list[str]:
    """Names of the tables there are."""
    return packaged_names("obftnet.reproduction")


def read_table(name: str) -> PaperTable:
    """A table by name; raises InputError that lists those there are."""
    content = read_packaged("obftnet.reproduction", name, _File, "table").root
    return content if isinstance(content, PaperTable) else content.table()
