"""Worlds for the simulator's tests: hand-made or synthetic prices, and a clock that moves only when told."""

import importlib.metadata
import os
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from time import monotonic
from typing import Any

import httpx2
import numpy as np
import pytest

from api_gateway.simulator import Options, World, build_world, create_app
from api_gateway.simulator.clock import Monotonic
from api_gateway.simulator.exchange.contracts import STOCKS
from api_gateway.simulator.exchange.hours import calendar_of
from api_gateway.simulator.exchange.market import Market
from api_gateway.simulator.exchange.prices import DataChoice, Floats, PriceHistory
from api_gateway.simulator.kept_book import KeptBook
from api_gateway.simulator.scenario import load_scenario
from api_gateway.simulator.world import renewed

ACCOUNT = "DU7654321"
AAPL = 265598
VIX = 13455763


class FakeTime:
    """Real time that a test moves by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


def weekdays(count: int, first: date = date(2010, 1, 4)) -> tuple[date, ...]:
    days = (first + timedelta(days=offset) for offset in range(count * 7 // 5 + 7))
    return tuple(day for day in days if day.weekday() < 5)[:count]


def history_of(closes: Floats, index: Floats | None = None) -> PriceHistory:
    """Every symbol at the given closes, shape [T]."""
    matrix = np.repeat(closes[:, None], len(STOCKS), axis=1)
    symbols = tuple(stock.symbol for stock in STOCKS)
    return PriceHistory(symbols, weekdays(len(closes)), matrix, closes.copy() if index is None else index, "synthetic")


def wavy_closes(count: int = 320, level: float = 100.0) -> Floats:
    days = np.arange(count)
    return np.asarray(np.round(level * (1 + 0.05 * np.sin(days / 9) + 0.01 * np.sin(days * 2.3)), 3), dtype=np.float64)


def market_of(closes: Floats, seed: int = 7) -> Market:
    history = history_of(closes)
    return Market(history, calendar_of(history.sessions), seed)


def world_of(options: Options, monotonic: Monotonic = monotonic) -> World:
    """As `build_world` makes it, but that the prices of all that are alike in these are read or drawn once."""
    drawn = _drawn(options.data, options.seed, options.instruments)
    market = Market(drawn.market.history, drawn.market.calendar, options.seed, drawn.market.universe, options.pricing)
    world = replace(drawn, monotonic=monotonic, market=market)
    return renewed(world, options, load_scenario(options.scenario))


def synthetic_world(time: FakeTime, pacing: float = 1e-6, seed: int = 7, as_of: date | None = None) -> World:
    """Pacing is practically off unless a test asks for it."""
    return world_of(Options(as_of=as_of, seed=seed, pacing=pacing, data="synthetic"), time)


@cache
def _drawn(data: DataChoice, seed: int, instruments: int) -> World:
    return build_world(Options(pacing=0, data=data, seed=seed, instruments=instruments), FakeTime())


def fresh_world() -> tuple[World, FakeTime]:
    """Without pacing, and the time that it goes by."""
    time = FakeTime()
    return synthetic_world(time, pacing=0), time


def require_sample() -> None:
    """Without the sample prices: skip on a person's machine, fail where everything must be tested."""
    try:
        importlib.metadata.distribution("skfolio")
    except importlib.metadata.PackageNotFoundError:
        if os.environ.get("CI") == "true":
            pytest.fail("the sample prices are missing: install the data dependency group")
        pytest.skip("the sample prices are not installed (data dependency group)")


class Gateway:
    """A client of an in-process gateway; every request comes a little later than the one before."""

    def __init__(self, world: World, time: FakeTime, book: KeptBook | None = None) -> None:
        self.world = world
        self.time = time
        transport = httpx2.ASGITransport(app=create_app(world, book=book))
        self._client = httpx2.AsyncClient(transport=transport, base_url="http://gateway")

    async def send(self, method: str, path: str, body: object = None) -> httpx2.Response:
        self.time.advance(0.001)
        address = path if path.startswith("/simulator") else f"/v1/api{path}"
        return await self._client.request(method, address, json=body)

    async def raw(self, method: str, path: str, content: bytes) -> httpx2.Response:
        return await self._client.request(method, f"/v1/api{path}", content=content)

    async def visit(self, method: str, path: str) -> httpx2.Response:
        """As a browser does, beside the gateway's own paths."""
        return await self._client.request(method, path)

    async def answered(self, method: str, path: str, body: object = None) -> httpx2.Response:
        answer = await self.send(method, path, body)
        assert answer.status_code == 200, answer.text
        return answer

    async def get(self, path: str) -> dict[str, Any]:
        content: dict[str, Any] = (await self.answered("GET", path)).json()
        return content

    async def rows(self, path: str) -> list[dict[str, Any]]:
        content: list[dict[str, Any]] = (await self.answered("GET", path)).json()
        return content

    async def post(self, path: str, body: object = None) -> dict[str, Any]:
        content: dict[str, Any] = (await self.answered("POST", path, body)).json()
        return content

    async def ready(self) -> "Gateway":
        """Primed the way a careful client does it."""
        await self.get("/iserver/accounts")
        await self.rows("/portfolio/accounts")
        await self.get("/iserver/account/orders")
        await self.rows("/iserver/account/trades")
        return self

    async def quote(self, conid: int = AAPL) -> dict[str, Any]:
        """A warm snapshot row with last, bid, ask and prior close."""
        for _ in range(2):
            await self.rows(f"/iserver/marketdata/snapshot?conids={conid}&fields=31")
        rows = await self.rows(f"/iserver/marketdata/snapshot?conids={conid}&fields=31,84,86,7741")
        return rows[0]

    async def marketable_limit(self) -> float:
        """A limit at which a buy of AAPL fills at once and asks no question."""
        return float((await self.quote())["86"])

    async def submit(self, **changes: object) -> httpx2.Response:
        return await self.send("POST", f"/iserver/account/{ACCOUNT}/orders", {"orders": [order(**changes)]})

    async def place(self, **changes: object) -> dict[str, Any]:
        """The first row of an answer that is a list: an acceptance or a question."""
        answer = await self.submit(**changes)
        assert answer.status_code == 200, answer.text
        assert isinstance(answer.json(), list), answer.text
        row: dict[str, Any] = answer.json()[0]
        return row

    async def arrivals(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self.get("/simulator/orders"))["orders"]
        return rows


def order(**changes: object) -> dict[str, object]:
    plain = {"conid": AAPL, "cOID": "one", "orderType": "LMT", "side": "BUY", "tif": "DAY", "quantity": 10}
    return plain | changes


def error_of(answer: httpx2.Response) -> str:
    text: str = answer.json()["error"]
    return text


def decimal(value: object) -> Decimal:
    return Decimal(str(value))


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
