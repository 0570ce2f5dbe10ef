"""What of an account the rules can manage, and what is carried beside it. One strange row costs one name.

A share or fund, by the broker's own type, held long, with a price of today and a rate to the base currency, is managed;
everything else is counted as the broker values it, listed with the reason, and never ordered.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from app.broker import wire
from app.broker.kinds import class_of, instrument_of, only_managed
from app.domain.instrument import AssetClass
from app.domain.portfolio import CashBalance, Position
from app.domain.unmanaged import UnmanagedHolding, UnreadableRow

NOTHING = Decimal(0)
# Security types of which the broker's own type says more.
_LISTED = frozenset({"STK", "ETF"})
# The broker's words; what is not among them is named by the word itself.
_WORDS = {
    "OPT": "an option", "FOP": "an option on a future", "WAR": "a warrant", "IOPT": "a structured product",
    "FUT": "a future, its gains are paid into cash", "CFD": "a contract for difference",
    "CASH": "a currency pair, counted in the cash balances", "BOND": "a bond", "BILL": "a treasury bill",
    "FUND": "a mutual fund", "CRYPTO": "a cryptocurrency", "CMDTY": "a commodity", "BAG": "a combination",
    "IND": "an index", "EC": "an event contract",
}  # fmt: skip
# Its money is in the cash balances already.
_IN_CASH = frozenset({"CASH"})
# Gains are paid into cash every day: what it is worth is no part of NAV, what it moves is exposure.
_SETTLED_DAILY = frozenset({"FUT"})
# Only the profit is owned.
_PROFIT_ONLY = frozenset({"CFD"})
# A row's value against price times quantity: more than rounding, less than a wrong unit.
_ROW_TOLERANCE = Decimal("0.02")
_ROUNDING = Decimal("0.05")


@dataclass(frozen=True, slots=True)
class Holdings:
    """The account's rows, told apart."""

    positions: tuple[Position, ...]
    unmanaged: tuple[UnmanagedHolding, ...]


@dataclass(frozen=True, slots=True)
class Balances:
    """Cash that can be counted, what cannot, and what the broker left out."""

    cash: tuple[CashBalance, ...]
    unmanaged: tuple[UnmanagedHolding, ...]
    gaps: tuple[str, ...]


def balances(rows: Iterable[wire.CashAnswer], base: str) -> Balances:
    """Currencies without a rate are listed, and settled cash that is not told is spent by nobody."""
    cash: list[CashBalance] = []
    left: list[UnmanagedHolding] = []
    gaps: list[str] = []
    for row in rows:
        rate = Decimal(1) if row.currency == base else row.exchange_rate
        if rate is None or rate <= 0:
            if row.cash != 0:
                reason = f"no rate of exchange from {row.currency} to {base}"
                left.append(UnmanagedHolding(row.currency, "CASH", reason, None, row.currency, row.cash))
            continue
        settled = row.settled_cash
        if settled is None:
            gaps.append(f"settled cash in {row.currency} is not told: a cash account spends none of it")
            settled = min(row.cash, NOTHING)
        cash.append(CashBalance(row.currency, row.cash, settled, rate))
    return Balances(tuple(cash), tuple(left), tuple(gaps))


def holdings(
    rows: Iterable[wire.PositionAnswer], strange: Iterable[wire.StrangeAnswer], rates: Mapping[str, Decimal]
) -> Holdings:
    """`rates`: base currency per unit of each currency, the base's own among them."""
    positions: list[Position] = []
    left: list[UnmanagedHolding] = []
    for row in rows:
        in_models = sum((one.quantity for one in row.models), NOTHING)
        own = row.quantity - in_models
        kind = _kind(row)
        reason = _why_not(row, kind, own, rates)
        left += [
            _carried(row, one.quantity, f"held in the model {one.model}: orders stay in the account's own", rates)
            for one in row.models
        ]
        if own == 0 and row.models:
            continue
        if reason is None and isinstance(kind, AssetClass):
            positions.append(_managed(row, kind, own))
        else:
            left.append(_carried(row, own, str(reason), rates))
    left += [
        UnmanagedHolding(row.symbol or _number(row.conid), "UNKNOWN", row.reason, row.conid)
        for row in strange
        if row.what == "position"
    ]
    return Holdings(tuple(positions), tuple(left))


