"""`obftnet import`."""

from pathlib import Path
from typing import Annotated

import typer

from obftnet.cli.check import say_checked
from obftnet.cli.progress import progress_bar
from obftnet.cli.signals import signals
from obftnet.cli.terminal import say

_Opt = typer.Option


def import_command(
    tool: Annotated[
        str,
        typer.Argument(metavar="FORMAT", help="labelme, coco, cvat, labelstudio, visa, csv or masks."),
    ],
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="The tool's file, or the folder with it.")],
    out: Annotated[Path, _Opt("--out", help="Folder to write: a new or an empty one.")],
    layout: Annotated[str, _Opt("--layout", help="guidance or mvtec.")] = "guidance",
    images: Annotated[
        Path | None, _Opt("--images", help="Folder of the images, where the source does not hold them.")
    ] = None,
    labels: Annotated[
        str | None, _Opt("--labels", metavar="A,B", help="Labels that are wanted; default: all.")
    ] = None,
    merge: Annotated[bool, _Opt("--merge", help="Take all labels as one kind of defect.")] = False,
    unmarked_good: Annotated[
        bool,
        _Opt(
            "--unmarked-good",
            help="Images on which nothing was drawn are good; default: only those the tool calls so.",
        ),
    ] = False,
    material: Annotated[
        str | None, _Opt("--material", help="The one that is wanted of several, or its name for mvtec.")
    ] = None,
    cut: Annotated[
        float | None,
        _Opt("--cut", metavar="SHARE", help="Of mask files: marked from this share of white on, 0 to 1."),
    ] = None,
    as_stored: Annotated[
        bool,
        _Opt("--as-stored", help="Drawn on the pixels as stored, before EXIF turns them; default: as shown."),
    ] = False,
) -> None:
    """Make a guidance folder or a data set of another tool's annotations, and check it.

    A pixel is marked where its centre lies inside what was drawn. Exit status 0 says that the folder was
    written: what there is still to mend in it, the check says.
    """
    with signals.loading():
        from obftnet.annotations import import_annotations
        from obftnet.checking import check_folder_of

    found = import_annotations(
        tool,
        source,
        out,
        layout=layout,
        images=images,
        labels=None if labels is None else labels.split(","),
        merge=merge,
        unmarked_good=unmarked_good,
        material=material,
        cut=cut,
        as_stored=as_stored,
    )
    for line in found.notes:
        say(f"note     {line}")
    kinds = ", ".join(f"{kind} {count}" for kind, count in found.kinds.items()) or "none"
    say(f"{source}: images by kind of defect: {kinds}; good: {found.good}")
    with progress_bar("check") as update:
        say_checked(out, check_folder_of(out, layout, progress=update))
