"""What a pack holds, in lines that a person reads."""

from collections.abc import Iterator

import numpy as np

from obftnet.imaging.read import as_mask, image_size
from obftnet.packs.content import Content, ImageEntry
from obftnet.packs.file import Pack

_SOURCES = {
    "good": "seen in the good images",
    "window": "seen in the largest clean rectangle of each support",
    "complement": "seen in what of the supports is no defect",
}


def describe(pack: Pack) -> list[str]:
    """A line for each thing that the pack holds: settings, images, history.

    Args:
        pack: what was fitted is not wanted.

    Raises:
        InputError: an image or mask in it cannot be read.
    """
    content = pack.content
    weights = content.weights
    lines = {
        "pack": f"{pack.name}, format {content.format}",
        "weights": f"{weights.name}, SHA-256 {weights.sha256[:12]}...",
        "fitted": _fitted(content),
        "looked at": "as a whole" if content.tile is None else f"in tiles of {content.tile} pixels",
        "bits": "as the guidance has" if content.bits is None else f"{content.bits} of 16",
        "scale": "not known" if content.scale is None else f"{content.scale:g} pixels a millimetre",
        "good": _SOURCES[content.background_source],
        "adapted": "yes" if content.adapt else "no",
        "decision": _decision(content),
        "interest": "everywhere" if content.interest is None else _interest(content, pack),
        "calibration": "none" if content.calibration is None else "yes",
    }
    return [
        *(f"{name:<12} {value}" for name, value in lines.items()),
        "",
        *(_image(pack, entry) for entry in content.images),
        "",
        *(
            f"{event.when}  {event.who or 'somebody'}, obftnet {event.obftnet}: {event.what}"
            for event in content.history
        ),
    ]


def _fitted(content: Content) -> str:
    said = content.fitted
    if said is None:
        return "no"
    other = "" if said.weights_sha256 == content.weights.sha256 else ", with other weights"
    return f"by obftnet {said.obftnet}{other}"


def _decision(content: Content) -> str:
    said = content.decision
    area, length = ("pixels", "pixels long") if said.unit == "px" else ("mm2", "mm long")
    parts = [f"above {said.threshold:.9g}"]
    if said.low_threshold is not None:
        parts.append(f"drawn out to above {said.low_threshold:.9g}")
    if said.min_area:
        parts.append(f"regions of at least {said.min_area:g} {area}")
    if said.min_length:
        parts.append(f"at least {said.min_length:g} {length}")
    if said.review is not None:
        parts.append(f"review from {said.review[0]:g} to {said.review[1]:g}")
    return ", ".join(parts)


def _interest(content: Content, pack: Pack) -> str:
    entry, region = content.interest, pack.interest
    assert entry is not None
    assert region is not None
    return f"{100 * float(region.mean()):.1f} % of {entry.width} x {entry.height} pixels"


def _image(pack: Pack, entry: ImageEntry) -> str:
    return "  ".join([f"{pack.content.path(entry):<40}", *_facts(pack, entry)])


def _facts(pack: Pack, entry: ImageEntry) -> Iterator[str]:
    with pack.image(entry).on_disk() as path:
        height, width = image_size(path)
    yield f"{width} x {height}"
    if entry.mask is not None:
        marked = as_mask(pack.mask(entry), like=(height, width))
        yield f"{np.count_nonzero(marked)} pixels marked"
    if entry.ignored is not None:
        yield f"in part ignored ({entry.ignored_name})"
