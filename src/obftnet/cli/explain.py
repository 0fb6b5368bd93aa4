"""`obftnet explain`."""

from pathlib import Path
from typing import Annotated

import typer

from obftnet.cli.options import Bits, Device, MaybeGuidance, PackFile, Threads, Tile, Weights, tile_of
from obftnet.cli.signals import signals
from obftnet.cli.terminal import say
from obftnet.cli.threads import use_threads
from obftnet.errors import InputError

_Opt = typer.Option


def explain_command(
    query: Annotated[Path, typer.Argument(metavar="QUERY", help="An image.")],
    out: Annotated[Path, _Opt("--out", help="The picture, a PNG.")],
    guidance: MaybeGuidance = None,
    pack: PackFile = None,
    points: Annotated[
        list[str] | None,
        _Opt(
            "--points", metavar="X,Y", help="Pixel of the query; may be repeated; default: four are chosen."
        ),
    ] = None,
    level: Annotated[int, _Opt(help="Of the feature pyramid; 0 is the finest.")] = 0,
    weights: Weights = None,
    tile: Tile = "auto",
    bits: Bits = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Say and show why points of an image were scored as they were: what of the guidance they are like."""
    with signals.loading():
        from obftnet.explanation.explain import explain

        use_threads(threads)

    chosen = [_point(text) for text in points or []]
    for line in explain(
        query,
        guidance,
        out,
        pack=pack,
        points=chosen,
        level=level,
        weights=weights,
        tile=tile_of(tile),
        bits=bits,
        device=device,
    ):
        say(line)
    say(out)


def _point(text: str) -> tuple[int, int]:
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise InputError(f"--points {text!r}: not a pixel; X,Y in whole numbers is wanted, such as 120,64")
    return int(parts[0]), int(parts[1])
