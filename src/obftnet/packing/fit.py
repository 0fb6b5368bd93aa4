"""A pack made of a guidance folder."""

from dataclasses import replace
from pathlib import Path

from obftnet.annotations.region import read_region
from obftnet.data.layouts.guidance import read_guidance
from obftnet.decision import DEFAULT_THRESHOLD, Decision
from obftnet.files import alone_in
from obftnet.inputs import BackgroundSource
from obftnet.packs import Pack, check_pack_place
from obftnet.segmentation import LEAST_REGION
from obftnet.segmenter import Segmenter
from obftnet.tiling import Tile
from obftnet.weights import find_weights


@alone_in("out", file=True)
def fit_pack(
    guidance: str | Path,
    out: str | Path,
    *,
    weights: str | Path | None = None,
    tile: Tile = "auto",
    bits: int | None = None,
    background_source: BackgroundSource = "good",
    adapt: bool = False,
    interest: str | Path | None = None,
    decision: Decision | None = None,
    scale: float | None = None,
    who: str | None = None,
    device: str = "auto",
) -> Pack:
    """Fit a guidance folder and keep it as a pack.

    Args:
        guidance: folder as `data.layouts.guidance` describes it.
        out: the pack; one that is there is replaced.
        weights: as `Segmenter.from_pretrained`.
        tile: as `Segmenter.from_pretrained`.
        bits: as `Segmenter.from_pretrained`.
        background_source: as `Segmenter.fit`.
        adapt: as `Segmenter.fit`.
        interest: a region (`annotations.region`): defects are looked for inside; the outside is
            painted out before anything looks at an image. All are of its size. None for the decision's.
        decision: by what masks are made; None for the default, with a least region of 9 pixels.
        scale: pixels a millimetre.
        who: for the history; None for the system's name of the user.
        device: as `Segmenter.from_pretrained`.

    Raises:
        InputError: as `Segmenter.fit`; what is at `out` is no pack, or cannot be written; another process
            writes it.
    """
    found = read_guidance(guidance, good_images=background_source == "good")
    region = () if interest is None else (interest,)
    check_pack_place(out, (*found.files, *region, find_weights(weights)))
    chosen = Decision(DEFAULT_THRESHOLD, LEAST_REGION) if decision is None else decision
    if interest is not None:
        chosen = replace(chosen, interest=read_region(interest, name="region of interest"))
    segmenter = Segmenter.from_pretrained(weights, device, tile=tile, bits=bits)
    segmenter.decision, segmenter.scale = chosen, scale
    segmenter.fit(
        found.by_kind,
        found.backgrounds,
        background_source=background_source,
        ignored=found.ignored,
        adapt=adapt,
    )
    said = f"fitted with {len(found.supports)} support(s) and {len(found.backgrounds)} background(s)"
    return segmenter.save(out, what=said, who=who)
