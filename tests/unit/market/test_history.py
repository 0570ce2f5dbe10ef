"""History is asked for once per session and shared by everyone who waits for it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime

import numpy as np
import pytest

from app.desk.ports import MarketData
from app.domain.errors import BrokerUnavailable, DataError
from app.domain.instrument import AssetClass, ContractRules, Instrument
from app.domain.market import PriceSeries, Quote
from app.domain.order import Side
from app.market.history import CachedMarketData

FRIDAY, TUESDAY, WEDNESDAY = date(2022, 12, 23), date(2022, 12, 27), date(2022, 12, 28)


class Counting:
    """Market data of one close; answers when `open` is set, and counts who asks."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.in_flight = self.most_in_flight = 0
        self.errors: dict[int, Exception] = {}
        self.open = asyncio.Event()
        self.open.set()

    async def history(self, conid: int, before: date) -> PriceSeries:
        self.asked.append(conid)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await self.open.wait()
        # Others get their turn, so that requests overlap where they may.
        await asyncio.sleep(0)
        self.in_flight -= 1
        if conid in self.errors:
            raise self.errors[conid]
        return PriceSeries(conid, (FRIDAY,), np.ones(1), "test", datetime(2022, 12, 27, 15, 0, tzinfo=UTC))

    async def instruments(
        self, symbols: Sequence[str], asset_class: AssetClass = AssetClass.STOCK
    ) -> tuple[dict[str, Instrument], dict[str, str]]:
        return {symbol: Instrument(1, symbol, "USD", asset_class) for symbol in symbols}, {}

    async def quotes(self, conids: Sequence[int]) -> tuple[dict[int, Quote], dict[int, str]]:
        return {}, dict.fromkeys(conids, "no quote")

    async def rules(self, conid: int, side: Side) -> ContractRules:
        return ContractRules(conid, ())


def cached(source: Counting, keep: int = 10, at_once: int = 2) -> CachedMarketData:
    """The adapter over the counting source."""
    return CachedMarketData(source, keep=keep, at_once=at_once)


async def test_a_series_is_asked_for_once_a_session() -> None:
    source = Counting()
    market = cached(source)
    first = await market.history(1, TUESDAY)
    assert await market.history(1, TUESDAY) is first
    assert source.asked == [1]
    await market.history(1, WEDNESDAY)
    assert source.asked == [1, 1]


async def test_concurrent_questions_share_one_request() -> None:
    source = Counting()
    market = cached(source)
    answers = await asyncio.gather(*(market.history(1, TUESDAY) for _ in range(20)))
    assert source.asked == [1]
    assert all(answer is answers[0] for answer in answers)


async def test_one_caller_that_gives_up_does_not_take_the_answer_from_the_others() -> None:
    source = Counting()
    source.open.clear()
    market = cached(source)
    impatient, patient = (
        asyncio.create_task(market.history(1, TUESDAY)),
        asyncio.create_task(market.history(1, TUESDAY)),
    )
    await asyncio.sleep(0)
    impatient.cancel()
    source.open.set()
    assert (await patient).dates == (FRIDAY,)
    assert impatient.cancelled()
    assert source.asked == [1]


async def test_an_error_is_not_kept() -> None:
    source = Counting()
    source.errors[1] = BrokerUnavailable("the gateway is down")
    market = cached(source)
    with pytest.raises(BrokerUnavailable):
        await market.history(1, TUESDAY)
    source.errors.clear()
    assert (await market.history(1, TUESDAY)).dates == (FRIDAY,)


async def test_the_least_recently_used_series_goes_first() -> None:
    source = Counting()
    market = cached(source, keep=2)
    for conid in (1, 2, 1, 3, 1, 2):
        await market.history(conid, TUESDAY)
    assert source.asked == [1, 2, 3, 2]


async def test_no_more_requests_are_in_flight_than_allowed() -> None:
    source = Counting()
    market = cached(source, at_once=3, keep=50)
    await asyncio.gather(*(market.history(conid, TUESDAY) for conid in range(20)))
    assert source.most_in_flight == 3


async def test_a_series_that_fails_leaves_the_others_alone() -> None:
    source = Counting()
    source.errors[2] = DataError("conid 2 has no history")
    market = cached(source)
    one, two, three = await asyncio.gather(
        *(market.history(conid, TUESDAY) for conid in (1, 2, 3)), return_exceptions=True
    )
    assert isinstance(one, PriceSeries)
    assert isinstance(two, DataError)
    assert isinstance(three, PriceSeries)


async def test_everything_but_history_is_passed_on() -> None:
    market: MarketData = cached(Counting())
    assert (await market.instruments(["KO"], AssetClass.ETF))[0]["KO"].asset_class is AssetClass.ETF
    assert await market.quotes([7]) == ({}, {7: "no quote"})
    assert (await market.rules(7, Side.BUY)).conid == 7
