"""A pack on the disk: one safetensors file, read whole and checked, or refused in one line.

The tensors are the guidance's image files as they came (uint8, one axis), and what was fitted of them; the
header holds `content.Content` as JSON. Nothing here needs torch.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray
from pydantic import ValidationError

from obftnet.decision import Decision
from obftnet.errors import InputError
from obftnet.files import atomic, check_output
from obftnet.imaging.encoded import Encoded
from obftnet.imaging.read import as_mask
from obftnet.inputs import check_threshold
from obftnet.json_files import parse_json
from obftnet.packs.content import FORMAT, Content, Encoding, ImageEntry
from obftnet.safeheader import check_no_pickle, in_order

_HEADER = "obftnet-pack-"
_WANTED = "a pack that obftnet wrote is wanted"
#: What tensors of the fitted guidance are called begins with it.
_FITTED = "fitted/"
_DTYPES = {"U8": np.uint8, "F32": np.float32, "BOOL": np.bool_, "I64": np.int64}


@dataclass(frozen=True)
class Pack:
    """What a pack file holds.

    content: what it says of itself.
    files: the image files as they came, by the names of their tensors.
    fitted: the tensors of the fitted guidance by name; empty where there is none.
    name: what messages call it, its path.
    """

    content: Content
    files: Mapping[str, bytes] = field(repr=False)
    fitted: Mapping[str, NDArray[Any]] = field(repr=False)
    name: str

    def image(self, entry: ImageEntry) -> Encoded:
        """The file of an image."""
        return self._encoded(entry.image, self.content.path(entry))

    def mask(self, entry: ImageEntry) -> Encoded:
        """The file of a support's mask."""
        assert entry.mask is not None
        return self._encoded(entry.mask, self.content.mask_path(entry))

    @property
    def ignored(self) -> list[tuple[Encoded, Encoded]]:
        """Images with what of them is ignored, as `Segmenter.fit` takes it."""
        content = self.content
        return [
            (self.image(entry), self._encoded(entry.ignored, content.ignored_path(entry)))
            for entry in content.images
            if entry.ignored is not None
        ]

    @property
    def supports(self) -> list[tuple[Encoded, Encoded]]:
        """(image, mask) of each support."""
        return [(self.image(entry), self.mask(entry)) for entry in self.content.supports]

    @property
    def by_kind(self) -> dict[str, list[tuple[Encoded, Encoded]]]:
        """The same by the kinds of their defects, as `Segmenter.fit` takes them."""
        found: dict[str, list[tuple[Encoded, Encoded]]] = {}
        for entry, pair in zip(self.content.supports, self.supports, strict=True):
            found.setdefault(entry.kind, []).append(pair)
        return found

    @property
    def backgrounds(self) -> list[Encoded]:
        """The good images."""
        return [self.image(entry) for entry in self.content.backgrounds]

    @cached_property
    def interest(self) -> NDArray[np.bool_] | None:
        """Where defects are looked for, (h, w) bool; None: everywhere.

        Raises:
            InputError: its image is none, or of another size than the pack says.
        """
        entry = self.content.interest
        if entry is None:
            return None
        return as_mask(self._encoded(entry.image, "region of interest"), like=(entry.height, entry.width))

    @property
    def decision(self) -> Decision:
        """By what masks are made, sizes as they were given. Raises InputError: numbers that make no sense."""
        try:
            check_threshold(self.content.decision.threshold)
            decision = self.content.decision.decision(self.interest)
            decision.in_pixels(self.content.scale)
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from error
        return decision

    def _encoded(self, encoding: Encoding, path: str) -> Encoded:
        return Encoded(f"{self.name}/{path}", self.files[encoding.tensor])


def read_pack(path: str | Path, *, fitted: bool = True) -> Pack:
    """Read a pack and check it: every file in it is whole by its hash.

    Args:
        path: of the pack.
        fitted: load what was fitted, too.

    Raises:
        InputError: missing, a folder, empty, truncated or damaged; a safetensors file of another kind, or a
            pickle, which is never opened; a pack of a newer format.
    """
    path = Path(path)
    check_no_pickle(path, _WANTED)
    try:
        with safetensors.safe_open(path, framework="np") as opened:
            content = _content(path, opened.metadata() or {})
            _check_names(path, content, opened)
            files = {one.tensor: _bytes(path, one, opened) for one in content.encodings}
            tensors = {}
            if fitted and content.fitted is not None:
                tensors = {key: _tensor(path, key, opened) for key in opened.keys() if _is_fitted(key)}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError, ValueError, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: not a whole safetensors file ({reason}); {_WANTED}") from error
    if fitted and content.fitted is not None and arrays_hash(tensors) != content.fitted.sha256:
        raise _damaged(path, "what was fitted is not as it was written")
    pack = Pack(content, files, {key.removeprefix(_FITTED): x for key, x in tensors.items()}, str(path))
    _ = pack.decision
    return pack


