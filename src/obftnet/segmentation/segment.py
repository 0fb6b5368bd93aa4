"""Segmenting files by the example of a folder or of a pack, with PyTorch."""

from collections.abc import Collection, Iterable
from pathlib import Path

from obftnet.errors import InputError
from obftnet.inputs import check_bits
from obftnet.packs import read_pack
from obftnet.segmentation.changes import Band, Changes, Level, Unit
from obftnet.segmentation.fitted import ByFolder, ByPack
from obftnet.segmentation.guided import Guided
from obftnet.segmentation.job import Notice, Progress, check_keep, check_workers, run_job
from obftnet.segmentation.manifest import find_listed
from obftnet.segmentation.on_ray import Cluster
from obftnet.segmentation.outputs import KINDS, Kind
from obftnet.segmentation.shard import Shard
from obftnet.segmentation.summary import Summary
from obftnet.segmenter import resolve_device
from obftnet.tiling import Tile, check_tiling


def segment_files(
    sources: Iterable[str | Path],
    guidance: str | Path | None,
    out: str | Path,
    *,
    pack: str | Path | None = None,
    weights: str | Path | None = None,
    shots: int | None = None,
    threshold: float | None = None,
    low_threshold: Level | None = None,
    min_area: float | None = None,
    min_length: float | None = None,
    unit: Unit | None = None,
    review: Band | None = None,
    scale: float | None = None,
    tile: Tile = "auto",
    bits: int | None = None,
    keep: Collection[Kind] = KINDS,
    device: str = "auto",
    manifest: str | Path | None = None,
    column: str | None = None,
    shard: Shard | None = None,
    workers: int = 1,
    ray: str | None = None,
    progress: Progress | None = None,
    notice: Notice | None = None,
) -> Summary:
    """Segment files by the example of a guidance folder or a pack, and write the results into a folder.

    Writes `<stem>_mask.png`, `<stem>_score.tiff` and `<stem>_overlay.png` for each query, in folders as the
    queries' own, and `<stem>_regions.json` where something is marked; one `segment.json`, `guidance.png`, the
    guidance as it was understood, and at the end the tables of all images (`tables.write_tables`). What a run
    by the same settings has finished is skipped if it is still as it was written; masks by another decision
    are made anew from the scores that were kept; what was made by other settings is made anew. An image that
    cannot be read is recorded and the others go on.

    Args:
        sources: images, or folders of images.
        guidance: folder as `data.layouts.guidance` describes it; None where a pack is given.
        out: folder of the results, made where it is missing.
        pack: a pack in place of the folder; it settles shots, tile and bits.
        weights: as `Segmenter.from_pretrained`; of a pack, as `Segmenter.load`.
        shots: how many of the supports to use, the first by name; None for all.
        threshold: score above which a pixel is defect, between 0 and 1; None for the pack's, or for 0.5.
        low_threshold: what is marked is drawn out to scores above it (`Decision`); "none": it is not; None
            for the pack's, or not.
        min_area: least region that is marked, 0 for any; None for the pack's, or for 9 pixels.
        min_length: least length of a region; None for the pack's, or for any.
        unit: of the two, "px" or "mm"; None for the pack's, or for pixels.
        review: (low, high): a person should look at images of a score above low and not above high; "none"
            for no such; None for the pack's, or for no such.
        scale: pixels a millimetre; None for the pack's, or where it is not known.
        tile: as `Segmenter.from_pretrained`; a plan that "auto" finds is told by `notice` before the work.
        bits: as `Segmenter.from_pretrained`.
        keep: which of the files to write for each query.
        device: as `Segmenter.from_pretrained`.
        manifest: a table of further images (`manifest.read_manifest`).
        column: of the manifest.
        shard: do this part of the images alone; each shard wants an `out` of its own.
        workers: processes that share the images and, in equal parts, this one's threads. They are spawned: a
            script that asks for several does so below `if __name__ == "__main__"`.
        ray: the workers run on this Ray cluster (`on_ray.Cluster`); "local": one of this machine alone. All
            its machines must see images, guidance and `out` by the same paths.
        progress: called with (finished, all, name of the image) before the first and after each image.
        notice: called with a line that a person should read.

    Raises:
        InputError: bad guidance, weights or settings; nothing to segment; results that cannot be written, or
            that would replace what is not ours; another process writes into `out`.
    """
    changes = Changes(threshold, min_area, min_length, unit, review, scale, low_threshold)
    check_keep(keep)
    used = resolve_device(device)
    check_workers(workers)
    cluster = None
    if ray is not None:
        # Ray gives each worker a GPU, as its only one; which it is is not the job's to say.
        device, cluster = used.type, Cluster(ray, gpus=int(used.type == "cuda"))
        cluster.check()
    listed = find_listed(manifest, column)
    tile, bits = check_tiling(tile), check_bits(bits)
    guided: Guided
    if (guidance is None) == (pack is None):
        raise InputError("a folder of guidance or a pack is wanted, one of the two", "guidance", "pack")
    if pack is not None:
        # "auto" is what a pack has, too: the tile that it was fitted with.
        own = None if tile == "auto" else (tile or "none")
        settled = (("shots", shots), ("tile", own), ("bits", bits))
        guided = ByPack.of(read_pack(pack), weights, settled, scale, device)
    else:
        assert guidance is not None
        guided = ByFolder.of(Path(guidance), shots, weights=weights, tile=tile, bits=bits, device=device)
    return run_job(
        [*sources, *listed],
        guided,
        out,
        changes=changes,
        keep=keep,
        shard=shard,
        workers=workers,
        cluster=cluster,
        progress=progress,
        notice=notice,
    )
