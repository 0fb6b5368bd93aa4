"""What stands between the page's server and everyone else: who may ask, how much, and what is told.

A page of another site that is open in the same browser can send requests to 127.0.0.1, and by a name that
its owner points there (DNS rebinding) even read the answers. So a request must name this server as its host
and, where it changes something, come from a page of this server.
"""

import hmac
import ipaddress
import secrets
import sys
import traceback
from collections.abc import Iterable
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Bytes of a request's body: of an image, or of a message.
MAX_IMAGE, MAX_MESSAGE = 1 << 30, 4 << 20
COOKIE = "obftnet"
FAULT = "a fault of the program; the terminal that obftnet ui runs in says more"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def new_token() -> str:
    """A word that nobody can guess."""
    return secrets.token_urlsafe(24)


def is_here(host: str) -> bool:
    """Whether an address is this machine's own, which no other can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Every request goes through it, and every answer.

    A request is refused that names another host (403), comes from another site's page (403), lacks the token
    where there is one (401), or is too large (413). An error that nobody foresaw is told on the terminal, and
    to the browser only that there was one.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], token: str | None) -> None:
        """hosts: names with ports by which this server is asked. token: wanted of everyone; None for none."""
        self._app, self._hosts, self._token = app, frozenset(hosts), token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # there are no others
        headers = Headers(scope=scope)
        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                answer = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    answer.setdefault(name, value)
            await send(message)

        refusal = self._refused(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        limit = MAX_IMAGE if headers.get("content-type") == "application/octet-stream" else MAX_MESSAGE
        too_large = JSONResponse({"error": f"more than {limit:,} bytes in one request"}, 413)
        try:
            length = int(headers.get("content-length", "0"))
        except ValueError:
            length = limit + 1
        if length > limit:
            await too_large(scope, receive, guarded)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, f"more than {limit:,} bytes in one request")
            return message

        try:
            await self._app(scope, counted, guarded)
        except Exception:
            # The application has told the browser that there was a fault, and no more (`FAULT`).
            traceback.print_exc(file=sys.stderr)
            if not begun:
                await JSONResponse({"error": FAULT}, 500)(scope, receive, guarded)

    def _refused(self, scope: Scope, headers: Headers) -> JSONResponse | RedirectResponse | None:
        """What to answer at once; None where the request may go on."""
        if headers.get("host", "").lower() not in self._hosts:
            return JSONResponse({"error": "this server is not called so; use the address it printed"}, 403)
        origin = headers.get("origin")
        foreign = origin is not None and urlsplit(origin).netloc.lower() not in self._hosts
        if foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            # A link may lead here, but to the page alone.
            link = scope["method"] == "GET" and scope["path"] == "/" and origin is None
            if not link:
                return JSONResponse({"error": "a page of another site asks; only this server's own may"}, 403)
        if self._token is None:
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["method"] == "GET" and scope["path"] == "/" and self._is_token(given):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(COOKIE, given, httponly=True, samesite="strict")
            return answer
        cookies = SimpleCookie(headers.get("cookie", ""))
        if COOKIE in cookies and self._is_token(cookies[COOKIE].value):
            return None
        return JSONResponse({"error": "open the address with the token that obftnet ui printed"}, 401)

    def _is_token(self, given: str) -> bool:
        assert self._token is not None
        return hmac.compare_digest(given.encode(), self._token.encode())
