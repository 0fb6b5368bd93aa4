"""Few-shot defect segmentation on materials never seen before: optimal bilateral feature transport."""

from typing import TYPE_CHECKING, Any

from obftnet.errors import InputError
from obftnet.version import __version__

if TYPE_CHECKING:
    from obftnet.prediction import Prediction
    from obftnet.segmenter import Segmenter

__all__ = ["InputError", "Prediction", "Segmenter", "__version__"]


def __getattr__(name: str) -> Any:
    """The names whose modules take long to load, torch seconds, when they are first asked for (PEP 562)."""
    if name == "Segmenter":
        from obftnet.segmenter import Segmenter

        return Segmenter
    if name == "Prediction":
        from obftnet.prediction import Prediction

        return Prediction
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
