"""What no replay may show: an account that stays out of the market, plans that undo one another, halves of plans.

Days are counted in sessions from the first decision on. A word of what is broken begins with the promise's name.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.backtest.orders import Done
from app.backtest.replay import Replayed
from app.domain.market import Array
from app.domain.order import Side
from app.domain.plan import Action
from app.domain.policy import Policy
from app.domain.policy.fields import CASH
from app.domain.ruling import KillLevel

FIFTH, FIFTH_SESSIONS = 0.2, 126
HALF, HALF_SESSIONS = 0.5, 252
BACK, BACK_SESSIONS = 0.8, 126
REDUCING = 0.01
WEEK, MONTH = 5, 21
FIRST_SESSIONS = 10
# Sessions in which a book is worked off, the week after them, and the most turnover in that.
WINDOW, CLIFF = 40, 0.10


def wanted(policy: Policy) -> float:
    """What the policy's own targets invest in all; all but the reserve where it has none."""
    allocation = policy.allocation
    classes = sum(target for name, target in allocation.asset_classes.items() if name != CASH)
    named = sum(allocation.symbols.values()) + sum(allocation.sectors.values())
    return min(classes or named or 1.0, 1 - policy.risk_limits.min_cash_reserve)


def allowed(way: Replayed) -> Array:
    """The most that market and policy let be invested and the targets ask for, a fall aside. Shape: [D]."""
    return np.minimum([day.allowed for day in way.days], wanted(way.policy))


def trapped(way: Replayed) -> Iterator[str]:
    """The account stays below what it may and wants to hold."""
    most = allowed(way)
    for name, share, least in (("fifth", FIFTH, FIFTH_SESSIONS), ("half", HALF, HALF_SESSIONS)):
        start, length = longest(way.exposure < share * most - 1e-9)
        if length >= least:
            yield f"{name}: {length} sessions below {share:.0%} of what is allowed, from {way.dates[start]}"
    yield from _back(way, most)
    reducing = [number for number, day in enumerate(way.days) if day.level is not KillLevel.ACTIVE]
    if len(reducing) > max(WEEK, REDUCING * len(way.days)):
        yield f"reducing: {len(reducing)} of {len(way.days)} sessions, the first {way.dates[reducing[0]]}"
    yield from _ratchet(way)


def _back(way: Replayed, most: Array) -> Iterator[str]:
    reached = way.exposure >= BACK * most - 1e-9
    acted = [number for number, day in enumerate(way.days) if _acts(way, number)]
    for start in rebases(way):
        end = start + BACK_SESSIONS
        fell_anew = any(start < number <= end for number in acted)
        if end < len(way.days) and not fell_anew and not reached[start : end + 1].any():
            best = float((way.exposure[start : end + 1] / most[start : end + 1]).max())
            yield f"back: {best:.0%} of what is allowed at most, {BACK_SESSIONS} sessions after {way.dates[start]}"


def _ratchet(way: Replayed) -> Iterator[str]:
    acted = [number for number in range(len(way.days)) if _acts(way, number)]
    for one, other in pairwise(rebases(way)):
        if not any(one < number <= other for number in acted):
            yield f"ratchet: rebased on {way.dates[one]} and on {way.dates[other]} without a fall between"


def rebases(way: Replayed) -> list[int]:
    """Days from which falls are counted anew."""
    return [number for number, day in enumerate(way.days) if day.marked == way.dates[number]]


def _acts(way: Replayed, number: int) -> bool:
    recovery = way.days[number].recovery
    return recovery is not None and recovery.acted == way.dates[number]


def falls(way: Replayed) -> int:
    """Days on which the drawdown action acted."""
    return sum(_acts(way, number) for number in range(len(way.days)))


