"""Segmenting files by what was exported of a pack, without PyTorch."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from obftnet.exported import EngineName, Export, ExportedSegmenter, read_export
from obftnet.exported.engines import threads_here
from obftnet.exported.export import CONTRACT, GRAPH
from obftnet.files import atomic
from obftnet.segmentation.changes import Band, Changes, Level, Unit
from obftnet.segmentation.job import Notice, Progress, check_keep, check_workers, run_job
from obftnet.segmentation.manifest import find_listed
from obftnet.segmentation.of_pack import OfPack
from obftnet.segmentation.outputs import KINDS, Kind
from obftnet.segmentation.shard import Shard
from obftnet.segmentation.summary import Summary


@dataclass(frozen=True)
class ByExport(OfPack):
    """Guidance of what was exported of a pack. engine, threads: as `ExportedSegmenter.load`."""

    export: Export
    engine: EngineName
    threads: int | None

    @classmethod
    def of(cls, export: Export, engine: EngineName, threads: int | None, scale: float | None = None) -> Self:
        """An export's guidance. Raises InputError for a scale beside its own, or where the picture of it is
        gone."""
        cls.check_settled(export.pack, "the exported model", (), scale)
        _ = export.guidance_picture  # before the work: it is shown beside the results
        return cls(export.pack, export, engine, threads)

    @property
    def weights_file(self) -> Path:
        """As `Guided`."""
        return self.export.folder / GRAPH

    @property
    def files(self) -> tuple[Path, ...]:
        """As `Guided`."""
        return (self.weights_file, self.export.folder / CONTRACT)

    def shared(self, count: int) -> Self:
        """As `Guided`."""
        return replace(self, threads=max(1, threads_here(self.threads) // count))

    def segmenter(self) -> ExportedSegmenter:
        """As `Guided`."""
        return ExportedSegmenter.load(self.export, self.engine, threads=self.threads)

    def draw(self, path: Path, bits: int | None) -> None:
        """As `Guided`: as it was drawn when it was exported."""
        picture = self.export.guidance_picture
        with atomic(path) as temporary:
            temporary.write_bytes(picture)


def segment_exported(
    sources: Iterable[str | Path],
    model: str | Path,
    out: str | Path,
    *,
    engine: EngineName = "onnx",
    threshold: float | None = None,
    low_threshold: Level | None = None,
    min_area: float | None = None,
    min_length: float | None = None,
    unit: Unit | None = None,
    review: Band | None = None,
    scale: float | None = None,
    keep: Collection[Kind] = KINDS,
    threads: int | None = None,
    manifest: str | Path | None = None,
    column: str | None = None,
    shard: Shard | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    notice: Notice | None = None,
) -> Summary:
    """`segment_files` by an exported model, without PyTorch: the same job, and the same results.

    Args:
        sources: images, or folders of images.
        model: folder that `export_pack` wrote; it settles weights, guidance, tile and bits.
        out: folder of the results.
        engine: as `ExportedSegmenter.load`.
        threshold: as `segment_files`, None for the model's; so all that follow.
        low_threshold: to which what is marked is drawn out.
        min_area: least region.
        min_length: least length of a region.
        unit: of the two.
        review: the band for a person to look at.
        scale: pixels a millimetre.
        keep: which of the files to write for each query.
        threads: as `ExportedSegmenter.load`; all workers have as many together.
        manifest: a table of further images.
        column: of the manifest.
        shard: do this part of the images alone.
        workers: processes that share the images.
        progress: as there.
        notice: as there.

    Raises:
        InputError: as there, of a model in the place of guidance.
    """
    changes = Changes(threshold, min_area, min_length, unit, review, scale, low_threshold)
    check_keep(keep)
    check_workers(workers)
    guided = ByExport.of(read_export(model), engine, threads, scale)
    return run_job(
        [*sources, *find_listed(manifest, column)],
        guided,
        out,
        changes=changes,
        keep=keep,
        shard=shard,
        workers=workers,
        progress=progress,
        notice=notice,
    )
