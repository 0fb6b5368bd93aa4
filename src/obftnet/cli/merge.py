"""`obftnet merge`."""

from pathlib import Path
from typing import Annotated

import typer

from obftnet.cli.bulk import end
from obftnet.cli.signals import signals


def merge_command(
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", help="Folder that obftnet segment --shard wrote into.")
    ],
) -> None:
    """Make one folder of results of a job's parts: one record and one set of tables over all of them."""
    with signals.loading():
        from obftnet.segmentation.merging import merge_results

    end(merge_results(results))
