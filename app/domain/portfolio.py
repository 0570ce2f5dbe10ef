"""The account as the broker reports it. Never guessed: an unreadable account is an error, not an empty portfolio."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from app.domain.errors import DataError
from app.domain.instrument import Instrument
from app.domain.kept import kept_property
from app.domain.order import BrokerOrder, Side
from app.domain.unmanaged import UnmanagedHolding, UnreadableRow

# Dividends and interest that are owed and not yet paid; the broker counts them into its own net liquidation.
DIVIDENDS, INTEREST = "dividends", "interest"
ACCRUALS = (DIVIDENDS, INTEREST)


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

    `positions` are what the rules manage, `unmanaged` is the rest of what is held. `nav_parts` are the parts of the
    broker's own net liquidation, by its own names. `gaps` says what the broker did not tell and what follows from that.
    `buying_power` is None where it is not told. What every rule asks for again and again is worked out once and kept:
    the fields never change.
    """

    account: str
    currency: str
    positions: tuple[Position, ...]
    cash: tuple[CashBalance, ...]
    available_funds: Decimal
    buying_power: Decimal | None
    as_of: datetime
    source: str
    account_type: str | None = None
    orders: tuple[BrokerOrder, ...] = ()
    broker_net_liquidation: Decimal | None = None
    unmanaged: tuple[UnmanagedHolding, ...] = ()
    unreadable: tuple[UnreadableRow, ...] = ()
    nav_parts: Mapping[str, Decimal] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()

    def rate(self, currency: str) -> Decimal:
        """Base currency per unit of `currency`. Raises DataError where the account reports none above zero."""
        if currency == self.currency:
            return Decimal(1)
        for balance in self.cash:
            if balance.currency == currency and balance.exchange_rate > 0:
                return balance.exchange_rate
        raise DataError(f"the account has no exchange rate from {currency} to {self.currency}")

    @kept_property
    def total_cash(self) -> Decimal:
        """Trade-date cash of all currencies."""
        return sum((balance.cash * balance.exchange_rate for balance in self.cash), Decimal(0))

    def value(self, position: Position) -> Decimal:
        """Market value of one position."""
        currency = position.instrument.currency
        worth = position.quantity * position.price
        return worth if currency == self.currency else worth * self.rate(currency)

    @kept_property
    def nav(self) -> Decimal:
        """Net asset value: trade-date cash plus the value of every position and of what is not managed."""
        return sum(self.values.values(), self.total_cash + self.unmanaged_value)

    @kept_property
    def unmanaged_value(self) -> Decimal:
        """What is not managed, as far as it has a value."""
        return sum((line.value for line in self.unmanaged if line.value is not None), Decimal(0))

    @kept_property
    def unmanaged_exposure(self) -> Decimal:
        """What of it moves with a market, as far as that is known."""
        return sum((line.exposure for line in self.unmanaged if line.exposure is not None), Decimal(0))

    @property
    def unvalued(self) -> tuple[UnmanagedHolding, ...]:
        """Lines that NAV leaves out because nobody tells what they are worth."""
        return tuple(line for line in self.unmanaged if line.value is None and line.is_held)

    @property
    def accrued(self) -> Decimal:
        """Dividends and interest owed and not yet paid, which NAV leaves out."""
        return sum((self.nav_parts.get(name, Decimal(0)) for name in ACCRUALS), Decimal(0))

    @property
    def nav_difference(self) -> Decimal | None:
        """The broker's net liquidation less NAV and what is accrued; None where the broker tells none."""
        if self.broker_net_liquidation is None:
            return None
        return self.broker_net_liquidation - self.nav - self.accrued

    @kept_property
    def values(self) -> Mapping[int, Decimal]:
        """Market value of every position, by conid."""
        return {position.instrument.conid: self.value(position) for position in self.positions}

    @kept_property
    def dust(self) -> frozenset[int]:
        """Conids of the positions below one share."""
        return frozenset(position.instrument.conid for position in self.positions if position.is_dust)

    @kept_property
    def gains(self) -> Mapping[int, float | None]:
        """Price-only return on average cost of every position, by conid; None without a cost."""
        return {position.instrument.conid: position.unrealized_return for position in self.positions}

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

    @kept_property
    def _by_conid(self) -> Mapping[int, Position]:
        return {position.instrument.conid: position for position in self.positions}

    def held(self, conid: int) -> Decimal:
        """Quantity held, zero where the broker reports no position."""
        position = self.position(conid)
        return position.quantity if position else Decimal(0)

    @kept_property
    def open_buys(self) -> Decimal:
        """Cash that the account's open buy orders would still take. Raises ValueError where `bound` is None for one."""
        bounds = [self.bound(order) for order in self.orders if order.is_open and order.side is Side.BUY]
        if any(bound is None for bound in bounds):
            raise ValueError("nobody knows what an open buy order will cost")
        return sum((bound for bound in bounds if bound is not None), Decimal(0))

    def bound(self, order: BrokerOrder) -> Decimal | None:
        """What is left of an order at its limit; None where nothing bounds it, or in a currency without a rate.

        One in an unknown currency counts at the dearest of the account's rates.
        """
        held = self.position(order.conid)
        currency = order.currency or (held.instrument.currency if held else None)
        try:
            rate = self.rate(currency) if currency else max(self.rate(c) for c in (self.currency, *self._currencies))
            return order.open_notional * rate
        except (DataError, ValueError):
            return None

    @property
    def _currencies(self) -> tuple[str, ...]:
        return tuple(balance.currency for balance in self.cash)
