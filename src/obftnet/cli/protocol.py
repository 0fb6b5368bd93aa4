"""`obftnet protocol`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from obftnet.data.layouts import read_layout
from obftnet.errors import InputError
from obftnet.protocols import check, names, read_protocol


def protocol_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help=", ".join(names()) + ".")],
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder to check; without one the protocol is shown.")
    ] = None,
) -> None:
    """Show a protocol, or check a data folder against it: images a class, sizes, hashes where known."""
    protocol = read_protocol(name)
    print(f"{name}: {protocol.about}")
    print(f"layout       {protocol.layout}")
    print(f"backgrounds  {protocol.background_source}")
    print(f"folds        {', '.join(protocol.folds)}")
    print(f"source       {protocol.source}")
    if protocol.missing:
        print(f"missing      {protocol.missing}")
    if data is None:
        for material, facts in protocol.materials.items():
            kinds = ", ".join(f"{kind} {count}" for kind, count in facts.kinds.items())
            print(f"{material:12} {kinds}")
        return
    findings = check(protocol, read_layout(protocol.layout, data))
    table = Table(title=str(data))
    for heading in ("material", "what", "wanted", "found", ""):
        table.add_column(heading, justify="right" if heading in ("wanted", "found") else "left")
    for finding in findings:
        mark = "" if finding.fits else "differs"
        table.add_row(finding.material, finding.what, finding.wanted, finding.found, mark)
    Console().print(table)
    wrong = [finding for finding in findings if not finding.fits]
    if wrong:
        first = wrong[0]
        raise InputError(
            f"{data}: differs from {name} in {len(wrong)} of {len(findings)} facts, first {first.material} "
            f"{first.what}: {first.found}, {first.wanted} is wanted; see {protocol.source}"
        )
    print(f"{len(findings)} facts, all as wanted")
