"""What becomes of a way where orders fill sooner or later, and where they cost less or more."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import numpy as np

from app.backtest.assumptions import NO_COMMISSION, Assumptions, FillRule
from app.backtest.benchmarks import road
from app.backtest.checks.subject import Subject
from app.backtest.orders import Done
from app.backtest.replay import Replayed
from app.backtest.result import Check
from app.backtest.statistics.figures import YEAR
from app.broker.paper.book import CommissionPlan

MULTIPLES = (0, 1, 2, 4)


def lag_ladder(subject: Subject) -> Check:
    """Every order fills in the session that its rung says, at that session's price, and same-bar fills are marked."""
    said = []
    for name, assumed in _rungs(subject).items():
        ways = subject.led(subject.history, subject.probed, assumed)
        for one in ways:
            wrong = next(_too_soon(one, assumed), None)
            if wrong is not None:
                return Check("lag ladder", False, f"{name}: {wrong}")
        said.append(f"{name} {_yearly(ways[0]):+.1%}")
    first = subject.policies[0].name
    told = f"a year of {first} over {len(subject.probed)} sessions: {', '.join(said)}"
    return Check("lag ladder", True, f"every order filled when its rule says, at that session's price; {told}")


def cost_ladder(subject: Subject) -> Check:
    """What a unit traded costs must rise with the multiple of the costs, from nothing."""
    rungs = [_times(subject.assumptions, multiple) for multiple in MULTIPLES]
    ladders = zip(*(subject.led(subject.history, subject.rows, assumed) for assumed in rungs), strict=True)
    said = []
    for ladder in ladders:
        costs = [_cost_of_trading(one) for one in ladder]
        if costs[1] is not None and not _rise([cost or 0.0 for cost in costs]):
            told = ", ".join(f"{cost or 0:.3%}" for cost in costs)
            name = ladder[0].policy.name
            return Check("cost ladder", False, f"{name} pays {told} of what it trades at {_words()} times the costs")
        said.append(_break_even(subject, ladder))
    return Check("cost ladder", True, f"costs rise with their multiple ({_words()}); {'; '.join(said)}")


def _rungs(subject: Subject) -> Mapping[str, Assumptions]:
    base = subject.assumptions
    rungs = {
        "same bar": replace(base, fill=FillRule.SAME_BAR, lag=1),
        "next open": replace(base, fill=FillRule.NEXT_OPEN, lag=1),
        "next close": replace(base, fill=FillRule.NEXT_CLOSE, lag=1),
        "two closes later": replace(base, fill=FillRule.NEXT_CLOSE, lag=2),
    }
    if subject.history.opens is None:
        del rungs["next open"]
    return rungs


def _too_soon(found: Replayed, assumed: Assumptions) -> Iterator[str]:
    """What did not fill as assumed, in words; prices are looked up here anew."""
    history, name = found.history, found.policy.name
    prices = history.opens if assumed.fill is FillRule.NEXT_OPEN and history.opens is not None else history.closes
    waits = 0 if assumed.fill is FillRule.SAME_BAR else assumed.lag
    for one in found.done:
        symbol, on = one.order.instrument.symbol, history.dates[one.row]
        if one.row - one.decided != waits:
            yield f"{name} filled {symbol} on {on}, {one.row - one.decided} sessions after its decision"
        price = float(prices[one.row, history.columns[one.order.instrument.conid]])
        if not abs(float(one.price) - price) <= 0.5001e-4:
            yield f"{name} filled {symbol} on {on} at {one.price}, which is not that session's price"
        if not _was_planned(found, one):
            yield f"{name} filled {symbol} on {on}, and no plan of {history.dates[one.decided]} had an order"
    if any(one.row == one.decided for one in found.done) and not found.assumptions.marks:
        yield f"{name} fills at the very close it decides on, and nothing marks it"


def _was_planned(found: Replayed, one: Done) -> bool:
    day = one.decided - found.first
    return 0 <= day < len(found.days) and found.days[day].orders > 0


def _yearly(found: Replayed) -> float:
    return float(np.prod(1 + found.returns) ** (YEAR / len(found.returns)) - 1)


def _times(base: Assumptions, multiple: int) -> Assumptions:
    """Costs that are none are taken for two basis points, or nothing could rise."""
    plan, points = base.commission, base.slippage_bps
    if plan == NO_COMMISSION and not points:
        points = Decimal(2)
    scaled = CommissionPlan(
        per_share=plan.per_share * multiple, least=plan.least * multiple, largest_share=plan.largest_share * multiple
    )
    return replace(base, commission=scaled, slippage_bps=points * multiple)


def _cost_of_trading(found: Replayed) -> float | None:
    """Of what was traded; None where nothing was."""
    values = (one.quantity * one.price * found.start.rate(one.order.instrument.currency) for one in found.done)
    traded = sum(values, Decimal(0))
    return float((found.costs.commission + found.costs.slippage) / traded) if traded else None


def _rise(costs: list[float]) -> bool:
    return abs(costs[0]) < 1e-6 and all(later > sooner for sooner, later in pairwise(costs))


def _break_even(subject: Subject, ladder: tuple[Replayed, ...]) -> str:
    """At which multiple of the costs it ends with what the starting book would have, in words."""
    name = ladder[0].policy.name
    hold = road(subject.history, subject.assumptions, subject.rows).buy_and_hold(subject.book).way(0.0)
    held = float(np.log1p(hold.returns).sum())
    ahead = [float(np.log1p(one.returns).sum()) - held for one in ladder]
    if ahead[0] <= 0:
        return f"{name} ends behind the starting book left alone even without costs"
    for sooner, later in zip(range(3), range(1, 4), strict=True):
        if ahead[later] <= 0:
            part = ahead[sooner] / (ahead[sooner] - ahead[later])
            at = MULTIPLES[sooner] + part * (MULTIPLES[later] - MULTIPLES[sooner])
            return f"{name} is level with the starting book left alone at {at:.1f} times the costs"
    return f"{name} ends before the starting book left alone at {MULTIPLES[-1]} times the costs, too"


def _words() -> str:
    return ", ".join(map(str, MULTIPLES))
