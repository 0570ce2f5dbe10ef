"""A request's body arrives soon and is small, or is refused: nobody holds the server by saying nothing."""

import asyncio
from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_SECONDS: Final = 10.0
MOST_BYTES: Final = 4_000_000


class PromptBody:
    """Reads the body before the application does. The answer may last."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []
        try:
            async with asyncio.timeout(self._seconds):
                await _collect(messages, receive)
        except TimeoutError:
            refusal = JSONResponse(
                {"error": f"the body did not arrive within {self._seconds:g} s"}, 408, {"Connection": "close"}
            )
            await refusal(scope, receive, send)
            return

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, again, send)


async def _collect(messages: list[Message], receive: Receive) -> None:
    """What is too much is left where it is: the application below refuses it by its own bound."""
    size, more = 0, True
    while more and size <= MOST_BYTES:
        messages.append(await receive())
        size += len(messages[-1].get("body", b""))
        more = messages[-1].get("more_body", False)
