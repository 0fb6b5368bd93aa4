"""A command that is run for each image: no shell reads it, so no name of a file can become an order."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from obftnet.errors import InputError

#: What may stand in braces.
PLACEHOLDERS = ("file", "verdict", "image_score", "regions", "results")


@dataclass(frozen=True)
class Hook:
    """A command by its words; seconds: after which it is ended."""

    words: tuple[str, ...]
    seconds: float

    @classmethod
    def of(cls, command: str, seconds: float) -> "Hook":
        """Split a command as a shell would, once and for all.

        Raises:
            InputError: quotes that do not close, no such program, or a word in braces that is none of
                PLACEHOLDERS.
        """
        try:
            words = tuple(shlex.split(command))
        except ValueError as error:
            raise InputError(f"command {command!r}: {error}", "then") from error
        if not words or shutil.which(words[0]) is None:
            raise InputError(f"command {command!r}: no such program; name one that can be run", "then")
        for name in re.findall(r"\{(.*?)\}", " ".join(words)):
            if name not in PLACEHOLDERS:
                there = ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
                raise InputError(f"command {command!r}: {{{name}}} is not known; there are {there}", "then")
        return cls(words, seconds)

    def run(self, values: Mapping[str, str]) -> str:
        """Run it with the placeholders' values, each within its word.

        Returns:
            "" where it ended with status 0; else what happened, in a line.
        """
        words = [re.sub(r"\{(.*?)\}", lambda match: values[match[1]], word) for word in self.words]
        try:
            ended = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self.seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"{self.words[0]}: no end after {self.seconds:g} s"
        except (OSError, ValueError) as error:
            return f"{self.words[0]}: {getattr(error, 'strerror', None) or error}"
        if ended.returncode == 0:
            return ""
        said = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        return f"{self.words[0]}: status {ended.returncode}" + (f" ({said[-1][:200]})" if said else "")
