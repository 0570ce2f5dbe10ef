"""Every target says why it is not what the policy asks for; one that nobody can buy is not waited for in silence."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given

from app.decision.aims import groups, names, tilts, unreachable
from app.decision.plans import situation_of
from app.decision.situation import Situation
from app.domain.plan import NO_MEMORY, Action, Memory
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio
from app.domain.recovery import Recovery
from tests.support.worlds import TODAY, conid, evaluate, even, market, policy, portfolio
from tests.unit.decision.test_conditions import remembering_worlds
from tests.unit.decision.test_explain import explained
from tests.unit.risk.drawn import World

CALM = {"strategies__sector_rotation__enabled": False}


def situation(rules: Policy, account: Portfolio, memory: Memory = NO_MEMORY) -> Situation:
    return situation_of(rules, account, market(), evaluate(rules, account, memory=memory), memory)


def test_targets_that_nobody_can_buy_are_warned_of_and_told_by_the_day_that_does_nothing() -> None:
    rules = policy(**CALM, allocation__asset_classes={"STK": 0.85, "CASH": 0.15}, universe__max_volatility_30d=0.01)
    account = portfolio({}, 100000)
    (warning,) = unreachable(situation(rules, account))
    assert warning.startswith(
        "target of 85.0% for STK cannot be bought: 10 names are known of it and none may be bought; "
        "AA: universe.max_volatility_30d 0."
    )
    assert warning.count("0.010 is asked for") == 2
    hold = explained(rules, account)[Action.HOLD]
    assert f" T{warning[1:]}." in hold.because


def test_a_fixed_weight_of_a_name_that_nobody_knows_is_warned_of() -> None:
    rules = policy(**CALM, allocation__symbols={"XYZ": 0.2})
    assert unreachable(situation(rules, even())) == (
        "target of 20.0% for XYZ cannot be bought: the broker names no such instrument",
    )


def test_an_account_of_cash_with_class_targets_alone_is_warned_of_nothing() -> None:
    rules = policy(**CALM, allocation__asset_classes={"STK": 0.85, "CASH": 0.15})
    assert unreachable(situation(rules, portfolio({}, 100000))) == ()


def test_the_cap_of_a_recovery_is_named_where_it_binds() -> None:
    fell = Recovery(TODAY - timedelta(days=9), TODAY - timedelta(days=9), 0.17, 0.5, 0.35)
    memory = replace(NO_MEMORY, recovery=fell, since_began=6, since_acted=6)
    rules = policy(**CALM, allocation__asset_classes={"STK": 0.85, "CASH": 0.15})
    row = groups(situation(rules, portfolio({"AA": 100}, 90000), memory))[0]
    assert row.reasons == ("recovery allows 50.0% to be invested, and one point is kept free",)


def test_a_name_says_what_keeps_it_from_its_target() -> None:
    rules = policy(**CALM, universe__restricted=("AA",), risk_limits__max_position=0.08)
    found = {one.name: one for one in names(situation(rules, even()))}
    assert found["AA"].reasons == ("not ordered today: restricted by the policy",)
    assert found["AA"].attainable == pytest.approx(found["AA"].weight)
    assert found["BB"].reasons == ("its limit of 8.0% leaves room for 7.0%",)


def test_tilts_in_force_say_how_long_they_last() -> None:
    memory = replace(
        NO_MEMORY,
        last_rotation=10,
        rotated={conid("AA"): Decimal(50), conid("BB"): Decimal(-50)},
        added={conid("CC"): Decimal(20), conid("DD"): Decimal(20)},
    )
    rules = policy(strategies__sector_rotation__evaluation_sessions=63)
    found = tilts(situation(rules, even(costs={"CC": 80}), memory))
    assert [(one.name, one.by, one.left) for one in found] == [
        ("AA", "rotation", 53),
        ("BB", "rotation", 53),
        ("CC", "reinforcement", None),
    ]
    assert [one.weight for one in found] == pytest.approx([0.05, -0.05, 0.02])


@given(remembering_worlds())
def test_every_target_below_or_above_the_policys_own_has_a_reason(world: World) -> None:
    evaluation = world.measured()
    on = situation_of(world.policy, world.portfolio, world.market, evaluation, world.memory)
    for one in groups(on):
        assert one.target is not None
        assert bool(one.reasons) is (abs(one.attainable - one.target) > 1e-9), one
    listed = names(on)
    assert {one.name for one in listed} >= {
        p.instrument.symbol
        for p in world.portfolio.positions
        if p.quantity >= 1 and evaluation.weights[p.instrument.conid] > 0
    }
    assert sum(one.attainable for one in listed) == pytest.approx(sum(evaluation.targets.values()))