def longest(where: NDArray[np.bool_]) -> tuple[int, int]:
    """(start, length) of the longest run of days that are so."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], where.astype(np.int8), [0]))))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    if not len(lengths):
        return 0, 0
    most = int(lengths.argmax())
    return int(starts[most]), int(lengths[most])


def undone(way: Replayed) -> Iterator[str]:
    """Orders of choice that take back what was done shortly before, and purchases of what was just sold."""
    for orders in _by_name(way.done).values():
        newest: dict[Side, Done] = {}
        for one in orders:
            other = newest.get(Side.SELL if one.order.side is Side.BUY else Side.BUY)
            apart = one.decided - other.decided if other is not None else MONTH
            if other is not None and 0 < apart < MONTH and one.order.side is Side.BUY:
                yield f"rebought: {_told(way, other)}, {_told(way, one)}"
            if other is not None and 0 < apart <= WEEK and not one.order.mandatory:
                yield f"reversal: {_told(way, other)}, {_told(way, one)}"
            newest[one.order.side] = one


def _by_name(done: Sequence[Done]) -> dict[int, list[Done]]:
    found: defaultdict[int, list[Done]] = defaultdict(list)
    for one in sorted(done, key=lambda each: (each.decided, each.order.side is Side.BUY)):
        found[one.order.instrument.conid].append(one)
    return found


def _told(way: Replayed, one: Done) -> str:
    rules = "+".join(sorted(rule.value for rule in one.order.rules))
    order = one.order
    return (
        f"{order.side} {one.quantity} {order.instrument.symbol} on {way.history.dates[one.decided]} "
        f"({one.action}, {rules}{', mandatory' if order.mandatory else ''})"
    )


def halved(way: Replayed) -> Iterator[str]:
    """Plans whose sales pay for less than they bring: of a plan with two legs one is left."""
    for number, (on, day) in enumerate(zip(way.dates, way.days, strict=True)):
        over = day.sold - day.own - day.bought
        # In whole shares a sale is up to a share larger than what it pays for; fills have moved the value by then.
        share = 1.02 * float(np.nanmax(way.history.closes[way.first + number])) / way.nav[number + 1]
        if day.action in {Action.ROTATE, Action.REBALANCE} and over > share:
            own = f"{day.own:.2%} of it to be rid of"
            yield f"one leg: {day.action} on {on} sells {day.sold:.2%}, {own}, buys {day.bought:.2%}"


def turnover(way: Replayed) -> Array:
    """Half of purchases and sales, of NAV. Shape: [D]."""
    found = np.zeros(len(way.dates))
    for one in way.done:
        found[one.row - way.first] += float(one.quantity * one.paid)
    value: Array = found / way.nav[1:] / 2
    return value


def cliff(way: Replayed) -> Iterator[str]:
    """What is left of a book that was taken over is traded at once when its weeks are over; no cap moved then.

    What was worked off before trades for reasons of its own.
    """
    if len(way.days) < WINDOW + WEEK or way.days[WINDOW - 1].settled:
        return
    week = slice(WINDOW, WINDOW + WEEK)
    caps = {day.allowed for day in way.days[WINDOW - 2 : WINDOW + WEEK]}
    exits = sum(
        float(one.quantity * one.paid) / way.nav[1 + one.row - way.first] / 2
        for one in way.done
        if one.order.mandatory and WINDOW <= one.row - way.first < WINDOW + WEEK
    )
    share = float(turnover(way)[week].sum()) - exits
    if len(caps) == 1 and share > CLIFF:
        yield f"cliff: {share:.0%} of NAV in the week after the first {WINDOW} sessions, from {way.dates[WINDOW]}"


def idle(way: Replayed) -> Iterator[str]:
    """An account of money that in two weeks never was on most of its way to the day's targets."""
    aimed = np.array([day.aimed for day in way.days[:FIRST_SESSIONS]])
    reached = way.exposure[:FIRST_SESSIONS]
    if not (reached >= BACK * aimed - 1e-9).any():
        after = f"{FIRST_SESSIONS} sessions after {way.dates[0]}"
        yield f"idle: {reached[-1]:.0%} invested {after}, where targets ask for {aimed[-1]:.0%}"


def broken(way: Replayed, all_cash: bool = False) -> list[str]:
    """Every promise that the way does not keep."""
    found = [*trapped(way), *undone(way), *halved(way), *cliff(way)]
    return [*found, *idle(way)] if all_cash else found
