"""Files of annotations: JSON by a model, XML without entities, CSV with a header."""

import csv
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar
from xml.etree.ElementTree import Element, ParseError

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from obftnet.errors import InputError
from obftnet.imaging.checks import check_file, unreadable
from obftnet.json_files import MAX_BYTES, read_json

_T = TypeVar("_T")

Number: TypeAlias = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Whole: TypeAlias = Annotated[int, Field(strict=True)]


class Fields(BaseModel):
    """Fields of a tool's file that we read; it may have others."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def read_model(path: Path, kind: type[_T], wanted: str) -> _T:
    """JSON of a known form.

    Args:
        path: of the file.
        kind: a type that pydantic knows.
        wanted: what should be in it, for the message.

    Raises:
        InputError: as `read_json`; or a field that is missing or of another type, by its place.
    """
    content = read_json(path, wanted)
    try:
        return TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InputError(f"{path}: {place(first['loc'])}{first['msg'].lower()}; {wanted}") from error


def place(parts: Iterable[int | str]) -> str:
    """A place in JSON, as `images[3].file_name: `; nothing for the whole."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return f"{text.removeprefix('.')}: " if text else ""


def read_xml(path: Path, wanted: str) -> Element:
    """The root of an XML file. Declarations of types and entities are refused: none of our tools writes any.

    Raises:
        InputError: no such file, not XML, a declaration in it, or of more than MAX_BYTES.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import parse

    check_file(path, wanted)
    _check_bytes(path, wanted)
    try:
        with path.open("rb") as file:
            root = parse(file, forbid_dtd=True).getroot()
    except DefusedXmlException as error:
        raise InputError(f"{path}: declares types or entities, which are not followed; {wanted}") from error
    except (ParseError, LookupError, ValueError) as error:
        raise InputError(f"{path}: not XML ({' '.join(str(error).split())[:120]}); {wanted}") from error
    except OSError as error:
        raise unreadable(path, error, wanted) from error
    assert isinstance(root, Element)
    return root


def read_table(path: Path, required: str, wanted: str) -> list[tuple[int, dict[str, str]]]:
    """Rows of a CSV file (UTF-8) with the number of the line each ends on, by the names in its first line.

    Commas, semicolons or tabs between the cells: that of them which the first line has most of. Names of
    columns are taken in lower case, cells without the space around them.

    Raises:
        InputError: no such file, not such a table, a column that is missing or there twice, or a row with
            more cells than columns.
    """
    check_file(path, wanted)
    _check_bytes(path, wanted)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text; {wanted}") from error
    except OSError as error:
        raise unreadable(path, error, wanted) from error
    head = text.partition("\n")[0]
    reader = csv.reader(text.splitlines(), delimiter=max(",;\t", key=head.count))
    try:
        columns = [name.strip().lower() for name in next(reader, [])]
        if required not in columns or len(set(columns)) < len(columns):
            raise InputError(f"{path}: the first line has columns {', '.join(columns) or 'none'}; {wanted}")
        rows = []
        for cells in reader:
            if len(cells) > len(columns):
                raise InputError(
                    f"{path}: line {reader.line_num}: {len(cells)} cells for {len(columns)} columns; {wanted}"
                )
            if any(cell.strip() for cell in cells):
                padded = [*cells, *[""] * (len(columns) - len(cells))]
                rows.append((reader.line_num, dict(zip(columns, map(str.strip, padded), strict=True))))
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: {error}; {wanted}") from error
    return rows


def number(text: str | None, where: str, name: str) -> float:
    """A decimal number. Raises InputError, naming entry and field, for anything else."""
    try:
        return float(text or "")
    except ValueError as error:
        raise InputError(f"{where}: {name} {text!r}; a number is wanted") from error


def whole(text: str | None, where: str, name: str) -> int:
    """A whole number of 0 to 9 digits. Raises InputError, naming entry and field, for anything else."""
    if text is None or not re.fullmatch(r"\s*\d{1,9}\s*", text, re.ASCII):
        raise InputError(f"{where}: {name} {text!r}; a whole number is wanted")
    return int(text)


def one_file(source: Path, names: Iterable[str], pattern: str, wanted: str) -> Path:
    """The file itself, or of a folder the first of these names that is there, or the only one of a pattern.

    Raises:
        InputError: there is no such file, or there are several.
    """
    if not source.is_dir():
        check_file(source, wanted)
        return source
    for name in names:
        if (source / name).is_file():
            return source / name
    found = sorted(path for path in source.glob(pattern) if path.is_file() and not path.name.startswith("."))
    if not found:
        raise InputError(f"{source}: no {pattern} in it; {wanted}")
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:3])
        raise InputError(
            f"{source}: {len(found)} files {pattern} in it ({names}); name the one that is meant"
        )
    return found[0]


def _check_bytes(path: Path, wanted: str) -> None:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise InputError(f"{path}: {size:,} bytes, more than the limit of {MAX_BYTES:,}; {wanted}")
