"""Real HTTP on loopback: an ASGI application behind a listening socket, in a task of the test's loop or a thread."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

_LOOK_SECONDS = 0.005
_PATIENCE_SECONDS = 1


def listening(port: int = 0) -> socket.socket:
    """A socket that listens already, so that nobody comes too early; port 0 is any free one."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    return listener


@asynccontextmanager
async def served(app: ASGIApp, port: int = 0, identity: Path | None = None) -> AsyncIterator[str]:
    """The address of the app, which starts and ends with the block; open connections are closed at its end.

    With an identity, a file of certificate and key, over TLS.
    """
    listener, server = listening(port), _server(app, identity)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"{'http' if identity is None else 'https'}://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


@contextmanager
def served_beside(app: ASGIApp, identity: Path | None = None) -> Iterator[str]:
    """As `served`, for tests that wait themselves."""
    listener, server = listening(), _server(app, identity)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), name="served")
    thread.start()
    # One starts after the other: the migrations of two ledgers in one process would meet in the same library's globals.
    while not server.started and thread.is_alive():
        thread.join(0.01)
    try:
        yield f"{'http' if identity is None else 'https'}://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


class _Server(uvicorn.Server):
    """The library's looks every tenth of a second whether it is to end, and pauses as long when it does."""

    async def main_loop(self) -> None:
        for looked in count():
            if await self.on_tick(looked):
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        state = self.server_state
        for server in self.servers:
            server.close()
        for connection in list(state.connections):
            connection.shutdown()
        until = time.monotonic() + _PATIENCE_SECONDS
        while (state.connections or state.tasks) and time.monotonic() < until:  # noqa: ASYNC110 - none tells its end
            await asyncio.sleep(_LOOK_SECONDS)
        for task in state.tasks:
            task.cancel()
        await self.lifespan.shutdown()


def _server(app: ASGIApp, identity: Path | None) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_level="critical",
        lifespan="on",
        ws="websockets-sansio",
        ws_max_size=65_536,
        ssl_certfile=identity,
    )
    return _Server(config)
