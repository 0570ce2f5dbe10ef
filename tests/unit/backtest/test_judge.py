"""A whole backtest on a small world: what it says is what the replay did, beside what it is compared with."""

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import pytest

from app.backtest.ablation import unguarded
from app.backtest.document import document
from app.backtest.history import History
from app.backtest.judge import Asked, backtest, names_of
from app.backtest.result import Backtest, Estimate, Judged
from app.backtest.statistics.activity import recovery_of, trips_of
from app.domain.errors import UsageError
from app.domain.policy import DrawdownAction, Policy
from tests.support.histories import FREE, book, history, holding, instrument
from tests.support.sample import default_policy
from tests.support.worlds import changed

NAMES = ("AAPL", "BAC", "CVX", "GE", "JNJ", "KO")
DAYS = 330


@cache
def small_world() -> History:
    """Six names that fall by a third from the 290th day on."""
    rng = np.random.default_rng(5)
    moves = rng.normal(0.0006, 0.012, (DAYS, len(NAMES)))
    moves[290:305] -= 0.028
    closes = np.round(50 * np.exp(np.cumsum(moves, axis=0)), 2)
    index = 1000 * np.exp(np.cumsum(moves.mean(axis=1)))
    columns = {name: closes[:, n].tolist() for n, name in enumerate(NAMES)}
    return history(columns, index=index, notes=("six made-up names",))


def policy(**changes: object) -> Policy:
    """The shipped one, with profits taken, and a drawdown limit that the small world reaches and sells for."""
    rules = changed(default_policy(), "risk_limits.max_drawdown", 0.05)
    rules = changed(rules, "exits.take_profit_sell", 0.25)
    return changed(rules, "exits.drawdown_action", DrawdownAction.REDUCE).model_copy(update=changes)


def asked(**changes: object) -> Asked:
    """The last 78 sessions of the small world, from an even book."""
    of = small_world()
    held = [holding(name, 500, f"{of.closes[251, n]:.4f}") for n, name in enumerate(NAMES)]
    whole = Asked((policy(),), of, book(of, "20000", *held, row=251), FREE, of.dates[252], of.dates[-1])
    return replace(whole, **changes)  # type: ignore[arg-type]


@cache
def judged() -> Backtest:
    """With everything in it."""
    return backtest(asked(without=True, trials=10))


def only() -> Judged:
    """Its one policy."""
    return judged().judged[0]


def test_every_statistic_has_its_interval_and_every_benchmark_its_paired_difference() -> None:
    one = only()
    lacking = {name for name, estimate in one.statistics.items() if estimate.low is None}
    assert lacking <= {"kupiec_p", "deflated_sharpe", "win_rate", "calmar", "sortino"}
    assert [other.name for other in one.benchmarks] == [
        "buy_and_hold", "equal_weight", "index", "unguarded", "same_exposure", "same_targets"
    ]  # fmt: skip
    for other in one.benchmarks:
        own, its = one.statistics["cagr"].value, other.statistics["cagr"].value
        assert own is not None
        assert its is not None
        assert other.differences["cagr"].value == pytest.approx(own - its)
        assert other.differences["max_drawdown"].low is not None


def test_a_policy_that_may_order_nothing_is_buy_and_hold() -> None:
    """The benchmark's arithmetic against the paper account's."""
    universe = default_policy().universe.model_copy(
        update={"restricted": NAMES, "symbols": (*NAMES, "MSFT"), "sectors": ("Utilities",)}
    )
    still = policy(universe=universe)
    with pytest.raises(UsageError, match="none of the names"):
        backtest(asked(policies=(still,)))
    mixed = replace(small_world(), instruments=tuple(map(instrument, (*NAMES[:5], "MSFT"))))
    start = book(mixed, "20000", *(holding(name, 500, "50") for name in NAMES[:5]), row=251)
    found = backtest(asked(policies=(still,), history=mixed, book=start)).judged[0]
    assert found.replayed.done == ()
    hold = found.benchmark("buy_and_hold")
    assert hold is not None
    assert hold.nav == pytest.approx(found.replayed.nav, rel=1e-12)


def test_what_a_rule_earned_is_the_difference_to_a_run_without_it() -> None:
    one = only()
    assert {"CUT_LOSERS", "REBALANCE", "stop_loss", "drawdown_action"} <= set(one.without)
    fall = one.without["drawdown_action"]["max_drawdown"]
    assert fall.value is not None
    assert isinstance(one.without["take_profit"]["cagr"], Estimate)


def test_the_claim_is_held_against_what_was_found_and_never_rounded_up() -> None:
    claims = only().claims
    against = claims["drawdown_30_percent_less"]["against"]
    assert isinstance(against, dict)
    assert set(against) == {"unguarded", "buy_and_hold"}
    told = against["buy_and_hold"]
    hold = only().benchmark("buy_and_hold")
    assert hold is not None
    own, its = only().statistics["max_drawdown"].value, hold.statistics["max_drawdown"].value
    assert own is not None
    assert its is not None
    assert told["less"].value == pytest.approx(1 - own / its)
    assert told["wealth_given_up"].value == pytest.approx(1 - only().replayed.nav[-1] / hold.nav[-1])
    assert claims["sentiment_20_percent_fewer_false_positives"]["verdict"] == "not shown here"


