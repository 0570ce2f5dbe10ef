"""What an account did on its way, counted: trades, costs and round trips through splits, mergers and endings."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from app.backtest.happenings import Entry, EntryKind
from app.backtest.history import Adjustment, Ending, History, Split
from app.backtest.orders import Done
from app.backtest.replay import METRICS, DayOutcome, Replayed
from app.backtest.statistics.activity import actions_of, kupiec_of, ratios_of, rules_of, trips_of
from app.backtest.statistics.figures import Way, figures
from app.domain.order import Order, OrderRule, Side
from app.domain.plan import Action
from app.domain.ruling import KillLevel
from tests.support.histories import FREE, book, history, holding, instrument
from tests.support.sample import default_policy

AAA, BBB = instrument("AAA"), instrument("BBB")


def done(row: int, side: Side, quantity: int, price: str, *, fee: str = "0", paid: str | None = None) -> Done:
    """An execution of AAA, asked for by the stop where it is a sale."""
    rules = (OrderRule.STOP_LOSS,) if side is Side.SELL else (OrderRule.REBALANCE,)
    order = Order(AAA, side, Decimal(quantity), Decimal(price), "", rules=rules)
    action = Action.HOLD if side is Side.SELL else Action.REBALANCE
    bought = Decimal(paid or price)
    return Done(order, action, row - 1, row, Decimal(quantity), Decimal(price), bought, Decimal(fee))


def replayed(of: History, *executions: Done, held: int = 0, **parts: object) -> Replayed:
    """From the second row on, worth 1,000 at each close and half of it invested, ten shares of AAA at the start."""
    days = len(of.dates) - 1
    levels = [KillLevel.ACTIVE, KillLevel.REDUCING, *[KillLevel.ACTIVE] * days]
    whole = Replayed(
        policy=default_policy(),
        history=of,
        assumptions=FREE,
        start=book(of, "900", holding("AAA", 10, "10")),
        end=book(of, "900", holding("AAA", held, "10")),
        dates=of.dates[1:],
        first=1,
        nav=np.full(days + 1, 1000.0),
        cash=np.full(days + 1, 500.0),
        invested=np.full(days + 1, 500.0),
        days=tuple(DayOutcome(Action.HOLD, "p", 0, levels[n]) for n in range(days)),
        done=executions,
    )
    return replace(whole, **parts)  # type: ignore[arg-type]


FLAT = history({"AAA": [10, 10, 10, 10, 10]})


def told(one: Replayed) -> dict[str, float | None]:
    """Its figures."""
    return figures(Way(one.returns, 0.0, ratios_of(one)))


def test_turnover_and_costs_are_of_fills_and_a_year() -> None:
    one = replayed(
        FLAT, done(1, Side.SELL, 10, "10", fee="1", paid="9.99"), done(3, Side.BUY, 10, "10", fee="2", paid="10.02")
    )
    found = told(one)
    assert found["turnover"] == pytest.approx((100 + 100) / 2 / 1000 / 4 * 252)
    assert found["commission"] == pytest.approx(3 / 4000 * 252)
    assert found["slippage"] == pytest.approx((0.1 + 0.2) / 4000 * 252)
    assert found["costs"] == pytest.approx(3.3 / 4000 * 252)


def test_levels_and_exposure_are_counted_by_sessions() -> None:
    found = told(replayed(FLAT))
    assert (found["days_active"], found["days_reducing"], found["days_halted"]) == (0.75, 0.25, 0)
    assert found["exposure_mean"] == 0.5
    assert found["sessions_below_20pct"] == 0
    out = told(replayed(FLAT, invested=np.array([500.0, 100, 100, 500, 500])))
    assert out["sessions_below_20pct"] == 2


def test_a_sale_of_the_starting_book_wins_over_its_cost_after_fees() -> None:
    assert told(replayed(FLAT, done(2, Side.SELL, 10, "10.5", fee="1")))["win_rate"] == 1
    assert told(replayed(FLAT, done(2, Side.SELL, 10, "10.05", fee="1")))["win_rate"] == 0
    assert told(replayed(FLAT, done(2, Side.SELL, 4, "10.5"), held=6))["win_rate"] is None, "not closed yet"


def test_a_split_is_no_sale_and_costs_are_counted_in_new_shares() -> None:
    plain = history({"AAA": [10, 10, 5, 5, 5]}, adjustment=Adjustment.NONE)
    of = replace(plain, happenings=(Split(AAA.conid, plain.dates[2], plain.dates[2], Decimal(2)),))
    entry = Entry(2, EntryKind.SPLIT, "USD", Decimal(0), AAA.conid, Decimal(10))
    (trip,) = trips_of(replayed(of, done(3, Side.SELL, 20, "5.5", fee="1"), entries=(entry,)))
    assert (trip.quantity, trip.profit) == (Decimal(20), Decimal(9))


def test_a_name_that_became_worthless_is_a_trade_that_lost() -> None:
    plain = history({"AAA": [10, 10, None, None, None]})
    of = replace(plain, happenings=(Ending(AAA.conid, plain.dates[2], plain.dates[2]),))
    entry = Entry(2, EntryKind.ENDING, "USD", Decimal(0), AAA.conid, Decimal(-10))
    one = replayed(of, entries=(entry,))
    assert [trip.profit for trip in trips_of(one)] == [-100]
    assert told(one)["win_rate"] == 0


def test_a_merger_is_no_sale_and_its_cash_lowers_the_cost() -> None:
    plain = history({"AAA": [10, 10, None, None, None], "BBB": [4, 4, 4, 4, 4]})
    merged = Ending(AAA.conid, plain.dates[2], plain.dates[2], cash=Decimal(2), into=BBB.conid, ratio=Decimal(2))
    entry = Entry(2, EntryKind.ENDING, "USD", Decimal(20), AAA.conid, Decimal(-10))
    order = replace(done(3, Side.SELL, 20, "5").order, instrument=BBB)
    sale = replace(done(3, Side.SELL, 20, "5"), order=order)
    (trip,) = trips_of(replayed(replace(plain, happenings=(merged,)), sale, entries=(entry,)))
    assert (trip.conid, trip.profit) == (BBB.conid, Decimal(20 * (5 - 4)))


def test_losses_beyond_yesterdays_value_at_risk_are_counted_of_the_days_that_had_one() -> None:
    metrics = np.full((4, len(METRICS)), np.nan)
    metrics[:3, METRICS.index("var_95_1d")] = [0.02, 0.02, 0.5]
    one = replayed(FLAT, nav=np.array([1000.0, 900, 890, 700, 650]), metrics=metrics)
    found = told(one)
    assert found["var_exceedances"] == pytest.approx(1 / 3), (
        "-1.1 % is within 2 %, -21 % is not; the first day had none"
    )
    assert kupiec_of(one) == pytest.approx(0.1231, abs=1e-4)
    assert kupiec_of(replayed(FLAT)) is None


def test_each_action_and_rule_has_its_orders_and_costs() -> None:
    one = replayed(FLAT, done(1, Side.SELL, 10, "10", fee="1"), done(3, Side.BUY, 5, "10", fee="2"))
    assert actions_of(one)["HOLD"] == {
        "days": 4, "orders": 1, "bought": 0.0, "sold": 100.0, "commission": 1.0, "slippage": 0.0, "exits_only_days": 0
    }  # fmt: skip
    assert actions_of(one)["REBALANCE"]["days"] == 0
    assert rules_of(one)["rebalance"]["bought"] == 50.0
    assert list(rules_of(one)) == ["rebalance", "stop_loss"]
