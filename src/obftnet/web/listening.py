"""The place where a server listens."""

import socket

from obftnet.errors import InputError


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens. port: 0 for any that is free. Raises InputError where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(128)
    except (OSError, OverflowError) as error:
        found.close()
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{host}:{port}: cannot listen there ({reason}); name another port", "port"
        ) from error
    return found
