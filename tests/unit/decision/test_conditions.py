"""What is said of an action's conditions is true: of the price, of the evaluation, and of what the rules decide by."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.decision.causes import cause_of
from app.decision.conditions import Condition, Conditions, conditions
from app.decision.plans import situation_of
from app.decision.rotation import turn
from app.decision.situation import Situation
from app.decision.strategies import losers, winners
from app.domain.adoption import Adoption
from app.domain.evaluation import ExitRule
from app.domain.market import Trend
from app.domain.plan import NO_MEMORY, Action, Memory
from app.domain.recovery import Recovery
from tests.support.worlds import NAMES, TODAY, changed, conid, evaluate, even, market, navs, policy
from tests.unit.decision.test_plan_properties import lively_worlds
from tests.unit.risk.drawn import World, worlds

MOVE = re.compile(r"(\w+) (falls|rises) ([\d.]+)% to ([\d.]+) USD")
BOUND = re.compile(r"(\w+) (falls below|rises above) ([\d.]+)%")


@st.composite
def remembering_worlds(draw: st.DrawFn) -> World:
    """Of an account that has traded: names bought, sold and added to, a fall that was acted upon, other prices."""
    world = draw(st.one_of(worlds(), lively_worlds()))
    ago = st.dictionaries(st.sampled_from([conid(name) for name in NAMES]), st.sampled_from([1, 5, 25, 40]), max_size=3)
    rebased = draw(st.sampled_from([None, TODAY - timedelta(days=3)]))
    fell = Recovery(TODAY - timedelta(days=30), TODAY - timedelta(days=20), 0.16, 0.5, 0.4, rebased)
    memory = replace(
        world.memory,
        bought=draw(ago),
        sold=draw(ago),
        reinforced={number: (days,) for number, days in draw(ago).items()},
        last_rebalance=draw(st.sampled_from([None, 1, 5, 30])),
        last_rotation=draw(st.sampled_from([None, 5, 90])),
        recovery=draw(st.sampled_from([None, fell])),
        since_rebased=None if rebased is None else 2,
        adoption=draw(st.sampled_from([None, Adoption(TODAY - timedelta(days=9), Decimal(10**5), {}, Decimal(0))])),
        adopted=6,
        gain_bases=draw(
            st.dictionaries(
                st.sampled_from([conid(name) for name in NAMES]), st.decimals("60", "170", places=4), max_size=4
            )
        ),
    )
    rules = changed(world.policy, "allocation.selection.names", draw(st.sampled_from([None, 1])))
    return replace(world, memory=memory, policy=rules)


def situation(world: World) -> Situation:
    return situation_of(world.policy, world.portfolio, world.market, world.measured(), world.memory)


def every(found: Conditions) -> Iterator[Condition]:
    yield from found.triggers
    yield from found.requirements


def assert_moves_are_true(on: Situation, told: str) -> None:
    prices = {p.instrument.symbol: p.price for p in on.portfolio.positions}
    for symbol, verb, move, goal in MOVE.findall(told):
        price = prices[symbol]
        assert (Decimal(goal) < price) if verb == "falls" else (Decimal(goal) > price), told
        assert abs(float(Decimal(goal) / price - 1)) == pytest.approx(float(move) / 100, abs=0.00051), told
    for name, verb, limit in BOUND.findall(told):
        value = on.evaluation.metric(name).value
        assert value is not None
        slack = 0.0006  # one digit is shown
        assert (value >= float(limit) / 100 - slack) if verb == "falls below" else (value <= float(limit) / 100 + slack)
    for words in re.findall(r"(-?[\d.]+) more sessions", told):
        assert int(words) > 0, told
    for words in re.findall(r"drifts another (-?[\d.]+)%", told):
        assert float(words) >= 0, told
    for words in re.findall(r"drawdown reaches ([\d.]+)%", told):
        assert on.evaluation.drawdown is not None
        assert on.evaluation.drawdown <= float(words) / 100 + 0.0006, told


@given(remembering_worlds())
def test_what_would_change_an_answer_is_ahead_of_where_things_are(world: World) -> None:
    on = situation(world)
    for action in Action:
        for one in every(conditions(on, action)):
            if one.met:
                assert one.change is None
            elif one.change is not None:
                assert_moves_are_true(on, one.change)


@given(remembering_worlds())
def test_the_conditions_of_an_action_agree_with_what_it_is_decided_by(world: World) -> None:
    on = situation(world)
    calls = {
        Action.CUT_LOSERS: bool(losers(on)),
        Action.REINFORCE: bool(winners(on)),
        Action.ROTATE: turn(on) is not None,
        Action.REBALANCE: cause_of(on) is not None,
    }
    for action, called in calls.items():
        found = conditions(on, action)
        assert (found.triggered and not found.missing) is called, (action, found)


@given(remembering_worlds())
def test_a_mandatory_sale_is_told_as_met_where_it_is_due_and_only_there(world: World) -> None:
    on = situation(world)
    fields = {ExitRule.STOP_LOSS: "exits.stop_loss_pct", ExitRule.TAKE_PROFIT: "exits.take_profit_pct"}
    told = conditions(on, Action.HOLD).triggers
    for rule, field in fields.items():
        blocked = {p.instrument.symbol for p in on.portfolio.positions} - {p.instrument.symbol for p in on.holdings}
        due = {exit.symbol for exit in on.evaluation.exits_due if exit.rule is rule} - blocked
        assert {one.subject for one in told if one.rule == field and one.met} == due


@given(remembering_worlds())
def test_the_numbers_of_a_sentence_are_those_of_the_evaluation(world: World) -> None:
    on = situation(world)
    gains = {p.instrument.symbol: on.gains[p.instrument.conid] for p in on.portfolio.positions}
    drifts = {d.name: d.difference for d in on.evaluation.drifts}
    for action in Action:
        for one in conditions(on, action).triggers:
            if " unrealised " in one.text:
                assert one.text.startswith(f"{one.subject} unrealised {gains[one.subject]:.1%} against ")
                assert one.value == gains[one.subject]
            if " of NAV from its attainable target" in one.text:
                assert one.text.startswith(f"{one.subject} {drifts[one.subject]:+.1%} of NAV")
            if one.rule.startswith("risk_limits.") and one.subject and one.value is not None:
                metric = on.evaluation.metric(one.subject)
                assert one.value == metric.value
                assert f"{metric.value:.1%}" in one.text
                assert f"{metric.limit:.1%}" in one.text


def test_a_trigger_that_is_there_already_says_what_holds_it_back_and_no_price() -> None:
    account = even(costs={"AA": 130})
    memory = replace(NO_MEMORY, bought={conid("AA"): 3})
    rules = policy(exits__stop_loss=0.5, strategies__sector_rotation__enabled=False)
    evaluation = evaluate(rules, account, market(), memory, navs(account.nav))
    found = conditions(situation_of(rules, account, market(), evaluation, memory), Action.CUT_LOSERS).triggers
    mine = next(one for one in found if one.subject == "AA")
    assert not mine.met
    assert mine.text == "AA unrealised -23.1% against -10.0%, but bought 3 sessions ago, sold at a loss from 31 on"
    assert mine.change == (
        "AA, which is there already, is not held back any more (bought 3 sessions ago, sold at a loss from 31 on)"
    )


def test_a_fall_that_was_acted_upon_says_when_it_is_acted_upon_again() -> None:
    account = even()
    fell = Recovery(TODAY - timedelta(days=9), TODAY - timedelta(days=9), 0.17, 0.5, 0.4)
    memory: Memory = replace(NO_MEMORY, recovery=fell, since_began=6, since_acted=6)
    rules = policy(risk_limits__max_drawdown=0.15)
    evaluation = evaluate(rules, account, market(), memory, navs(account.nav, 0.18))
    assert evaluation.trend is Trend.NEUTRAL
    found = conditions(situation_of(rules, account, market(), evaluation, memory), Action.HOLD).triggers
    mine = next(one for one in found if one.subject == "drawdown")
    assert (mine.met, mine.text) == (False, "drawdown 18.0% against 15.0%, acted upon at 17.0%")
    assert mine.change == "the drawdown reaches 18.5%"


def test_a_statistic_over_its_limit_says_that_it_only_keeps_from_buying() -> None:
    account, rules = even(), policy(strategies__sector_rotation__enabled=False)
    value = evaluate(rules, account).metric("annual_volatility").value
    assert value is not None
    rules = changed(rules, "risk_limits.max_annual_volatility", value / 1.1)
    evaluation = evaluate(rules, account)
    found = conditions(situation_of(rules, account, market(), evaluation, NO_MEMORY), Action.REBALANCE).triggers
    mine = next(one for one in found if one.subject == "annual_volatility")
    assert not mine.met
    assert mine.text.endswith(f"which keeps from buying and is sold for above {1.25 * value / 1.1:.1%} only")
    assert mine.change == f"annual_volatility rises above {1.25 * value / 1.1:.1%}"
