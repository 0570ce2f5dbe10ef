"""What moved the account beside the orders of its runs: told from quantities and cash that do not follow from them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from app.backtest.drift.facts import managed_at, quantities, rate_of, symbol_of
from app.backtest.drift.interval import Execution, Interval
from app.backtest.drift.parts import Cause
from app.desk.records import Flow
from app.desk.stages.continuity import FLOW_THRESHOLD
from app.domain.cash import CashKind

_HALF_A_CENT, _CENT = Decimal("0.005"), Decimal("0.01")
# A price moves by less between two runs, or the quantity changed by something else than a split.
_SPLIT_MOVE = 0.35
# As a share of the price: within it a trade was made at what the cash says, or the cash moved for another reason.
_TRADE_MOVE = Decimal("0.1")
# Both sides of an exchange of money, which costs less than this share of it.
_EXCHANGE_COSTS = Decimal("0.02")
# Tax that was withheld belongs to what it was withheld from.
_EARNED = frozenset({CashKind.DIVIDEND, CashKind.INTEREST, CashKind.WITHHOLDING_TAX})
# For an order beyond what the broker's preview said.
_MORE_COMMISSION = Decimal(1)


@dataclass(frozen=True, slots=True)
class Bought:
    """Shares that came without an order of a run, or went where negative, at a price in their own currency."""

    conid: int
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Money:
    """Money that moved without a deal."""

    cause: Cause
    currency: str
    amount: Decimal
    words: str
    symbol: str | None = None


@dataclass
class Happened:
    """`splits`: conid → new shares for each old one. `flows_used`: which of the interval's flows the cash shows."""

    splits: dict[int, Fraction] = field(default_factory=dict)
    bought: list[Bought] = field(default_factory=list)
    money: list[Money] = field(default_factory=list)
    flows_used: list[int] = field(default_factory=list)


def executions(interval: Interval) -> Iterator[Execution]:
    """All that filled anything."""
    for decided in interval.decided:
        yield from (one for one in decided.executions if one.filled > 0 and one.price is not None)
    yield from (one for one in interval.others if one.filled > 0 and one.price is not None)


def happened(interval: Interval, prices: Mapping[int, Decimal], currencies: Mapping[int, str]) -> Happened:
    """`prices` at the end, of new shares."""
    found = Happened()
    managed = managed_at(interval)
    start, end = quantities(interval.start, managed), quantities(interval.end, managed)
    left = _cash_left(interval, currencies)
    expected: defaultdict[int, Decimal] = defaultdict(Decimal, start)
    for one in executions(interval):
        expected[one.conid] += one.side.sign * one.filled
    moved = {conid: end.get(conid, Decimal(0)) - expected[conid] for conid in {*expected, *end}}
    moved = {conid: change for conid, change in moved.items() if change != 0}
    before = {one.instrument.conid: one.price for one in interval.start.positions}
    for conid in sorted(moved):
        ratio = _ratio(expected[conid], end.get(conid, Decimal(0)), before.get(conid), prices[conid])
        if ratio is not None:
            found.splits[conid] = ratio
            _pay_fraction(found, Fraction(expected[conid]) * ratio % 1, prices[conid], left, currencies[conid])
            del moved[conid]
    _explain_exchange(found, left, interval)
    _take_flows(found, left, interval, expected, currencies)
    _take_dividends(found, left, interval, expected, currencies)
    _take_trades(found, left, interval, moved, prices, currencies)
    _name_rest(found, left, interval, expected, currencies)
    return found


def _cash_left(interval: Interval, currencies: Mapping[int, str]) -> dict[str, Decimal]:
    """What of each currency's cash does not follow from the fills and the commissions that previews named."""
    left = {balance.currency: balance.cash for balance in interval.end.cash}
    for balance in interval.start.cash:
        left[balance.currency] = left.get(balance.currency, Decimal(0)) - balance.cash
    for one in executions(interval):
        assert one.price is not None  # noqa: S101 - of those that filled
        paid = one.side.sign * one.filled * one.price + (one.fee or Decimal(0))
        left[currencies[one.conid]] = left.get(currencies[one.conid], Decimal(0)) + paid
    return left


