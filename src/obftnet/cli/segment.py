"""`obftnet segment`."""

from typing import Annotated

import typer

from obftnet.cli.bulk import (
    ALL_KINDS,
    Column,
    Keep,
    Manifest,
    Out,
    Queries,
    Ray,
    ShardOf,
    Workers,
    end,
    kinds_of,
)
from obftnet.cli.deciding import LowThreshold, MinArea, MinLength, Review, Scale, UnitOf, band, level
from obftnet.cli.options import Bits, Device, MaybeGuidance, PackFile, Threads, Tile, Weights, tile_of
from obftnet.cli.progress import progress_bar
from obftnet.cli.signals import signals
from obftnet.cli.terminal import note
from obftnet.cli.threads import use_threads

_Opt = typer.Option


def segment_command(
    out: Out,
    queries: Queries = None,
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
    keep: Keep = ALL_KINDS,
    manifest: Manifest = None,
    column: Column = None,
    shard: ShardOf = None,
    workers: Workers = 1,
    ray: Ray = None,
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
            keep=kinds_of(keep),
            device=device,
            manifest=manifest,
            column=column,
            shard=part,
            workers=workers,
            ray=ray,
            progress=update,
            notice=note,
        )
    end(summary)
