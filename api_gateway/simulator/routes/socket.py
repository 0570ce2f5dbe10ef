"""The streaming socket, `/v1/api/ws`: takes the messages of a client, and looks often whether there is news for it.

An ASGI application of its own, not a route: the connection must be had as the server gives it, so that it can be cut.
"""

import asyncio

from starlette.types import Message, Receive, Scope, Send

from api_gateway.simulator.front.hang_up import drop
from api_gateway.simulator.routes.http import answer, parsed_json, rendered
from api_gateway.simulator.routes.session import SESSION_COOKIE
from api_gateway.simulator.streaming.streams import Message as Told
from api_gateway.simulator.streaming.subscriber import Subscriber
from api_gateway.simulator.world import World

SOCKET_PATH = "/v1/api/ws"
# Twice as often as the half second in which market data is collected (documented).
_LOOK_SECONDS = 0.25
_PATIENCE_SECONDS = 30.0


class Socket:
    def __init__(self, patience: float = _PATIENCE_SECONDS) -> None:
        """`patience` is how long, in seconds, a client may take to read before it is cut off."""
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != SOCKET_PATH:
            await answer({"error": "Resource not found", "statusCode": 404}, 404)(scope, receive, send)
            return
        world: World = scope["world"]
        await receive()
        await send({"type": "websocket.accept"})
        subscriber = Subscriber(world, _is_known(scope, world))
        world.sockets.open += 1
        try:
            await self._converse(world, subscriber, receive, send)
        except _CutError:
            drop(send)
        finally:
            subscriber.closed()
            world.sockets.open -= 1

    async def _converse(self, world: World, subscriber: Subscriber, receive: Receive, send: Send) -> None:
        loop, restarts = asyncio.get_running_loop(), world.sockets.restarts
        await self._tell(world, subscriber.opened(), send)
        look_at = loop.time() + _LOOK_SECONDS
        coming = asyncio.ensure_future(receive())
        try:
            while True:
                await asyncio.wait({coming}, timeout=max(look_at - loop.time(), 0))
                if world.sockets.restarts != restarts:
                    raise _CutError
                if coming.done():
                    message = coming.result()
                    if message["type"] == "websocket.disconnect":
                        return
                    coming = asyncio.ensure_future(receive())
                    await self._tell(world, subscriber.heard(_text(message)), send)
                if loop.time() >= look_at:
                    look_at = loop.time() + _LOOK_SECONDS
                    await self._tell(world, subscriber.due(), send)
        finally:
            coming.cancel()

    async def _tell(self, world: World, messages: list[Told], send: Send) -> None:
        for message in messages:
            rule = world.faults.take_stream(str(message.get("topic", "")))
            kind = rule.kind if rule is not None else ""
            if kind == "stream_cut":
                raise _CutError
            text = rendered(message).decode()
            text = text[: len(text) * 2 // 3] if kind == "stream_malformed" else text
            for _ in range({"stream_silence": 0, "stream_twice": 2}.get(kind, 1)):
                await self._send(text, send)

    async def _send(self, text: str, send: Send) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await send({"type": "websocket.send", "text": text})
        except TimeoutError as error:
            raise _CutError from error


class _CutError(Exception):
    """The connection is to end without a word."""


def _text(message: Message) -> str:
    """The gateway speaks text alone."""
    text = message.get("text")
    return text if text is not None else "(binary)"


def _is_known(scope: Scope, world: World) -> bool:
    """By the cookie of the gateway, or the one that clients make of a tickle: `api={"session": …}` or `api=…`."""
    for name, value in scope["headers"]:
        if name != b"cookie":
            continue
        for part in value.decode("latin-1").split(";"):
            cookie, _, said = part.strip().partition("=")
            if cookie in (SESSION_COOKIE, "api") and _session(said) == world.session_token:
                return True
    return False


def _session(said: str) -> object:
    try:
        parsed = parsed_json(said)
    except ValueError:
        return said.strip('"')
    return parsed.get("session") if isinstance(parsed, dict) else said.strip('"')
