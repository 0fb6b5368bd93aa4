"""What `obftnet export` wrote, run without PyTorch: `from obftnet_runtime import Model`.

The modules are obftnet's own. Where obftnet itself is installed, of the same version, they are those; else
those that came with this distribution. An obftnet of another version might read and decide otherwise, and is
refused.
"""

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from obftnet.exported import ExportedSegmenter as Model

__all__ = ["Model", "find_modules"]

_OWN = Path(__file__).parent / "modules"


def find_modules() -> None:
    """Have obftnet's modules where `import` finds them.

    Raises:
        ImportError: obftnet is installed in another version, or this distribution is not whole.
    """
    if importlib.util.find_spec("obftnet") is None:
        if not (_OWN / "obftnet").is_dir():
            raise ImportError(f"{_OWN}: missing; install obftnet-runtime again")
        # Behind everything: it takes no other's place.
        sys.path.append(str(_OWN))
    from importlib.metadata import PackageNotFoundError, version

    from obftnet import __version__

    try:
        mine = version("obftnet-runtime")
    except PackageNotFoundError:  # run from a checkout
        return
    if mine != __version__:
        raise ImportError(
            f"obftnet-runtime {mine} beside obftnet {__version__}: install one version of both, or each into "
            "an environment of its own"
        )


def __getattr__(name: str) -> Any:
    """`Model`, when it is asked for (PEP 562)."""
    if name == "Model":
        find_modules()
        from obftnet.exported import ExportedSegmenter

        return ExportedSegmenter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
