"""`obftnet report`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from obftnet.cli.progress import progress_bar
from obftnet.cli.signals import signals
from obftnet.cli.terminal import say

if TYPE_CHECKING:
    from obftnet.reporting import Reported

_Opt = typer.Option


def report_command(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="Folder that obftnet segment wrote.")],
    out: Annotated[Path, _Opt("--out", help="The report, an HTML file; an earlier one is replaced.")],
    truth: Annotated[
        Path | None,
        _Opt(
            "--truth",
            metavar="DIR",
            help="The truth: masks named as the images, images in folders good and <kind>, a data set.",
        ),
    ] = None,
) -> None:
    """Write one page of results: verdicts, charts, the worst and the doubtful first, pictures, settings."""
    with signals.loading():
        from obftnet.reporting import write_report

    with progress_bar("report") as update:
        reported = write_report(results, out, truth=truth, progress=update)
    print_reported(reported)


def print_reported(reported: "Reported") -> None:
    """What the report holds on standard output, a few lines."""
    for verdict, count in reported.verdicts.items():
        say(f"{verdict!s:<14} {count}")
    say(f"not inspected  {reported.refused} refused, {reported.left_out} left out")
    if reported.judged is not None:
        good, defective = reported.judged.good, reported.judged.defective
        say(f"false alarms   {good.failed} of {good.total} good")
        say(f"recall         {defective.failed} of {defective.total} defective")
    say(f"report         {reported.out}, {reported.bytes / 1e6:.1f} MB")
