"""What every request of the pack server goes through: its number, who may ask, its line in the log."""

import re
import secrets
import time
from collections.abc import Callable, Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from obftnet.serving.metrics import Metrics
from obftnet.web import guard
from obftnet.web.access import is_foreign, is_token

FAULT = "a fault of the program; the server's log says more"
#: What anybody may ask: they tell nothing but that the server is there.
OPEN = ("/health", "/ready")
_ID = "obftnet.request_id"
#: Of the answer, what its line in the log says beside the rest.
NOTED = "obftnet.noted"


def request_id(scope: Scope) -> str:
    """The number of a request."""
    found: str = scope[_ID]
    return found


def refusal(scope: Scope, status: int, error: str, headers: dict[str, str] | None = None) -> Response:
    """An answer that says why there is none (`answers.Refusal`)."""
    return JSONResponse({"error": error, "request_id": request_id(scope)}, status, headers)


class Ledger:
    """Numbers requests, and notes each that asks for an image or is refused."""

    def __init__(self, app: ASGIApp, metrics: Metrics, log: Callable[[str], None]) -> None:
        self._app, self._metrics, self._log = app, metrics, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        number = given if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given) else secrets.token_hex(8)
        scope[_ID], scope[NOTED] = number, {}
        start, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = number
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            seconds = time.perf_counter() - start
            route = getattr(scope.get("route"), "path", "")
            self._metrics.requests.labels(route, str(status)).inc()
            if route.endswith("/segment"):
                self._metrics.seconds.observe(seconds)
            if route.endswith("/segment") or status >= 400 or not status:
                more = "".join(f" {name}={value}" for name, value in scope[NOTED].items())
                client = (scope.get("client") or ("",))[0]
                asked = f"{scope['method']} {scope['path'][:200]}"
                self._log(f"id={number} from={client} {asked} {status or 'gone'} {seconds:.3f} s{more}")


class Guard(guard.Guard):
    """Refuses who may not ask.

    With a token everyone needs it (401), but for `OPEN`; without one the server must be asked by its own name
    and not by a page of another site (403).
    """

    fault = FAULT
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}  # noqa: RUF012

    def __init__(self, app: ASGIApp, hosts: Iterable[str], token: str | None, most: int) -> None:
        """hosts: names with ports by which the server is asked. most: bytes of a request's body."""
        super().__init__(app)
        self._hosts, self._token, self._most = frozenset(hosts), token, most

    def limit(self, headers: Headers) -> int:
        """As `web.guard.Guard`."""
        return self._most

    def said(self, scope: Scope, status: int, error: str) -> Response:
        """As `web.guard.Guard`."""
        return refusal(scope, status, error)

    def refused(self, scope: Scope, headers: Headers) -> Response | None:
        """As `web.guard.Guard`."""
        if self._token is None:
            if headers.get("host", "").lower() not in self._hosts:
                return refusal(scope, 403, "this server is not called so; use the address it printed")
            if is_foreign(headers, self._hosts):
                return refusal(scope, 403, "a page of another site asks; that is not allowed")
            return None
        if scope["path"] in OPEN:
            return None
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and is_token(given.strip(), self._token):
            return None
        answer = refusal(
            scope, 401, "the header Authorization: Bearer TOKEN is wanted, with the server's token"
        )
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
