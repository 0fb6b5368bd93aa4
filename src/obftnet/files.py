"""Writing files: whole or not there, on the disk before they are named, never over what was read.

Everything is written beside its place and then moved there. A folder of results belongs to one process at a
time, and what a killed process left half-written in it goes when the next one takes it.
"""

import contextlib
import errno
import functools
import hashlib
import inspect
import json
import os
import platform
import re
import secrets
import shutil
import stat
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from obftnet import wording
from obftnet.errors import InputError

_P = ParamSpec("_P")
_R = TypeVar("_R")

#: Names of what is being written: machine, process, a random part, the suffix of the file that is meant.
_PARTIAL = re.compile(r"\.partial-(?P<machine>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{12}(\.[^.]*)?")
#: A protocol and what a path makes of its two slashes. Of one letter it is a disk.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(?=/)")
#: Seconds after which what another machine left unfinished counts as abandoned: no file takes a day to write.
_ABANDONED = 86_400
#: What this process is writing.
_open: set[str] = set()


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to, which takes its place when the block ends well.

    Its content is on the disk before it is moved (fsync), and so is its name where the system can do that.
    Whatever ends the block early (an error, an interrupt) removes the temporary file and leaves what stood
    at `path`. Missing parent folders are made. The temporary name is hidden and keeps the suffix. A link is
    followed: what it leads to is replaced, and the link stays.

    Raises:
        InputError: `path` is a folder, a device, a pipe or a socket; or any OSError (no space, no permission,
            a parent that is a file), with its reason.
    """
    path = Path(path)
    target = _target(path)
    with _partial(path, target) as temporary:
        yield temporary
        _sync(temporary)
        temporary.replace(target)
        _sync_folder(target.parent)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """As `atomic`, for a folder and all that is written into it; `path` must not be there yet.

    What killed processes left half-written beside it is removed.

    Raises:
        InputError: there is something at `path`, it cannot be written, or another process writes it.
    """
    path = Path(path)
    check_new_folder(path)
    with exclusive(path.parent, path.name), _partial(path, path) as temporary:
        temporary.mkdir()
        yield temporary
        for folder, _, names in os.walk(temporary):
            for name in names:
                _sync(Path(folder, name))
            _sync_folder(Path(folder))
        temporary.rename(path)
        _sync_folder(path.parent)


def write_json(path: str | Path, content: Any) -> None:
    """Write strict JSON (UTF-8, indented), atomically. File names that are no Unicode are kept as escapes.

    Raises:
        InputError: it cannot be written. ValueError, TypeError: not JSON (NaN and infinity are not).
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic(path) as temporary:
        temporary.write_bytes((text + "\n").encode("utf-8", "backslashreplace"))


def append_line(path: Path, line: str) -> None:
    """Add a line to a file of lines, on the disk when this returns; of a line that does not fit, nothing.

    Raises:
        InputError: it cannot be written.
    """
    try:
        with path.open("ab") as file:
            size = file.tell()
            try:
                file.write((line + "\n").encode("utf-8", "backslashreplace"))
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    os.truncate(path, size)
                raise
    except OSError as error:
        raise unwritable(path, error) from error


def is_address(path: str | Path) -> bool:
    """Whether a path is an address of a store (`s3://bucket/photos`), which a path cannot lead to.

    >>> is_address("s3://bucket/photos"), is_address("C:/photos"), is_address("photos/s3:/part.png")
    (True, False, False)
    """
    found = _ADDRESS.match(str(path))
    return found is not None and not os.path.lexists(found[0])


def _refuse_address(path: Path) -> None:
    if is_address(path):
        raise InputError(
            f"{path}: an address; files are written into folders alone, mount the store or copy them later"
        )


def output_folder(path: str | Path) -> Path:
    """The folder, made where it is missing, with its parents.

    Raises:
        InputError: a file of that name is in the way, or it cannot be made.
    """
    path = Path(path)
    _refuse_address(path)
    try:
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: is a file; a folder to write into is wanted")
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        _raise(path, error)
    return path


