"""Honest answers of a simulated gateway, recorded once and played back by heart, so that one of them can be spoiled."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import httpx2

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.records import Limit
from api_gateway.simulator import create_app
from tests.unit.gateway.scripted import Time
from tests.unit.simulator.worlds import AAPL, ACCOUNT, VIX, FakeTime, synthetic_world

BASE: Final = "http://gateway/v1/api"
PREVIEWED: Final = Limit(
    account=ACCOUNT, conid=AAPL, side="BUY", quantity=Decimal(10), limit_price=Decimal("33.40"), time_in_force="DAY"
)
MSFT: Final = 411396


@dataclass(frozen=True)
class Spoken:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})

    def response(self) -> httpx2.Response:
        return httpx2.Response(self.status, content=self.body, headers=dict(self.headers))


def route_of(request: httpx2.Request) -> str:
    """What tells one question from another: verb, path, query and body."""
    path = request.url.raw_path.decode().removeprefix("/v1/api")
    return f"{request.method} {path} {request.content.decode()}".strip()


class Recorder(httpx2.AsyncBaseTransport):
    """Passes everything on, and keeps the last answer of each route: the gateway is warm by then."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner
        self.answers: dict[str, Spoken] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._inner.handle_async_request(request)
        spoken = self.answers[route_of(request)] = Spoken(answer.status_code, await answer.aread())
        return spoken.response()


Call = Callable[[ClientPortal], Awaitable[object]]


@dataclass(frozen=True)
class Played:
    """What a read came to, and the routes that it asked."""

    outcome: object
    routes: tuple[str, ...]


async def play(call: Call, answers: Mapping[str, Spoken]) -> Played:
    """A new client's read, from its first call on. Raises: whatever the read raises."""
    routes: dict[str, None] = {}

    def answer(request: httpx2.Request) -> httpx2.Response:
        route = route_of(request)
        routes[route] = None
        spoken = answers.get(route)
        return spoken.response() if spoken is not None else httpx2.Response(404, content=b"Resource not found")

    time = Time()
    async with httpx2.AsyncClient(base_url=BASE, transport=httpx2.MockTransport(answer)) as http:
        outcome = await call(ClientPortal(http, refuse_simulator=False, clock=time.clock, sleep=time.sleep))
    return Played(outcome, tuple(routes))


def typed_reads(order_id: str) -> dict[str, Call]:
    return {
        "session": lambda portal: portal.session.reading(),
        "accounts": lambda portal: portal.session.prime(),
        "positions": lambda portal: portal.portfolio.positions(ACCOUNT),
        "summary": lambda portal: portal.portfolio.summary(ACCOUNT),
        "ledger": lambda portal: portal.portfolio.ledger(ACCOUNT),
        "performance": lambda portal: portal.portfolio.performance(ACCOUNT),
        "stocks": lambda portal: portal.contracts.resolve(["AAPL", "MSFT"], "STK"),
        "indices": lambda portal: portal.contracts.resolve(["VIX"], "IND"),
        "asset class": lambda portal: portal.contracts.asset_class(AAPL),
        "rules": lambda portal: portal.contracts.rules(AAPL, "BUY"),
        "quotes": lambda portal: portal.market.quotes([AAPL, MSFT, VIX]),
        "history": lambda portal: portal.market.history(AAPL, "3m"),
        "orders": lambda portal: portal.orders.live(ACCOUNT),
        "trades": lambda portal: portal.orders.trades(ACCOUNT),
        "report": lambda portal: portal.orders.report(ACCOUNT),
        "status": lambda portal: portal.orders.status(ACCOUNT, order_id),
        "preview": lambda portal: portal.orders.preview(PREVIEWED),
    }


async def record(*, closed: bool = False) -> tuple[dict[str, Spoken], dict[str, Call]]:
    """Answers and reads of a day with a filled order and a working one, during the session or after it."""
    time, quiet = FakeTime(), Time()
    recorder = Recorder(httpx2.ASGITransport(app=create_app(synthetic_world(time, pacing=0))))
    async with httpx2.AsyncClient(base_url=BASE, transport=recorder) as http:
        portal = ClientPortal(http, refuse_simulator=False, clock=quiet.clock, sleep=quiet.sleep)
        reads = typed_reads(await _traded(portal))
        if closed:
            time.advance(8 * 3_600.0)
        for call in reads.values():
            await call(ClientPortal(http, refuse_simulator=False, clock=quiet.clock, sleep=quiet.sleep))
        page = f"/portfolio/{ACCOUNT}/positions"
        for method, path in (("GET", f"{page}/0"), ("GET", f"{page}/0"), ("POST", f"{page}/invalidate")):
            await http.request(method, path, json={} if method == "POST" else None)
    return recorder.answers, reads


async def _traded(portal: ClientPortal) -> str:
    """The id of an order that works on; another one has filled."""
    (quote,), _ = await portal.market.quotes([AAPL])
    assert quote.ask is not None
    assert quote.bid is not None
    order: dict[str, Any] = {**PREVIEWED.model_dump(), "limit_price": quote.ask, "coid": "PM01"}
    assert (await portal.orders.place_once(Limit.model_validate(order))).outcome == "accepted"
    away = {**order, "limit_price": (quote.bid * Decimal("0.98")).quantize(Decimal("0.01")), "coid": "PM02"}
    working = await portal.orders.place_once(Limit.model_validate(away))
    assert working.order_id is not None
    return working.order_id
