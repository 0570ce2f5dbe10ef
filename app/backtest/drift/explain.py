"""One interval's difference in its parts: from the account as it became to the model of the day, a swap at a time.

Every swap is a replay, and a part is the difference of two replays that follow each other: so the parts add up to the
difference, in whatever order. The order is fixed, that of `Cause`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal

from app.backtest.assumptions import BASIS_POINT, Assumptions
from app.backtest.drift.course import CENT, Course, Deal
from app.backtest.drift.facts import beside, currencies_of, managed_at, prices_of, quantities, rates, symbol_of
from app.backtest.drift.happened import Happened, happened
from app.backtest.drift.interval import Decided, Execution, Interval
from app.backtest.drift.parts import Cause, DayDrift, Part
from app.domain.order import Order, OrderState, Side
from app.domain.plan import Plan

_NOT_TAKEN = frozenset({OrderState.REJECTED, OrderState.NOT_SENT, OrderState.PLANNED})
# Worth a word where they come to nothing.
_TOLD = frozenset({Cause.MISSED_RUN, Cause.CODE_VERSION, Cause.POLICY_EDIT, Cause.REFUSED_ORDER})
_NAMED = 4
_OTHER, _MISSED = "other", "missed"
_NOT_OF_THE_DAY = (_OTHER, _MISSED)


class _Chain:
    """The course as it is so far, and the parts that came of the swaps."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.parts: list[Part] = []

    def swap(self, cause: Cause, course: Course, words: str, symbol: str | None = None) -> None:
        """Takes the course in the place of the last one; what it is worth less came of the cause."""
        amount = self.course.nav - course.nav
        if amount != 0 or cause in _TOLD:
            self.parts.append(Part(cause, amount, words, symbol))
        self.course = course


def explain(interval: Interval, assumptions: Assumptions) -> tuple[DayDrift, tuple[int, ...]]:
    """The day, and which of the interval's flows it accounts for."""
    prices, currencies = prices_of(interval), currencies_of(interval)
    found = happened(interval, prices, currencies)
    chain = _Chain(_as_it_was(interval, found, prices, currencies))
    became = interval.end.nav.quantize(CENT, ROUND_HALF_EVEN)
    rest = became - chain.course.nav
    _take_out_money(chain, found)
    _take_out_trades(chain, interval, found)
    _take_out_splits(chain, interval, found, prices)
    _take_out_rates(chain, interval, found)
    _model_costs(chain, interval, found, assumptions)
    _model_prices(chain, interval)
    _model_quantities(chain, interval, assumptions)
    _run_missed(chain, interval, assumptions)
    _decide_again(chain, interval, assumptions)
    _revise_closes(chain, interval, assumptions)
    if rest != 0:
        chain.parts.append(Part(Cause.UNEXPLAINED, rest, "nothing on record explains it"))
    day = DayDrift(
        session_date=interval.session_date,
        until=interval.until,
        nav=interval.start.nav.quantize(CENT, ROUND_HALF_EVEN),
        modelled=chain.course.nav,
        became=became,
        parts=tuple(chain.parts),
    )
    return day, tuple(found.flows_used)


def _as_it_was(
    interval: Interval, found: Happened, prices: Mapping[int, Decimal], currencies: Mapping[int, str]
) -> Course:
    """The account from its records: what it held, its fills, and what else moved it."""
    start, end = interval.start, interval.end
    managed = managed_at(interval)
    in_old_shares = {
        conid: price * found.splits[conid].numerator / found.splits[conid].denominator
        if conid in found.splits
        else price
        for conid, price in prices.items()
    }
    deals = {name: _deal(one, currencies) for name, one in _named(interval)}
    for one in found.bought:
        deals[f"by hand {one.conid}"] = Deal(one.conid, currencies[one.conid], one.quantity, one.price)
    return Course(
        cash={balance.currency: balance.cash for balance in start.cash},
        held=quantities(start, managed),
        currencies=currencies,
        rates=rates(start) | rates(end),
        prices=in_old_shares,
        beside=beside(end, managed),
        deals=deals,
        paid={f"{n}": (one.currency, one.amount) for n, one in enumerate(found.money)},
    )


def _take_out_money(chain: _Chain, found: Happened) -> None:
    for cause in (Cause.DEPOSIT, Cause.DIVIDEND, Cause.FEE):
        _take_out_paid(chain, found, cause)


def _take_out_paid(chain: _Chain, found: Happened, cause: Cause) -> None:
    for at, one in enumerate(found.money):
        if one.cause is cause:
            chain.swap(cause, chain.course.without_paid(str(at)), one.words, one.symbol)


