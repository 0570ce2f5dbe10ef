"""One function decides a day: alone or with others, with the screen or without, in doubt or not."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.decision import offered, plans, rules
from app.domain.order import Side
from app.domain.plan import Action, Plan
from app.domain.ruling import DayUse, KillLevel
from app.engine import DayDecision, Given, decide, decide_all
from app.domain.ruling import Cause
from app.risk import Today, feasible, measure, post_trade
from app.settings import load_policy, shipped_policy
from tests.support.sample import default_policy, prices
from tests.support.walk import Account
from tests.support.worlds import NAMES, market, navs, policy, portfolio
from tests.unit.risk.drawn import World, worlds


def without_screen(today: Today) -> tuple[tuple[Plan, ...], tuple[Plan, ...], Plan]:
    """(every candidate, what the gate leaves of them, the rules' choice), composed by hand."""
    evaluation = measure(today)
    found = plans(today.policy, today.portfolio, today.market, evaluation, today.memory)
    ruled = (feasible(today, plan, DayUse(), KillLevel.ACTIVE)[0] for plan in found)
    left = tuple(plan for plan in ruled if plan is not None)
    choice = rules(today.policy, evaluation, left)
    return found, left, next(p for p in offered(today.policy, evaluation, left) if p.id == choice.plan_id)


@settings(max_examples=30)
@given(worlds())
def test_the_screen_leaves_out_nothing_that_full_building_offers(world: World) -> None:
    found, left, chosen = without_screen(world.today())
    decided = decide(world.today(), DayUse(), KillLevel.ACTIVE)
    assert (decided.options.candidates, decided.options.feasible, decided.chosen) == (found, left, chosen)


@pytest.mark.real_prices
def test_real_days_are_the_same_with_and_without_the_screen_which_is_silent_on_most() -> None:
    account, silent, days = Account(prices().dates.index(date(2012, 1, 3))), 0, 130
    for _ in range(days):
        day = account.today()
        today = Today(default_policy(), day.portfolio, day.market, day.navs, day.memory)
        decided = decide(replace(today), DayUse(), KillLevel.ACTIVE)
        found, left, _ = without_screen(today)
        assert decided.options.candidates == found
        assert decided.options.feasible == left
        silent += len(found) == 1 and not found[0].orders
        account.carry_out(decided)
    assert days / 2 < silent < days


@settings(max_examples=15)
@given(st.lists(worlds(), min_size=1, max_size=3), st.sampled_from([None, ()]))
def test_many_accounts_are_decided_as_each_is_alone(drawn: list[World], causes: tuple[Cause, ...] | None) -> None:
    # Of one market, as a replay has them.
    accounts = [replace(world, market=drawn[0].market).today() for world in drawn]
    given_days = [Given(today, DayUse(3), KillLevel.ACTIVE, causes) for today in accounts]
    alone = [
        decide(replace(one.today, market=replace(one.today.market)), one.use, one.level, one.causes)
        for one in given_days
    ]
    assert list(decide_all(given_days)) == alone


@pytest.mark.real_prices
def test_three_policies_on_one_account_share_their_statistics_to_the_bit() -> None:
    day = Account(prices().dates.index(date(2008, 10, 10))).today()
    names = ("conservative_policy", "default_policy", "aggressive_policy")
    policies = [load_policy(shipped_policy().with_name(f"{name}.yaml")) for name in names]

    def of(each: int) -> Today:
        return Today(policies[each], day.portfolio, replace(day.market), day.navs, day.memory)

    shared = replace(day.market)
    together = decide_all([Given(replace(of(each), market=shared), DayUse(), KillLevel.ACTIVE) for each in range(3)])
    alone = tuple(decide(of(each), DayUse(), KillLevel.ACTIVE) for each in range(3))
    assert together == alone
    assert len({decided.evaluation.metric("annual_volatility").limit for decided in together}) == 3


def decided_alone(today: Today) -> DayDecision:
    return decide(today, DayUse(), KillLevel.ACTIVE)


def test_in_doubt_about_the_accounts_value_its_past_is_unknown_and_nothing_is_bought() -> None:
    account = portfolio(dict.fromkeys(NAMES[:7], 80), 44000, {"AA": 80})
    rules = policy(strategies__sector_rotation__enabled=False, strategies__rebalance__enabled=False)
    today = Today(rules, account, market(), navs(account.nav))
    sure, doubted = (decided_alone(one) for one in (today, replace(today, doubt="money from outside is unexplained")))
    assert sure.chosen.action is Action.REINFORCE
    for name in ("drawdown", "daily_loss"):
        assert doubted.evaluation.metric(name).value is None
        assert doubted.evaluation.metric(name).note == "money from outside is unexplained"
    assert not doubted.evaluation.risk_may_rise
    after = post_trade(replace(today, doubt="money from outside is unexplained"), ())
    assert after == post_trade(today, ())
    assert after.metrics["drawdown"] is not None
    assert all(order.side is Side.SELL for plan in doubted.options.feasible for order in plan.orders)


def test_a_day_that_lost_too_much_is_ruled_under_exits_only() -> None:
    account = portfolio(dict.fromkeys(NAMES[:7], 80), 44000, {"AA": 80})
    fallen = Today(policy(), account, market(), navs(account.nav * 2))
    decided = decide(fallen, DayUse(), KillLevel.ACTIVE, causes=())
    assert decided.level is KillLevel.REDUCING
    assert all(order.side is Side.SELL for plan in decided.options.feasible for order in plan.orders)
