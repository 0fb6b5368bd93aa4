"""The whole way on a generated material: guidance folder, queries, results, a picture, a measured IoU."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from obftnet.errors import InputError
from obftnet.files import alone_in, atomic, output_folder, write_json
from obftnet.imaging.overlay import draw_overlay
from obftnet.imaging.panel import show_panel
from obftnet.imaging.read import read_image, read_mask
from obftnet.imaging.write import write_png
from obftnet.segmentation import Outputs, Summary, segment_files
from obftnet.segmenter import Segmenter
from obftnet.synthetic import DefectKind, Material

#: Chosen for its looks before any result was seen, a linen with cuts; beyond every seed of a training set.
MATERIAL = Material(10_000_002, "weave", distractors=False)
KIND = DefectKind("cut", 10_000_002)
BACKGROUNDS = 3
QUERIES = 6
_REPORT = "demo.json"


@dataclass(frozen=True)
class DemoResult:
    """What the demo made and measured.

    Attributes:
        iou: intersection over union of the defect, summed over the pixels of all queries, 0..1.
        summary: what `segment_files` did.
        picture: file of the picture.
        command: the command line that makes the same results from the demo's folders.
    """

    iou: float
    summary: Summary
    picture: Path
    command: str


@alone_in("out")
def run_demo(
    out: str | Path,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    progress: Callable[[int, int, str], None] | None = None,
    notice: Callable[[str], None] | None = None,
) -> DemoResult:
    """Generate a material, segment it by one example, and measure the result.

    Under `out`: guidance/ (support/, background/), queries/, truth/, result/ (as `segment_files` writes it),
    demo.png and demo.json. The images are the same on every run.

    Args:
        out: folder, new or that of an earlier demo.
        weights: as `Segmenter.from_pretrained`.
        device: as `Segmenter.from_pretrained`.
        progress: as `segment_files`.
        notice: as `segment_files`.

    Raises:
        InputError: `out` holds other things or cannot be written; weights or device cannot be used.
    """
    out = Path(out)
    visible = [path for path in out.iterdir() if not path.name.startswith(".")]
    if visible and not (out / _REPORT).exists():
        raise InputError(f"{out}: not empty and not a demo's folder; name a new one")
    # Bad weights are found before anything is written.
    Segmenter.from_pretrained(weights, device)
    report = {"material": f"{MATERIAL.family} {MATERIAL.seed}", "defect": KIND.family}
    output_folder(out)
    if not (out / _REPORT).exists():
        write_json(out / _REPORT, report)
    _write_images(out)
    summary = segment_files(
        [out / "queries"],
        out / "guidance",
        out / "result",
        weights=weights,
        device=device,
        progress=progress,
        notice=notice,
    )
    iou = _measure(out)
    picture = out / "demo.png"
    _draw(out, picture, iou)
    write_json(out / _REPORT, report | {"iou": iou})
    command = ["obftnet", "segment", str(out / "queries"), "--guidance", str(out / "guidance")]
    command += ["--out", str(out / "result")]
    if weights is not None:
        command += ["--weights", str(weights)]
    return DemoResult(iou, summary, picture, shlex.join(command))


def _write_images(out: Path) -> None:
    """One support with its mask, the backgrounds, the queries and their true masks."""
    for index in range(BACKGROUNDS):
        write_png(out / "guidance" / "background" / f"good_{index}.png", _bytes(MATERIAL.good(index)))
    for index in range(QUERIES + 1):
        image, mask = MATERIAL.defective(index, KIND)
        name = f"cut_{index}"
        folder = out / "guidance" / "support" if index == 0 else out / "queries"
        write_png(folder / f"{name}.png", _bytes(image))
        masks = folder if index == 0 else out / "truth"
        write_png(masks / f"{name}_mask.png", mask)


def _bytes(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _queries(out: Path) -> list[tuple[Path, NDArray[np.bool_], NDArray[np.bool_]]]:
    """Each query with its true and its predicted mask, both (h, w)."""
    found = []
    for index in range(1, QUERIES + 1):
        query = out / "queries" / f"cut_{index}.png"
        truth = read_mask(out / "truth" / f"{query.stem}_mask.png", image=query)
        mask = read_mask(Outputs.of(out / "result", query.stem).mask, image=query, allow_empty=True)
        found.append((query, truth, mask))
    return found


def _measure(out: Path) -> float:
    both, either = 0, 0
    for _, truth, mask in _queries(out):
        both += int((truth & mask).sum())
        either += int((truth | mask).sum())
    return both / either


def _draw(out: Path, picture: Path, iou: float) -> None:
    """The guidance in the first row, then for each query: image, truth, prediction, score."""
    guidance = out / "guidance"
    support = guidance / "support" / "cut_0.png"
    example = draw_overlay(read_image(support), read_mask(support.with_name("cut_0_mask.png"), image=support))
    good = [read_image(guidance / "background" / f"good_{index}.png") for index in range(BACKGROUNDS)]
    figure = Figure(figsize=(8, 2.15 * (QUERIES + 1) + 0.5), dpi=90, layout="constrained")
    axes = figure.subplots(QUERIES + 1, 1 + BACKGROUNDS, squeeze=False)
    show_panel(axes[0, 0], example, "support (annotated)")
    for axis, panel in zip(axes[0, 1:], good, strict=True):
        show_panel(axis, panel, "background (good)")
    for row, (query, truth, mask) in zip(axes[1:], _queries(out), strict=True):
        image = read_image(query)
        score = read_image(Outputs.of(out / "result", query.stem).score)[:, :, 0]
        show_panel(row[0], image, "query")
        show_panel(row[1], draw_overlay(image, truth), "truth")
        show_panel(row[2], draw_overlay(image, mask), "prediction")
        show_panel(row[3], score, "score")
    figure.suptitle(f"one annotated example, {QUERIES} new images of the material: IoU {100 * iou:.1f} %")
    with atomic(picture) as temporary:
        figure.savefig(temporary, format="png")
