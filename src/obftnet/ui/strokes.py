"""What was painted on one image, on the disk: every stroke, how many count, and the mask they make."""

import hashlib
import threading
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from obftnet.annotations.region import read_region
from obftnet.errors import InputError
from obftnet.files import file_hash, write_json
from obftnet.imaging.read import read_mask
from obftnet.imaging.write import write_png, write_png_strips
from obftnet.json_files import read_json
from obftnet.ui import lines
from obftnet.ui.painting import DEFECT, IGNORED, Painting, Progression, Stroke
from obftnet.ui.pictures import READING

#: Strokes of one image: more are a mistake, and a file of them all is read at every start.
MOST = 20_000


class StaleError(InputError):
    """What was to be changed is no longer what the browser shows."""


class Record(BaseModel):
    """All that a file of strokes says.

    revision: counts the changes. done: how many of the strokes count; those behind were undone.
    marked, ignored: pixels of the painting. mask, region: hashes of the files written last of both, ""
        of none; current: those of them that are of this painting.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    revision: int = Field(default=0, ge=0)
    strokes: tuple[Stroke, ...] = ()
    done: int = Field(default=0, ge=0)
    marked: int = 0
    ignored: int = 0
    mask: str = ""
    region: str = ""
    current: tuple[Literal["mask", "region"], ...] = ()

    @field_validator("current", mode="before")
    @classmethod
    def _as_once(cls, current: object) -> object:
        """It was true or false when there was but the mask."""
        return (("mask",) if current else ()) if isinstance(current, bool) else current


class Strokes:
    """The strokes of one image.

    Each change is on the disk when it returns, whole or not at all: a process that is killed loses at most
    the stroke that it was told of last.
    """

    def __init__(self, path: Path, size: tuple[int, int], imported: Path) -> None:
        """Of an image of (h, w). path: of the JSON file. imported: folder of masks made elsewhere.

        Raises:
            InputError: the file is there and is not one of ours.
        """
        self._path, self._imported = path, imported
        self._lock = threading.RLock()
        self._progression = Progression(size, self._imported_mask)
        self.size = size
        self.record = Record()
        if path.exists():
            wanted = "strokes that the page wrote are wanted; remove it to paint anew"
            try:
                self.record = Record.model_validate(read_json(path, wanted))
            except ValidationError as error:
                raise InputError(f"{path}: no strokes of this version; {wanted}") from error

    def painting(self) -> Painting:
        """What is painted. Raises InputError: a mask that was imported cannot be read any more."""
        with self._lock:
            return self._progression.after(self.record.strokes[: self.record.done])

    def add(self, stroke: Stroke, revision: int) -> None:
        """Paint a stroke; what was undone before is gone.

        Raises:
            StaleError: `revision` is not the record's.
            InputError: it cannot be painted (`Painting.with_stroke`), or not be written.
        """
        with self._lock:
            self._check(revision)
            strokes = (*self.record.strokes[: self.record.done], stroke)
            if len(strokes) > MOST:
                raise InputError(lines.TOO_MANY_STROKES(image=self._path.stem, most=f"{MOST:,}"))
            self._become(strokes, len(strokes))

    def undo(self, revision: int) -> None:
        """Take the last stroke back, if there is one. Raises as `add`."""
        self._step(-1, revision)

    def redo(self, revision: int) -> None:
        """Do again what was undone last, if anything was. Raises as `add`."""
        self._step(1, revision)

    def take_mask(self, file: Path, revision: int, image: Path) -> None:
        """Have a mask made elsewhere in the place of what is painted.

        Raises:
            StaleError, InputError: as `add`; or it is no mask of this image's size.
        """
        with self._lock:
            self._check(revision)
            with READING:
                mask = read_mask(file, like=self.size, image=image)
            self._take(mask, 1, revision)

    def take_region(self, file: Path, revision: int) -> None:
        """Have a region made elsewhere (`annotations.read_region`) in the place of what is ignored.

        Raises:
            StaleError, InputError: as `add`; or it is no region of this image's size.
        """
        with self._lock:
            self._check(revision)
            with READING:
                region = read_region(file, like=self.size)
            self._take(region, 2, revision)

    def write_files(self, mask: Path | None, region: Path) -> None:
        """Have files show what is painted: written where they do not, removed where nothing is.

        Args:
            mask: of the defect; None for none.
            region: of what is ignored.

        Raises:
            InputError: one cannot be written.
        """
        for path, value in ((mask, DEFECT), (region, IGNORED)):
            if path is not None:
                self._write_file(path, value)

    def _write_file(self, path: Path, value: int) -> None:
        name = "mask" if value == DEFECT else "region"
        with self._lock:
            record = self.record
            if not (record.marked if value == DEFECT else record.ignored):
                path.unlink(missing_ok=True)
                return
            if name in record.current and path.exists() and self.wrote(path, value):
                return
            painting = self.painting()
        # Of a large image it takes seconds, in which painting goes on.
        write_png_strips(path, self.size, painting.strips(value))
        with self._lock:
            current = {*self.record.current, name} if self.record.revision == record.revision else set()
            changed = {name: file_hash(path), "current": tuple(sorted(current))}
            self.record = self.record.model_copy(update=changed)
            self._write()

    def wrote(self, path: Path, value: int = DEFECT) -> bool:
        """Whether a file is what was last written of the strokes of this value, painted since or not."""
        written = self.record.mask if value == DEFECT else self.record.region
        return written != "" and file_hash(path) == written

    def _take(self, mask: NDArray[np.bool_], value: Literal[1, 2], revision: int) -> None:
        digest = hashlib.sha256(str(mask.shape).encode() + np.packbits(mask).tobytes()).hexdigest()
        write_png(self._imported / f"{digest}.png", mask)
        self.add(Stroke(tool="mask", value=value, mask=digest), revision)

    def _check(self, revision: int) -> None:
        if revision != self.record.revision:
            raise StaleError(lines.PAINTED_ELSEWHERE(image=self._path.stem))

    def _step(self, by: int, revision: int) -> None:
        with self._lock:
            self._check(revision)
            done = self.record.done + by
            if 0 <= done <= len(self.record.strokes):
                self._become(self.record.strokes, done)

    def _become(self, strokes: tuple[Stroke, ...], done: int) -> None:
        painting = self._progression.after(strokes[:done])
        before = self.record
        self.record = Record(
            revision=before.revision + 1,
            strokes=strokes,
            done=done,
            marked=painting.count(DEFECT),
            ignored=painting.count(IGNORED),
            mask=before.mask,
            region=before.region,
        )
        try:
            self._write()
        except InputError:
            self.record = before
            raise

    def _write(self) -> None:
        write_json(self._path, self.record.model_dump(mode="json"))

    def _imported_mask(self, digest: str) -> NDArray[np.bool_]:
        with READING:
            return read_mask(self._imported / f"{digest}.png", like=self.size, allow_empty=True)