def write_pack(path: str | Path, pack: Pack) -> None:
    """Write a pack, whole or not at all.

    Raises:
        InputError: as `check_pack_place`, or it cannot be written.
    """
    check_pack_place(path)
    text = pack.content.model_dump_json()
    Content.model_validate_json(text)  # what is written can be read
    metadata = {
        "format": f"{_HEADER}{FORMAT}",
        "content": text,
        "content_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    tensors: dict[str, NDArray[Any]] = {
        one.tensor: np.frombuffer(pack.files[one.tensor], np.uint8) for one in pack.content.encodings
    }
    tensors |= {f"{_FITTED}{key}": np.ascontiguousarray(value) for key, value in pack.fitted.items()}
    with atomic(path) as temporary:
        temporary.write_bytes(in_order(safetensors.numpy.save(tensors, metadata)))


def is_pack(path: str | Path) -> bool:
    """Whether a file is a whole pack by its header, of whatever format."""
    try:
        check_no_pickle(Path(path), _WANTED)
        with safetensors.safe_open(path, framework="np") as opened:
            return str((opened.metadata() or {}).get("format", "")).startswith(_HEADER)
    except (safetensors.SafetensorError, OSError, ValueError):
        return False


def check_pack_place(path: str | Path, inputs: tuple[str | Path, ...] = ()) -> None:
    """Find out before the work whether a pack may be written: nothing but a pack is ever replaced.

    Raises:
        InputError: what is there is no pack, or is among what is read; or nothing can be written there.
    """
    check_output(path, inputs)
    if Path(path).exists() and not is_pack(path):
        raise InputError(f"{path}: not a pack, and would be overwritten; name another file")


def fitted_hash(fitted: Mapping[str, NDArray[Any]]) -> str:
    """What `FittedEntry.sha256` is of these tensors of `Pack.fitted`."""
    return arrays_hash({f"{_FITTED}{key}": value for key, value in fitted.items()})


def arrays_hash(arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over names, dtypes, shapes and values."""
    digest = hashlib.sha256()
    for key in sorted(arrays):
        value = np.ascontiguousarray(arrays[key])
        digest.update(json.dumps([key, value.dtype.str, list(value.shape)]).encode())
        digest.update(value.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _content(path: Path, metadata: Mapping[str, str]) -> Content:
    said = metadata.get("format", "")
    number = re.fullmatch(rf"{_HEADER}([0-9]{{1,9}})", said)
    if number is None:
        what = "an obftnet model" if said.startswith("obftnet-model") else "a safetensors file"
        raise InputError(f"{path}: {what}, but not a pack; {_WANTED}")
    if int(number[1]) > FORMAT:
        raise InputError(
            f"{path}: a pack of format {number[1]}, newer than this version reads (format {FORMAT}); "
            "read it with the version of obftnet that wrote it, or a later one"
        )
    text = metadata.get("content", "")
    if hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() != metadata.get("content_sha256"):
        raise _damaged(path, "its description is not as it was written")
    parse_json(text, f"{path}: its description", _WANTED)
    try:
        return Content.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise _damaged(path, f"{where}: {first['msg']}") from error


def _check_names(path: Path, content: Content, opened: Any) -> None:
    """Every tensor that the content names is there, and no other but what was fitted."""
    there = set(opened.keys())
    named = [one.tensor for one in content.encodings]
    wanted = set(named)
    missing, more = wanted - there, {key for key in there - wanted if not _is_fitted(key)}
    if missing or more or len(wanted) < len(named) or any(map(_is_fitted, wanted)):
        which = next(iter(sorted(missing or more)), "one tensor for two files")
        raise _damaged(path, f"its description and its tensors do not agree: {which}")
    if content.fitted is None and any(map(_is_fitted, there)):
        raise _damaged(path, "something fitted, of which its description knows nothing")


def _bytes(path: Path, encoding: Encoding, opened: Any) -> bytes:
    values = _tensor(path, encoding.tensor, opened)
    if values.dtype != np.uint8 or values.ndim != 1:
        raise _damaged(path, f"{encoding.tensor} is no file's bytes")
    data = values.tobytes()
    if hashlib.sha256(data).hexdigest() != encoding.sha256:
        raise _damaged(path, f"{encoding.tensor} is not as it was written")
    return data


def _tensor(path: Path, key: str, opened: Any) -> NDArray[Any]:
    said = opened.get_slice(key).get_dtype()
    if said not in _DTYPES:
        raise _damaged(path, f"{key} is of dtype {said}")
    values: NDArray[Any] = opened.get_tensor(key)
    # A byte that is neither is a bool in numpy, and each of its operations takes it for another.
    if values.dtype == np.bool_ and values.size and int(values.view(np.uint8).max()) > 1:
        raise _damaged(path, f"{key} holds what is neither true nor false")
    return values


def _is_fitted(key: str) -> bool:
    return key.startswith(_FITTED)


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"{path}: a damaged pack ({what}); take a copy, or fit a new one from its images")
