"""`obftnet ui`: a project's folder, a port, and the page until it is ended."""

import socket
import webbrowser
from collections.abc import Callable
from pathlib import Path

import uvicorn

from obftnet.files import exclusive
from obftnet.ui.server import Page, create_app
from obftnet.ui.workspace import Workspace
from obftnet.web.access import is_here, new_token, shown_host
from obftnet.web.listening import listening


def serve(
    project: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    weights: str | Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    ready: Callable[[str], None] | None = None,
    browser: bool = False,
) -> None:
    """Show a project in a browser until the process is interrupted.

    Args:
        project: its folder, made where it is missing.
        host: address to listen at. Of any other than this machine's own, everyone needs the token that is in
            the address that `ready` is told.
        port: 0 for any that is free.
        weights: as `Segmenter.from_pretrained`.
        device: as `Segmenter.from_pretrained`.
        threads: to compute with; None for as many as PyTorch takes.
        ready: told the address to open when it can be.
        browser: open it in this machine's browser.

    Raises:
        InputError: the folder is no project's, another process shows it, or the port cannot be had.
    """
    with exclusive(project) as folder, listening(host, port) as place:
        workspace = Workspace(folder)
        for left in folder.glob(".received-*"):
            left.unlink(missing_ok=True)
        page = Page(workspace, weights=weights, device=device, threads=threads)
        number = place.getsockname()[1]
        token = None if is_here(host) else new_token()
        shown = shown_host(host)
        names = [shown, "localhost", "127.0.0.1"]
        if host in ("0.0.0.0", "::"):
            names += [socket.gethostname(), socket.getfqdn()]
            shown = socket.gethostname()
        address = f"http://{shown}:{number}/" + (f"?token={token}" if token else "")
        app = create_app(page, [f"{name}:{number}".lower() for name in names], token)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on"))
        if ready is not None:
            ready(address)
        if browser:
            webbrowser.open(address)
        try:
            server.run(sockets=[place])
        finally:
            page.close()
