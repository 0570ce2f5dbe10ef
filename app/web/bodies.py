"""A request is read whole before anything looks at it: it is small, it arrives soon, or it is refused."""

import asyncio

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.problems import problem

MOST_BYTES = 1_000_000
BODY_SECONDS = 10.0
# Read on and dropped: a caller that is still sending would not hear the answer of a closed connection.
_DRAINED_BYTES = 16 * MOST_BYTES
_CLOSE = {"Connection": "close"}


class _Gone(Exception):
    """The caller hung up; there is nobody to answer."""


class BodyBounds:
    """ASGI middleware. The application gets the body in one piece; its own answer may last as long as it likes."""

    def __init__(self, app: ASGIApp, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 408 or 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(receive)
        except _Gone:
            return
        if isinstance(body, Response):
            await body(scope, receive, send)
            return
        await self._app(scope, again(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | Response:
        body, size = bytearray(), 0
        try:
            async with asyncio.timeout(self._seconds):
                more = True
                while more and size <= _DRAINED_BYTES:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    part = message.get("body", b"")
                    size += len(part)
                    if size <= MOST_BYTES:
                        body += part
                    more = message.get("more_body", False)
        except TimeoutError:
            if size <= MOST_BYTES:
                return _too_slow(self._seconds)
        return _too_large() if size > MOST_BYTES else bytes(body)


def again(body: bytes, receive: Receive) -> Receive:
    """What an application receives of a request whose body was read before."""
    told = False

    async def once_more() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once_more


def _too_slow(seconds: float) -> Response:
    detail = f"the body did not arrive within {seconds:g} s"
    return problem(408, "Request Timeout", detail, "Nothing was done; send it again in one go", headers=_CLOSE)


def _too_large() -> Response:
    detail = f"the body is larger than {MOST_BYTES} bytes"
    return problem(413, "Content Too Large", detail, "Nothing was done; no call needs so much", headers=_CLOSE)
