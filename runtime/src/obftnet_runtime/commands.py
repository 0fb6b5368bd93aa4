"""The commands of `obftnet-runtime`."""

from pathlib import Path
from typing import Annotated

import typer

from obftnet.cli.bulk import ALL_KINDS, Column, Keep, Manifest, Out, Queries, ShardOf, Workers, end, kinds_of
from obftnet.cli.deciding import LowThreshold, MinArea, MinLength, Review, Scale, UnitOf, band, level
from obftnet.cli.merge import merge_command
from obftnet.cli.options import Threads
from obftnet.cli.program import program
from obftnet.cli.progress import progress_bar
from obftnet.cli.signals import signals
from obftnet.cli.terminal import note

_Opt = typer.Option

app = program("obftnet-runtime", "Segment defects with a model that obftnet exported, without PyTorch.")
app.command("merge")(merge_command)


@app.command("segment")
def segment_command(
    model: Annotated[Path, _Opt("--model", help="Folder that obftnet export wrote.")],
    out: Out,
    queries: Queries = None,
    engine: Annotated[
        str, _Opt("--engine", help="onnx, or openvino where the model was exported for it.")
    ] = "onnx",
    threshold: Annotated[
        float | None, _Opt("--threshold", help="Score above which a pixel is defect; default: the model's.")
    ] = None,
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
    threads: Threads = None,
) -> None:
    """Segment images: mask, score map and overlay for each, verdicts and tables of all."""
    with signals.loading():
        from obftnet.segmentation import segment_exported
        from obftnet.segmentation.shard import Shard

    part = None if shard is None else Shard.of(shard)
    with progress_bar("segment") as update:
        summary = segment_exported(
            queries or [],
            model,
            out if part is None else out / part.folder,
            engine=engine,  # type: ignore[arg-type]
            threshold=threshold,
            low_threshold=level(low_threshold),
            min_area=min_area,
            min_length=min_length,
            unit=unit,  # type: ignore[arg-type]
            review=band(review),
            scale=scale,
            keep=kinds_of(keep),
            threads=threads,
            manifest=manifest,
            column=column,
            shard=part,
            workers=workers,
            progress=update,
            notice=note,
        )
    end(summary)
