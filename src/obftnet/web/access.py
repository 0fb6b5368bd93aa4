"""Who may ask a server: addresses, tokens, and pages of other sites that are open in the same browser.

A page of another site can send requests to 127.0.0.1, and by a name that its owner points there (DNS
rebinding) even read the answers. So where no token is asked for, a request must name the server as its host
and must not come from another site's page.
"""

import hmac
import ipaddress
import secrets
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers


def new_token() -> str:
    """A word that nobody can guess."""
    return secrets.token_urlsafe(24)


def is_token(given: str, token: str) -> bool:
    """Whether they are the same; how long that takes does not tell how much of it is."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())


def is_here(host: str) -> bool:
    """Whether an address is this machine's own, which no other can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def shown_host(host: str) -> str:
    """An address as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def is_foreign(headers: Headers, hosts: Collection[str]) -> bool:
    """Whether a page of another site asks. hosts: names with ports by which the server is asked."""
    origin = headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc.lower() not in hosts
    return foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site")