def unreadable(strange: Iterable[wire.StrangeAnswer]) -> tuple[UnreadableRow, ...]:
    """Orders and executions that could not be read."""
    return tuple(
        UnreadableRow(row.what, row.reason, row.conid, row.symbol) for row in strange if row.what in {"order", "trade"}
    )


def untold(strange: Iterable[wire.StrangeAnswer]) -> tuple[str, ...]:
    """What of the account's own figures could not be read, in words."""
    return tuple(row.reason for row in strange if row.what not in {"position", "order", "trade"})


def _why_not(
    row: wire.PositionAnswer, kind: AssetClass | str, own: Decimal, rates: Mapping[str, Decimal]
) -> str | None:
    """Why the row is not managed; None where it is."""
    if not isinstance(kind, AssetClass):
        return only_managed(kind)
    if row.currency not in rates:
        return f"no rate of exchange for {row.currency}"
    if own < 0:
        return "a short position"
    if row.price is None:
        return "no price today" + (f" ({row.note})" if row.note else "")
    if row.price <= 0:
        return "worthless or delisted: the broker's price is zero" if row.price == 0 else "a price below zero"
    return _contradiction(row)


def _kind(row: wire.PositionAnswer) -> AssetClass | str:
    """Its class, or what it is instead, in words."""
    word = row.asset_class.upper()
    return class_of(row.type) if word in _LISTED else _WORDS.get(word, f"of the type {row.asset_class}")


def _contradiction(row: wire.PositionAnswer) -> str | None:
    """Where the row's own value is not its price times its quantity, one of the three is wrong."""
    if row.price is None or row.market_value is None:
        return None
    product = row.price * row.quantity
    tolerance = _ROW_TOLERANCE * max(abs(product), abs(row.market_value)) + _ROUNDING
    if abs(product - row.market_value) <= tolerance:
        return None
    return f"the row contradicts itself: {row.quantity:f} at {row.price:f} is not worth {row.market_value:f}"


def _managed(row: wire.PositionAnswer, kind: AssetClass, quantity: Decimal) -> Position:
    instrument = instrument_of(row, kind)
    # A cost of zero is none: no rule that counts from the cost looks at it.
    cost, price = row.average_cost or NOTHING, row.price or NOTHING
    return Position(instrument, quantity, price, cost, row.realized_pnl or NOTHING)


def _carried(
    row: wire.PositionAnswer, quantity: Decimal, reason: str, rates: Mapping[str, Decimal]
) -> UnmanagedHolding:
    """That much of the row, at the broker's value."""
    rate, worth = rates.get(row.currency), _worth(row)
    if worth is not None and row.quantity != 0:
        worth = worth * quantity / row.quantity
    word = row.asset_class.upper()
    value = exposure = worth * rate if rate is not None and worth is not None else None
    if word in _IN_CASH:
        value = exposure = NOTHING
    elif word in _SETTLED_DAILY:
        value = NOTHING
    elif word in _PROFIT_ONLY:
        profit = row.unrealized_pnl
        value = profit * rate if rate is not None and profit is not None else None
    return UnmanagedHolding(
        symbol=row.symbol,
        asset_class=row.asset_class,
        reason=reason if value is not None else f"{reason}; nobody tells its value",
        conid=row.conid,
        currency=row.currency,
        quantity=quantity,
        value=value,
        exposure=abs(exposure) if exposure is not None else None,
    )


def _worth(row: wire.PositionAnswer) -> Decimal | None:
    """In its own currency."""
    if row.quantity == 0:
        return NOTHING
    if row.market_value is not None:
        return row.market_value
    # A price of a contract of unknown size says nothing of its worth.
    single = row.asset_class.upper() in _LISTED
    size = row.multiplier or (Decimal(1) if single else None)
    return row.price * row.quantity * size if row.price is not None and size is not None else None


def _number(conid: int | None) -> str:
    return "unknown" if conid is None else f"contract {conid}"
