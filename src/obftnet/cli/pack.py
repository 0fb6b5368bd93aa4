"""`obftnet pack`: what a pack holds, and changes of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from obftnet.cli.options import Device, Threads, Who
from obftnet.cli.signals import signals
from obftnet.cli.terminal import say
from obftnet.cli.threads import use_threads

if TYPE_CHECKING:
    from obftnet.packs import Pack

_Opt = typer.Option

PackArgument = Annotated[Path, typer.Argument(metavar="PACK", help="A pack that obftnet fit wrote.")]
PackWeights = Annotated[
    str | None,
    _Opt("--weights", help="A run's folder, a model file, or a name; default: those that the pack names."),
]

pack_app = typer.Typer(
    help="Show a pack, change its images, fit it again, or make a folder of it again.",
    rich_markup_mode=None,
)


@pack_app.command("show")
def show_command(pack: PackArgument) -> None:
    """Show what a pack holds: settings, images, and who did what to it."""
    with signals.loading():
        from obftnet.packs import describe, read_pack

    for line in describe(read_pack(pack, fitted=False)):
        say(line)


@pack_app.command("add")
def add_command(
    pack: PackArgument,
    support: Annotated[
        list[Path] | None,
        _Opt(
            "--support",
            metavar="IMAGE",
            help="An image with its mask (<stem>_mask.png) beside it, or a folder of such; may be repeated.",
        ),
    ] = None,
    good: Annotated[
        list[Path] | None,
        _Opt("--good", metavar="IMAGE", help="A good image, or a folder of such; may be repeated."),
    ] = None,
    kind: Annotated[
        str | None,
        _Opt("--kind", help="Kind of the supports' defect; default: the one kind that the pack knows."),
    ] = None,
    weights: PackWeights = None,
    who: Who = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Add annotated images with their masks, or good images, and fit the pack again."""
    with signals.loading():
        from obftnet.data.layouts.guidance import read_backgrounds, read_supports
        from obftnet.packing import add_to_pack

        use_threads(threads)

    _print(
        add_to_pack(
            pack,
            supports=read_supports(support or []),
            backgrounds=read_backgrounds(good or []),
            kind=kind,
            weights=weights,
            who=who,
            device=device,
        )
    )


@pack_app.command("remove")
def remove_command(
    pack: PackArgument,
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Images as obftnet pack show has them.")
    ],
    weights: PackWeights = None,
    who: Who = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Take images out of a pack, a support's mask with it, and fit the pack again."""
    with signals.loading():
        from obftnet.packing import remove_from_pack

        use_threads(threads)

    _print(remove_from_pack(pack, names, weights=weights, who=who, device=device))


@pack_app.command("refit")
def refit_command(
    pack: PackArgument,
    weights: PackWeights = None,
    who: Who = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Fit the images of a pack again: by other weights, or by this version of obftnet."""
    with signals.loading():
        from obftnet.packing import refit_pack

        use_threads(threads)

    _print(refit_pack(pack, weights=weights, who=who, device=device))


@pack_app.command("export-images")
def export_images_command(
    pack: PackArgument,
    out: Annotated[Path, _Opt("--out", help="The guidance folder, which must not be there yet.")],
) -> None:
    """Write the images of a pack as a guidance folder again, byte for byte."""
    with signals.loading():
        from obftnet.packs import read_pack, write_guidance

    files = write_guidance(read_pack(pack, fitted=False), out)
    say(f"files        {len(files)}")
    say(f"guidance     {out}")


def _print(pack: "Pack") -> None:
    say(pack.content.history[-1].what)
    say(f"supports     {len(pack.content.supports)}")
    say(f"backgrounds  {len(pack.content.backgrounds)}")
    say(f"pack         {pack.name}, {Path(pack.name).stat().st_size / 1e6:.1f} MB")
