"""The account as the broker reports it. Never guessed: an unreadable account is an error, not an empty portfolio."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from app.domain.errors import DataError
from app.domain.instrument import Instrument
from app.domain.order import BrokerOrder, Side


@dataclass(frozen=True, slots=True)
class CashBalance:
    """Trade-date and settled cash in one currency; `exchange_rate` is base currency per unit of `currency`."""

    currency: str
    cash: Decimal
    settled_cash: Decimal
    exchange_rate: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Position:
    """A holding; prices in the instrument's currency, `average_cost` as the broker carries it."""

    instrument: Instrument
    quantity: Decimal
    price: Decimal
    average_cost: Decimal
    realized_pnl: Decimal = Decimal(0)

    @property
    def market_value(self) -> Decimal:
        """In the instrument's currency."""
        return self.quantity * self.price

    @property
    def unrealized_pnl(self) -> Decimal:
        """Price only, in the instrument's currency."""
        return self.quantity * (self.price - self.average_cost)

    @property
    def unrealized_return(self) -> float | None:
        """Price-only return on average cost as a fraction; None without a cost."""
        if self.average_cost <= 0:
            return None
        return float(self.price) / float(self.average_cost) - 1

    @property
    def is_dust(self) -> bool:
        """Less than one whole share: in NAV and listed, never a trigger."""
        return abs(self.quantity) < 1


@dataclass(frozen=True)
class Portfolio:
    """One account at one time; amounts in the base `currency` unless a field says otherwise.

    What every rule asks for again and again is worked out once and kept: the fields never change.
    """

    account: str
    currency: str
    positions: tuple[Position, ...]
    cash: tuple[CashBalance, ...]
    available_funds: Decimal
    buying_power: Decimal
    as_of: datetime
    source: str
    account_type: str | None = None
    orders: tuple[BrokerOrder, ...] = ()
    broker_net_liquidation: Decimal | None = None

    def rate(self, currency: str) -> Decimal:
        """Base currency per unit of `currency`. Raises DataError where the account reports none above zero."""
        if currency == self.currency:
            return Decimal(1)
        for balance in self.cash:
            if balance.currency == currency and balance.exchange_rate > 0:
                return balance.exchange_rate
        raise DataError(f"the account has no exchange rate from {currency} to {self.currency}")

    @cached_property
    def total_cash(self) -> Decimal:
        """Trade-date cash of all currencies."""
        return sum((balance.cash * balance.exchange_rate for balance in self.cash), Decimal(0))

    def value(self, position: Position) -> Decimal:
        """Market value of one position."""
        currency = position.instrument.currency
        worth = position.quantity * position.price
        return worth if currency == self.currency else worth * self.rate(currency)

    @cached_property
    def nav(self) -> Decimal:
        """Net asset value: trade-date cash plus the value of every position."""
        return sum(self.values.values(), self.total_cash)

    @cached_property
    def values(self) -> Mapping[int, Decimal]:
        """Market value of every position, by conid."""
        return {position.instrument.conid: self.value(position) for position in self.positions}

    @property
    def unrealized_pnl(self) -> Decimal:
        """Price-only, over all positions."""
        return sum((p.unrealized_pnl * self.rate(p.instrument.currency) for p in self.positions), Decimal(0))

    @property
    def realized_pnl(self) -> Decimal:
        """Today's, over all positions, as the broker reports it."""
        return sum((p.realized_pnl * self.rate(p.instrument.currency) for p in self.positions), Decimal(0))

    def weight(self, position: Position) -> float:
        """Fraction of NAV."""
        return float(self.value(position) / self.nav)

    def position(self, conid: int) -> Position | None:
        """The holding of one instrument, if there is one."""
        return self._by_conid.get(conid)

    @cached_property
    def _by_conid(self) -> Mapping[int, Position]:
        return {position.instrument.conid: position for position in self.positions}

    def held(self, conid: int) -> Decimal:
        """Quantity held, zero where the broker reports no position."""
        position = self.position(conid)
        return position.quantity if position else Decimal(0)

    @cached_property
    def open_buys(self) -> Decimal:
        """Cash that the account's open buy orders would still take. Raises ValueError where `bound` is None for one."""
        bounds = [self.bound(order) for order in self.orders if order.is_open and order.side is Side.BUY]
        if any(bound is None for bound in bounds):
            raise ValueError("nobody knows what an open buy order will cost")
        return sum((bound for bound in bounds if bound is not None), Decimal(0))

    def bound(self, order: BrokerOrder) -> Decimal | None:
        """What is left of an order at its limit; None without a limit, or in a currency without a rate.

        One in an unknown currency counts at the dearest of the account's rates.
        """
        if order.limit_price is None:
            return None
        held = self.position(order.conid)
        currency = order.currency or (held.instrument.currency if held else None)
        try:
            rate = self.rate(currency) if currency else max(self.rate(c) for c in (self.currency, *self._currencies))
        except DataError:
            return None
        return order.open_notional * rate

    @property
    def _currencies(self) -> tuple[str, ...]:
        return tuple(balance.currency for balance in self.cash)