def _take_out_trades(chain: _Chain, interval: Interval, found: Happened) -> None:
    for one in found.bought:
        symbol = symbol_of(interval, one.conid)
        words = (
            f"{symbol} {'bought' if one.quantity > 0 else 'sold'} elsewhere, {abs(one.quantity):f} at {one.price:.4f}"
        )
        chain.swap(Cause.MANUAL_TRADE, chain.course.with_deal(f"by hand {one.conid}", None), words, symbol)
    for name, decided, execution in _executions(interval):
        if decided.by_hand:
            words = f"{execution.symbol} sold by hand, {execution.filled:f}"
            chain.swap(Cause.MANUAL_TRADE, chain.course.with_deal(name, None), words, execution.symbol)


def _take_out_splits(chain: _Chain, interval: Interval, found: Happened, prices: Mapping[int, Decimal]) -> None:
    for conid, ratio in found.splits.items():
        symbol = symbol_of(interval, conid)
        naive = replace(chain.course, worth={**chain.course.worth, conid: prices[conid]})
        chain.swap(Cause.SPLIT, naive, f"{symbol} counts {ratio.numerator} for {ratio.denominator}", symbol)
    _take_out_paid(chain, found, Cause.SPLIT)


def _take_out_rates(chain: _Chain, interval: Interval, found: Happened) -> None:
    _take_out_paid(chain, found, Cause.FX)
    before = rates(interval.start)
    for currency, rate in sorted(before.items()):
        now = chain.course.rates[currency]
        as_before = {**chain.course.rates, currency: rate}
        chain.swap(Cause.FX, replace(chain.course, rates=as_before), f"{currency} went from {rate:f} to {now:f}")


def _model_costs(chain: _Chain, interval: Interval, found: Happened, assumptions: Assumptions) -> None:
    _take_out_paid(chain, found, Cause.COSTS)
    for name, _, execution in _executions(interval):
        deal = chain.course.deals.get(name)
        if deal is None:
            continue
        modelled = _costs(abs(deal.quantity), deal.price, assumptions)
        words = f"{execution.symbol} cost {deal.costs:.2f} {deal.currency}, modelled {modelled:.2f}"
        chain.swap(Cause.COSTS, chain.course.with_deal(name, replace(deal, costs=modelled)), words, execution.symbol)


def _model_prices(chain: _Chain, interval: Interval) -> None:
    """The fill's price, the decision's, the session's close."""
    for late in (True, False):
        for name, decided, one in _executions(interval):
            order, deal = _order(decided, one), chain.course.deals.get(name)
            if order is None or deal is None or one.late is not late:
                continue
            cause = Cause.LATE_FILL if late else Cause.SLIPPAGE
            when = "after its run" if late else "in its run"
            words = f"{one.symbol} filled {when} at {deal.price:f}, decided at {order.reference_price:f}"
            chain.swap(
                cause, chain.course.with_deal(name, replace(deal, price=order.reference_price)), words, one.symbol
            )
    for name, decided, one in _executions(interval):
        order, deal = _order(decided, one), chain.course.deals.get(name)
        close = interval.closes.get(one.conid)
        if order is not None and deal is not None and close is not None:
            words = f"{one.symbol} decided at {deal.price:f}, closed at {close:f}"
            chain.swap(Cause.CLOSE, chain.course.with_deal(name, replace(deal, price=close)), words, one.symbol)


def _model_quantities(chain: _Chain, interval: Interval, assumptions: Assumptions) -> None:
    """Every planned order in full."""
    short = [
        (decided, order, one)
        for decided in interval.decided
        if not decided.by_hand
        for order in decided.plan.orders
        if (one := _execution(decided, order)) is None or one.filled != order.quantity
    ]
    for cause in (Cause.PARTIAL_FILL, Cause.REFUSED_ORDER):
        for decided, order, one in short:
            refused = one is None or one.state in _NOT_TAKEN
            if refused is not (cause is Cause.REFUSED_ORDER):
                continue
            name = _name(decided.run_id, order.instrument.conid, order.side, order.leg)
            filled = one.filled if one is not None else Decimal(0)
            words = f"{order.instrument.symbol} filled {filled:f} of {order.quantity:f}"
            why = "nothing was sent" if one is None else one.reason
            course = chain.course.with_deal(name, _planned(order, interval.closes, assumptions))
            chain.swap(cause, course, f"{words} ({why})" if why else words, order.instrument.symbol)


def _run_missed(chain: _Chain, interval: Interval, assumptions: Assumptions) -> None:
    for missed in interval.missed:
        course = chain.course
        for order in missed.orders:
            name = f"{_MISSED} {missed.session_date} {order.instrument.conid} {order.side} {order.leg}"
            course = course.with_deal(name, _planned(order, missed.closes, assumptions))
        unknown = f"what it would have ordered is not known: {missed.problem}"
        what = _listed(missed.orders) if missed.problem is None else unknown
        chain.swap(Cause.MISSED_RUN, course, f"no run on {missed.session_date}; {what}")


