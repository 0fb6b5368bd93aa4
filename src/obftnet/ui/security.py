"""What stands between the page's server and everyone else: who may ask, how much, and what is told.

A request must name this server as its host and, where it changes something, come from a page of this server
(`web.access`); on another address than this machine's own everyone needs the token.
"""

from collections.abc import Iterable
from http.cookies import SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Scope

from obftnet.ui import lines
from obftnet.web import guard
from obftnet.web.access import is_foreign, is_token

#: Bytes of a request's body: of an image, or of a message.
MAX_IMAGE, MAX_MESSAGE = 1 << 30, 4 << 20
COOKIE = "obftnet"


class Guard(guard.Guard):
    """Every request goes through it, and every answer.

    A request is refused that names another host (403), comes from another site's page (403), lacks the token
    where there is one (401), or is too large (413).
    """

    fault = lines.FAULT
    headers = {  # noqa: RUF012
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

    def __init__(self, app: ASGIApp, hosts: Iterable[str], token: str | None) -> None:
        """hosts: names with ports by which this server is asked. token: wanted of everyone; None for none."""
        super().__init__(app)
        self._hosts, self._token = frozenset(hosts), token

    def limit(self, headers: Headers) -> int:
        """As `web.guard.Guard`."""
        return MAX_IMAGE if headers.get("content-type") == "application/octet-stream" else MAX_MESSAGE

    def refused(self, scope: Scope, headers: Headers) -> Response | None:
        """As `web.guard.Guard`."""
        if headers.get("host", "").lower() not in self._hosts:
            return JSONResponse({"error": "this server is not called so; use the address it printed"}, 403)
        # A link may lead here from elsewhere, but to the page alone.
        link = scope["method"] == "GET" and scope["path"] == "/" and "origin" not in headers
        if is_foreign(headers, self._hosts) and not link:
            return JSONResponse({"error": "a page of another site asks; only this server's own may"}, 403)
        if self._token is None:
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["method"] == "GET" and scope["path"] == "/" and is_token(given, self._token):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(COOKIE, given, httponly=True, samesite="strict")
            return answer
        cookies = SimpleCookie(headers.get("cookie", ""))
        if COOKIE in cookies and is_token(cookies[COOKIE].value, self._token):
            return None
        return JSONResponse({"error": "open the address with the token that obftnet ui printed"}, 401)
