"""A body is small and arrives soon, over real connections; the answer itself may last."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.web.bodies import MOST_BYTES, BodyBounds
from tests.support.serving import served


async def _length(request: Request) -> Response:
    return Response(str(len(await request.body())))


async def _lines(request: Request) -> Response:
    async def lines() -> AsyncIterator[str]:
        for number in range(3):
            await asyncio.sleep(0)
            yield f"{number}\n"
        # The caller is still there, as a stream must be able to see.
        yield f"{await request.is_disconnected()}\n"

    return StreamingResponse(lines())


def bounded(seconds: float = 30) -> BodyBounds:
    """Applications that say how long the body was, and that answer in pieces."""
    return BodyBounds(
        Starlette(routes=[Route("/", _length, methods=["GET", "POST"]), Route("/lines", _lines, methods=["POST"])]),
        seconds,
    )


async def pieces(count: int, size: int = 100_000) -> AsyncIterator[bytes]:
    """A body without a length."""
    for _ in range(count):
        yield b"x" * size


async def test_a_body_up_to_the_bound_arrives_whole_with_a_length_and_without() -> None:
    async with served(bounded()) as address, httpx2.AsyncClient(base_url=address, timeout=60, trust_env=False) as http:
        assert (await http.get("/")).text == "0"
        assert (await http.post("/", content=b"x" * MOST_BYTES)).text == str(MOST_BYTES)
        assert (await http.post("/", content=pieces(10))).text == str(MOST_BYTES)


@pytest.mark.parametrize("size", [MOST_BYTES + 1, 5_000_000])
async def test_a_larger_body_is_refused_with_a_length_and_without(size: int) -> None:
    async with served(bounded()) as address, httpx2.AsyncClient(base_url=address, timeout=60, trust_env=False) as http:
        for content in (b"x" * size, pieces(size // 100_000 + 1)):
            answer = await http.post("/", content=content)
            assert answer.status_code == 413
            assert answer.json()["detail"] == "the body is larger than 1000000 bytes"
        assert (await http.post("/", content=b"small")).text == "5"


@pytest.mark.parametrize(
    "head", [b"Content-Length: 100\r\n\r\nonly this", b"Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"]
)
async def test_a_body_that_does_not_arrive_is_cut_off(head: bytes) -> None:
    async with served(bounded(0.05)) as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        writer.write(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head)
        # To its end: the connection is closed, too.
        answer = await reader.read()
        writer.close()
    head_of, _, body = answer.partition(b"\r\n\r\n")
    assert head_of.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["detail"] == "the body did not arrive within 0.05 s"


async def test_a_caller_that_hangs_up_in_the_middle_reaches_no_route() -> None:
    reached: list[str] = []

    async def inner(scope: object, receive: object, send: object) -> None:
        reached.append("here")

    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def nobody(message: object) -> None:
        reached.append("answered")

    await BodyBounds(inner)({"type": "http"}, gone, nobody)
    assert reached == []


async def test_an_answer_in_pieces_goes_through() -> None:
    async with served(bounded()) as address, httpx2.AsyncClient(base_url=address, timeout=60, trust_env=False) as http:
        assert (await http.post("/lines", content=b"{}")).text == "0\n1\n2\nFalse\n"
