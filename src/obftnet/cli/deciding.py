"""Options that say how it is decided, of all commands that decide."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from obftnet.segmentation.changes import Band, Level

_Opt = typer.Option

LowThreshold = Annotated[
    str | None,
    _Opt(
        "--low-threshold",
        metavar="LEVEL",
        help="What is marked is drawn out to scores above this; none: it is not; default: as it is.",
    ),
]
MinArea = Annotated[
    float | None,
    _Opt("--min-area", metavar="AREA", help="Least region marked, 0: any; default: as it is, or 9 pixels."),
]
MinLength = Annotated[
    float | None,
    _Opt("--min-length", metavar="LENGTH", help="Least length of a region; default: as it is, or any."),
]
UnitOf = Annotated[
    str | None,
    _Opt("--unit", metavar="px|mm", help="Of the least area (mm: mm²) and length; default: as it is, or px."),
]
Scale = Annotated[
    float | None, _Opt("--scale", metavar="PIXELS", help="Pixels a millimetre; default: as it is.")
]
Review = Annotated[
    str | None,
    _Opt("--review", metavar="LOW,HIGH", help="Image scores for a person to look at; none: no such."),
]


def level(low_threshold: str | None) -> "Level | None":
    """What --low-threshold says. Raises InputError where it is no number."""
    from obftnet.errors import InputError

    if low_threshold is None or low_threshold == "none":
        return low_threshold  # type: ignore[return-value]
    try:
        return float(low_threshold)
    except ValueError as error:
        raise InputError(
            f"low threshold {low_threshold!r}: a number is wanted, or none", "low_threshold"
        ) from error


def band(review: str | None) -> "Band | None":
    """What --review says. Raises InputError where it is no band."""
    from obftnet.errors import InputError

    if review is None or review == "none":
        return review  # type: ignore[return-value]
    try:
        low, high = map(float, review.split(","))
    except ValueError as error:
        raise InputError(
            f"review {review!r}: two numbers with a comma between them are wanted, or none", "review"
        ) from error
    return low, high
