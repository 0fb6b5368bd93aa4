"""What a person asks of a decision that is there: other numbers, in the unit they think in."""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from obftnet.decision import DEFAULT_THRESHOLD, Decision
from obftnet.errors import InputError
from obftnet.inputs import check_scale, check_threshold

#: Pixels of the least region that is marked: score maps are smooth, and fewer are no defect's.
LEAST_REGION = 9
#: What is decided by where nobody says otherwise.
DEFAULT_DECISION = Decision(DEFAULT_THRESHOLD, LEAST_REGION)

Unit: TypeAlias = Literal["px", "mm"]
Band: TypeAlias = tuple[float, float] | Literal["none"]
Level: TypeAlias = float | Literal["none"]


@dataclass(frozen=True)
class Changes:
    """What of a decision is to be another; None for what stays.

    threshold: between 0 and 1. min_area, min_length: in `unit`. unit: of all sizes; those that stay are
    converted. review: (low, high), or "none" for no band. scale: pixels a millimetre. low_threshold: at most
    the threshold, or "none"; one that is there follows a threshold that falls below it.
    """

    threshold: float | None = None
    min_area: float | None = None
    min_length: float | None = None
    unit: Unit | None = None
    review: Band | None = None
    scale: float | None = None
    low_threshold: Level | None = None

    def of(
        self, decision: Decision = DEFAULT_DECISION, scale: float | None = None
    ) -> tuple[Decision, float | None]:
        """The changed decision, and the scale that goes with it.

        Args:
            decision: that is there.
            scale: pixels a millimetre that is there.

        Raises:
            InputError: a number outside its range; sizes in mm, or to be converted, and no scale.
        """
        scale = scale if self.scale is None else check_scale(self.scale)
        if self.unit is not None and self.unit not in ("px", "mm"):
            raise InputError(f"unit {self.unit!r}: px or mm is wanted")
        threshold = decision.threshold if self.threshold is None else check_threshold(self.threshold)
        unit = decision.unit if self.unit is None else self.unit
        if unit != decision.unit:
            # What is replaced needs no conversion, and so no scale.
            decision = replace(
                decision,
                min_area=0 if self.min_area is not None else decision.min_area,
                min_length=0 if self.min_length is not None else decision.min_length,
            )
            decision = _in_unit(decision, unit, scale)
        low = _low(self.low_threshold, decision.low_threshold, threshold)
        review = decision.review if self.review is None else self.review
        changed = replace(
            decision,
            threshold=threshold,
            min_area=_size(self.min_area, decision.min_area, "min_area", 1e9),
            min_length=_size(self.min_length, decision.min_length, "min_length", 1e5),
            unit=unit,
            review=None if review == "none" else review,
            low_threshold=low,
        )
        changed.in_pixels(scale)
        return changed, scale


NO_CHANGES = Changes()


def _low(asked: Level | None, there: float | None, threshold: float) -> float | None:
    if asked == "none":
        return None
    if asked is not None:
        if not 0 < asked <= threshold:
            raise InputError(
                f"low threshold {asked:g}: above 0, where all would be marked, and at most the threshold, "
                f"{threshold:g}, is wanted, or none",
                "low_threshold",
            )
        return float(asked)
    return None if there is None else min(there, threshold)


def _size(asked: float | None, otherwise: float, name: str, most: float) -> float:
    if asked is None:
        return otherwise
    if not 0 <= asked <= most:
        what = "area" if name == "min_area" else "length"
        raise InputError(f"least {what} of a region {asked:g}: a number from 0 to {most:g} is wanted", name)
    return float(asked)


def _in_unit(decision: Decision, unit: Unit, scale: float | None) -> Decision:
    if not (decision.min_area or decision.min_length):
        return replace(decision, unit=unit)
    if unit == "px":
        return decision.in_pixels(scale)
    if scale is None:
        raise InputError("a least region in mm needs the scale, pixels a millimetre; or give it in pixels")
    return replace(
        decision, min_area=decision.min_area / scale**2, min_length=decision.min_length / scale, unit=unit
    )
