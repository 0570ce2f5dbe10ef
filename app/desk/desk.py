"""What a run works with: the ports, the policy and the process's own facts."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import ParamSpec, TypeVar

from app.desk.clock import steady_seconds
from app.desk.ports import AnchorPlace, Broker, Calendar, Chooser, Ledger, MarketData, Notifier, Signer
from app.domain.instrument import UNKNOWN_SECTOR, AssetClass, Instrument
from app.domain.policy import Policy

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Progress = Callable[[str], None]
Industries = Callable[[str, str | None, str | None], str]


def real_time() -> datetime:
    """What leases and waiting for the broker are measured by, never the market's time."""
    return datetime.now(UTC)


def silent(_: str) -> None:
    """For callers that show no progress."""


def unsettled(_symbol: str, _industry: str | None, _category: str | None) -> str:
    """For desks without a table of industries."""
    return UNKNOWN_SECTOR


def settled_sector(policy: Policy, sectors: Mapping[str, str], industries: Industries, instrument: Instrument) -> str:
    """GICS sector: the policy's word, else our own tables'; "Unknown" of a fund, and where nobody settles it."""
    named = policy.universe.sector_of.get(instrument.symbol)
    if named is not None or instrument.asset_class is not AssetClass.STOCK:
        return named or UNKNOWN_SECTOR
    known = sectors.get(instrument.symbol)
    return known or industries(instrument.symbol, instrument.industry, instrument.category)


@dataclass(frozen=True)
class Desk:
    """Everything a run works with. Adapters are picked in one place; tests pass real ones or fakes of the same ports.

    `sectors`: symbol → GICS sector; `industries`: the same by symbol and the broker's industry and category. `account`
    is the one to work on, None for the broker's only one; `accounts` are all that the settings name.
    `trading_mode` is the setting: off, paper or live. `owner` is unique to the process.
    `most_a_buy`: what the broker's server lets a buy be worth, in its own currency; None where nobody bounds it.
    `pseudonym_key` gives accounts other names in what is kept of a run.
    `steady` measures deadlines, in seconds. `events_at_once`: what a run says is written beside it, too, as it happens.
    """

    policy: Policy
    broker: Broker
    market_data: MarketData
    calendar: Calendar
    ledger: Ledger
    chooser: Chooser
    signer: Signer | None
    sectors: Mapping[str, str]
    trading_mode: str
    owner: str
    pseudonym_key: str = field(repr=False)
    account: str | None = None
    accounts: tuple[str, ...] = ()
    lease_seconds: float = 120.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], datetime] = real_time
    steady: Callable[[], float] = steady_seconds
    notifier: Notifier | None = None
    anchor_place: AnchorPlace | None = None
    events_at_once: bool = False
    most_a_buy: Decimal | None = None
    industries: Industries = unsettled

    async def in_thread(
        self, change: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Run a ledger call in a thread; once begun it ends, even when the caller is cancelled."""
        return await asyncio.shield(asyncio.to_thread(change, *args, **kwargs))

    @property
    def configured(self) -> tuple[str, ...]:
        """The accounts to work on; empty for whatever the broker has."""
        return self.accounts or ((self.account,) if self.account else ())

    def sector(self, instrument: Instrument) -> str:
        """See `settled_sector`."""
        return settled_sector(self.policy, self.sectors, self.industries, instrument)
