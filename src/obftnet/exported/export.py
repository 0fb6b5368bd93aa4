"""An exported model on the disk: a folder, read whole and checked, or refused in one line."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from obftnet.errors import InputError
from obftnet.exported.contract import FORMAT, Contract
from obftnet.imaging.decode import check_file
from obftnet.json_files import read_json
from obftnet.packs import Pack

CONTRACT = "contract.json"
GRAPH = "model.onnx"
#: The region of interest, where there is one, and the guidance as it was understood.
INTEREST = "interest.png"
GUIDANCE = "guidance.png"

_WANTED = "a folder that obftnet export wrote is wanted"


@dataclass(frozen=True)
class Export:
    """What an exported folder holds.

    folder: it. contract: what it says of itself. graph: the bytes of the ONNX file, which are whole.
    interest: the file of the region of interest; empty where there is none.
    """

    folder: Path
    contract: Contract
    graph: bytes = field(repr=False)
    interest: bytes = field(default=b"", repr=False)

    @cached_property
    def pack(self) -> Pack:
        """The pack that was exported, without its images and what was fitted of them."""
        entry = self.contract.pack.interest
        files = {} if entry is None else {entry.image.tensor: self.interest}
        return Pack(self.contract.pack, files, {}, str(self.folder))

    @property
    def guidance_picture(self) -> bytes:
        """The picture of the guidance as it was understood. Raises InputError where it cannot be read."""
        return _read(self.folder / GUIDANCE)


def read_export(folder: str | Path) -> Export:
    """Read an exported folder and check it: the graph is whole by its hash.

    Raises:
        InputError: missing, no folder, or not one of ours; of another format; damaged; decided by numbers
            that make no sense.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {what}; {_WANTED}")
    path = folder / CONTRACT
    said = read_json(path, _WANTED)
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        found = said.get("format") if isinstance(said, dict) else None
        raise InputError(
            f"{path}: format {str(found)[:50]!r}, and {FORMAT} is wanted; read it with the version of "
            "obftnet that wrote it, or export it again"
        )
    try:
        contract = Contract.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise InputError(f"{path}: {where}: {first['msg']}; export it again") from error
    graph = _read(folder / GRAPH)
    if _sha256(graph) != contract.graph.sha256:
        raise InputError(f"{folder / GRAPH}: not as it was written; take a copy, or export it again")
    interest = b"" if contract.pack.interest is None else _read(folder / INTEREST)
    if contract.pack.interest is not None and _sha256(interest) != contract.pack.interest.image.sha256:
        raise InputError(f"{folder / INTEREST}: not as it was written; take a copy, or export it again")
    export = Export(folder, contract, graph, interest)
    _ = export.pack.decision
    return export


def _read(path: Path) -> bytes:
    check_file(path, _WANTED)
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); make it readable") from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