def test_actions_and_rules_count_what_was_done() -> None:
    one = only()
    assert sum(int(str(row["days"])) for row in one.actions.values()) == len(one.replayed.days)
    assert sum(int(str(row["orders"])) for row in one.actions.values()) == len(one.replayed.done)
    paid = sum(float(str(row["slippage"])) for row in one.actions.values())
    assert paid == 0.0, "nothing was assumed to slip"


def test_round_trips_count_the_starting_book_as_bought_at_its_cost() -> None:
    one = only().replayed
    trips = trips_of(one)
    sold = {done.order.instrument.conid for done in one.done if done.order.side == "SELL"}
    assert sold
    assert {trip.conid for trip in trips} <= sold
    assert all(trip.profit is not None for trip in trips)
    first = min(trips, key=lambda trip: trip.closed)
    assert first.opened == one.history.dates[one.first - 1]


def test_the_way_back_is_told_in_sessions_rebases_and_its_lowest_cap() -> None:
    one = only().replayed
    began = next(n for n, day in enumerate(one.days) if day.recovery is not None)
    nav = one.nav
    assert 1 - nav[began] / nav[: began + 1].max() >= one.policy.risk_limits.max_drawdown - 0.01
    found = recovery_of(one)
    assert found["sessions"] == sum(day.recovery is not None for day in one.days)
    assert found["rebases"] == len({day.recovery.rebased for day in one.days if day.recovery} - {None})
    first, last = one.days[began].recovery, one.days[-1].recovery
    assert first is not None
    assert last is not None
    assert found["cap"] == last.left < first.left, "it fell on"
    free = only().benchmark("unguarded")
    assert free is not None
    assert free.replayed is not None
    assert recovery_of(free.replayed) == {"sessions": 0, "rebases": 0, "cap": None}
    assert free.replayed.policy == unguarded(one.policy)


def test_names_that_the_data_lacks_are_said() -> None:
    lacks = [line for line in judged().assumptions if "lacks" in line]
    assert len(lacks) == 1
    assert "14 names of policy moderate" in lacks[0]
    assert names_of(policy(), small_world()) == NAMES
    assert "six made-up names" in judged().assumptions


def test_the_deflated_ratio_is_told_where_several_were_tried_and_only_there() -> None:
    assert only().statistics["deflated_sharpe"].value is not None
    alone = backtest(asked(last=small_world().dates[270]))
    assert "deflated_sharpe" not in alone.judged[0].statistics
    assert alone.judged[0].statistics["sharpe"].low is None, "19 sessions bear no interval"


def test_next_to_cash_is_marked_and_in_sample_days_are_told() -> None:
    of = small_world()
    still = default_policy().model_copy(
        update={"risk_limits": default_policy().risk_limits.model_copy(update={"max_exposure": 0.0})}
    )
    found = backtest(asked(policies=(still,), book=book(of, "20000", row=251), in_sample_until=date(2021, 1, 5)))
    assert found.marks[0].startswith("in sample until 2021-01-05")
    assert found.marks[1].startswith("NEAR CASH: moderate")
    assert found.judged[0].statistics["sharpe"].value is None


def test_values_that_nobody_knew_are_marked_and_are_no_loss() -> None:
    of = small_world()
    closes = of.closes.copy()
    closes[256:270, 0] = np.nan
    found = backtest(asked(history=replace(of, closes=closes), last=of.dates[266]))
    assert found.marks[0].startswith("NAV leaves out holdings that nobody knew the value of")
    hold = found.judged[0].benchmark("buy_and_hold")
    assert hold is not None
    assert min(np.diff(hold.nav) / hold.nav[:-1]) < -0.1, "the money is out of sight"
    fall = hold.statistics["max_drawdown"].value
    assert fall is not None
    assert fall < 0.1, "and not lost"


def test_the_document_has_the_contracts_fields_and_only_json() -> None:
    told = document(judged())
    assert list(told) >= ["schema_version"]
    (one,) = told["policies"]
    assert {
        "name", "hash", "statistics", "benchmarks", "exposure", "levels", "recovery", "actions", "orders",
        "decisions_digest",
    } <= set(one)  # fmt: skip
    assert set(one["exposure"]) == {"mean", "sessions_below_20pct"}
    assert set(one["levels"]) == {"ACTIVE", "REDUCING", "HALTED"}
    assert sum(one["levels"].values()) == pytest.approx(1)
    assert set(one["statistics"]["sharpe"]) == {"value", "low", "high"}
    assert {"assumptions", "data", "checks", "marks", "trials", "seed"} <= set(told)
    assert_json(told)


def assert_json(value: object) -> None:
    """Nothing that a program could not read: no NaN, no date, no tuple of ours."""
    if isinstance(value, dict):
        assert all(type(key) is str for key in value)
        for one in value.values():
            assert_json(one)
    elif isinstance(value, list):
        for one in value:
            assert_json(one)
    else:
        assert value is None or type(value) in {str, int, bool} or (type(value) is float and np.isfinite(value))
