"""`obftnet segment`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from obftnet.cli.deciding import LowThreshold, MinArea, MinLength, Review, Scale, UnitOf, band, level
from obftnet.cli.options import Bits, Device, MaybeGuidance, PackFile, Threads, Tile, Weights, tile_of
from obftnet.cli.progress import progress_bar
from obftnet.cli.signals import signals
from obftnet.cli.terminal import note, say
from obftnet.cli.threads import use_threads

if TYPE_CHECKING:
    from obftnet.segmentation import Summary

_Opt = typer.Option


def segment_command(
    out: Annotated[Path, _Opt("--out", help="Folder of the results; run again to go on.")],
    queries: Annotated[
        list[Path] | None, typer.Argument(metavar="QUERY...", help="Images, or folders of images.")
    ] = None,
    guidance: MaybeGuidance = None,
    pack: PackFile = None,
    weights: Weights = None,
    shots: Annotated[
        int | None, _Opt("--shots", metavar="K", help="Use the first K supports by name; default: all.")
    ] = None,
    threshold: Annotated[
        float | None,
        _Opt("--threshold", help="Score above which a pixel is defect; default: the pack's, or 0.5."),
    ] = None,
    tile: Tile = "auto",
    bits: Bits = None,
    low_threshold: LowThreshold = None,
    min_area: MinArea = None,
    min_length: MinLength = None,
    unit: UnitOf = None,
    scale: Scale = None,
    review: Review = None,
    keep: Annotated[
        str, _Opt("--keep", metavar="KINDS", help="Which of mask,score,overlay to write for each image.")
    ] = "mask,score,overlay",
    manifest: Annotated[
        Path | None,
        _Opt("--manifest", metavar="TABLE", help="CSV or Parquet whose rows name further images."),
    ] = None,
    column: Annotated[
        str | None,
        _Opt("--column", metavar="NAME", help="Of the manifest; default: path, file, image or query."),
    ] = None,
    shard: Annotated[
        str | None,
        _Opt(
            "--shard",
            metavar="I/N",
            help="Part I of N of the images alone, into a folder of its own in --out.",
        ),
    ] = None,
    workers: Annotated[
        int, _Opt("--workers", metavar="N", help="Processes that share the images and the threads.")
    ] = 1,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Segment images by the example of a few annotated ones: mask, score map and overlay for each."""
    with signals.loading():
        from obftnet.segmentation import segment_files
        from obftnet.segmentation.shard import Shard

        use_threads(threads)

    part = None if shard is None else Shard.of(shard)
    with progress_bar("segment") as update:
        summary = segment_files(
            queries or [],
            guidance,
            out if part is None else out / part.folder,
            pack=pack,
            weights=weights,
            shots=shots,
            threshold=threshold,
            low_threshold=level(low_threshold),
            min_area=min_area,
            min_length=min_length,
            unit=unit,  # type: ignore[arg-type]
            review=band(review),
            scale=scale,
            tile=tile_of(tile),
            bits=bits,
            keep=[kind.strip() for kind in keep.split(",") if kind.strip()],  # type: ignore[misc]
            device=device,
            manifest=manifest,
            column=column,
            shard=part,
            workers=workers,
            progress=update,
            notice=note,
        )
    end(summary)


def end(summary: "Summary") -> None:
    """The result of a job: what was refused line by line, the summary, and status 2 where anything was.

    Raises:
        typer.Exit: an image was refused.
    """
    for line in summary.refused:
        note(line)
    print_summary(summary)
    if summary.refused:
        raise typer.Exit(2)


def print_summary(summary: "Summary") -> None:
    """The result of a job on standard output, a few lines; the last says what was not looked at."""
    images = summary.done + summary.decided + summary.kept
    earlier = [f"{summary.kept} of them done before"] if summary.kept else []
    earlier += [f"{summary.decided} decided anew from their scores"] if summary.decided else []
    say(f"images       {images}" + (f" ({', '.join(earlier)})" if earlier else ""))
    say(f"pass         {summary.passed}")
    if summary.review:
        say(f"review       {summary.review}")
    say(f"fail         {summary.failed}")
    if summary.plan:
        say(f"tiles        {summary.plan}")
    if summary.done:
        say(f"seconds      {summary.seconds:.3f} an image")
    aside = [f"{len(summary.refused)} refused"] if summary.refused else []
    aside += [f"{len(summary.left_out)} left out, such as {summary.left_out[0]}"] if summary.left_out else []
    say(f"results      {summary.out}" + (f"; not looked at: {'; '.join(aside)}" if aside else ""))
