"""Does the account follow from what it was and from its executions? What does not is a cash flow, or a doubt.

A quantity that changed without an execution, or a price that jumped like a split, keeps automatic orders off the name.
A cash flow is neither gain nor loss; until it is explained, nothing is concluded from the account's value.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from app.desk.records import Flow, Snapshot, UnitValue
from app.domain.order import Trade
from app.domain.portfolio import Portfolio
from app.domain.splits import split_ratio

# Changes of cash beyond this share of NAV, which executions, fees and rows do not explain, are an unexplained flow.
FLOW_THRESHOLD = Decimal("0.003")
CENT = Decimal("0.01")
LONGEST_JUMP = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Doubt:
    """A name whose quantity or price does not follow."""

    conid: int
    symbol: str
    reason: str


@dataclass(frozen=True, slots=True)
class Continuity:
    """`detected` is the sum of all cash that executions do not explain, however little each time; base currency.

    `recorded`: what was paid in and out by rows of the broker and by what people say; `income`: what was earned and
    paid. `rows`: those of them that this run found.
    """

    detected: Decimal = Decimal(0)
    recorded: Decimal = Decimal(0)
    income: Decimal = Decimal(0)
    rows: tuple[Flow, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    external_trades: tuple[Trade, ...] = ()

    @property
    def left(self) -> Decimal:
        """What nobody has explained so far, however little."""
        return self.detected - self.recorded - self.income

    def unexplained(self, nav: Decimal) -> Decimal:
        """Cash flow that nobody has explained; zero while it is too little to matter, in sum and not by the day."""
        difference = self.left
        return difference if abs(difference) > FLOW_THRESHOLD * nav else Decimal(0)


def snapshot_of(run_id: str, session_date: date, portfolio: Portfolio, found: Continuity) -> Snapshot:
    """What the next run starts from."""
    beside = [
        (line.conid, line.quantity, line)
        for line in portfolio.unmanaged
        if line.conid is not None and line.quantity is not None
    ]
    quantities: defaultdict[int, Decimal] = defaultdict(Decimal)
    for position in portfolio.positions:
        quantities[position.instrument.conid] += position.quantity
    for conid, quantity, _ in beside:
        quantities[conid] += quantity
    cash = portfolio.total_cash.quantize(CENT)
    rates = {b.currency: b.exchange_rate for b in portfolio.cash if b.currency != portfolio.currency}
    # One that was carried keeps its date.
    values = {
        conid: UnitValue(line.value.quantize(CENT) / quantity, line.value_from or session_date)
        for conid, quantity, line in beside
        if line.value is not None and quantity != 0
    }
    for position in portfolio.positions:
        rate = rates.get(position.instrument.currency, Decimal(1))
        values[position.instrument.conid] = UnitValue(position.price * rate, session_date)
    return Snapshot(
        run_id=run_id,
        session_date=session_date,
        as_of=portfolio.as_of,
        currency=portfolio.currency,
        nav=portfolio.nav.quantize(CENT),
        cash=cash,
        balances={b.currency: b.cash.quantize(CENT) for b in portfolio.cash} or {portfolio.currency: cash},
        detected_flows=found.detected,
        unexplained_flow=found.unexplained(portfolio.nav),
        quantities=dict(quantities),
        prices={position.instrument.conid: position.price for position in portfolio.positions},
        currencies={position.instrument.conid: position.instrument.currency for position in portfolio.positions}
        | {conid: line.currency for conid, _, line in beside if line.currency is not None},
        rates=rates,
        values=values,
    )


def continuity(
    before: Snapshot | None,
    portfolio: Portfolio,
    trades: Sequence[Trade],
    recorded: Decimal,
    income: Decimal = Decimal(0),
) -> Continuity:
    """`trades`: the executions that the broker lists; those after the snapshot count.

    Without a snapshot there is no past: nothing can have been seen to come, and what is said to have is unexplained.
    """
    external = tuple(trade for trade in trades if not trade.is_ours)
    if before is None:
        return Continuity(recorded=recorded, income=income, external_trades=external)
    since = [trade for trade in trades if trade.time > before.as_of]
    # Less than a cent is what rates of exchange leave.
    moved = (portfolio.total_cash - _expected_cash(before, portfolio, since)).quantize(CENT) or Decimal(0)
    return Continuity(
        detected=before.detected_flows + moved,
        recorded=recorded,
        income=income,
        doubts=_doubts(before, portfolio, since),
        external_trades=tuple(trade for trade in since if not trade.is_ours),
    )


def _expected_cash(before: Snapshot, portfolio: Portfolio, since: Sequence[Trade]) -> Decimal:
    """In base currency at today's rates: what a rate's move makes of cash is no cash flow."""
    kept = {balance.currency for balance in portfolio.cash} | before.balances.keys()
    names = {**before.currencies, **{p.instrument.conid: p.instrument.currency for p in portfolio.positions}}
    names.update((line.conid, line.currency) for line in portfolio.unmanaged if line.conid and line.currency)

    def in_base(currency: str, amount: Decimal) -> Decimal:
        # A currency that was changed away has no rate any more but the last one.
        gone = currency not in {portfolio.currency, *(balance.currency for balance in portfolio.cash)}
        return amount * (before.rates[currency] if gone and currency in before.rates else portfolio.rate(currency))

    cash = sum((in_base(currency, amount) for currency, amount in before.balances.items()), Decimal(0))
    for trade in since:
        currency = trade.currency or names.get(trade.conid)
        currency = currency or (portfolio.currency if kept == {portfolio.currency} else None)
        # Bought and sold in between: what it earned, in an unknown currency, counts as a cash flow where it matters.
        if currency is not None and (currency == portfolio.currency or currency in kept):
            cash -= in_base(currency, trade.paid + (trade.commission or Decimal(0)))
    return cash


def _doubts(before: Snapshot, portfolio: Portfolio, since: Sequence[Trade]) -> tuple[Doubt, ...]:
    """Of managed names: what is not managed is never ordered, and how it changed raises no doubt."""
    expected: defaultdict[int, Decimal] = defaultdict(Decimal, before.quantities)
    for trade in since:
        expected[trade.conid] += trade.side.sign * trade.quantity
    beside: defaultdict[int | None, Decimal] = defaultdict(Decimal)
    for line in portfolio.unmanaged:
        beside[line.conid] += line.quantity or Decimal(0)
    # In a longer time any price may have moved as much by itself.
    prices = before.prices if portfolio.as_of - before.as_of <= LONGEST_JUMP else {}
    found = []
    held = {p.instrument.conid: p for p in portfolio.positions}
    for position in held.values():
        conid, symbol = position.instrument.conid, position.instrument.symbol
        quantity = position.quantity + beside[conid]
        if quantity != expected[conid]:
            words = f"quantity went from {expected[conid]:f} to {quantity:f} without an execution"
            found.append(Doubt(conid, symbol, words + _like_split(quantity, expected[conid])))
        elif conid in prices and _jumped_like_a_split(position.price, prices[conid]):
            found.append(Doubt(conid, symbol, f"price went from {before.prices[conid]:f} to {position.price:f}"))
    managed = before.prices.keys() | {trade.conid for trade in since if trade.of_shares}
    gone = [n for n, q in expected.items() if q != 0 and n in managed and n not in held and n not in beside]
    found += [Doubt(conid, str(conid), f"{expected[conid]:f} left without an execution") for conid in gone]
    return tuple(found)


def _like_split(now: Decimal, expected: Decimal) -> str:
    ratio = split_ratio(float(now / expected)) if expected > 0 and now > 0 else None
    return f", like a split of {ratio.numerator}:{ratio.denominator}" if ratio else ""


def _jumped_like_a_split(now: Decimal, before: Decimal) -> bool:
    return before > 0 and now > 0 and split_ratio(float(now / before)) is not None
