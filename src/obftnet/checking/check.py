"""One folder, whatever it is for: what kind it is, and all that is wrong with it."""

from dataclasses import dataclass
from pathlib import Path

from obftnet.checking.data_set import check_data_set
from obftnet.checking.findings import Finding, Findings, Progress
from obftnet.checking.guidance import check_guidance
from obftnet.checking.queries import check_queries
from obftnet.data.layouts import LAYOUTS
from obftnet.data.layouts.kind_of import kind_of
from obftnet.errors import InputError
from obftnet.imaging.checks import check_folder
from obftnet.inputs import check_bits, check_tile


@dataclass(frozen=True)
class Checked:
    """What was found in a folder.

    Attributes:
        kind: what the folder was taken for.
        holds: what of it can be used, in words.
        findings: file by file; none where all is well.
    """

    kind: str
    holds: str
    findings: tuple[Finding, ...]


def check_folder_of(
    folder: str | Path,
    kind: str | None = None,
    *,
    guidance: str | Path | None = None,
    bits: int | None = None,
    tile: int | None = None,
    progress: Progress | None = None,
) -> Checked:
    """Read all of a folder as the library would, and list what it refuses and warns of. Nothing is changed.

    Args:
        folder: a guidance folder, a data set in a layout, or a folder of queries.
        kind: "guidance", "queries" or a layout's name; None: by what the folder looks like (`kind_of`).
        guidance: for queries: the guidance folder that they would be segmented by, which is checked, too.
        bits: as `Segmenter.from_pretrained`; not of a data set.
        tile: as `Segmenter.from_pretrained`; not of a data set.
        progress: called with (looked at, all, name of the next file).

    Raises:
        InputError: no such folder or kind; settings out of range or not of that kind.
    """
    folder = Path(folder)
    check_folder(folder, "a folder to check is wanted")
    if kind is None:
        kind = kind_of(folder)
    kinds = ("guidance", *LAYOUTS, "queries")
    if kind not in kinds:
        raise InputError(f"kind {kind!r}: there are {', '.join(kinds)}", "kind")
    bits, tile = check_bits(bits), check_tile(tile)
    if guidance is not None and kind != "queries":
        raise InputError(f"{folder}: taken for {kind}; guidance is compared with queries alone", "guidance")
    if kind in LAYOUTS and (bits is not None or tile is not None):
        raise InputError(f"{folder}: taken for {kind}, which is read without bits and tiles", "bits", "tile")
    findings, progress = Findings(), progress or _silent
    if kind == "guidance":
        found, _, _ = check_guidance(folder, findings, bits=bits, tile=tile, progress=progress)
        supports = f"{len(found.supports)} support(s)"
        if found.kinds:
            each = (f"{len(pairs)} {name}" for name, pairs in found.by_kind.items())
            supports += f" ({', '.join(each)})"
        holds = f"{supports}, {len(found.backgrounds)} background(s)"
    elif kind == "queries":
        taken = None
        if guidance is not None:
            taken = check_guidance(Path(guidance), findings, bits=bits, tile=tile, progress=progress)
        apart = None if guidance is None else Path(guidance)
        count = check_queries(folder, findings, guidance=taken, apart=apart, tile=tile, progress=progress)
        holds = f"{count} image(s)"
    else:
        collection = check_data_set(folder, kind, findings, progress=progress)
        samples = () if collection is None else collection.samples
        good = sum(sample.mask is None for sample in samples)
        holds = f"{len(samples) - good} defect sample(s), {good} good image(s)"
    return Checked(kind, holds, findings.all())


def _silent(done: int, total: int, name: str) -> None:
    pass
