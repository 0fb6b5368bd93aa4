"""Where the images are that an annotation names: below the folders that the user named, nowhere else."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from obftnet.errors import InputError
from obftnet.imaging.checks import check_folder


class Places:
    """Finds files by the names that annotations give them.

    Without a folder of images names are taken below the source. With one they are taken below it, and of a
    name from another machine (absolute, with `..`, an address) as much of its end as is found there.
    """

    def __init__(self, folders: Sequence[Path], images: Path | None) -> None:
        """Args: folders: of the source, to look into in this order. images: the user's folder, or None.

        Raises:
            InputError: no such folder of images.
        """
        if images is not None:
            check_folder(images, "the folder that holds the images is wanted")
        self._folders, self._images = tuple(folders), images

    def find(self, name: str, where: str, what: str = "image", below: str | None = None) -> Path:
        """The file of this name.

        Args:
            name: as the annotation has it.
            where: file and entry, for the message.
            what: the name is of.
            below: a folder that it may lie in, too, below those of the source.

        Raises:
            InputError: there is none, or the name leads out of the source's folder. Names the entry.
        """
        # labelme writes Windows' separators on Windows.
        parts = [part for part in re.split(r"[/\\]+", name) if part not in ("", ".")]
        inner = [below] if below and not re.search(r"[/\\]|^\.\.$", below) else []
        outside = name.startswith(("/", "\\")) or ".." in parts or bool(re.match("[A-Za-z]+:", name))
        if outside and self._images is None:
            raise InputError(
                f"{where}: {what} {name!r} leads out of {self._folders[0]}; name the folder that it is in",
                "images",
            )
        for path in self._candidates(parts, outside, inner):
            if _is_file(path):
                return path
        looked = self._images or self._folders[0]
        raise InputError(f"{where}: no {what} {name!r} in {looked}; name the folder that it is in", "images")

    def _candidates(self, parts: list[str], outside: bool, inner: list[str]) -> Iterator[Path]:
        if not parts:
            return
        if self._images is None:
            yield from self._below(parts, inner)
            return
        last = max((index for index, part in enumerate(parts) if part == ".."), default=-1)
        for start in range(last + 1, len(parts)):
            yield self._images.joinpath(*parts[start:])
        if uploaded := re.fullmatch(r"[0-9a-f]{8}-(.+)", parts[-1]):
            # Label Studio's upload puts eight digits before a file's own name.
            yield self._images / uploaded[1]
        if not outside:
            yield from self._below(parts, inner)

    def _below(self, parts: list[str], inner: list[str]) -> Iterator[Path]:
        for folder in self._folders:
            yield folder.joinpath(*parts)
            if inner:
                yield folder.joinpath(*inner, *parts)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False
