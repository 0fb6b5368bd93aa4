"""Few-shot defect segmentation on materials never seen before: optimal bilateral feature transport."""

from typing import TYPE_CHECKING, Any

from obftnet.errors import InputError

if TYPE_CHECKING:
    from obftnet.segmenter import Prediction, Segmenter

__all__ = ["InputError", "Prediction", "Segmenter"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The names that need torch, which takes seconds to load, when they are first asked for (PEP 562)."""
    if name in ("Prediction", "Segmenter"):
        from obftnet import segmenter

        return getattr(segmenter, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
