"""`obftnet check`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from obftnet.cli.options import Bits
from obftnet.cli.progress import progress_bar
from obftnet.cli.signals import signals
from obftnet.cli.terminal import say

if TYPE_CHECKING:
    from obftnet.checking import Checked

_Opt = typer.Option


def check_command(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A guidance folder, a data set, or a folder of queries.")
    ],
    kind: Annotated[
        str | None,
        _Opt("--kind", help="guidance, mvtec, neu_seg or queries; default: what the folder looks like."),
    ] = None,
    guidance: Annotated[
        Path | None, _Opt("--guidance", help="Of queries: the guidance folder to hold them against.")
    ] = None,
    tile: Annotated[
        int | None, _Opt("--tile", metavar="PIXELS", help="As segment would be given it; default: none.")
    ] = None,
    bits: Bits = None,
) -> None:
    """List every problem of a folder, and what would mend it; nothing is changed. Exit status 2: refused."""
    with signals.loading():
        from obftnet.checking import check_folder_of

    with progress_bar("check") as update:
        checked = check_folder_of(folder, kind, guidance=guidance, bits=bits, tile=tile, progress=update)
    if say_checked(folder, checked):
        raise typer.Exit(2)


def say_checked(folder: Path, checked: "Checked") -> int:
    """Print what was found in a folder, a line each; returns how many things are refused."""
    refused = sum(finding.refused for finding in checked.findings)
    for finding in checked.findings:
        say(f"{'refused' if finding.refused else 'note   '}  {finding.text}")
    notes = len(checked.findings) - refused
    say(f"{folder} as {checked.kind}: {checked.holds}; {refused} refused, {notes} note(s)")
    return refused