def check_output(path: str | Path, inputs: Iterable[str | Path] = ()) -> None:
    """Find out before the work for a file whether it may be written.

    Args:
        path: of the file.
        inputs: files that are read.

    Raises:
        InputError: `path` is a folder or a special file, is one of the inputs (by whatever name or link), or
            lies where nothing can be written.
    """
    path = Path(path)
    _refuse_address(path)
    target = _target(path)
    try:
        for source in inputs if target.exists() else ():
            if Path(source).exists() and target.samefile(source):
                raise InputError(f"{path}: is read as {source}; name another file to write to")
        above = next(parent for parent in target.absolute().parents if os.path.lexists(parent))
        if not above.is_dir():
            raise InputError(f"{path}: cannot be written ({above} is not a folder); name a place that can be")
        if not os.access(above, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except (OSError, ValueError) as error:
        _raise(path, error)


def check_new_folder(path: str | Path) -> None:
    """Find out before the work whether `atomic_folder` may make a folder.

    Raises:
        InputError: there is something at `path`, or it lies where nothing can be written.
    """
    if os.path.lexists(path):
        raise InputError(f"{path}: is there already; a new folder is wanted")
    check_output(path)


def check_output_folder(path: str | Path) -> None:
    """Find out before the work whether a folder may be written into.

    Raises:
        InputError: `path` is no folder, or lies where none can be made.
    """
    path = Path(path)
    if not path.is_dir():
        if os.path.lexists(path):
            raise InputError(f"{path}: is no folder; a folder to write into is wanted")
        check_output(path)
    elif not os.access(path, os.W_OK | os.X_OK):
        raise unwritable(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def refuse_existing(paths: Iterable[Path], why: str) -> None:
    """Raises InputError for the first of `paths` that is there: it would be overwritten, and `why` it must
    not be."""
    for path in paths:
        if os.path.lexists(path):
            raise InputError(f"{path}: would be overwritten, and {why}; name another place for the results")


@contextmanager
def exclusive(folder: str | Path, family: str | None = None) -> Iterator[Path]:
    """Have a folder for this process alone while the block lasts; it is made where it is missing.

    What killed processes left half-written in it is removed. A folder that was made here and is still empty
    at the end goes again. The lock is the system's own, so that none outlives its process.

    Args:
        folder: to write into.
        family: name of the files that are written, where others may write other files into the same folder.

    Raises:
        InputError: another process has it, or it cannot be written into.
    """
    from filelock import FileLock, Timeout  # not at the top: a slow import that reading has no use for

    folder = Path(folder)
    made = _missing(folder)
    output_folder(folder)
    file = folder / (".obftnet.lock" if family is None else f".obftnet-{_short_hash(family)}.lock")
    lock = FileLock(file, timeout=0, thread_local=False)
    try:
        with warnings.catch_warnings():
            # Where a file system has no locks, it takes another way and says so.
            warnings.simplefilter("ignore")
            lock.acquire()
    except Timeout as error:
        raise InputError(wording.IN_USE(file=folder)) from error
    except (OSError, NotImplementedError, RuntimeError) as error:
        _remove_empty(made)
        _raise(folder, error)
    try:
        clean_partials(folder, alone=family is None)
        yield folder
    finally:
        # While it is held: whoever waits for it finds that it is gone, and makes a new one.
        with contextlib.suppress(OSError):
            file.unlink()
        lock.release()
        _remove_empty(made)


def alone_in(
    parameter: str, *, file: bool = False, together: bool = False
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Decorate a function: while it runs, the folder that this parameter names is its own (`exclusive`).

    With `file` the parameter names a file, and the files in its folder that go by its stem are the function's
    own. With `together`, of several processes that torchrun started the first has it for all of them; a
    function that is not theirs has no use for what the environment says of such.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        parameters = inspect.signature(function)

        @functools.wraps(function)
        def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            if together and os.environ.get("RANK", "0") != "0":
                return function(*args, **kwargs)
            out = Path(parameters.bind(*args, **kwargs).arguments[parameter])
            if file:
                check_output(out)
                out = _target(out)  # by whatever name or link it goes
            with exclusive(out.parent, out.stem) if file else exclusive(out):
                return function(*args, **kwargs)

        return run

    return decorate


@contextmanager
def mark(folder: Path) -> Iterator[Path]:
    """A file in a folder while the block lasts: who finds it there sees this very folder, and in time.

    Who takes the folder next (`exclusive`) removes what a killed process left of it.

    Raises:
        InputError: it cannot be written.
    """
    path = folder / _partial_name("")
    _open.add(str(path))
    try:
        path.touch(exist_ok=False)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        yield path
    finally:
        _remove(path)
        _open.discard(str(path))


def clean_partials(folder: Path, *, alone: bool = False) -> None:
    """Remove what killed processes left half-written in a folder; what a living one writes stays.

    Args:
        folder: may be missing.
        alone: nobody else writes there, so all below it is looked through, too, and what another machine
            left counts as abandoned at once.
    """
    for path in sorted(folder.rglob(".partial-*") if alone else folder.glob(".partial-*")):
        found = _PARTIAL.fullmatch(path.name)
        if found is not None and str(path) not in _open and _abandoned(path, found, alone):
            _remove(path)


def unwritable(path: Path, error: BaseException) -> InputError:
    """What to raise where `path` cannot be written."""
    reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
    return InputError(wording.UNWRITABLE(file=path, reason=reason))


def _raise(path: Path, error: BaseException) -> None:
    if isinstance(error, InputError):
        raise error
    raise unwritable(path, error) from error


def _target(path: Path) -> Path:
    """What a path leads to, behind links; raises InputError unless a regular file may be there."""
    try:
        target = Path(os.path.realpath(path))
        mode = target.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return target
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from error
    if stat.S_ISDIR(mode):
        raise InputError(f"{path}: is a folder; the name of a file to write is wanted")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path}: is {_kind(mode)}; the name of a regular file to write is wanted")
    return target


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a link that leads to itself"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


@contextmanager
def _partial(path: Path, target: Path) -> Iterator[Path]:
    """A free name beside `target`; what is there when the block ends is removed."""
    suffix = target.suffix if len(target.suffix) <= 16 else ""
    temporary = target.with_name(_partial_name(suffix))
    _open.add(str(temporary))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        _remove(temporary)
        _open.discard(str(temporary))


def _partial_name(suffix: str) -> str:
    return f".partial-{_machine()}-{os.getpid()}-{secrets.token_hex(6)}{suffix}"


def _machine() -> str:
    return _short_hash(platform.node())


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:8]


def _abandoned(path: Path, name: re.Match[str], alone: bool) -> bool:
    """Whether nobody writes `path` any more, as far as that can be told from outside."""
    process = int(name["process"])
    # Elsewhere than on POSIX, signal 0 is not a question.
    if name["machine"] == _machine() and os.name == "posix":
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):
            return False
        return process == os.getpid()
    try:
        return alone or time.time() - path.lstat().st_mtime > _ABANDONED
    except OSError:
        return False


def _sync(path: Path) -> None:
    """Have a file's content on the disk; where a file system cannot promise that, its best."""
    with path.open("rb+") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise


def _sync_folder(folder: Path) -> None:
    """Have a folder's names on the disk. Windows does that by itself."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _missing(folder: Path) -> list[Path]:
    """The folder and those above it that are not there, the deepest first."""
    with contextlib.suppress(OSError, ValueError):
        absolute = folder.absolute()
        return [path for path in (absolute, *absolute.parents) if not os.path.lexists(path)]
    return []


def _remove_empty(folders: Iterable[Path]) -> None:
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _remove(path: Path) -> None:
    # The first error is the one to report.
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
