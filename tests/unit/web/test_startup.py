"""A start that fails says why in one line; a fault keeps its traceback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.types import Message

from app.domain.errors import UsageError
from app.web.startup import StartupErrors


async def messages_of(error: Exception | None) -> list[Message]:
    """What a server hears when the application starts and stops with that error, if any."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if error is not None:
            raise error
        yield

    incoming: list[Message] = [{"type": "lifespan.shutdown"}, {"type": "lifespan.startup"}]
    heard: list[Message] = []

    async def receive() -> Message:
        return incoming.pop()

    async def send(message: Message) -> None:
        heard.append(message)

    try:
        await StartupErrors(Starlette(lifespan=lifespan))({"type": "lifespan", "state": {}}, receive, send)
    except KeyError:
        heard.append({"type": "raised"})
    return heard


async def test_a_start_and_a_stop_go_through() -> None:
    assert [m["type"] for m in await messages_of(None)] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_an_error_on_purpose_is_one_line() -> None:
    assert await messages_of(UsageError("no token", "Set MCP_TOKEN")) == [
        {"type": "lifespan.startup.failed", "message": "no token. Set MCP_TOKEN"}
    ]


async def test_a_fault_keeps_its_traceback_and_goes_on() -> None:
    failed, raised = await messages_of(KeyError("oops"))
    assert "Traceback" in failed["message"]
    assert raised == {"type": "raised"}
