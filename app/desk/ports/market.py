"""The market: its time, its sessions, and its prices."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from app.domain.instrument import AssetClass, ContractRules, Instrument
from app.domain.market import PriceSeries, Quote, Session
from app.domain.order import Side


class Clock(Protocol):
    """Market time."""

    def now(self) -> datetime:
        """Aware, UTC."""
        ...


class Calendar(Protocol):
    """The exchange's sessions."""

    def session(self, at: datetime) -> Session | None:
        """The session of the exchange-local date of `at`, None when the exchange is closed that day."""
        ...

    def local_date(self, at: datetime) -> date:
        """The exchange's own date at that moment."""
        ...

    def sessions_between(self, earlier: date, later: date) -> int:
        """Sessions after `earlier` up to and including `later`."""
        ...


class MarketData(Protocol):
    """Prices and what instruments are."""

    async def instruments(
        self, symbols: Sequence[str], asset_class: AssetClass = AssetClass.STOCK
    ) -> tuple[dict[str, Instrument], dict[str, str]]:
        """(symbol → instrument, symbol → why it could not be resolved)."""
        ...

    async def quotes(self, conids: Sequence[int]) -> tuple[dict[int, Quote], dict[int, str]]:
        """(conid → quote, conid → why there is none)."""
        ...

    async def history(self, conid: int, before: date) -> PriceSeries:
        """About two years of daily closes of sessions before that date; DataError where there are none."""
        ...

    async def rules(self, conid: int, side: Side) -> ContractRules:
        """Price grid and quantity step."""
        ...
