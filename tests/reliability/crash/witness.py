"""Looks at the ledger, through a connection of its own, at the moment at which an order goes onto the wire.

It stands at the client's last layer before the socket, so that whatever is sent is seen, repeats included.
"""

import json
import os
import re
import ssl
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from app.broker.mcp import McpBroker
from app.domain.order import Placement, Ticket
from tests.reliability.crash.points import Points

_ORDERS = re.compile(r"/iserver/account/[^/]+/orders$")
_REPLY = re.compile(r"/iserver/reply/[^/]+$")
_INTENT = text("SELECT state, sends FROM intents WHERE coid = :coid AND sends = 1")


@dataclass(frozen=True, slots=True)
class Sighting:
    """One order request on its way, and what the ledger held of it; `state` is None where it held no sent intent."""

    coid: str
    state: str | None
    sends: int

    @property
    def recorded(self) -> bool:
        """Committed as being sent, once, before a byte of it left."""
        return self.state == "SENDING" and self.sends == 1


class Observer:
    """Reads the ledger through a connection of its own, and writes down what it sees."""

    def __init__(self, database: str, sightings: Path) -> None:
        self._engine = create_engine(database, poolclass=NullPool)
        self._sightings = sightings

    def see(self, coid: str) -> None:
        """An order with this id is about to leave."""
        with self._engine.connect() as connection:
            row = connection.execute(_INTENT, {"coid": coid}).one_or_none()
        seen = Sighting(coid, row.state if row else None, row.sends if row else 0)
        line = json.dumps(asdict(seen)).encode() + b"\n"
        # One write of its own, so that it is there whatever becomes of this process.
        descriptor = os.open(self._sightings, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, line)
        os.close(descriptor)


class Witness(httpx2.AsyncBaseTransport):
    """Passes every request on; requests that can make an order are points, and leave a sighting."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        """`tls` is made once for all: nothing here uses it, and to make one takes longer than an order."""
        self._inner = httpx2.AsyncHTTPTransport(verify=tls)
        self._points: Points | None = None

    def attend(self, observer: Observer, points: Points) -> None:
        """From now on it sees; before, it only passes on."""
        self._observer = observer
        self._points = points

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """See `AsyncBaseTransport`."""
        kind = _kind(request)
        if kind is None or self._points is None:
            return await self._inner.handle_async_request(request)
        if kind == "orders":
            self._observer.see(str(json.loads(request.content)["orders"][0]["cOID"]))
        self._points.reached(f"before wire.{kind}")
        response = await self._inner.handle_async_request(request)
        self._points.reached(f"after wire.{kind}")
        return response

    async def aclose(self) -> None:
        """See `AsyncBaseTransport`."""
        await self._inner.aclose()


class SeenBroker(McpBroker):
    """Where the wire is another process's: the last place at which an order can be seen before it leaves this one."""

    observer: Observer | None = None

    async def place(self, ticket: Ticket, signature: str) -> Placement:
        """See `Broker.place`."""
        if self.observer is not None:
            self.observer.see(ticket.coid)
        return await super().place(ticket, signature)


def sightings(path: Path) -> tuple[Sighting, ...]:
    """Everything that was seen, oldest first."""
    if not path.exists():
        return ()
    return tuple(Sighting(**json.loads(line)) for line in path.read_text(encoding="ascii").splitlines())


def _kind(request: httpx2.Request) -> str | None:
    if request.method != "POST":
        return None
    if _ORDERS.search(request.url.path):
        return "orders"
    return "reply" if _REPLY.search(request.url.path) else None
