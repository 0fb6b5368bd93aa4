"""The packs of a folder, as they come, change and go."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from obftnet.data.hashes import FileHashes
from obftnet.errors import InputError
from obftnet.imaging.checks import check_folder
from obftnet.packs import Pack, read_pack

#: Of a file that is a pack.
SUFFIX = ".pack"
_WANTED = "a folder of packs that obftnet fit wrote is wanted"
_State = tuple[int, int, int]


@dataclass(eq=False)
class Served:
    """A pack as it was read: it is looked at by this very content, whatever becomes of the file.

    name: of the file, without its ending. sha256: of the file. state: "loading" until a process has it,
    "refused" where none can have it. problem: why, or "".
    """

    name: str
    sha256: str
    pack: Pack = field(repr=False)
    state: Literal["loading", "ready", "refused"] = "loading"
    problem: str = ""


class PackFolder:
    """Looks into a folder again and again."""

    def __init__(self, folder: str | Path, told: Callable[[str], None]) -> None:
        """told: called with a line about each pack that comes, changes, goes or cannot be read.

        Raises:
            InputError: no such folder.
        """
        self.path, self._told = Path(folder), told
        check_folder(self.path, _WANTED)
        self.served: dict[str, Served] = {}
        #: By name, why a file cannot be read; what was served by its name before is, still.
        self.problems: dict[str, str] = {}
        self._seen: dict[str, _State] = {}

    def look(self) -> None:
        """Take in what is new; to be called by one thread at a time."""
        found: dict[str, tuple[Path, _State]] = {}
        try:
            for path in self.path.iterdir():
                if path.suffix == SUFFIX and not path.name.startswith("."):
                    try:
                        stat = path.stat()
                    except OSError:
                        continue
                    found[path.stem] = (path, (stat.st_ino, stat.st_size, stat.st_mtime_ns))
        except OSError as error:
            # A share that is gone for a while takes nothing away.
            self._problem("", f"{self.path}: cannot be read ({error.strerror or error})")
            return
        self.problems.pop("", None)
        # What another thread has in hand stays as it is.
        served = dict(self.served)
        for name in self._seen.keys() - found.keys():
            del self._seen[name]
            self.problems.pop(name, None)
            if served.pop(name, None):
                self._told(f"pack {name}: taken away")
        self.served = served
        for name, (path, state) in sorted(found.items()):
            if self._seen.get(name) != state:
                self._read(name, path)
                # Of a file that changed meanwhile this is no longer the state, and it is read again.
                self._seen[name] = state

    def _read(self, name: str, path: Path) -> None:
        hashes = FileHashes()
        before = self.served.get(name)
        try:
            digest = hashes.of(path)
            pack = None if before is not None and before.sha256 == digest else read_pack(path)
            hashes.check()
        except InputError as error:
            self._problem(name, str(error))
            return
        except Exception:
            # One file must not end what the others serve.
            self._problem(
                name, f"{path}: cannot be read, by a fault of the program: {traceback.format_exc()}"
            )
            return
        self.problems.pop(name, None)
        if pack is not None:
            self.served = {**self.served, name: Served(name, digest, pack)}
            self._told(f"pack {name}: {'changed, now' if before else 'added,'} {digest}")

    def _problem(self, name: str, text: str) -> None:
        if self.problems.get(name) != text:
            self.problems[name] = text
            kept = "; what was served by this name before is, still" if name in self.served else ""
            self._told(f"{text}{kept}")
