"""`obftnet ui`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from obftnet.cli.options import Device, Threads, Weights
from obftnet.cli.signals import signals
from obftnet.cli.terminal import say
from obftnet.errors import InputError

_Opt = typer.Option


def ui_command(
    project: Annotated[
        Path, typer.Argument(metavar="PROJECT", help="Folder of the project; made where it is missing.")
    ] = Path("obftnet-project"),
    port: Annotated[int, _Opt("--port", min=0, max=65535, help="0 for any that is free.")] = 8765,
    host: Annotated[
        str, _Opt("--host", help="Address to listen at; others than 127.0.0.1 ask for a token.")
    ] = "127.0.0.1",
    browser: Annotated[bool, _Opt("--open", help="Open the page in the browser.")] = False,
    weights: Weights = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Paint, try, run a folder and export in the browser, on this machine alone."""
    with signals.loading():
        try:
            from obftnet.ui.serve import serve
        except ImportError as error:
            if error.name not in ("fastapi", "starlette", "uvicorn"):
                raise
            raise InputError(f"the page needs {error.name}: pip install 'obftnet[ui]'") from error

    def ready(address: str) -> None:
        say(f"{project} at {address}")
        say("end it with Ctrl+C; the project stays in its folder")
        sys.stdout.flush()

    serve(
        project,
        host=host,
        port=port,
        weights=weights,
        device=device,
        threads=threads,
        ready=ready,
        browser=browser,
    )
