"""The connection: who cannot be reached, whose token is wrong, and that a call is made once and on record."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.broker.connection import McpConnection
from app.broker.mcp import McpBroker
from app.desk.journal import Journal
from app.desk.records import Event
from app.domain.errors import BrokerUnavailable
from tests.support.serving import listening, served
from tests.unit.broker.canned import TOKEN, Canned, application


async def test_a_wrong_token_is_named_as_such(canned: Canned) -> None:
    async with served(application(canned)) as address:
        connection = McpConnection(f"{address}/mcp", "another token")
        with pytest.raises(BrokerUnavailable, match="refused the token") as caught:
            await McpBroker(connection).session()
        await connection.close()
    assert caught.value.remedy == "Give both sides the same MCP_TOKEN"
    assert canned.calls.total() == 0


async def test_a_server_that_is_not_there_is_unavailable_until_it_comes_up(canned: Canned) -> None:
    with listening() as free:
        port = free.getsockname()[1]
    connection = McpConnection(f"http://127.0.0.1:{port}/mcp", TOKEN)
    with pytest.raises(BrokerUnavailable, match="cannot be reached"):
        await McpBroker(connection).session()
    async with served(application(canned), port):
        assert (await McpBroker(connection).session()).message == "ready"
        await connection.close()


async def test_a_server_that_restarts_between_calls_is_found_again(canned: Canned) -> None:
    async with served(application(canned)) as address:
        connection = McpConnection(f"{address}/mcp", TOKEN)
        await McpBroker(connection).session()
    with pytest.raises(BrokerUnavailable):
        await McpBroker(connection).session()
    async with served(application(canned), int(address.rpartition(":")[2])):
        assert (await McpBroker(connection).session()).message == "ready"
        await connection.close()
    assert canned.calls["session_status"] == 2


async def test_calls_at_once_share_one_connection(canned: Canned, connection: McpConnection) -> None:
    broker = McpBroker(connection)
    sessions = await asyncio.gather(*(broker.session() for _ in range(20)))
    assert {session.message for session in sessions} == {"ready"}
    assert canned.calls["session_status"] == 20


async def test_a_connection_that_was_closed_opens_again(canned: Canned, connection: McpConnection) -> None:
    broker = McpBroker(connection)
    await broker.session()
    await connection.close()
    assert (await broker.session()).message == "ready"


async def test_a_server_that_never_answers_is_given_up() -> None:
    with listening() as silent:
        connection = McpConnection(f"http://127.0.0.1:{silent.getsockname()[1]}/mcp", TOKEN, timeout=0.2)
        with pytest.raises(BrokerUnavailable):
            await McpBroker(connection).session()
        await connection.close()


async def test_a_server_of_another_kind_is_told_apart() -> None:
    async with served(Starlette(routes=[Route("/mcp", _teapot, methods=["POST"])])) as address:
        connection = McpConnection(f"{address}/mcp", TOKEN)
        with pytest.raises(BrokerUnavailable, match="opened no session"):
            await McpBroker(connection).session()
        await connection.close()


@pytest.mark.parametrize(
    ("status", "kind"), [(404, "application/json"), (405, "text/plain"), (200, "text/html"), (401, "text/html")]
)
async def test_another_program_at_the_address_is_no_mcp_server(status: int, kind: str) -> None:
    async def other(_: Request) -> Response:
        return Response("hello", status, media_type=kind)

    async with served(Starlette(routes=[Route("/mcp", other, methods=["GET", "POST"])])) as address:
        connection = McpConnection(f"{address}/mcp", TOKEN)
        with pytest.raises(BrokerUnavailable, match=f"no MCP server is at .* answers {status}") as caught:
            await McpBroker(connection).session()
        await connection.close()
    assert "MCP_URL" in (caught.value.remedy or "")


async def test_a_server_that_answers_too_late_runs_and_is_not_to_be_started(canned: Canned) -> None:
    async with served(application(canned)) as address:
        connection = McpConnection(f"{address}/mcp", TOKEN, timeout=1)
        await _opened(connection)
        canned.kept_waiting = asyncio.Event()
        with pytest.raises(BrokerUnavailable, match="did not answer session_status within 1 s") as caught:
            await McpBroker(connection).session()
        canned.kept_waiting.set()
        await connection.close()
    assert "It runs" in (caught.value.remedy or "")


async def _opened(connection: McpConnection) -> None:
    """Returns when a call was answered: where the machine is busy, little patience gives up some before that."""
    while True:
        try:
            await McpBroker(connection).session()
        except BrokerUnavailable:
            continue
        return


async def _teapot(_: Request) -> Response:
    return Response("I am a teapot", 418)


async def test_every_call_is_told_to_the_journal_that_listens(canned: Canned, connection: McpConnection) -> None:
    written: list[Event] = []

    async def write(events: Sequence[Event]) -> None:
        written.extend(events)

    journal = Journal(write)
    broker = McpBroker(connection)
    await broker.session()
    with journal.listening():
        await asyncio.gather(broker.session(), broker.performance("DU1234567"))
        canned.errors["portfolio"] = "no"
        with pytest.raises(BrokerUnavailable):
            await broker.portfolio("DU1234567")
    await journal.flush()
    assert sorted((event.payload["tool"], event.payload["outcome"]) for event in written) == [
        ("performance", "ok"),
        ("portfolio", "error"),
        ("session_status", "ok"),
    ]
    assert journal.call_totals() == {
        "calls": 3,
        "calls_by_tool": {"performance": 1, "portfolio": 1, "session_status": 1},
    }
