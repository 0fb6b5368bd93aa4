"""A project: one folder with the images as they came, what was painted on them, and what came of it.

guidance/support, guidance/background: a guidance folder, as every command takes it, masks included.
queries: images to try. calibration/good, calibration/defects: images to calibrate by, not of the guidance.
strokes: what was painted. fit.pack: the guidance as it was fitted last, and accepted. tried: results for the
queries; fit.calibration: for the images to calibrate by. proposed.pack, proposed: a fit that is not accepted
yet, and its results.
batches: folders that were run. project.json: settings.

The files say it all: a server that is killed and begun again shows what they hold.
"""

import contextlib
import filecmp
import shutil
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from obftnet.annotations.region import read_region
from obftnet.data.hashes import FileHashes
from obftnet.data.layouts.folders import subfolders
from obftnet.data.layouts.guidance import IGNORE_SUFFIX, GuidanceFolder, read_guidance
from obftnet.data.layouts.pairs import SUFFIX, image_stem
from obftnet.errors import InputError
from obftnet.files import output_folder, write_json
from obftnet.imaging.read import IMAGE_SUFFIXES, image_size, list_images, read_mask
from obftnet.inputs import check_bits, check_scale, check_threshold
from obftnet.json_files import read_json
from obftnet.packs.content import DecisionEntry, plain_name
from obftnet.segmentation.queries import is_annotation
from obftnet.segmentation.record import GuidanceRecord
from obftnet.tiling import Tile, check_tiling
from obftnet.ui import lines
from obftnet.ui.painting import DEFECT, IGNORED
from obftnet.ui.pictures import READING
from obftnet.ui.strokes import Strokes

Role = Literal["defect", "good", "query", "held_good", "held_defect"]
ROLES: tuple[Role, ...] = get_args(Role)
_FOLDERS: dict[Role, str] = {
    "defect": "guidance/support",
    "good": "guidance/background",
    "query": "queries",
    "held_good": "calibration/good",
    "held_defect": "calibration/defects",
}
#: Roles of which an image has one at most.
_APART: tuple[tuple[Role, Role], ...] = (("defect", "good"), ("held_good", "held_defect"))
SETTINGS = "project.json"
_WANTED = "the settings of a project of obftnet ui are wanted"


class AskedRate(BaseModel):
    """What a calibration is asked for: false_alarms, the rate of good images that may fail, 0..1; folder: of
    good images on this machine beside the project's own, None for none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    false_alarms: float = Field(default=0.05, gt=0, lt=1)
    folder: str | None = None


class Settings(BaseModel):
    """What project.json says: as `Segmenter.from_pretrained` and `Decision` take it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    tile: Tile = "auto"
    bits: int | None = None
    scale: float | None = None
    decision: DecisionEntry = DecisionEntry(min_area=9)
    calibration: AskedRate = AskedRate()


@dataclass(frozen=True)
class Image:
    """An image of the project: its name, which no other has, what it is for, and where it is."""

    name: str
    role: Role
    path: Path

    @property
    def guides(self) -> bool:
        """Whether it is of the guidance."""
        return self.role in ("defect", "good")

    @property
    def mask(self) -> Path:
        """Where its mask is if it shows a defect."""
        return self.path.with_name(f"{self.path.stem}{SUFFIX}.png")

    @property
    def region(self) -> Path:
        """Where what is ignored of it stands if it is of the guidance."""
        return self.path.with_name(f"{self.path.stem}{IGNORE_SUFFIX}.png")