def _ratio(expected: Decimal, now: Decimal, before: Decimal | None, price: Decimal) -> Fraction | None:
    """New shares for an old one, where the price says so, too; None where it was no split."""
    if expected <= 0 or now <= 0 or before is None:
        return None
    ratio = Fraction(now / expected).limit_denominator(20)
    if ratio == 1 or Fraction(expected) * ratio // 1 != now:
        return None
    moved = abs(float(price) * float(ratio) / float(before) - 1)
    return ratio if moved < _SPLIT_MOVE < abs(float(ratio) - 1) else None


def _pay_fraction(found: Happened, fraction: Fraction, price: Decimal, left: dict[str, Decimal], currency: str) -> None:
    """A fraction of a share that a split left is paid out, at a price of its own."""
    rest = left.get(currency, Decimal(0))
    if fraction and 0 < rest <= price:
        worth = fraction.numerator * price / fraction.denominator
        found.money.append(Money(Cause.SPLIT, currency, rest - worth, "a fraction of a share paid out"))
        left[currency] = Decimal(0)


def _explain_exchange(found: Happened, left: dict[str, Decimal], interval: Interval) -> None:
    """Money of one currency that became money of another."""
    moved = {c: amount for c, amount in left.items() if abs(amount) > _HALF_A_CENT}
    if len(moved) < 2:
        return
    in_base = {currency: amount * rate_of(interval, currency) for currency, amount in moved.items()}
    if abs(sum(in_base.values(), Decimal(0))) > _EXCHANGE_COSTS * max(abs(amount) for amount in in_base.values()):
        return
    for currency, amount in moved.items():
        found.money.append(Money(Cause.FX, currency, amount, f"{amount:+,.2f} {currency} by an exchange of money"))
        left[currency] = Decimal(0)


def _take_flows(
    found: Happened, left: dict[str, Decimal], interval: Interval, held: Mapping[int, Decimal], names: Mapping[int, str]
) -> None:
    """Recorded ones, where the cash shows them: a flow bears the day on which somebody saw it.

    Tax that was withheld shows only once its dividend is taken, whichever was recorded first.
    """
    waiting = dict(enumerate(interval.flows))
    while shown := next(((n, c) for n, one in waiting.items() if (c := _shown_in(one, left, interval))), None):
        at, currency = shown
        flow, rest, rate = waiting.pop(at), left[currency], rate_of(interval, currency)
        # A flow is on record in base currency alone.
        is_all = abs(rest * rate - flow.amount) <= _CENT and currency != interval.start.currency
        amount = rest if is_all else (flow.amount / rate).quantize(_CENT)
        of_currency = {conid: quantity for conid, quantity in held.items() if names[conid] == currency}
        paid = _paid_by(amount, of_currency) if flow.kind is CashKind.DIVIDEND else None
        symbol = None if paid is None else symbol_of(interval, paid)
        found.money.append(Money(_cause(flow), currency, amount, _words(flow), symbol))
        found.flows_used.append(at)
        left[currency] = rest - amount


def _shown_in(flow: Flow, left: Mapping[str, Decimal], interval: Interval) -> str | None:
    """The currency of whose cash it leaves least; None where no cash is explained by it."""
    worth = {currency: rest * rate_of(interval, currency) for currency, rest in left.items()}
    leaves = {c: abs(amount - flow.amount) for c, amount in worth.items() if abs(amount - flow.amount) < abs(amount)}
    return min(leaves, key=lambda currency: leaves[currency], default=None)


def _cause(flow: Flow) -> Cause:
    if not flow.is_income:
        return Cause.DEPOSIT
    is_earned = flow.kind in _EARNED or (flow.kind is CashKind.OTHER and flow.amount > 0)
    return Cause.DIVIDEND if is_earned else Cause.FEE


def _words(flow: Flow) -> str:
    paid = "paid in" if flow.amount > 0 else "paid out"
    what = flow.kind.value.replace("_", " ") if flow.kind is not None and flow.is_income else paid
    return f"{what}, as {flow.actor} recorded"


