"""`obftnet fit`."""

from pathlib import Path
from typing import Annotated

import typer

from obftnet.cli.options import Bits, Device, Guidance, Threads, Tile, Weights, Who, tile_of
from obftnet.cli.signals import signals
from obftnet.cli.terminal import say
from obftnet.cli.threads import use_threads

_Opt = typer.Option


def fit_command(
    guidance: Guidance,
    out: Annotated[Path, _Opt("--out", help="The pack; one that is there is replaced.")],
    weights: Weights = None,
    tile: Tile = "auto",
    bits: Bits = None,
    background: Annotated[
        str,
        _Opt(
            "--background",
            metavar="SOURCE",
            help="Where good material is seen: good (images); where none are, window (the largest clean "
            "rectangle of each support) or complement (all of the supports that is no defect).",
        ),
    ] = "good",
    adapt: Annotated[
        bool,
        _Opt(
            "--adapt",
            help="Adapt the last layer to the guidance: two supports and two good images, or more.",
        ),
    ] = False,
    interest: Annotated[
        Path | None,
        _Opt(
            "--interest",
            metavar="FILE",
            help="Where defects are looked for: white in an image, or polygons in a JSON file of labelme; "
            "default: everywhere.",
        ),
    ] = None,
    threshold: Annotated[
        float, _Opt("--threshold", help="Score above which a pixel is defect, between 0 and 1.")
    ] = 0.5,
    min_area: Annotated[
        float, _Opt("--min-area", metavar="PIXELS", help="Least region that is marked; 0 for any.")
    ] = 9,
    scale: Annotated[
        float | None, _Opt("--scale", metavar="PIXELS", help="Pixels a millimetre; default: not known.")
    ] = None,
    who: Who = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Fit a guidance folder and keep it as one file, a pack: images, fit and decision for `--pack`."""
    with signals.loading():
        import time

        from obftnet.decision import Decision
        from obftnet.packing import fit_pack

        use_threads(threads)

    start = time.perf_counter()
    pack = fit_pack(
        guidance,
        out,
        weights=weights,
        tile=tile_of(tile),
        bits=bits,
        background_source=background,  # type: ignore[arg-type]  # checked where it is used
        adapt=adapt,
        interest=interest,
        decision=Decision(threshold, min_area),
        scale=scale,
        who=who,
        device=device,
    )
    say(f"supports     {len(pack.content.supports)}")
    say(f"backgrounds  {len(pack.content.backgrounds)}")
    plan = pack.content.tile_plan
    if plan is not None:
        say(f"tiles        {plan}")
    say(f"seconds      {time.perf_counter() - start:.2f}")
    say(f"pack         {out}, {out.stat().st_size / 1e6:.1f} MB")
