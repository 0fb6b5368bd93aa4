"""`obftnet protocol`."""

from pathlib import Path
from typing import Annotated

import typer

from obftnet.cli.signals import signals
from obftnet.cli.terminal import say, table
from obftnet.errors import InputError


def protocol_command(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="mvtec_partial, mvtec_unseen, neu_seg_transfer or pool.")
    ],
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder to check; without one the protocol is shown.")
    ] = None,
) -> None:
    """Show a protocol, or check a data folder against it: images a class, sizes, hashes where known."""
    with signals.loading():
        from obftnet.data.layouts import read_layout
        from obftnet.protocols import check, read_protocol

    protocol = read_protocol(name)
    say(f"{name}: {protocol.about}")
    say(f"layout       {protocol.layout}")
    say(f"backgrounds  {protocol.background_source}")
    say(f"folds        {', '.join(protocol.folds)}")
    say(f"source       {protocol.source}")
    if protocol.missing:
        say(f"missing      {protocol.missing}")
    if data is None:
        for material, facts in protocol.materials.items():
            kinds = ", ".join(f"{kind} {count}" for kind, count in facts.kinds.items())
            say(f"{material:12} {kinds}")
        return
    findings = check(protocol, read_layout(protocol.layout, data))
    table(
        str(data),
        (("material", "left"), ("what", "left"), ("wanted", "right"), ("found", "right"), ("", "left")),
        ((f.material, f.what, f.wanted, f.found, "" if f.fits else "differs") for f in findings),
    )
    wrong = [finding for finding in findings if not finding.fits]
    if wrong:
        first = wrong[0]
        raise InputError(
            f"{data}: differs from {name} in {len(wrong)} of {len(findings)} facts, first {first.material} "
            f"{first.what}: {first.found}, {first.wanted} is wanted; see {protocol.source}"
        )
    say(f"{len(findings)} facts, all as wanted")
