"""Real HTTP on loopback: an ASGI application behind a listening socket, in a task of the test's loop or a thread."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp


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


def _server(app: ASGIApp, identity: Path | None) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_level="critical",
        lifespan="on",
        ws="websockets-sansio",
        ws_max_size=65_536,
        timeout_graceful_shutdown=1,
        ssl_certfile=identity,
    )
    return uvicorn.Server(config)
