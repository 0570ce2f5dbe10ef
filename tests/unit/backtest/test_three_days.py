"""Three days worked out by hand, to the cent: a stop, a dividend, a commission, and slippage of ten basis points.

The account is taken over the day before, on which nothing moves.

The account at the close before the first day:

    100 AA, bought at 100.00, close 100.00       10,000.00
    200 BB, bought at  25.00, close  25.00        5,000.00
    cash                                         85,000.00
    NAV                                         100,000.00

Day 1: AA closes at 80.00, BB at 25.20; nothing is under way.

    NAV = 100 x 80.00 + 200 x 25.20 + 85,000.00 = 98,040.00
    AA stands 20 % below its cost and the stop is at 15 %: all 100 are to be sold.

Day 2: BB pays 0.30 a share as the session opens; AA closes at 78.00, BB at 25.10.

    dividend      200 x 0.30                         60.00
    sale          100 x 78.00 x (1 - 0.0010)      7,792.20
    commission    max(100 x 0.005, 1.00)              1.00
    cash          85,000.00 + 60.00 + 7,792.20 - 1.00 = 92,851.20
    NAV           92,851.20 + 200 x 25.10         97,871.20

Day 3: BB closes at 25.50; nothing is under way.

    NAV           92,851.20 + 200 x 25.50         97,951.20
"""

from decimal import Decimal

import pytest

from app.backtest.assumptions import Assumptions
from app.backtest.history import Dividend, History
from app.backtest.replay import WARM_UP, Replayed, replay
from app.domain.order import OrderRule, Side
from app.domain.policy import Policy
from tests.support.histories import book, history, holding, instrument, sessions
from tests.support.worlds import policy

DAYS = sessions(WARM_UP + 4)
COSTS = Assumptions(slippage_bps=Decimal(10))


def only_exits() -> Policy:
    names = ("reinforce_winners", "sector_rotation", "cut_losers", "rebalance")
    return policy(**{f"strategies__{name}__enabled": False for name in names})


def three_days() -> History:
    # Before them each price moves a little and comes back, for there must be something to measure.
    before = {"AA": [99.0, 100.0] * (WARM_UP // 2), "BB": [25.25, 25.0] * (WARM_UP // 2)}
    dividend = Dividend(instrument("BB").conid, DAYS[-2], DAYS[-2], Decimal("0.30"))
    return history(
        {"AA": [*before["AA"], 100.0, 80.0, 78.0, 79.0], "BB": [*before["BB"], 25.0, 25.2, 25.1, 25.5]}, happenings=[dividend]
    )


@pytest.fixture(scope="module")
def replayed() -> Replayed:
    small = three_days()
    start = book(small, "85000", holding("AA", 100, "100"), holding("BB", 200, "25"), row=WARM_UP - 1)
    (found,) = replay([only_exits()], small, start, COSTS, DAYS[-4], DAYS[-1])
    return found


def test_the_value_of_each_close_is_what_the_hand_says(replayed: Replayed) -> None:
    assert replayed.nav.tolist() == [100000.00, 100000.00, 98040.00, 97871.20, 97951.20]
    assert replayed.cash.tolist() == [85000.00, 85000.00, 85000.00, 92851.20, 92851.20]
    assert replayed.invested.tolist() == pytest.approx([15000, 15000, 13040, 5020, 5100], abs=1e-9)
    assert replayed.end.cash_in("USD") == Decimal("92851.20")
    assert [one.price for one in replayed.end.holdings if one.quantity] == [Decimal("25.50")]


def test_the_stop_is_the_one_order_and_it_filled_a_day_after_it_was_decided(replayed: Replayed) -> None:
    (done,) = replayed.done
    assert (done.order.side, done.order.rules) == (Side.SELL, (OrderRule.STOP_LOSS,))
    assert (done.decided, done.row) == (WARM_UP + 1, WARM_UP + 2)
    assert [done.quantity, done.price, done.paid, done.commission] == [
        Decimal(100), Decimal(78), Decimal("77.922"), Decimal(1),
    ]  # fmt: skip
    assert [day.orders for day in replayed.days] == [0, 1, 0, 0]
    assert replayed.lapsed == ()


def test_costs_and_dividends_are_told_apart(replayed: Replayed) -> None:
    assert [replayed.costs.commission, replayed.costs.slippage] == [Decimal("1.00"), Decimal("7.80")]
    assert [replayed.dividends, replayed.interest] == [Decimal("60.00"), Decimal(0)]


def test_positions_by_day_follow_from_the_start_and_what_was_booked(replayed: Replayed) -> None:
    assert replayed.quantities.tolist() == [[100, 200], [100, 200], [100, 200], [0, 200], [0, 200]]


def test_returns_and_exposure_count_the_first_day_and_what_was_filled(replayed: Replayed) -> None:
    assert replayed.returns.tolist() == pytest.approx([0, -0.0196, 97871.20 / 98040 - 1, 80 / 97871.20], abs=1e-15)
    assert replayed.exposure.tolist() == pytest.approx([0.15, 13040 / 98040, 5020 / 97871.20, 5100 / 97951.20], abs=1e-12)
    assert replayed.marks == ()
