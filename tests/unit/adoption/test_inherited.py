"""Breaches from before an account was taken over are shown, spared and worked off; what gets worse is dealt with."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.domain.adoption import adoption_of
from app.domain.evaluation import Severity, position_key, sector_key
from app.domain.navs import NavKind, NavPoint
from app.domain.plan import NO_MEMORY, Memory
from app.domain.policy import AdoptionMode, Policy
from app.domain.portfolio import Portfolio
from app.domain.ruling import KillLevel
from app.engine import Standing, standing_after
from app.risk import Today, measure
from tests.support.worlds import TODAY, conid, evaluate, market, policy, portfolio, sessions

# AA at 30 % against 15, Energy at 40 of 25.
HEAVY = {"AA": 300, "BB": 100, "CC": 100, "DD": 100, "EE": 100}


def heavy(more: int = 0) -> Portfolio:
    return portfolio({**HEAVY, "AA": 300 + more}, 30000 - 100 * more)


def rules(**changes: object) -> Policy:
    return policy(risk_limits__max_sector=0.25, **changes)


def taken_over(ago: int, inherited: dict[str, float] | None = None, mode: AdoptionMode | None = None) -> Memory:
    return replace(NO_MEMORY, adoption=adoption_of(heavy(), TODAY, mode), adopted=ago, inherited=inherited)


FIRST = {position_key(conid("AA")): 0.15, sector_key("Energy"): 0.15}


def test_on_the_first_day_whatever_is_over_its_limit_is_inherited_and_nothing_is_due() -> None:
    found = evaluate(rules(), heavy(), memory=taken_over(0))
    assert found.inherited == pytest.approx(FIRST)
    assert found.exits_due == ()
    assert found.metric("max_position").severity is Severity.CRITICAL
    assert found.metric("max_position").acting is Severity.MEDIUM
    assert {metric.name for metric in found.breaches} == {"max_position", "max_sector"}
    assert found.acting_breaches == ()


def test_without_an_adoption_the_same_book_is_reduced_at_once() -> None:
    assert {due.symbol for due in evaluate(rules(), heavy()).exits_due} == {"AA"}


@pytest.mark.parametrize(("more", "acts"), [(0, False), (14, False), (16, True)])
def test_a_name_acts_where_it_is_worse_by_a_tenth_of_its_limit_and_is_brought_back_to_what_it_was(
    more: int, acts: bool
) -> None:
    only = policy(risk_limits__max_sector=0.5)
    found = evaluate(only, heavy(more), memory=taken_over(5, {position_key(conid("AA")): 0.15}))
    assert bool(found.exits_due) is acts
    if acts:
        (due,) = found.exits_due
        assert due.fraction == pytest.approx(1 - 0.30 / 0.316)


def test_a_second_name_over_its_limit_is_no_part_of_what_was_taken_over() -> None:
    account = portfolio({**HEAVY, "CC": 250}, 15000)
    found = evaluate(policy(risk_limits__max_sector=1.0), account, memory=taken_over(5, FIRST))
    assert {due.symbol for due in found.exits_due} == {"CC"}
    assert found.metric("max_position").note == "AA"
    assert found.metric("max_position").acting is Severity.CRITICAL


@pytest.mark.parametrize(("ago", "kept"), [(39, True), (40, False)])
def test_what_clears_and_comes_back_stays_inherited_for_the_weeks(ago: int, kept: bool) -> None:
    calm = portfolio(dict.fromkeys(HEAVY, 100), 50000)
    found = evaluate(rules(), calm, memory=taken_over(ago, FIRST))
    assert found.inherited == (FIRST if kept else {})


def test_after_the_weeks_what_is_left_counts_as_far_as_it_was_worked_off() -> None:
    account = portfolio({**HEAVY, "AA": 200}, 40000)
    found = evaluate(rules(), account, memory=taken_over(40, FIRST))
    assert found.inherited == pytest.approx({position_key(conid("AA")): 0.05, sector_key("Energy"): 0.05})
    assert found.exits_due == ()


def test_under_now_nothing_is_inherited() -> None:
    found = evaluate(rules(), heavy(), memory=taken_over(0, mode=AdoptionMode.NOW))
    assert found.inherited == {}
    assert found.exits_due


def test_a_value_at_risk_from_before_raises_no_level() -> None:
    tight, memory = policy(risk_limits__max_var_95_1d=0.001), taken_over(0)
    spared = evaluate(tight, heavy(), memory=memory)
    assert spared.metric("var_95_1d").breached
    assert standing_after(Standing(), spared, TODAY, {}).level is KillLevel.ACTIVE
    assert standing_after(Standing(), evaluate(tight, heavy()), TODAY, {}).level is KillLevel.REDUCING


def test_what_the_account_fell_before_counts_for_nothing() -> None:
    day = sessions()[-1]
    fell = (
        NavPoint(day - timedelta(days=1), NavKind.BROKER, Decimal(200000), index=2.0, peak=2.0),
        NavPoint(day, NavKind.CLOSE, Decimal(110000), index=1.1, peak=2.0),
    )
    found = measure(Today(policy(), heavy(), market(), fell, taken_over(0)))
    assert found.metric("drawdown").value == 0
    assert found.metric("daily_loss").value == 0
    later = replace(taken_over(1), adoption=adoption_of(heavy(), day))
    found = measure(Today(policy(), heavy(), market(), fell, later))
    assert found.metric("drawdown").value == pytest.approx(1 - 100000 / 110000)
