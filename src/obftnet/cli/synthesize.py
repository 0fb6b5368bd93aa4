"""`obftnet synthesize`."""

from pathlib import Path
from typing import Annotated

import typer

from obftnet.cli.progress import progress_bar
from obftnet.cli.signals import signals
from obftnet.cli.terminal import say

_Opt = typer.Option


def synthesize_command(
    out: Annotated[Path, _Opt("--out", help="Folder for the materials, in the layout of MVTec AD.")],
    materials: Annotated[
        int, _Opt(min=1, max=99_999, help="How many; ten a texture family are a training set.")
    ] = 230,
    seed: Annotated[int, _Opt(min=0, max=2**32 - 1, help="Every image is a pure function of it.")] = 0,
    size: Annotated[int, _Opt(min=32, max=4096, help="Side of the images, pixels.")] = 256,
    largest: Annotated[
        int | None, _Opt(min=32, max=4096, help="Draw each material's side between --size and this, pixels.")
    ] = None,
    kinds: Annotated[int, _Opt(min=1, max=100, help="Defect classes a material.")] = 3,
    defective: Annotated[int, _Opt(min=2, max=999, help="Images a defect class.")] = 6,
    good: Annotated[int, _Opt(min=1, max=999, help="Good images a material.")] = 8,
    distractors: Annotated[bool, _Opt(help="Irregularities and other defects that are not marked.")] = True,
    workers: Annotated[int, _Opt(min=1, max=256, help="Processes.")] = 1,
) -> None:
    """Write generated materials with defects and exact masks; a second call goes on where one stopped."""
    with signals.loading():
        from obftnet.files import output_folder
        from obftnet.synthetic import write_dataset

    output_folder(out)
    with progress_bar("synthesize") as update:
        write_dataset(
            out,
            materials,
            seed,
            size=size,
            largest=largest,
            kinds=kinds,
            defective_per_kind=defective,
            good=good,
            workers=workers,
            progress=lambda done, total: update(done, total),
            distractors=distractors,
        )
    say(out)
