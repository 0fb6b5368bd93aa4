"""Options of the commands that go through many images, and what is said when such a job ends."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from obftnet.cli.terminal import note, say

if TYPE_CHECKING:
    from obftnet.segmentation import Kind, Summary

_Opt = typer.Option

Queries = Annotated[
    list[Path] | None, typer.Argument(metavar="QUERY...", help="Images, or folders of images.")
]
Out = Annotated[Path, _Opt("--out", help="Folder of the results; run again to go on.")]
Keep = Annotated[
    str, _Opt("--keep", metavar="KINDS", help="Which of mask,score,overlay to write for each image.")
]
#: Its default; `kinds_of` reads it.
ALL_KINDS = "mask,score,overlay"
Manifest = Annotated[
    Path | None,
    _Opt("--manifest", metavar="TABLE", help="CSV or Parquet whose rows name further images."),
]
Column = Annotated[
    str | None,
    _Opt("--column", metavar="NAME", help="Of the manifest; default: path, file, image or query."),
]
ShardOf = Annotated[
    str | None,
    _Opt(
        "--shard",
        metavar="I/N",
        help="Part I of N of the images alone, into a folder of its own in --out.",
    ),
]
Workers = Annotated[
    int, _Opt("--workers", metavar="N", help="Processes that share the images and the threads.")
]
Ray = Annotated[
    str | None,
    _Opt(
        "--ray",
        metavar="ADDRESS|auto|local",
        help="The workers run on this Ray cluster; local: one of its own.",
    ),
]


def kinds_of(keep: str) -> "list[Kind]":
    """What --keep names."""
    return [kind.strip() for kind in keep.split(",") if kind.strip()]  # type: ignore[misc]


def end(summary: "Summary") -> None:
    """The result of a job: what was refused line by line, the summary, and status 2 where anything was.

    Raises:
        typer.Exit: an image was refused.
    """
    for line in summary.refused:
        note(line)
    print_summary(summary)
    if summary.refused:
        raise typer.Exit(2)


def print_summary(summary: "Summary") -> None:
    """The result of a job on standard output, a few lines; the last says what was not looked at."""
    images = summary.done + summary.decided + summary.kept
    earlier = [f"{summary.kept} of them done before"] if summary.kept else []
    earlier += [f"{summary.decided} decided anew from their scores"] if summary.decided else []
    say(f"images       {images}" + (f" ({', '.join(earlier)})" if earlier else ""))
    say(f"pass         {summary.passed}")
    if summary.review:
        say(f"review       {summary.review}")
    say(f"fail         {summary.failed}")
    if summary.plan:
        say(f"tiles        {summary.plan}")
    if summary.done:
        say(f"seconds      {summary.seconds:.3f} an image")
    aside = [f"{len(summary.refused)} refused"] if summary.refused else []
    aside += [f"{len(summary.left_out)} left out, such as {summary.left_out[0]}"] if summary.left_out else []
    say(f"results      {summary.out}" + (f"; not looked at: {'; '.join(aside)}" if aside else ""))
