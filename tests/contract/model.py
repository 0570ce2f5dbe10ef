"""The scripted broker of the other suites, held to the cases that it claims to keep."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from app.desk.ports import Broker, MarketData
from app.domain.instrument import Instrument
from app.domain.order import Side, Ticket
from tests.contract.exchange import SYMBOLS
from tests.contract.venue import Account
from tests.support.broker_model import Fate
from tests.support.fakes import FakeBroker, FakeMarketData
from tests.support.world import ACCOUNT, OPENING, PRICE, SPREAD, World, instrument, symbol_of


@dataclass
class ModelAccount(Account):
    """The model that the desk's and the reliability suites are run against, in a world where nothing goes wrong.

    It knows no commission, no ticket and no limit to what can be paid for; an order that the quote does not meet rests.
    """

    model: FakeBroker = field(default_factory=lambda: FakeBroker(World()))
    half: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.model.fate = self._fate

    def _fate(self, ticket: Ticket) -> Fate:
        if (ticket.limit_price - PRICE) * ticket.side.sign < SPREAD:
            return Fate.RESTS
        return Fate.FILLS_HALF if symbol_of(ticket.conid) in self.half else Fate.FILLS

    @property
    def broker(self) -> Broker:
        """See `Account.broker`."""
        return self.model

    @property
    def market(self) -> MarketData:
        """See `Account.market`."""
        return FakeMarketData(self.model.world)

    @property
    def account(self) -> str:
        """See `Account.account`."""
        return ACCOUNT

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """See `Account.instruments`."""
        return {symbol: instrument(symbol) for symbol in SYMBOLS}

    @property
    def now(self) -> datetime:
        """See `Account.now`."""
        return OPENING

    async def trade_elsewhere(
        self, symbol: str, side: Side, quantity: int, limit: Decimal | None = None, coid: str | None = None
    ) -> str:
        """See `Account.trade_elsewhere`."""
        if limit is None:
            return self.model.appear(coid, symbol, side, Decimal(quantity))
        return self.model.stranger(coid, symbol, Decimal(quantity), limit)

    async def fill_half(self, symbol: str, quantity: int) -> None:
        """See `Account.fill_half`."""
        self.half.add(symbol)
