"""`obftnet decide`."""

from pathlib import Path
from typing import Annotated

import typer

from obftnet.cli.bulk import end
from obftnet.cli.deciding import LowThreshold, MinArea, MinLength, Review, Scale, UnitOf, band, level
from obftnet.cli.progress import progress_bar
from obftnet.cli.signals import signals
from obftnet.cli.terminal import note

_Opt = typer.Option


def decide_command(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="Folder that obftnet segment wrote.")],
    threshold: Annotated[
        float | None,
        _Opt("--threshold", "--pixel", help="Score above which a pixel is defect; default: as it is."),
    ] = None,
    low_threshold: LowThreshold = None,
    min_area: MinArea = None,
    min_length: MinLength = None,
    unit: UnitOf = None,
    scale: Scale = None,
    review: Review = None,
    pack: Annotated[
        Path | None, _Opt("--pack", help="Decide as this pack says, such as after obftnet calibrate.")
    ] = None,
) -> None:
    """Decide again from the scores that were kept, without the network: masks, overlays, tables, verdicts."""
    with signals.loading():
        from obftnet.segmentation import decide_results

    with progress_bar("decide") as update:
        summary = decide_results(
            results,
            threshold=threshold,
            low_threshold=level(low_threshold),
            min_area=min_area,
            min_length=min_length,
            unit=unit,  # type: ignore[arg-type]
            review=band(review),
            scale=scale,
            pack=pack,
            progress=update,
            notice=note,
        )
    end(summary)
