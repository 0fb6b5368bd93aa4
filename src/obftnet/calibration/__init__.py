"""A threshold for the rate of false alarms that was asked for, from good images alone."""

from typing import TYPE_CHECKING, Any

from obftnet.calibration.least_region import LeastRegion, propose_least_region
from obftnet.calibration.quantile import Bound, bound, enough, interval

if TYPE_CHECKING:
    from obftnet.calibration.calibrate import Calibration, calibrate_pack

__all__ = [
    "Bound",
    "Calibration",
    "LeastRegion",
    "bound",
    "calibrate_pack",
    "enough",
    "interval",
    "propose_least_region",
]


def __getattr__(name: str) -> Any:
    """The names that need torch, when they are first asked for (PEP 562)."""
    if name in __all__:
        from obftnet.calibration import calibrate

        return getattr(calibrate, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
