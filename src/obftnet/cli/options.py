"""Option types that several commands share.

Names that help texts list are written out, because what knows them loads PyTorch; tests/cli/test_help.py
compares them with what there is.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from obftnet.errors import InputError

if TYPE_CHECKING:
    from obftnet.tiling import Tile as TileChoice

Weights = Annotated[
    str | None,
    typer.Option("--weights", help="A run's folder, a model file, or a name; default: what ships."),
]
Guidance = Annotated[
    Path,
    typer.Option(
        "--guidance",
        help="Folder: support/<stem>.png, support/<stem>_mask.png, background/*; or support/<kind>/*.",
    ),
]
MaybeGuidance = Annotated[
    Path | None,
    typer.Option("--guidance", help="Folder: support/<stem>.png, support/<stem>_mask.png, background/*."),
]
PackFile = Annotated[
    Path | None,
    typer.Option("--pack", help="A pack that obftnet fit wrote, in the place of --guidance."),
]
Who = Annotated[
    str | None,
    typer.Option("--by", metavar="NAME", help="Who, for the pack's history; default: the user's name here."),
]
Data = Annotated[Path, typer.Option("--data", help="Folder of the data set.")]
Layout = Annotated[str, typer.Option("--layout", help="mvtec or neu_seg.")]
AnyLayout = Annotated[str | None, typer.Option("--layout", help="mvtec (default) or neu_seg.")]
ProtocolName = Annotated[
    str | None,
    typer.Option(
        "--protocol",
        help="Layout, folds and backgrounds by name: mvtec_partial, mvtec_unseen, neu_seg_transfer, pool.",
    ),
]
FoldsFile = Annotated[
    Path | None,
    typer.Option(
        "--folds", help="JSON {fold: [materials]}; default: materials that share the name before _NN."
    ),
]
Tile = Annotated[
    str,
    typer.Option(
        "--tile",
        metavar="PIXELS|auto|none",
        help="Look at images, guidance too, in overlapping tiles of this side; auto: as the size of the "
        "supports' defects asks for; none: as a whole.",
    ),
]
Bits = Annotated[
    int | None,
    typer.Option(
        "--bits",
        metavar="N",
        help="How many bits of samples stored in 16 are used, 8 to 16; default: as the guidance has.",
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N.")]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads", min=1, max=1024, help="Processor threads; default: OMP_NUM_THREADS, or one a core."
    ),
]
BackboneWeights = Annotated[
    str | None,
    typer.Option(
        "--backbone-weights",
        help="safetensors file with torchvision's (timm's) key names; default: the published weights; "
        "random: untrained, the control.",
    ),
]


def tile_of(text: str) -> "TileChoice":
    """What --tile says. Raises InputError where it is none of what there is."""
    if text in ("auto", "none"):
        return "auto" if text == "auto" else None
    if not text.isdecimal():
        raise InputError(f"tile {text!r}: a number of pixels, auto or none is wanted", "tile")
    return int(text)