class Workspace:
    """The project's folder, for one process at a time."""

    def __init__(self, folder: Path) -> None:
        """Open a project, or begin one in a folder that is new or empty.

        Raises:
            InputError: the folder holds other things, or cannot be written.
        """
        self.folder = output_folder(folder)
        self.lock, self._writing = threading.RLock(), threading.RLock()
        self._strokes: dict[str, Strokes] = {}
        self._known: tuple[tuple[Any, ...], str | None] | None = None
        file = self.folder / SETTINGS
        if file.exists():
            try:
                self.settings = Settings.model_validate(read_json(file, _WANTED))
            except ValidationError as error:
                raise InputError(f"{file}: not of this version; {_WANTED}") from error
        else:
            there = sorted(path.name for path in self.folder.iterdir() if not path.name.startswith("."))
            if there and there != ["guidance"]:
                raise InputError(
                    f"{self.folder}: holds {there[0]} and no {SETTINGS}, so it is no project; "
                    "name a new folder, or one with a guidance folder in it"
                )
            self.settings = Settings()
            write_json(file, self.settings.model_dump(mode="json"))
        if kinds := subfolders(self.folder / _FOLDERS["defect"]):
            raise InputError(
                f"{kinds[0]}: a folder for a kind of defect; the page shows guidance of one kind, "
                "keep several for obftnet segment"
            )
        for role in ROLES:
            output_folder(self.folder / _FOLDERS[role])

    @property
    def guidance(self) -> Path:
        """The guidance folder."""
        return self.folder / "guidance"

    def images(self) -> list[Image]:
        """All images, by role and name."""
        found = []
        for role in ROLES:
            paths = list_images(self.folder / _FOLDERS[role])
            stems = {path.stem for path in paths}
            for path in paths:
                if role == "defect" and image_stem(path.stem) in stems:
                    continue
                image = Image(path.name, role, path)
                if not (image.guides and path.stem.removesuffix(IGNORE_SUFFIX) in stems - {path.stem}):
                    found.append(image)
        return found

    def images_of(self, role: Role) -> list[Image]:
        """The images that serve for this."""
        return [image for image in self.images() if image.role == role]

    def folder_of(self, role: Role) -> Path:
        """Where these lie."""
        return self.folder / _FOLDERS[role]

    def image(self, name: str) -> Image:
        """One of them by name. Raises InputError: there is none."""
        for image in self.images():
            if image.name == name:
                return image
        raise InputError(lines.NO_SUCH_IMAGE(name=name))

    def change_settings(self, settings: Settings) -> None:
        """Have other settings. Raises InputError: out of range."""
        check_tiling(settings.tile), check_bits(settings.bits), check_scale(settings.scale)
        check_threshold(settings.decision.threshold)
        settings.decision.decision().in_pixels(settings.scale)
        with self.lock:
            write_json(self.folder / SETTINGS, settings.model_dump(mode="json"))
            self.settings = settings

    def name_for(self, called: str) -> str:
        """A name for an image that came as `called`, which every file system takes and no image has.

        Raises:
            InputError: its ending is none of an image.
        """
        stem, _, ending = self.plain_name(called).rpartition(".")
        suffix = f".{ending}"
        if image_stem(stem) is not None or stem.endswith(IGNORE_SUFFIX):
            stem += "-image"  # so that it is not taken for the mask of another
        taken = {image.path.stem.casefold() for image in self.images()}
        names = (stem, *(f"{stem}-{number}" for number in range(2, 100_000)))
        return next(name for name in names if name.casefold() not in taken) + suffix

    @staticmethod
    def plain_name(called: str) -> str:
        """The name of an image's file that every file system takes. Raises InputError: no image's name."""
        last = called.replace("\\", "/").rsplit("/", 1)[-1]
        stem, dot, ending = last.rpartition(".")
        suffix = dot + ending.lower()
        if suffix not in IMAGE_SUFFIXES or not stem:
            raise InputError(lines.NO_IMAGE_BY_NAME(file=last, endings=", ".join(IMAGE_SUFFIXES)))
        return _plain_stem(stem) + suffix

    def add(self, file: Path, called: str, role: Role) -> Image:
        """Take in an image: `file` is moved into the project.

        A file that is named as the mask of a defect image, and is one, becomes that image's mask.

        Returns:
            The image, or the one whose mask it is.

        Raises:
            InputError: not an image that can be read; a mask that is not its image's; a file that is there
                already, for the same or for the opposite.
        """
        with self.lock:
            owner = self._owner(called) if role == "defect" else None
            if owner is not None and is_annotation(file, owner.path):
                strokes = self.strokes(owner)
                strokes.take_mask(file, strokes.record.revision, owner.path)
                file.unlink()
                return owner
            name = self.name_for(called)
            try:
                with READING:
                    image_size(file)
                    if owner is not None and _is_mask(file):
                        read_mask(file, like=image_size(owner.path), image=owner.path)
            except InputError as error:
                # It is called as the user knows it.
                said = str(error).replace(str(file), called)
                raise InputError(
                    said if owner is None else said.replace(str(owner.path), owner.name)
                ) from error
            self._check_new(file, called, role)
            path = self.folder / _FOLDERS[role] / name
            file.replace(path)
            return Image(name, role, path)

    def move(self, name: str, role: Role) -> Image:
        """Have an image serve for something else; what was painted on it is kept."""
        with self.lock:
            image = self.image(name)
            if image.role == role:
                return image
            if image.guides:
                self.strokes(image)  # takes in what was put there by hand
                self._unlink(image)
            path = self.folder / _FOLDERS[role] / name
            image.path.replace(path)
            return Image(name, role, path)

    def remove(self, name: str) -> None:
        """Remove an image and what was painted on it."""
        with self.lock:
            image = self.image(name)
            if image.guides:
                self._unlink(image)
            image.path.unlink()
            self._strokes.pop(name, None)
            self._strokes_file(name).unlink(missing_ok=True)

    def strokes(self, image: Image) -> Strokes:
        """What is painted on an image. Raises InputError: it or its strokes cannot be read."""
        with self.lock:
            if image.name not in self._strokes:
                with READING:
                    size = image_size(image.path)
                file = self._strokes_file(image.name)
                found = Strokes(file, size, self.folder / "strokes" / "imported")
                mask = self._foreign_mask(image, found)
                if mask is not None:
                    found.take_mask(mask, found.record.revision, image.path)
                    if mask != image.mask:
                        mask.unlink()  # it is kept among the imported ones
                if image.guides:
                    self._take_region(image, found)
                self._strokes[image.name] = found
            return self._strokes[image.name]

    def write_masks(self) -> None:
        """Have what is painted beside each image of the guidance. Raises InputError: it cannot be written."""
        # Not with the project's lock: of large images it takes seconds, in which painting goes on.
        with self._writing:
            for image in self.images():
                if image.guides:
                    mask = image.mask if image.role == "defect" else None
                    self.strokes(image).write_files(mask, image.region)
                    if not image.path.exists():  # it was moved meanwhile
                        self._unlink(image)

    def unpainted(self) -> list[Image]:
        """Defect images on which no defect is painted."""
        return [
            image
            for image in self.images()
            if image.role == "defect" and not self.strokes(image).record.marked
        ]

    def guidance_sha256(self) -> str | None:
        """Hash of the guidance as it is painted now, as a pack says it; None where none can be fitted."""
        with self._writing, contextlib.suppress(InputError):
            state = self.guidance_state()
            if self._known is not None and self._known[0] == state:
                return self._known[1]
            self._known = (state, None)
            if self.unpainted():
                return None
            self.write_masks()
            with READING:
                found: GuidanceFolder = read_guidance(self.guidance)
            self._known = (state, GuidanceRecord.of(self.guidance, found, FileHashes()).sha256)
            return self._known[1]
        return None

    def guidance_state(self) -> tuple[Any, ...]:
        """Equal as long as nothing of the guidance has changed."""
        state = []
        for image in self.images():
            if image.guides:
                found = image.path.stat()
                revision = self.strokes(image).record.revision
                state.append((image.path, found.st_size, found.st_mtime_ns, revision))
        return tuple(state)

    def _check_new(self, file: Path, called: str, role: Role) -> None:
        """Raises InputError where the same file serves for what excludes this role, or is it."""
        apart = next((pair for pair in _APART if role in pair), (role,))
        for image in self.images():
            if image.role in apart and filecmp.cmp(file, image.path, shallow=False):
                raise InputError(lines.ALREADY_THERE(file=called, image=image.name))

    def _owner(self, called: str) -> Image | None:
        """The defect image whose mask a file is by its name."""
        named = image_stem(called.replace("\\", "/").rsplit("/", 1)[-1].rpartition(".")[0])
        if named is None:
            return None
        stem = _plain_stem(named)  # as the image was called when it came
        owners = (image for image in self.images() if image.role == "defect" and image.path.stem == stem)
        return next(owners, None)

    def _strokes_file(self, name: str) -> Path:
        return self.folder / "strokes" / f"{name}.json"

    def _unlink(self, image: Image) -> None:
        """Remove what stands beside an image; its strokes are kept."""
        if image.role == "defect":
            image.mask.unlink(missing_ok=True)
        image.region.unlink(missing_ok=True)

    def _take_region(self, image: Image, strokes: Strokes) -> None:
        """Take in what is ignored of an image where it is not what was written of its strokes."""
        for path in (image.region, image.region.with_suffix(".json")):
            if path.exists() and not strokes.wrote(path, IGNORED):
                with READING:
                    region = read_region(path, like=strokes.size)
                region[strokes.painting().level(0, (0, 0), strokes.size) == DEFECT] = False
                if not strokes.painting().shows(region, IGNORED):
                    strokes.take_region(path, strokes.record.revision)
                if path != image.region:
                    kept = self.folder / "strokes" / "imported" / path.name
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    path.replace(kept)

    def _foreign_mask(self, image: Image, strokes: Strokes) -> Path | None:
        """A mask beside a defect image that is not what was written of its strokes."""
        if image.role != "defect":
            return None
        for path in list_images(image.path.parent):
            if image_stem(path.stem) == image.path.stem and not strokes.wrote(path):
                with READING:
                    mask = read_mask(path, like=strokes.size, image=image.path, allow_empty=True)
                # It was written of them, and the process killed before it could say so.
                if not strokes.painting().shows(mask):
                    return path
        return None


def _plain_stem(stem: str) -> str:
    """What an image's name before its ending becomes."""
    return plain_name(stem)[:100] or "image"


def _is_mask(file: Path) -> bool:
    """Whether a file is a mask, of whatever image: two values alone, not a photograph."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return not read_mask(file, allow_empty=True).all()
        except InputError:
            return False


def folder_here(named: str) -> Path:
    """A file or folder that a person named. Raises InputError: not by its whole path, or it is not there."""
    if not Path(named).is_absolute():
        raise InputError(lines.NOT_WHOLE_PATH(folder=named))
    if not Path(named).exists():
        raise InputError(lines.NOT_HERE(folder=named))
    return Path(named)


def remove_folder(folder: Path) -> None:
    """Remove a folder of results that we made, if it is there. Raises InputError: it cannot be removed."""
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise InputError(lines.NOT_REMOVED(folder=folder, reason=error.strerror or error)) from error


def replace_folder(new: Path, old: Path) -> None:
    """Have `new` in the place of `old`, which may be there."""
    remove_folder(old)
    with contextlib.suppress(FileNotFoundError):
        new.replace(old)
