"""What every request of a server goes through, and every answer."""

import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Guard(ABC):
    """Refuses who may not ask (`refused`), and what is too large (`limit`, 413).

    An error that nobody foresaw is told on the terminal, and to who asked only that there was one.
    """

    #: Stand in every answer that says nothing else.
    headers: Mapping[str, str] = {}
    #: What is said of an error that nobody foresaw.
    fault: str

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    @abstractmethod
    def refused(self, scope: Scope, headers: Headers) -> Response | None:
        """What to answer at once; None where the request may go on."""

    @abstractmethod
    def limit(self, headers: Headers) -> int:
        """Bytes that the body of a request may have."""

    def said(self, scope: Scope, status: int, error: str) -> Response:
        """An answer that refuses, with its reason."""
        return JSONResponse({"error": error}, status)

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
                for name, value in self.headers.items():
                    answer.setdefault(name, value)
            await send(message)

        refusal = self.refused(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        limit = self.limit(headers)
        too_large = f"more than {limit:,} bytes in one request"
        try:
            length = int(headers.get("content-length", "0"))
        except ValueError:
            length = limit + 1
        if length > limit:
            await self.said(scope, 413, too_large)(scope, receive, guarded)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, too_large)
            return message

        try:
            await self._app(scope, counted, guarded)
        except Exception:
            # The application has told who asked that there was a fault, and no more (`fault`).
            traceback.print_exc(file=sys.stderr)
            if not begun:
                await self.said(scope, 500, self.fault)(scope, receive, guarded)
