"""`obftnet serve`."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from obftnet.cli.options import Device, Threads, Weights
from obftnet.cli.signals import signals
from obftnet.cli.terminal import note, say
from obftnet.errors import InputError

_Opt = typer.Option


def serve_command(
    packs: Annotated[Path, _Opt("--packs", metavar="DIR", help="Folder of packs; obftnet fit writes them.")],
    port: Annotated[int, _Opt("--port", min=0, max=65535, help="0 for any that is free.")] = 8766,
    host: Annotated[
        str, _Opt("--host", help="Address to listen at; others than 127.0.0.1 ask for a token.")
    ] = "127.0.0.1",
    token_file: Annotated[
        Path | None, _Opt("--token-file", metavar="FILE", help="The token; default: a new one, printed.")
    ] = None,
    workers: Annotated[int, _Opt("--workers", metavar="N", help="Processes that look.")] = 1,
    batch: Annotated[
        int, _Opt("--batch", metavar="N", help="Images of one pack and size looked at together at most.")
    ] = 1,
    batch_window: Annotated[
        float, _Opt("--batch-window", metavar="S", help="Seconds an image waits for others of its batch.")
    ] = 0.005,
    max_bytes: Annotated[
        int, _Opt("--max-bytes", metavar="N", help="Of an image file; more is refused.")
    ] = 64 << 20,
    max_pixels: Annotated[
        int, _Opt("--max-pixels", metavar="N", help="Of an image; more are refused.")
    ] = 25_000_000,
    queue: Annotated[int, _Opt("--queue", metavar="N", help="Requests that are taken in at a time.")] = 64,
    timeout: Annotated[float, _Opt("--timeout", metavar="S", help="Seconds a request may take.")] = 60.0,
    weights: Weights = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Judge images that come by HTTP, by the packs of a folder."""
    with signals.loading():
        try:
            from obftnet.serving.limits import Limits
            from obftnet.serving.serve import serve
        except ImportError as error:
            if error.name not in ("fastapi", "starlette", "uvicorn", "prometheus_client"):
                raise
            raise InputError(f"the server needs {error.name}: pip install 'obftnet[serve]'") from error

    def ready(address: str, token: str | None) -> None:
        say(f"{packs} at {address}")
        if token is not None:
            say(f"token {token}")
        sys.stdout.flush()

    serve(
        packs,
        host=host,
        port=port,
        token_file=token_file,
        weights=weights,
        device=device,
        workers=workers,
        threads=threads,
        limits=Limits(max_bytes, max_pixels, queue, timeout, batch, batch_window),
        ready=ready,
        log=lambda line: note(f"{datetime.now().astimezone().isoformat(timespec='milliseconds')} {line}"),
    )
