"""A recorded day decided once more: by this code, by today's policy, with the source's closes; and one nobody ran."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np

from app.backtest.drift.closes import Source, price_of
from app.backtest.drift.interval import Missed
from app.domain.errors import DataError, RecordError
from app.domain.market import Market, PriceSeries, Quote, QuoteKind, Session, VixReading
from app.domain.navs import NavKind, follow
from app.domain.plan import Memory, Plan
from app.domain.policy import Notifications, Policy
from app.domain.portfolio import Portfolio
from app.domain.ruling import DayUse
from app.engine import decide
from app.record.capture import Inputs
from app.record.replay import decide_again, plan_of
from app.risk import Today

# Within every policy's trading hours.
_AFTER_OPENING = timedelta(minutes=90)


def plan_again(inputs: Inputs) -> Plan:
    """What comes of them by this code. Raises: RecordError."""
    return plan_of(inputs, decide_again(inputs))


def plan_under(inputs: Inputs, policy: Policy) -> Plan | None:
    """By that policy; None where it is the one that was kept. Raises: RecordError."""
    if inputs.today.policy == policy.model_copy(update={"notifications": Notifications()}):
        return None
    return _replanned(replace(inputs, today=replace(inputs.today, policy=policy)))


def plan_with(inputs: Inputs, policy: Policy, source: Source) -> Plan | None:
    """By that policy with the source's closes; None where they are those that were kept. Raises: RecordError."""
    market = inputs.today.market
    changed = {c: new for c, series in market.history.items() if (new := source.revised(series)) is not None}
    if not changed:
        return None
    revised = replace(market, history={**market.history, **changed})
    return _replanned(replace(inputs, today=replace(inputs.today, policy=policy, market=revised)))


def _replanned(inputs: Inputs) -> Plan:
    """Somebody's choice holds only as long as it is offered."""
    try:
        return plan_again(inputs)
    except RecordError:
        if inputs.choice is None:
            raise
        return plan_again(replace(inputs, choice=None))


def missed(session: Session, after: Inputs, before: Inputs, sessions: int) -> Missed:
    """The run that `session` had not, from what the next recorded one knew: `sessions` later it was.

    What was held then is taken for what was held at the next run, the closes for the prices, and the volatility index
    of the run before for that of the day.
    """
    day, today = session.date, after.today
    closes = {
        conid: price_of(series.closes[series.dates.index(day)])
        for conid, series in today.market.history.items()
        if day in series.dates
    }
    market = _market(session, today.market, closes, before.today.market.vix)
    try:
        portfolio = _portfolio(today.portfolio, closes, market)
        earlier = tuple(point for point in today.navs if point.session_date < day)
        now = follow(earlier[-1] if earlier else None, day, NavKind.RUN, portfolio.nav)
        then = Today(today.policy, portfolio, market, (*earlier, now), _memory(today.memory, sessions))
        plan = decide(then, DayUse(), after.level, after.causes).chosen
    except RecordError as error:
        return Missed(day, (), closes, error.cause)
    except (ArithmeticError, LookupError, ValueError, DataError) as error:
        return Missed(day, (), closes, f"the day cannot be decided: {type(error).__name__}")
    return Missed(day, plan.orders, closes)


def _market(session: Session, known: Market, closes: Mapping[int, Decimal], vix: VixReading | None) -> Market:
    """At the session's closes, with the history before it."""
    now = session.opens + _AFTER_OPENING

    def cut(series: PriceSeries) -> PriceSeries:
        rows = int(np.searchsorted(np.array(series.dates, dtype="datetime64[D]"), np.datetime64(session.date)))
        return PriceSeries(series.conid, series.dates[:rows], series.closes[:rows], series.source, now)

    def quote(conid: int, price: Decimal) -> Quote:
        series, told = cut(known.history[conid]), known.quotes.get(conid)
        prior = price_of(series.closes[-1]) if len(series.closes) else None
        return Quote(
            conid, QuoteKind.LIVE, now, known.history[conid].source, price, price, price, prior,
            told.average_volume if told else None, told.market_cap if told else None,
        )  # fmt: skip

    return replace(
        known,
        as_of=now,
        session=session,
        quotes={conid: quote(conid, price) for conid, price in closes.items() if conid in known.instruments},
        history={conid: cut(series) for conid, series in known.history.items()},
        index=None if known.index is None else cut(known.index),
        vix=None if vix is None else replace(vix, session_date=session.date),
    )


def _portfolio(known: Portfolio, closes: Mapping[int, Decimal], market: Market) -> Portfolio:
    """What is held at those closes. Raises: RecordError where one is not known."""
    unknown = [one.instrument.symbol for one in known.positions if one.instrument.conid not in closes]
    if unknown:
        raise RecordError(f"no close of {', '.join(unknown)} was kept")
    positions = tuple(replace(one, price=closes[one.instrument.conid]) for one in known.positions)
    return replace(known, positions=positions, as_of=market.as_of, orders=(), broker_net_liquidation=None)


def _memory(known: Memory, sessions: int) -> Memory:
    """Counted back from so many sessions earlier."""

    def earlier(since: Mapping[int, int]) -> dict[int, int]:
        return {conid: count - sessions for conid, count in since.items() if count >= sessions}

    def before(count: int | None) -> int | None:
        return None if count is None or count < sessions else count - sessions

    return replace(
        known,
        reinforced={c: tuple(n - sessions for n in counts if n >= sessions) for c, counts in known.reinforced.items()},
        sold_at_loss=earlier(known.sold_at_loss),
        bought=earlier(known.bought),
        sold=earlier(known.sold),
        last_rebalance=before(known.last_rebalance),
        last_rotation=before(known.last_rotation),
    )
