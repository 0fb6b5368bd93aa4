"""What the server is asked, and what answers it. It holds no logic of its own."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from obftnet.errors import InputError
from obftnet.imaging.decode import image_size
from obftnet.imaging.encoded import Encoded
from obftnet.serving.access import FAULT, NOTED, Guard, Ledger, refusal, request_id
from obftnet.serving.answers import Answer, Health, MaskForm, PackNamed, PackSaid, Readiness, Refusal
from obftnet.serving.folder import PackFolder, Served
from obftnet.serving.metrics import CONTENT_TYPE
from obftnet.serving.pool import FailedError, FullError, LateError, Pool, StoppingError, UnusableError
from obftnet.serving.worker import Asked, Refused
from obftnet.version import __version__

_Asked: TypeAlias = tuple[dict[str, Any] | Refused, float]

_KINDS = ("application/octet-stream", "image/png", "image/jpeg", "image/tiff", "image/webp", "image/bmp")
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BODY = {"requestBody": {"required": True, "content": dict.fromkeys(_KINDS, _BINARY)}}
_WHY = {
    401: "no token, or another",
    403: "the server was asked by another name, or by a page of another site",
    404: "no pack of that name",
    408: "the image did not come in time",
    413: "too many bytes or pixels",
    415: "a body of another kind than an image file",
    422: "an image that cannot be used, or a parameter that is none",
    429: "too much to do; come again after Retry-After seconds",
    500: "a fault of the server",
    503: "the server is stopping, or the pack cannot be used",
    504: "no answer in time",
}
_RETRY = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}


def create_app(pool: Pool, hosts: list[str], token: str | None, log: Callable[[str], None]) -> ASGIApp:
    """The server as ASGI.

    Args:
        pool: that looks.
        hosts: names with ports by which it is asked.
        token: wanted of everyone; None for none.
        log: told a line.
    """
    app = FastAPI(title="obftnet serve", version=__version__, docs_url=None, redoc_url=None)
    for kind, answer in _ERRORS.items():
        app.add_exception_handler(kind, answer)
    folder, limits = pool.folder, pool.limits
    # For the description alone: `Guard` asks for the token.
    by_token = [Depends(HTTPBearer(auto_error=False, description="the server's token"))] if token else []

    @app.get("/health")
    async def health() -> Health:
        """Whether the server is there."""
        return Health(obftnet=__version__)

    @app.get("/ready", responses={503: {"model": Readiness}})
    async def ready(response: Response) -> Readiness:
        """Whether images are taken in and looked at now."""
        why = pool.why_not
        response.status_code = 503 if why else 200
        packs = sum(one.state == "ready" for one in folder.served.values())
        return Readiness(ready=not why, why=why, packs=packs)

    @app.get(
        "/metrics",
        dependencies=by_token,
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, **_says(401)},
    )
    async def metrics() -> Response:
        """Counters for Prometheus."""
        return Response(pool.metrics.text(), media_type=CONTENT_TYPE)

    @app.get("/packs", dependencies=by_token, responses=_says(401, 403))
    async def packs() -> list[PackSaid]:
        """The packs of the folder."""
        served, problems = folder.served, dict(folder.problems)
        names = sorted(served.keys() | {name for name in problems if name})
        return [_said(name, served.get(name), problems.get(name, "")) for name in names]

    @app.post(
        "/packs/{name}/segment",
        dependencies=by_token,
        response_model=Answer,
        responses=_says(*_WHY),
        openapi_extra=_BODY,
    )
    async def segment(name: str, request: Request, mask: MaskForm = "none", score: bool = False) -> Response:
        """Look at the image that is the body; answered are verdict, regions, and what is asked for."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limits.seconds
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/octet-stream" and not kind.startswith("image/"):
            raise HTTPException(
                415, "the image file itself is wanted as the body, as application/octet-stream"
            )
        with pool.admitted(int(request.headers.get("content-length", limits.bytes))):
            served = _served(folder, name)
            try:
                data = await asyncio.wait_for(request.body(), limits.seconds)
            except TimeoutError:
                raise HTTPException(408, f"the image did not come within {limits.seconds:g} s") from None
            image = Encoded("image", data)
            height, width = await run_in_threadpool(_size, image)
            if height * width > limits.pixels:
                raise HTTPException(
                    413, f"{width} x {height} = {height * width:,} pixels, more than {limits.pixels:,}"
                )
            asked = Asked("image", data, mask, score)
            asking = asyncio.create_task(pool.ask(served, asked, (height, width), deadline))
            found, waited = await _unless_gone(request, asking)
        request.scope[NOTED] |= {"pack": served.name, "sha256": served.sha256[:12]}
        if isinstance(found, Refused):
            raise InputError(found.why)
        pool.metrics.verdicts.labels(served.name, found["verdict"]).inc()
        request.scope[NOTED] |= {"verdict": found["verdict"], "batch": found["batch"]}
        answer = Answer(
            **found,
            request_id=request_id(request.scope),
            pack=PackNamed(name=served.name, sha256=served.sha256),
            waited=round(waited, 4),
        )
        return _json(answer)

    guarded = Guard(app, hosts, token, limits.bytes)
    return Ledger(guarded, pool.metrics, log)


