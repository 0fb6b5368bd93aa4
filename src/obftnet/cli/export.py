"""`obftnet export`."""

from pathlib import Path
from typing import Annotated

import typer

from obftnet.cli.options import Threads, Weights
from obftnet.cli.progress import progress_bar
from obftnet.cli.signals import signals
from obftnet.cli.terminal import say
from obftnet.cli.threads import use_threads

_Opt = typer.Option


def export_command(
    pack: Annotated[Path, _Opt("--pack", help="A pack that obftnet fit wrote.")],
    out: Annotated[Path, _Opt("--out", help="Folder of the exported model, a new one.")],
    weights: Weights = None,
    openvino: Annotated[
        bool, _Opt("--openvino", help="Compare OpenVINO's scores, too, so that it may run the model.")
    ] = False,
    threads: Threads = None,
) -> None:
    """Write a pack as an ONNX graph that runs without PyTorch, and prove that it scores the same."""
    with signals.loading():
        from obftnet.exporting.export import export_pack

        use_threads(threads)

    with progress_bar("compare") as update:
        export = export_pack(
            pack,
            out,
            weights=weights,
            engines=("onnx", "openvino") if openvino else ("onnx",),
            threads=threads,
            progress=update,
        )
    for proof in export.contract.proofs:
        say(
            f"compared     {proof.engine} {proof.version}: {proof.images} images, scores at most "
            f"{proof.largest:.1e} apart, {proof.pixels} pixel(s) marked otherwise"
        )
    say(f"model        {out}, {len(export.graph) / 1e6:.1f} MB")
