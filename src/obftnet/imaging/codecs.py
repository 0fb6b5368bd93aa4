"""imagecodecs, which obftnet-runtime may be without: it reads what needs no decoder of it all the same."""

from pathlib import Path
from types import ModuleType

from obftnet.errors import InputError


def codecs(path: Path, what: str) -> ModuleType:
    """The module imagecodecs.

    Args:
        path: of the file that needs it, for the message.
        what: in the file that needs it.

    Raises:
        InputError: it is not installed.
    """
    try:
        import imagecodecs
    except ImportError as error:
        raise InputError(
            f"{path}: {what} needs imagecodecs, which is not installed; "
            "pip install 'obftnet-runtime[codecs]' (or imagecodecs alone)"
        ) from error
    return imagecodecs