def _take_dividends(
    found: Happened, left: dict[str, Decimal], interval: Interval, held: Mapping[int, Decimal], names: Mapping[int, str]
) -> None:
    """Those that the source knows of, where the cash shows them."""
    for conid, amount in interval.dividends.items():
        if conid not in names or held.get(conid, Decimal(0)) <= 0:
            continue
        paid, rest = (held[conid] * amount).quantize(_CENT), left.get(names[conid], Decimal(0))
        if abs(rest - paid) < abs(rest):
            symbol = symbol_of(interval, conid)
            found.money.append(Money(Cause.DIVIDEND, names[conid], paid, f"{symbol} paid {amount:f} a share", symbol))
            left[names[conid]] = rest - paid


def _take_trades(
    found: Happened,
    left: dict[str, Decimal],
    interval: Interval,
    moved: Mapping[int, Decimal],
    prices: Mapping[int, Decimal],
    names: Mapping[int, str],
) -> None:
    """Shares that moved with money against them. One name's price is what the cash says; of several, the close."""
    of_currency: defaultdict[str, list[int]] = defaultdict(list)
    for conid in sorted(moved):
        of_currency[names[conid]].append(conid)
    for currency, conids in of_currency.items():
        for conid in conids:
            about = interval.closes.get(conid, prices[conid])
            told = -left.get(currency, Decimal(0)) / moved[conid]
            if len(conids) == 1 and abs(told - about) <= _TRADE_MOVE * about:
                price = told
            elif abs(left.get(currency, Decimal(0)) + moved[conid] * about) < abs(left.get(currency, Decimal(0))):
                price = about
            else:
                # No money moved against them: they were carried over from or to another account.
                continue
            found.bought.append(Bought(conid, moved[conid], price))
            left[currency] = left.get(currency, Decimal(0)) + moved[conid] * price


def _name_rest(
    found: Happened, left: dict[str, Decimal], interval: Interval, held: Mapping[int, Decimal], names: Mapping[int, str]
) -> None:
    """By whole cents a share, by sign and by size: the account tells no more of it."""
    nav = interval.end.nav
    for currency, rest in left.items():
        if abs(rest) <= _HALF_A_CENT:
            continue
        fees = [one.fee or Decimal(0) for one in executions(interval) if names[one.conid] == currency]
        if fees and abs(rest) <= len(fees) * _MORE_COMMISSION + sum(fees):
            found.money.append(Money(Cause.COSTS, currency, rest, "commissions against what the previews named"))
        elif (
            paid := _paid_by(rest.quantize(_CENT), {c: q for c, q in held.items() if names[c] == currency})
        ) is not None:
            symbol = symbol_of(interval, paid)
            words = f"{rest:,.2f} {currency} came in, {rest / held[paid]:.2f} for each share of {symbol}"
            found.money.append(Money(Cause.DIVIDEND, currency, rest, words, symbol))
        elif abs(rest * rate_of(interval, currency)) > FLOW_THRESHOLD * nav:
            words = f"{abs(rest):,.2f} {currency} {'came in' if rest > 0 else 'went out'} and nobody recorded a flow"
            found.money.append(Money(Cause.DEPOSIT, currency, rest, words))
        elif rest > 0:
            words = f"{rest:,.2f} {currency} came in without an order or a recorded flow"
            found.money.append(Money(Cause.DIVIDEND, currency, rest, words))
        else:
            words = f"{-rest:,.2f} {currency} charged without an order"
            found.money.append(Money(Cause.FEE, currency, rest, words))


def _paid_by(amount: Decimal, held: Mapping[int, Decimal]) -> int | None:
    """The only name of which every share would have got the same whole cents; None where it is none or several."""
    paid = [conid for conid, quantity in held.items() if quantity > 0 and amount > 0 and _in_cents(amount / quantity)]
    return paid[0] if len(paid) == 1 else None


def _in_cents(amount: Decimal) -> bool:
    return amount >= _CENT and amount == amount.quantize(_CENT)