def _decide_again(chain: _Chain, interval: Interval, assumptions: Assumptions) -> None:
    for decided in interval.decided:
        plan = decided.plan
        for cause, again in (
            (Cause.CODE_VERSION, decided.by_this_code),
            (Cause.POLICY_EDIT, decided.by_this_policy),
            (Cause.REVISED_CLOSE, decided.by_these_closes),
        ):
            if again is None:
                continue
            if again.id != plan.id:
                course = _with_plan(chain.course, decided.run_id, plan, again, interval, assumptions)
                chain.swap(cause, course, f"decided {_difference(plan, again)}")
            plan = again


def _revise_closes(chain: _Chain, interval: Interval, assumptions: Assumptions) -> None:
    """Modelled fills at the closes that the source gives now."""
    for name, deal in list(chain.course.deals.items()):
        kept, now = interval.closes.get(deal.conid), interval.closes_now.get(deal.conid)
        if name.startswith(_NOT_OF_THE_DAY) or kept is None or now is None or deal.price != kept or now == kept:
            continue
        costs = _costs(abs(deal.quantity), now, assumptions)
        symbol = symbol_of(interval, deal.conid)
        words = f"{symbol} closed at {kept:f} by what was kept, at {now:f} by the source now"
        chain.swap(
            Cause.REVISED_CLOSE, chain.course.with_deal(name, replace(deal, price=now, costs=costs)), words, symbol
        )


def _with_plan(
    course: Course, run_id: str, plan: Plan, again: Plan, interval: Interval, assumptions: Assumptions
) -> Course:
    """Orders that stay keep their deals."""
    before, after = ({_key(order): order for order in one.orders} for one in (plan, again))
    for key in before.keys() - after.keys():
        course = course.with_deal(_name(run_id, *key[:3]), None)
    for key, order in after.items():
        if key not in before:
            course = course.with_deal(_name(run_id, *key[:3]), _planned(order, interval.closes, assumptions))
    return course


def _key(order: Order) -> tuple[int, Side, int, Decimal]:
    return order.instrument.conid, order.side, order.leg, order.quantity


def _planned(order: Order, closes: Mapping[int, Decimal], assumptions: Assumptions) -> Deal:
    """The whole order at the close, at its decision's price where there is none."""
    price = closes.get(order.instrument.conid, order.reference_price)
    costs = _costs(order.quantity, price, assumptions)
    return Deal(order.instrument.conid, order.instrument.currency, order.side.sign * order.quantity, price, costs)


def _costs(quantity: Decimal, price: Decimal, assumptions: Assumptions) -> Decimal:
    """Commission and slippage as they are modelled."""
    value = quantity * price
    slippage = (value * assumptions.slippage_bps * BASIS_POINT).quantize(CENT, ROUND_HALF_EVEN)
    return assumptions.commission.charge(quantity, value) + slippage


def _named(interval: Interval) -> Iterator[tuple[str, Execution]]:
    for name, _, execution in _executions(interval):
        yield name, execution
    for at, one in enumerate(interval.others):
        if one.filled > 0 and one.price is not None:
            yield f"{_OTHER} {at}", one


def _executions(interval: Interval) -> Iterator[tuple[str, Decided, Execution]]:
    """Of the recorded runs, where anything filled."""
    for decided in interval.decided:
        for one in decided.executions:
            if one.filled > 0 and one.price is not None:
                yield _name(decided.run_id, *one.name), decided, one


def _name(run_id: str, conid: int, side: Side, leg: int) -> str:
    return f"{run_id} {conid} {side} {leg}"


def _order(decided: Decided, execution: Execution) -> Order | None:
    if decided.by_hand:
        return None
    return next((o for o in decided.plan.orders if (o.instrument.conid, o.side, o.leg) == execution.name), None)


def _execution(decided: Decided, order: Order) -> Execution | None:
    name = (order.instrument.conid, order.side, order.leg)
    return next((one for one in decided.executions if one.name == name), None)


def _deal(one: Execution, currencies: Mapping[int, str]) -> Deal:
    assert one.price is not None  # noqa: S101 - of those that filled
    quantity = one.side.sign * one.filled
    return Deal(one.conid, currencies[one.conid], quantity, one.price, one.fee or Decimal(0))


def _listed(orders: tuple[Order, ...]) -> str:
    words = [f"{o.side} {o.quantity:f} {o.instrument.symbol}" for o in orders[:_NAMED]]
    more = [f"{len(orders) - _NAMED} more"] if len(orders) > _NAMED else []
    return "it would have ordered " + (", ".join(words + more) or "nothing")


def _difference(plan: Plan, again: Plan) -> str:
    before, after = ({(o.side, o.quantity, o.instrument.symbol) for o in one.orders} for one in (plan, again))
    gone = " and ".join(f"{side} {quantity:f} {symbol}" for side, quantity, symbol in sorted(before - after)[:_NAMED])
    new = " and ".join(f"{side} {quantity:f} {symbol}" for side, quantity, symbol in sorted(after - before)[:_NAMED])
    return f"{plan.shown_as} ({gone or 'nothing else'}), now {again.shown_as} ({new or 'nothing else'})"
