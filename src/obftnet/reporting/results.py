"""A folder of results as `segment` wrote it, looked at whole: what it says, and whether it still is that."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from obftnet.data.hashes import FileHashes
from obftnet.decision import Decision, judge
from obftnet.errors import InputError, printable
from obftnet.imaging.checks import check_folder
from obftnet.imaging.kind_map import read_kind_map
from obftnet.imaging.picture import Picture
from obftnet.imaging.read import read_mask, read_picture
from obftnet.regions import marked, read_regions
from obftnet.reporting.draw import Seen
from obftnet.reporting.item import Item
from obftnet.reporting.truth import Label
from obftnet.segmentation.decider import read_score
from obftnet.segmentation.journal import NAME as JOURNAL
from obftnet.segmentation.journal import read_journal
from obftnet.segmentation.outputs import File, Outputs
from obftnet.segmentation.record import NAME, Entry, Record, Settled, read_record
from obftnet.segmentation.tables import image_name

Progress = Callable[[int, int, str], None]
_WANTED = "a folder of results, as obftnet segment writes it, is wanted"


@dataclass
class Results:
    """What a report is of.

    folder: of the results. record: their segment.json, with what a stopped job had finished. sha256: of that
    file. decision: of all verdicts. items: the images, in file order. unfinished: whether a job was stopped.
    checked: how many files are as they were written. gone: files of results that are not there any more.
    photos_gone: photographs that are not what was segmented, as far as they were asked for.
    """

    folder: Path
    record: Record
    sha256: str
    decision: Decision
    items: list[Item]
    unfinished: bool
    checked: int
    gone: list[Path]
    photos_gone: list[Path] = field(default_factory=list)

    def see(self, item: Item, label: Label | None = None) -> Seen:
        """What there is to draw of an image, with its truth.

        Raises:
            InputError: a file of results, the photograph or the annotation cannot be read.
        """
        entry, outputs = item.entry, Outputs.of(self.folder, item.result)
        size = entry.height, entry.width
        score = None
        if self._has(entry, "score"):
            score = read_score(outputs.score)
            check_shape(outputs.score, score.shape, size)
        base = self._photograph(entry)
        is_overlay = base is None and self._has(entry, "overlay")
        if is_overlay:
            base = read_picture(outputs.overlay)
            check_shape(outputs.overlay, base.shape, size)
        best = self._best(entry)
        truth = None if label is None else label.load(entry)
        return Seen(size, base, is_overlay, score, self.mask(item), best, truth)

    def mask(self, item: Item) -> NDArray[np.bool_] | None:
        """What is marked of an image, (h, w); None where neither mask nor regions are there.

        Raises:
            InputError: it cannot be read.
        """
        entry, outputs = item.entry, Outputs.of(self.folder, item.result)
        size = entry.height, entry.width
        if self._has(entry, "mask"):
            return read_mask(outputs.mask, like=size, allow_empty=True)
        if not entry.regions:
            return np.zeros(size, np.bool_)
        return marked(read_regions(outputs.regions), size) if self._has(entry, "regions") else None

    def kinds(self, item: Item) -> list[str]:
        """The kinds of defect that an image's regions are of, where kinds have names and regions are there.

        Raises:
            InputError: the regions cannot be read.
        """
        if not self.record.guidance.kinds or not item.entry.regions or not self._has(item.entry, "regions"):
            return []
        regions = read_regions(Outputs.of(self.folder, item.result).regions)
        return sorted({region.kind for region in regions})

    def _best(self, entry: Entry) -> NDArray[np.uint8] | None:
        """Which kind of defect a pixel shows; None of one kind, or where it was not kept."""
        kinds = len(self.record.guidance.kinds)
        if kinds < 2 or not self._has(entry, "kind"):
            return None
        path = Outputs.of(self.folder, entry.result).kind
        return read_kind_map(path, (entry.height, entry.width), kinds)

    def _has(self, entry: Entry, kind: File) -> bool:
        return kind in entry.written and Outputs.of(self.folder, entry.result).files[kind] not in self._gone

    def _photograph(self, entry: Entry) -> Picture | None:
        """The photograph that was segmented; None where it is not there any more."""
        path = Path(entry.file)
        try:
            if FileHashes().of(path) != entry.sha256:
                self.photos_gone.append(path)
                return None
        except InputError:
            self.photos_gone.append(path)
            return None
        picture = read_picture(path)
        return picture if self.record.bits_used is None else picture.with_bits(self.record.bits_used)

    @cached_property
    def _gone(self) -> frozenset[Path]:
        return frozenset(self.gone)


def read_results(folder: str | Path, progress: Progress | None = None) -> Results:
    """Read a folder of results, and make sure that its files are what was written.

    Args:
        folder: as `segment_files` wrote it.
        progress: called with (looked at, all, name) before each image.

    Raises:
        InputError: no such folder, no record in it or no image in that; a file that is not as it was written;
            verdicts that do not follow from the decision and the image scores.
    """
    folder = Path(folder)
    check_folder(folder, _WANTED)
    path = folder / NAME
    record = read_record(folder)
    if record is None:
        raise InputError(f"{folder}: no {NAME} in it; {_WANTED}")
    digest = FileHashes().of(path)
    unfinished = (folder / JOURNAL).exists()
    record.put(read_journal(folder, record.key))
    decision = decision_of(record.settled)
    entries = sorted(record.images, key=lambda entry: natural(entry.result))
    items = [Item(n, printable(image_name(entry)), entry) for n, entry in enumerate(entries, start=1)]
    gone: list[Path] = []
    checked = 0
    for item in items:
        if progress:
            progress(item.number - 1, len(items), item.name)
        if item.entry.decided_by != record.settled.key:
            raise InputError(
                f"{path}: {item.name} was decided by other numbers than the rest; give the last command again"
            )
        if judge(item.score, decision) != item.verdict:
            raise InputError(
                f"{path}: {item.name} is said to {item.verdict} with an image score of {item.score:.4g}, "
                f"which does not follow from the decision; decide again"
            )
        files = Outputs.of(folder, item.result).files
        for kind, written in item.entry.written.items():
            if not files[kind].exists():
                gone.append(files[kind])
            elif written.is_still(files[kind]):
                checked += 1
            else:
                raise InputError(
                    f"{files[kind]}: changed since it was written; segment again, which makes it anew, and "
                    "report then"
                )
    return Results(folder, record, digest, decision, items, unfinished, checked, gone)


def decision_of(settled: Settled) -> Decision:
    """A recorded decision, sizes in pixels, without its region of interest, of which a hash alone is kept."""
    return settled.decision.decision().in_pixels(settled.scale)


def natural(name: str) -> tuple[tuple[str, int, str], ...]:
    """By which names are put in order: part2 before part10.

    >>> sorted(["part10", "part2", "a/part3"], key=natural)
    ['a/part3', 'part2', 'part10']
    """
    pieces = re.split(r"(\d+)", name)
    return tuple(
        (text.casefold(), int(number or 0), number)
        for text, number in zip(pieces[::2], [*pieces[1::2], ""], strict=True)
    )


def check_shape(path: Path, found: tuple[int, ...], wanted: tuple[int, int]) -> None:
    """Raises InputError for a file of results of another size than its image."""
    if found[:2] != wanted:
        height, width = found[:2]
        raise InputError(
            f"{path}: {width} x {height} pixels; {wanted[1]} x {wanted[0]}, its image's, are wanted"
        )
