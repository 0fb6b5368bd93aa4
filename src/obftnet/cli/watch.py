"""`obftnet watch`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from obftnet.cli.options import Device, Threads, Weights
from obftnet.cli.signals import signals
from obftnet.cli.terminal import note, say
from obftnet.cli.threads import use_threads

if TYPE_CHECKING:
    from obftnet.watching.watch import Told

_Opt = typer.Option


def watch_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that images come into.")],
    pack: Annotated[Path, _Opt("--pack", help="The pack to look by; obftnet fit writes one.")],
    out: Annotated[Path, _Opt("--out", help="Folder of the results and of verdicts.csv.")],
    weights: Weights = None,
    keep: Annotated[
        str, _Opt("--keep", metavar="KINDS", help="Which of mask,score,overlay to write for each image.")
    ] = "mask,score,overlay",
    then: Annotated[
        str | None,
        _Opt(
            "--then",
            metavar="COMMAND",
            help="Run for each image, without a shell; {file}, {verdict}, {image_score}, {regions} and "
            "{results} are put in.",
        ),
    ] = None,
    then_seconds: Annotated[
        float, _Opt("--then-seconds", metavar="S", help="After which the command is ended.")
    ] = 30.0,
    move_to: Annotated[
        Path | None,
        _Opt("--move-to", metavar="FOLDER", help="Move images into its pass, review, fail and refused."),
    ] = None,
    every: Annotated[float, _Opt("--every", metavar="S", help="Seconds between two looks.")] = 1.0,
    settle: Annotated[
        float, _Opt("--settle", metavar="S", help="Seconds for which a file must not change.")
    ] = 2.0,
    patience: Annotated[
        float, _Opt("--patience", metavar="S", help="Seconds before a file that cannot be read is refused.")
    ] = 60.0,
    once: Annotated[bool, _Opt("--once", help="End when all that is there is judged.")] = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Judge each new image of a folder once, by a pack; a verdict a line, results as segment writes them."""
    with signals.loading():
        from obftnet.watching import watch

        use_threads(threads)

    watched = watch(
        folder,
        pack,
        out,
        weights=weights,
        keep=[kind.strip() for kind in keep.split(",") if kind.strip()],  # type: ignore[misc]
        then=then,
        then_seconds=then_seconds,
        move_to=move_to,
        every=every,
        settle=settle,
        patience=patience,
        once=once,
        device=device,
        told=_tell,
        notice=note,
    )
    counts = watched.verdicts
    shown = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ("pass", "review", "fail", "refused"))
    say(f"results      {watched.out}: {shown}")
    if counts["refused"]:
        raise typer.Exit(2)


def _tell(told: "Told") -> None:
    if told.image_score is None:
        note(told.reason)
    score = "-" if told.image_score is None else f"{told.image_score:.3f}"
    say(f"{told.verdict:12} {score:5} {told.file}")
    sys.stdout.flush()
