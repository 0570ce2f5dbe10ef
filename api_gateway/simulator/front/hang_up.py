"""What no ASGI message says: to be gone without a byte, as a process that was killed."""

import asyncio

from starlette.types import Receive, Send


def drop(send: Send) -> None:
    """Closes the connection at once. Raises: ConnectionResetError where there is no connection to close."""
    # uvicorn keeps the connection on the request's cycle, whose bound method `send` is.
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if not isinstance(transport, asyncio.Transport):
        raise ConnectionResetError("the simulated gateway cut the connection")
    transport.abort()


async def until_gone(receive: Receive) -> None:
    while not (await receive())["type"].endswith(".disconnect"):
        pass