async def _unless_gone(request: Request, asking: "asyncio.Task[_Asked]") -> _Asked:
    """What is asked for, as long as the client is there. Raises ClientDisconnect where it is not any more."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    going = asyncio.create_task(gone())
    try:
        done, _ = await asyncio.wait({asking, going}, return_when=asyncio.FIRST_COMPLETED)
        if asking not in done:
            raise ClientDisconnect
        return asking.result()
    finally:
        going.cancel()
        asking.cancel()


def _served(folder: PackFolder, name: str) -> Served:
    """A pack that is asked for. Raises HTTPException where there is none, or it cannot be used."""
    served = folder.served.get(name)
    if served is None:
        if name in folder.problems:
            raise HTTPException(503, folder.problems[name])
        raise HTTPException(404, "no pack of that name; GET /packs lists what there is")
    if served.state == "refused":
        raise HTTPException(503, served.problem)
    return served


def _size(image: Encoded) -> tuple[int, int]:
    """(h, w) by the header. Raises InputError where it has none."""
    with image.on_disk() as path:
        return image_size(path)


def _said(name: str, served: Served | None, problem: str) -> PackSaid:
    if served is None:
        return PackSaid(
            name=name,
            state="refused",
            problem=problem,
            sha256="",
            guidance_sha256="",
            weights="",
            kinds=[],
            tile=None,
            decision=None,
            scale=None,
        )
    content = served.pack.content
    return PackSaid(
        name=name,
        state=served.state,
        problem=problem or served.problem,
        sha256=served.sha256,
        guidance_sha256=content.guidance_sha256,
        weights=content.weights.name,
        kinds=list(dict.fromkeys(content.kinds)),
        tile=content.tile,
        decision=content.decision,
        scale=content.scale,
    )


def _json(answer: BaseModel) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")


def _says(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What the description says of answers that refuse."""
    return {
        status: {
            "model": Refusal,
            "description": _WHY[status],
            **({"headers": _RETRY} if status in (429, 503) else {}),
        }
        for status in statuses
    }


async def _unusable_image(request: Request, error: Exception) -> Response:
    return refusal(request.scope, 422, str(error))


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return refusal(request.scope, 422, f"{where}: {first['msg']}")


async def _said_by_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refusal(request.scope, error.status_code, str(error.detail), dict(error.headers or {}))


async def _full(request: Request, error: Exception) -> Response:
    assert isinstance(error, FullError)
    headers = {"Retry-After": str(error.seconds)}
    return refusal(request.scope, 429, "too much to do; come again after Retry-After seconds", headers)


async def _stopping(request: Request, error: Exception) -> Response:
    headers = {"Retry-After": "5", "Connection": "close"}
    return refusal(request.scope, 503, "the server is stopping; another may begin", headers)


async def _late(request: Request, error: Exception) -> Response:
    return refusal(
        request.scope, 504, "no answer in time; the server has too much to do, or the image is large"
    )


async def _unusable_pack(request: Request, error: Exception) -> Response:
    return refusal(request.scope, 503, str(error))


async def _failed(request: Request, error: Exception) -> Response:
    return refusal(request.scope, 500, str(error))


async def _gone(request: Request, error: Exception) -> Response:
    return refusal(request.scope, 400, "the client went before its answer was there")


async def _fault(request: Request, error: Exception) -> Response:
    return refusal(request.scope, 500, FAULT)


_ERRORS = {
    InputError: _unusable_image,
    RequestValidationError: _not_understood,
    HTTPException: _said_by_http,
    FullError: _full,
    StoppingError: _stopping,
    LateError: _late,
    UnusableError: _unusable_pack,
    FailedError: _failed,
    ClientDisconnect: _gone,
    Exception: _fault,
}
