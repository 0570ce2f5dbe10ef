"""Broken worlds for the gateway's side of the doctor: bare servers, scripted gateways, and what was found at them."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from api_gateway.diagnosis.diagnose import diagnose
from api_gateway.diagnosis.records import Check, Diagnosis, Status
from api_gateway.diagnosis.report import NAMES
from api_gateway.settings import GatewaySettings
from api_gateway.simulator.faults.fault_box import RULES
from api_gateway.simulator.scenario import DEFAULT_SCENARIO
from api_gateway.simulator.world import Options, World
from tests.support.certificates import Identity
from tests.unit.simulator.worlds import world_of

ACCOUNT = "DU7654321"
Answers = Mapping[str, object]
# Of a gateway in good order, as far as the doctor asks.
GOOD: Answers = {
    "/iserver/auth/status": {"authenticated": True, "connected": True, "competing": False, "established": True},
    "/iserver/accounts": {"accounts": [ACCOUNT], "isPaper": True},
    f"/portfolio/{ACCOUNT}/summary": {
        "netliquidation": {"amount": 1000.0, "currency": "USD"},
        "availablefunds": {"amount": 500.0},
        "buyingpower": {"amount": 500.0},
        "tradingtype-s": {"value": "STKNOPT"},
    },
    "/iserver/marketdata/snapshot": [{"conid": 265598, "31": "130.01", "6509": "RpB"}],
}


def world(*faults: Mapping[str, object]) -> World:
    """A simulated gateway with those fault rules in force."""
    return world_of(Options(None, 7, 0.001, DEFAULT_SCENARIO, "synthetic", RULES.validate_python(list(faults))))


def settings(url: str, **changes: object) -> GatewaySettings:
    """Of a person who has set the gateway's address."""
    return GatewaySettings.model_validate({"ibkr_gateway_url": url, **changes})


def found(diagnosis: Diagnosis) -> dict[str, Check]:
    """The checks by name, all of them there and in order."""
    assert [check.name for check in diagnosis.checks] == list(NAMES)
    return {check.name: check for check in diagnosis.checks}


def blamed(diagnosis: Diagnosis) -> Check:
    """The one check that failed; nothing else is blamed, and there is something to do about it."""
    (failed,) = [check for check in found(diagnosis).values() if check.status is Status.FAILURE]
    others = {check.status for check in diagnosis.checks if check is not failed}
    assert others <= {Status.OK, Status.SKIPPED}, diagnosis
    assert failed.remedy
    assert "\n" not in failed.finding
    return failed


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listener(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A bare server; yields its port. Every connection is closed at the end of its handler, and awaited at ours."""
    talks: list[asyncio.Task[None]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.ensure_future(_handled(handler, reader, writer)))

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*talks)


async def _handled(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, OSError):
        await handler(reader, writer)
        await writer.drain()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hears and hangs up without a byte."""
    await reader.read(65_536)


async def drops(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hangs up before it has heard all."""
    await reader.read(1)


def scripted(answers: Answers, date: str | None = None) -> Handler:
    """A gateway that knows these answers; a pair is status and body, three are status, body and headers."""

    async def answer_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ")[1].partition("?")[0].removeprefix("/v1/api")
        given = answers.get(path, (404, b"nothing"))
        status, body, *headers = given if isinstance(given, tuple) else (200, given)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        dated = f"Date: {date}\r\n" if date else ""
        writer.write(f"HTTP/1.1 {status} -\r\nConnection: close\r\n{dated}".encode())
        writer.write("".join(f"{line}\r\n" for lines in headers for line in lines).encode())
        writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))

    return answer_one


LOGGED_OUT: Answers = {
    **GOOD,
    "/iserver/auth/status": {"authenticated": False, "connected": False, "competing": False},
}


async def scripted_diagnosis(answers: Answers, date: str | None = None, **changes: object) -> Diagnosis:
    """Of a gateway that gives these answers."""
    async with listener(scripted(answers, date)) as port:
        return await diagnose(settings(f"http://127.0.0.1:{port}", **changes), spacing_seconds=0)


def served_by(shown: Identity, directory: Path) -> ssl.SSLContext:
    """Of a server that shows that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.save(directory, "server"))
    return context
