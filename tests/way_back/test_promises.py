"""Each promise is broken by a way that was made to break it, and by nothing less."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from app.backtest.assumptions import Assumptions
from app.backtest.books import cash_book
from app.backtest.orders import Done
from app.backtest.replay import DayOutcome, Replayed
from app.backtest.synthetic.draw import draw
from app.domain.order import Order, OrderRule, Side
from app.domain.plan import Action
from app.domain.recovery import Recovery
from app.domain.ruling import KillLevel
from tests.way_back.promises import broken, trapped, wanted
from tests.way_back.worlds import policy_named

HISTORY = draw("sideways", 0)
FIRST, DAYS = 300, 400
QUIET = DayOutcome(Action.HOLD, "p", 0, KillLevel.ACTIVE, allowed=0.9, aimed=0.85)
MOST = min(0.9, wanted(policy_named("moderate")))
Change = Callable[[int], float]


def way(
    exposure: Change = lambda day: MOST,
    outcome: Callable[[int], DayOutcome] = lambda day: QUIET,
    done: tuple[Done, ...] = (),
) -> Replayed:
    """An account of 100,000 whose exposure and days are as they are said to be."""
    nav = np.full(DAYS + 1, 100_000.0)
    invested = np.array([exposure(day - 1) for day in range(DAYS + 1)]) * nav
    book = cash_book(HISTORY, FIRST - 1, Decimal(100_000))
    return Replayed(
        policy=policy_named("moderate"),
        history=HISTORY,
        assumptions=Assumptions(),
        start=book,
        end=book,
        dates=HISTORY.dates[FIRST : FIRST + DAYS],
        first=FIRST,
        nav=nav,
        cash=nav - invested,
        invested=invested,
        days=tuple(outcome(day) for day in range(DAYS)),
        done=done,
    )


def names(of: Replayed, **given: bool) -> list[str]:
    """Of the promises that are broken."""
    return sorted({text.split(":")[0] for text in broken(of, **given)})


def low(share: float, sessions: int) -> Change:
    """Below what is allowed from the fiftieth day on."""
    return lambda day: share * MOST if 50 <= day < 50 + sessions else MOST


def fallen(acted: int, rebased: int | None = None) -> Callable[[int], DayOutcome]:
    """On the way back from a fall, marks rebased on the day."""

    def of(day: int) -> DayOutcome:
        marked = on(rebased) if rebased is not None and day >= rebased else None
        recovery = Recovery(on(acted), on(acted), 0.2, 0.1, 0.8, marked) if day >= acted else None
        return replace(QUIET, recovery=recovery, marked=marked)

    return of


def on(day: int) -> date:
    """Of the way."""
    return HISTORY.dates[FIRST + day]


def order(day: int, side: Side, mandatory: bool = False, quantity: int = 10) -> Done:
    """Decided that day in the first name."""
    price = Decimal(100)
    wanted_ = Order(
        HISTORY.instruments[0], side, Decimal(quantity), price, "for the test",
        mandatory=mandatory, rules=(OrderRule.STOP_LOSS if mandatory else OrderRule.REBALANCE,),
    )  # fmt: skip
    row = FIRST + day
    return Done(wanted_, Action.REBALANCE, row, row + 1, Decimal(quantity), price, price, Decimal(1))


def test_an_account_that_is_where_it_may_be_breaks_nothing() -> None:
    assert names(way(), all_cash=True) == []


@pytest.mark.parametrize(
    ("share", "sessions", "found"),
    [(0.19, 125, []), (0.19, 126, ["fifth"]), (0.21, 251, []), (0.49, 251, []), (0.49, 252, ["half"])],
)
def test_a_long_time_outside_of_the_market_is_a_trap(share: float, sessions: int, found: list[str]) -> None:
    assert names(way(low(share, sessions))) == found


def test_what_the_market_forbids_is_no_trap() -> None:
    bear = replace(QUIET, allowed=0.1)
    assert names(way(lambda day: 0.1, lambda day: bear)) == []


def test_who_is_not_back_after_half_a_year_is_trapped_unless_it_falls_anew() -> None:
    back = fallen(20, 60)
    assert names(way(lambda day: MOST if day < 20 else 0.7 * MOST, back)) == ["back"]
    assert names(way(lambda day: MOST if day < 20 or day == 60 + 126 else 0.7 * MOST, back)) == []
    again = Recovery(on(90), on(90), 0.2, 0.1, 0.8)

    def falls_anew(day: int) -> DayOutcome:
        return replace(back(day), recovery=again) if day >= 90 else back(day)

    assert names(way(lambda day: MOST if day < 20 else 0.7 * MOST, falls_anew)) == []


def test_a_mark_that_is_moved_twice_without_a_fall_is_a_ratchet() -> None:
    def twice(day: int) -> DayOutcome:
        return replace(fallen(20, 60)(day), marked=on(200)) if day >= 200 else fallen(20, 60)(day)

    assert names(way(outcome=twice)) == ["ratchet"]
    assert names(way(outcome=fallen(20, 60))) == []


def test_more_than_a_hundredth_of_the_sessions_and_a_week_with_nothing_but_exits_is_a_trap() -> None:
    def reducing(days: int) -> Callable[[int], DayOutcome]:
        return lambda day: replace(QUIET, level=KillLevel.REDUCING) if day < days else QUIET

    assert list(trapped(way(outcome=reducing(5)))) == []
    assert names(way(outcome=reducing(6))) == ["reducing"]


@pytest.mark.parametrize(
    ("first", "then", "found"),
    [
        (order(100, Side.BUY), order(105, Side.SELL), ["reversal"]),
        (order(100, Side.BUY), order(106, Side.SELL), []),
        (order(100, Side.BUY), order(102, Side.SELL, mandatory=True), []),
        (order(100, Side.SELL, mandatory=True), order(103, Side.BUY), ["rebought", "reversal"]),
        (order(100, Side.SELL), order(120, Side.BUY), ["rebought"]),
        (order(100, Side.SELL), order(121, Side.BUY), []),
    ],
)
def test_what_takes_back_what_was_just_done_is_told(first: Done, then: Done, found: list[str]) -> None:
    assert names(way(done=(first, then))) == found


@pytest.mark.parametrize(("own", "bought", "found"), [(0.0, 0.0, ["one leg"]), (0.0, 0.1, []), (0.1, 0.0, [])])
def test_a_sale_that_pays_for_nothing_is_half_a_plan(own: float, bought: float, found: list[str]) -> None:
    plan = replace(QUIET, action=Action.REBALANCE, sold=0.1, own=own, bought=bought)
    assert names(way(outcome=lambda day: plan if day == 70 else QUIET)) == found


def test_money_that_lies_idle_after_two_weeks_is_told() -> None:
    late = way(lambda day: 0.0 if day < 10 else MOST)
    assert names(late) == []
    assert names(late, all_cash=True) == ["idle"]


def test_a_week_after_the_first_weeks_that_trades_the_rest_is_a_cliff() -> None:
    large, small = order(41, Side.SELL, quantity=210), order(41, Side.SELL, quantity=190)
    assert names(way(done=(large,))) == ["cliff"]
    assert names(way(done=(small,))) == []
    assert names(way(done=(replace(large, order=replace(large.order, mandatory=True)),))) == []
    settled = replace(QUIET, settled=True)
    assert names(way(outcome=lambda day: settled, done=(large,))) == []
