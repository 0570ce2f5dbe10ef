"""Distances from targets that can be reached."""

import pytest

from app.domain.evaluation import Drift
from app.domain.market import VixReading
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio
from tests.support.worlds import NAMES, SECTORS, TODAY, conid, evaluate, even, market, policy, portfolio


def drifts(rules: Policy, account: Portfolio, kind: str, **more: object) -> dict[str, Drift]:
    found = evaluate(rules, account, **more).drifts  # type: ignore[arg-type]  # keyword arguments of evaluate
    return {drift.name: drift for drift in found if drift.kind == kind}


def test_without_sector_targets_what_may_be_invested_is_spread_over_the_names_held() -> None:
    found = drifts(policy(), even(), "name")
    # Two points above the reserve of a tenth.
    assert [d.attainable for d in found.values()] == pytest.approx([0.88 / 8] * 8)
    assert found["AA"].difference == pytest.approx(0.1 - 0.88 / 8)


def test_a_class_target_is_what_is_spread_and_the_position_limit_bounds_it() -> None:
    rules = policy(allocation__asset_classes={"STK": 0.6, "CASH": 0.4})
    assert drifts(rules, even(), "name")["AA"].attainable == pytest.approx(0.6 / 8)
    assert drifts(rules, even(), "asset_class")["STK"].difference == pytest.approx(0.2)
    few = policy(allocation__asset_classes={"STK": 0.6, "CASH": 0.4}, universe__symbols=("AA", "BB", "CC"))
    # A position ends at 0.92 of its limit, so that a day's drift makes no breach of it.
    assert drifts(few, portfolio({"AA": 100}, 90000), "name")["AA"].attainable == pytest.approx(0.92 * 0.15)


def test_sector_targets_are_measured_by_sector_and_a_held_sector_without_one_has_target_zero() -> None:
    found = drifts(policy(allocation__sectors={"Energy": 0.3, "Financials": 0.3}), even(), "sector")
    assert {name: round(d.difference, 9) for name, d in found.items()} == {
        "Energy": 0.1,
        "Financials": 0.0,
        "Health Care": 0.1,
    }
    assert drifts(policy(allocation__sectors={"Energy": 0.3}), even(), "name") == {}


def test_targets_scale_down_together_under_a_tighter_exposure() -> None:
    rules = policy(allocation__sectors={"Energy": 0.4, "Financials": 0.4})
    found = drifts(rules, even(), "sector", on=market(vix=VixReading(40, TODAY, "test")))
    assert [found[name].attainable for name in ("Energy", "Financials")] == pytest.approx([0.295, 0.295])


def test_a_sector_that_nobody_can_buy_is_reported_and_makes_no_drift() -> None:
    rules = policy(allocation__sectors={"Utilities": 0.3, "Energy": 0.3})
    found = drifts(rules, even(), "sector")["Utilities"]
    assert (found.weight, found.target, found.difference) == (0, 0.3, 0)


def test_a_sector_target_is_bounded_by_its_names_and_its_limit() -> None:
    rules = policy(allocation__sectors={"Health Care": 0.5})
    assert drifts(rules, even(), "sector")["Health Care"].attainable == pytest.approx(2 * 0.92 * 0.15)
    wide = policy(allocation__sectors={"Energy": 0.6}, risk_limits__max_position=0.5)
    assert drifts(wide, even(), "sector")["Energy"].attainable == pytest.approx(0.92 * 0.4)


def test_what_must_not_be_sold_stays_in_the_target() -> None:
    rules = policy(allocation__sectors={"Energy": 0.05})
    stuck = market(untradable={conid(s): "quarantined" for s in ("AA", "BB")})
    assert drifts(rules, even(), "sector", on=stuck)["Energy"].attainable == pytest.approx(0.2)


def test_a_diversified_fund_answers_to_its_class_and_to_no_sector() -> None:
    rules = policy(universe__diversified_funds=("AA",), allocation__sectors={"Energy": 0.3})
    assert "AA" not in drifts(rules, even(), "sector")


def test_a_sector_that_is_held_and_that_nobody_may_buy_makes_no_drift() -> None:
    others = tuple(name for name in NAMES if SECTORS[name] != "Energy")
    rules = policy(universe__symbols=others, allocation__sectors={"Energy": 0.6, "Financials": 0.2})
    energy = drifts(rules, even(), "sector")["Energy"]
    # AA, BB, FF and GG are held at 10 % each.
    assert energy.target == 0.6
    assert energy.attainable == pytest.approx(0.4)
    assert energy.difference == pytest.approx(0)
