"""Price history fetched once per session: two years of daily closes do not change while the exchange is open.

Must never hand out a bar of the session in progress: a decision would see a close that has not happened.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from app.desk.ports import Clock, MarketData
from app.domain.errors import DataError, InsufficientHistory
from app.domain.instrument import AssetClass, ContractRules, Instrument
from app.domain.market import PriceSeries, Quote
from app.domain.order import Side
from app.market.calendar import exchange_date


class CachedMarketData:
    """MarketData whose history is kept per session date; everything else is asked anew.

    Concurrent questions for one series share one request; an answer is kept, an error is not. One event loop only.
    """

    def __init__(self, source: MarketData, clock: Clock, *, keep: int = 1024, at_once: int = 5) -> None:
        """`keep` series at most, the least recently used ones go first; `at_once` requests of `histories` in flight."""
        self._source = source
        self._clock = clock
        self._keep = keep
        self._at_once = at_once
        self._series: OrderedDict[tuple[int, date], asyncio.Task[PriceSeries]] = OrderedDict()

    async def instruments(
        self, symbols: Sequence[str], asset_class: AssetClass = AssetClass.STOCK
    ) -> tuple[dict[str, Instrument], dict[str, str]]:
        """(symbol → instrument, symbol → why it could not be resolved)."""
        return await self._source.instruments(symbols, asset_class)

    async def quotes(self, conids: Sequence[int]) -> tuple[dict[int, Quote], dict[int, str]]:
        """(conid → quote, conid → why there is none)."""
        return await self._source.quotes(conids)

    async def rules(self, conid: int, side: Side) -> ContractRules:
        """Price grid and quantity step."""
        return await self._source.rules(conid, side)

    async def history(self, conid: int) -> PriceSeries:
        """Daily closes of the sessions before today's; DataError where there are none."""
        key = (conid, exchange_date(self._clock.now()))
        task = self._series.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._series[key] = asyncio.create_task(self._closed(*key))
            # Looked at here too, so that an error nobody waits for any more is not reported as lost.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._series.move_to_end(key)
        while len(self._series) > self._keep:
            self._series.popitem(last=False)
        # One caller that gives up does not take the answer from the others.
        return await asyncio.shield(task)

    async def histories(self, conids: Sequence[int]) -> tuple[dict[int, PriceSeries], dict[int, str]]:
        """(conid → series, conid → why there is none); an error that is not about one series is raised."""
        slots = asyncio.Semaphore(self._at_once)

        async def one(conid: int) -> PriceSeries | str:
            async with slots:
                try:
                    return await self.history(conid)
                except DataError as error:
                    return str(error)

        unique = tuple(dict.fromkeys(conids))
        tasks = [asyncio.create_task(one(conid)) for conid in unique]
        try:
            answers = dict(zip(unique, await asyncio.gather(*tasks), strict=True))
        finally:
            # What still waits for a slot when one of them fails need not be asked any more.
            for task in tasks:
                task.cancel()
        found = {conid: answer for conid, answer in answers.items() if isinstance(answer, PriceSeries)}
        return found, {conid: answer for conid, answer in answers.items() if isinstance(answer, str)}

    async def _closed(self, conid: int, today: date) -> PriceSeries:
        series = await self._source.history(conid)
        count = sum(day < today for day in series.dates)
        if count == 0:
            raise InsufficientHistory(f"conid {conid} has no close before {today}")
        return replace(series, dates=series.dates[:count], closes=series.closes[:count])
