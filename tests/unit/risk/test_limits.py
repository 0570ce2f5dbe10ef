"""Limits at their edges: zero, nothing held, a balance of nothing, a day without a past."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from app.decision import plans
from app.domain.evaluation import Severity
from app.domain.navs import NavKind, NavPoint
from app.domain.plan import NO_MEMORY
from app.domain.portfolio import CashBalance
from app.domain.unmanaged import UnmanagedHolding
from app.risk import limits
from tests.support.worlds import (
    LENGTH,
    NAMES,
    TODAY,
    buy,
    conid,
    evaluate,
    even,
    market,
    navs,
    policy,
    portfolio,
    rule_on,
    with_history,
)


@pytest.mark.parametrize("floor", [True, False])
def test_nothing_meets_a_limit_of_nothing(floor: bool) -> None:
    assert limits.severity(0.0, 0.0, floor) is Severity.LOW
    assert limits.severity(-0.01 if floor else 0.01, 0.0, floor) is Severity.CRITICAL


def test_what_is_listed_with_no_share_ties_no_names_together() -> None:
    """AA and BB have little in common, and CC half of each."""
    steps = np.random.default_rng(3).normal(0, 0.01, (2, LENGTH))
    mixed = np.exp(np.cumsum(np.vstack([steps, steps.sum(axis=0)]), axis=1))
    on = with_history(
        market(), {name: 100 * path / path[-1] for name, path in zip(("AA", "BB", "CC"), mixed, strict=True)}
    )
    rules = policy(risk_limits__correlation=0.5)
    held = evaluate(rules, portfolio({"AA": 100, "BB": 100, "CC": 1}, 50000), on).metric("correlated_cluster")
    listed = evaluate(rules, portfolio({"AA": 100, "BB": 100, "CC": 0}, 50000), on).metric("correlated_cluster")
    assert held.value == pytest.approx(20100 / 70100)
    assert listed.value == 0


def test_a_balance_of_nothing_is_no_negative_one() -> None:
    cash = (CashBalance("EUR", Decimal(0), Decimal(0)), CashBalance("USD", Decimal(20000), Decimal(20000)))
    assert evaluate(policy(), replace(even(), cash=cash)).metric("cash_reserve").severity is Severity.LOW


def test_the_loss_of_the_day_is_from_the_session_before_though_a_value_of_today_is_there() -> None:
    (before,) = navs(110000)
    now = NavPoint(TODAY, NavKind.CLOSE, Decimal(100000), index=before.index * 10 / 11, peak=1.0)
    found = evaluate(policy(), even(), history=(before, now)).metric("daily_loss")
    assert found.value == pytest.approx(1 / 11)


def test_without_any_price_history_the_loss_of_the_day_is_from_the_last_value() -> None:
    blind = replace(market(), index=None, history={})
    found = evaluate(policy(), even(), blind, history=navs(110000)).metric("daily_loss")
    assert found.value == pytest.approx(1 / 11)


@pytest.mark.parametrize(("shares", "worst"), [(100, "JJ"), (0, "AA")])
def test_a_name_whose_limit_is_nothing_is_the_worst_as_soon_as_it_is_held(shares: int, worst: str) -> None:
    rules = policy(universe__diversified_funds=("JJ",), risk_limits__max_diversified_fund=0.0)
    metric = evaluate(rules, portfolio({"AA": 100, "JJ": shares}, 80000)).metric("max_position")
    assert metric.note == worst
    assert (metric.severity is Severity.CRITICAL) is (worst == "JJ")


def test_a_measurement_without_a_remark_has_none() -> None:
    assert evaluate(policy(), even()).metric("es_95").note is None


def line(symbol: str, value: int, exposure: int) -> UnmanagedHolding:
    number = conid(symbol) if symbol in NAMES else None
    return UnmanagedHolding(symbol, "OPT", "an option", number, "USD", Decimal(1), Decimal(value), Decimal(exposure))


def test_what_is_not_managed_counts_in_exposure_and_bars_buys_but_sells_nothing() -> None:
    """80,000 in names, 20,000 in cash, and a future that moves 60,000."""
    heavy = replace(even(), unmanaged=(line("XA", 0, 60000),))
    found = evaluate(policy(risk_limits__max_exposure=0.9), heavy)
    assert found.exposure == pytest.approx(1.4)
    assert found.metric("exposure").severity is Severity.CRITICAL
    assert found.exits_due == ()
    ruling = rule_on((buy("II", 10),), policy(risk_limits__max_exposure=0.9), heavy)
    assert [refusal.rule for refusal in ruling.refusals] == ["exposure"]
    rules = policy(risk_limits__max_exposure=0.9)
    assert [plan.orders for plan in plans(rules, heavy, market(), evaluate(rules, heavy), NO_MEMORY)] == [()]


def test_what_another_model_holds_of_a_name_counts_into_its_position_limit() -> None:
    account = replace(even(), unmanaged=(line("AA", 8000, 8000),))
    metric = evaluate(policy(), account).metric("max_position")
    assert metric.note == "AA"
    assert metric.value == pytest.approx(18000 / 108000)
    ruling = rule_on((buy("AA", 1),), account=account)
    assert "max_position" in {refusal.rule for refusal in ruling.refusals}


def test_statistics_say_what_share_of_the_account_they_cover() -> None:
    account = replace(even(), unmanaged=(line("XA", 20000, 20000),))
    metric = evaluate(policy(), account).metric("annual_volatility")
    assert metric.note == "covers 66.7% of NAV; exposure of 16.7% is not managed"
