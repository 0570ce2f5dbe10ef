"""A body that does not arrive is cut off, over real connections; a whole one goes through in its pieces."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from api_gateway.mcp_server.patience import MOST_BYTES, PromptBody
from tests.support.serving import served


async def _length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


def patient(seconds: float = 30) -> PromptBody:
    """An application that says how long the body was."""
    return PromptBody(Starlette(routes=[Route("/", _length, methods=["POST"])]), seconds)


@pytest.mark.parametrize("head", [b"Content-Length: 100\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"])
async def test_a_body_that_does_not_arrive_is_cut_off(head: bytes) -> None:
    async with served(patient(0.05)) as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        writer.write(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head)
        answer = await reader.read()
        writer.close()
    head_of, _, body = answer.partition(b"\r\n\r\n")
    assert head_of.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body) == {"error": "the body did not arrive within 0.05 s"}


@pytest.mark.parametrize("count", [0, 1, MOST_BYTES // 100_000 + 10])
async def test_a_whole_body_goes_through(count: int) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 100_000

    async with served(patient()) as address, httpx2.AsyncClient(base_url=address, timeout=60, trust_env=False) as http:
        # Of more than is collected the rest is read by the application.
        assert (await http.post("/", content=pieces())).text == str(count * 100_000)
