"""A data folder read as a protocol says."""

from dataclasses import dataclass
from pathlib import Path

from obftnet.data.collection import Collection
from obftnet.data.layouts import read_layout
from obftnet.protocols.read import DataProtocol, read_protocol

#: The protocol whose folds and numbers are the paper's.
PAPER = "mvtec_unseen"


@dataclass(frozen=True)
class ProtocolData:
    """A protocol by its name, and a folder's samples."""

    name: str
    protocol: DataProtocol
    collection: Collection

    @property
    def folds(self) -> dict[str, tuple[str, ...]]:
        """Materials of each fold; raises InputError where the folder lacks one."""
        return self.protocol.folds_in(self.collection)

    @property
    def splits_of_the_paper(self) -> bool:
        """Whether the folds are those of the paper's Table I, so that its figures may stand beside ours."""
        return self.protocol.folds == read_protocol(PAPER).folds


def read_data(name: str, folder: Path) -> ProtocolData:
    """Read a folder in a protocol's layout.

    Raises:
        InputError: no such protocol, or a folder that is not of its layout. A missing material is no error
            here, so that it can be counted.
    """
    protocol = read_protocol(name)
    return ProtocolData(name, protocol, read_layout(protocol.layout, folder))
