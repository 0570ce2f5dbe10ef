"""Price history fetched once per session: two years of daily closes do not change while the exchange is open.

Must never keep an error, nor a series longer than the session it was asked for.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import date

from app.desk.ports import MarketData
from app.domain.instrument import AssetClass, ContractRules, Instrument
from app.domain.market import PriceSeries, Quote
from app.domain.order import Side


class CachedMarketData:
    """MarketData whose history is kept per session; everything else is asked anew.

    Concurrent questions for one series share one request. Serves one event loop.
    """

    def __init__(self, source: MarketData, *, keep: int = 1024, at_once: int = 5) -> None:
        """`keep` series at most, the least recently used go first; `at_once` requests for history in flight."""
        self._source = source
        self._keep = keep
        # Five is what the broker allows at a time.
        self._slots = asyncio.Semaphore(at_once)
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

    async def history(self, conid: int, before: date) -> PriceSeries:
        """Daily closes of sessions before that date; DataError where there are none."""
        key = (conid, before)
        task = self._series.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            # Yesterday's series is not asked for again.
            for old in [old for old in self._series if old[0] == conid and old[1] < before]:
                del self._series[old]
            task = self._series[key] = asyncio.create_task(self._fetch(conid, before))
            # Looked at here too, so that an error nobody waits for any more is not reported as lost.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._series.move_to_end(key)
        while len(self._series) > self._keep:
            self._series.popitem(last=False)
        # One caller that gives up does not take the answer from the others.
        return await asyncio.shield(task)

    async def _fetch(self, conid: int, before: date) -> PriceSeries:
        async with self._slots:
            return await self._source.history(conid, before)
