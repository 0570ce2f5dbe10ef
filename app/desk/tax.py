"""What an account's gains are counted from: names with their fills, as a run has them or as the ledger alone does."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from app.desk.records import AccountRecord
from app.desk.stages.memory import fee_of, fills_of
from app.desk.states import AccountRead, OrderResult, Run
from app.domain.lots import Fill, by_name
from app.domain.order import Order
from app.domain.policy import LotMethod
from app.domain.tax import Name, Opening, TaxBasis

ZERO, ONE = Decimal(0), Decimal(1)
# Of a name that nobody held when the record began.
NOBODY = Opening(ZERO, None)


@dataclass(frozen=True, slots=True)
class TaxName:
    """One name of an account: what is known of it, its price now in its currency, and that currency's rate."""

    conid: int
    symbol: str
    currency: str
    known: Name
    price: Decimal | None
    rate: Decimal | None


@dataclass(frozen=True, slots=True)
class TaxView:
    """One account on one day; `currency` is its base. `whole`: what was held when the record began is known."""

    currency: str
    day: date
    method: LotMethod
    names: tuple[TaxName, ...]
    whole: bool = True


@dataclass(frozen=True, slots=True)
class _Held:
    """As the account shows it; `cost` is the broker's average, zero where it tells none."""

    symbol: str
    currency: str
    quantity: Decimal
    price: Decimal | None
    cost: Decimal


def view_of_run(run: AccountRead, method: LotMethod) -> TaxView:
    """As the run found the account."""
    portfolio = run.portfolio
    held = {
        p.instrument.conid: _Held(p.instrument.symbol, p.instrument.currency, p.quantity, p.price, p.average_cost)
        for p in portfolio.positions
    }
    rates = {balance.currency: balance.exchange_rate for balance in portfolio.cash}
    day = run.key.session_date
    return _view(run.tax_basis, run.fills, held, TaxView(portfolio.currency, day, method, ()), rates)


def with_results(view: TaxView, run: Run) -> TaxView:
    """With what the run's own orders brought since it looked."""
    on_record = run.tax_basis.filled if isinstance(run, AccountRead) else frozenset()
    fills = by_name(
        _fill(view.day, one) for one in run.results if one.filled_quantity > 0 and one.coid not in on_record
    )
    symbols = {one.order.instrument.conid: one.order.instrument.symbol for one in run.results}
    known = {one.conid for one in view.names}
    bought = (
        TaxName(conid, symbols[conid], view.currency, Name((), ZERO, NOBODY), None, ONE)
        for conid in fills
        if conid not in known
    )
    names = (replace(one, known=one.known.with_fills(fills.get(one.conid, ()))) for one in (*view.names, *bought))
    return replace(view, names=tuple(names))


def view_of_record(known: AccountRecord, report: Mapping[str, Any], day: date, method: LotMethod) -> TaxView:
    """By the ledger alone. `report`: of the newest run that saw the account."""
    portfolio, since = report["portfolio"], by_name(fills_of(known.filled_since))
    held = {
        row["conid"]: _Held(
            row["symbol"],
            row["currency"],
            Decimal(row["quantity"]) + _net(since.get(row["conid"], ())),
            Decimal(row["price"]),
            Decimal(row["average_cost"]),
        )
        for row in portfolio["positions"]
    }
    for intent in known.filled_since:
        bought = _net(since[intent.conid])
        held.setdefault(intent.conid, _Held(intent.symbol, portfolio["currency"], bought, intent.average_price, ZERO))
    rates = {currency: Decimal(rate) for currency, rate in portfolio["fx_rates"].items()}
    empty = TaxView(portfolio["currency"], day, method, ())
    return _view(known.tax_basis, fills_of(known.filled), held, empty, rates)


def order_fills(orders: Iterable[Order], day: date) -> Mapping[int, Sequence[Fill]]:
    """As if they were filled at their reference price, by conid; what the broker will take is not known yet."""
    return by_name(Fill(o.instrument.conid, day, o.side, o.quantity, o.reference_price, ZERO) for o in orders)


def _view(
    basis: TaxBasis, fills: Iterable[Fill], held: Mapping[int, _Held], view: TaxView, rates: Mapping[str, Decimal]
) -> TaxView:
    """`rates`: today's, by currency."""
    traded = by_name(fills)
    names = []
    for conid in dict.fromkeys((*held, *traded)):
        own = held.get(conid) or _Held(
            basis.symbols.get(conid, str(conid)), basis.currencies.get(conid, view.currency), ZERO, None, ZERO
        )
        cost = own.cost if own.cost > 0 else None
        opening = None if basis.openings is None else basis.openings.get(conid, NOBODY)
        is_base = own.currency == view.currency
        known = Name(
            traded.get(conid, ()),
            own.quantity,
            opening if conid in traded else Opening(own.quantity, cost),
            None if is_base else _rates(basis, own.currency, view.day, rates.get(own.currency)),
            own.price,
        )
        rate = ONE if is_base else rates.get(own.currency)
        names.append(TaxName(conid, own.symbol, own.currency, known, own.price, rate))
    ordered = sorted(names, key=lambda one: (one.symbol, one.conid))
    return replace(view, names=tuple(ordered), whole=not traded or basis.openings is not None)


def _rates(basis: TaxBasis, currency: str, today: date, now: Decimal | None) -> Mapping[date, Decimal]:
    found = {day: rates[currency] for day, rates in basis.rates.items() if currency in rates}
    return found if now is None else {**found, today: now}


def _fill(day: date, one: OrderResult) -> Fill:
    said = one.what_if
    fee = fee_of(said.commission, said.amount, one.filled_quantity, one.average_price) if said else None
    order = one.order
    return Fill(order.instrument.conid, day, order.side, one.filled_quantity, one.average_price, fee)


def _net(fills: Iterable[Fill]) -> Decimal:
    return sum((fill.side.sign * fill.quantity for fill in fills), ZERO)
