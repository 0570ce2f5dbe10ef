"""A book that is taken over is worked off a little a day; money that comes is invested, what is to go is raised."""

from dataclasses import replace
from decimal import Decimal

import pytest

from app.decision import plans
from app.domain.adoption import adoption_of
from app.domain.instrument import UNKNOWN_SECTOR, AssetClass
from app.domain.order import Side
from app.domain.plan import NO_MEMORY, Action, Memory, Plan
from app.domain.policy import AdoptionMode, Policy
from app.domain.portfolio import Portfolio
from tests.support.worlds import NAMES, TODAY, asked, conid, evaluate, even, market, policy, portfolio, sessions

HEAVY = portfolio({"AA": 300, "BB": 100, "CC": 100, "DD": 100, "EE": 100}, 30000)
# Nothing else calls for anything.
CALM = {"strategies__sector_rotation__enabled": False, "risk_limits__max_sector": 0.5}
TARGETS = {"Energy": 0.3, "Financials": 0.3, "Health Care": 0.2}


def memory(account: Portfolio, ago: int, **more: object) -> Memory:
    day = sessions()[-ago] if ago else TODAY
    return replace(NO_MEMORY, adoption=adoption_of(account, day), adopted=ago, **more)  # type: ignore[arg-type]  # fields by name


def rebalanced(rules: Policy, account: Portfolio, remembered: Memory) -> Plan | None:
    evaluation = evaluate(rules, account, memory=remembered)
    found = {plan.action: plan for plan in plans(rules, account, market(), evaluation, remembered)}
    return found.get(Action.REBALANCE)


def traded(plan: Plan | None) -> float:
    return float(plan.notional) if plan else 0.0


def test_a_heavy_name_is_worked_off_a_little_a_day_whatever_the_calendar_says() -> None:
    remembered = memory(HEAVY, 1, inherited={f"max_position:{conid('AA')}": 0.15}, last_rebalance=1)
    plan = rebalanced(policy(**CALM), HEAVY, remembered)
    assert plan is not None
    assert asked(plan)["AA"][0] is Side.SELL
    assert 400 <= traded(plan) <= 5000
    assert not any(order.mandatory for order in plan.orders)
    assert not plan.on_breach


@pytest.mark.parametrize(("mode", "sold"), [(AdoptionMode.ADOPT, False), (AdoptionMode.TRANSITION, True)])
def test_what_is_outside_the_universe_is_left_alone_or_sold_within_the_weeks(mode: AdoptionMode, sold: bool) -> None:
    account, rules = even(), policy(**CALM, universe__symbols=NAMES[1:])
    remembered = memory(account, 1)
    assert remembered.adoption is not None
    plan = rebalanced(rules, account, replace(remembered, adoption=replace(remembered.adoption, mode=mode)))
    assert (plan is not None and "AA" in asked(plan)) is sold
    assert traded(plan) <= 5000


def test_under_now_it_goes_at_once() -> None:
    account, rules = even(), policy(**CALM, universe__symbols=NAMES[1:], adoption__mode=AdoptionMode.NOW)
    plan = rebalanced(rules, account, memory(account, 0))
    assert plan is not None
    assert asked(plan)["AA"] == (Side.SELL, Decimal(100))


def test_exits_sell_what_is_outside_the_universe_too() -> None:
    account = even(costs={"AA": 130})
    rules = policy(**CALM, universe__symbols=NAMES[1:])
    assert {due.symbol for due in evaluate(rules, account).exits_due} == {"AA"}


def test_new_money_goes_to_what_is_farthest_below_its_target_and_sells_nothing() -> None:
    account, rules = even(), policy(**CALM, allocation__sectors=TARGETS)
    remembered = replace(NO_MEMORY, last_rebalance=5, new_money=Decimal(4000))
    plan = rebalanced(rules, account, remembered)
    assert plan is not None
    assert {side for side, _ in asked(plan).values()} == {Side.BUY}
    assert 3000 <= traded(plan) <= 4000
    assert rebalanced(rules, account, replace(remembered, new_money=Decimal(0))) is None


def test_an_announced_withdrawal_is_raised_from_what_is_above_its_target_and_nothing_is_bought() -> None:
    account, rules = even(), policy(**CALM, allocation__sectors=TARGETS)
    remembered = replace(NO_MEMORY, last_rebalance=5, planned_withdrawal=Decimal(15000))
    plan = rebalanced(rules, account, remembered)
    assert plan is not None
    assert {side for side, _ in asked(plan).values()} == {Side.SELL}
    # 20,000 are there, of which a tenth of NAV is the reserve.
    assert 5000 <= traded(plan) <= 5600


def test_a_fund_is_of_no_sector_and_has_the_limit_of_a_name() -> None:
    one = HEAVY.positions[0]
    fund = replace(one, instrument=replace(one.instrument, asset_class=AssetClass.ETF, sector=UNKNOWN_SECTOR))
    account = replace(HEAVY, positions=(fund, *HEAVY.positions[1:]))
    on = replace(market(), instruments={**market().instruments, conid("AA"): fund.instrument})
    wide = policy(universe__diversified_funds=("AA",), **CALM)
    assert evaluate(wide, account, on).exits_due == ()
    found = evaluate(policy(**CALM), account, on)
    assert found.sector_weights["AA"] == pytest.approx(0.3)
    assert {due.metric for due in found.exits_due} == {"max_position"}


def test_an_unknown_sector_sells_nothing() -> None:
    account = even()
    strangers = tuple(replace(p, instrument=replace(p.instrument, sector=UNKNOWN_SECTOR)) for p in account.positions)
    on = replace(market(), instruments={p.instrument.conid: p.instrument for p in strangers})
    rules = policy(**{**CALM, "risk_limits__max_sector": 0.2}, allocation__sectors=TARGETS)
    found = evaluate(rules, replace(account, positions=strangers), on)
    assert found.exits_due == ()
    assert found.eligible == ()
    assert all(drift.name != UNKNOWN_SECTOR for drift in found.drifts)
