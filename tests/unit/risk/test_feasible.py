"""A plan that may be offered is restrained, gated and carries its numbers; one of mandatory orders alone is none."""

from app.domain.order import Order
from app.domain.plan import Action, Plan
from app.domain.portfolio import Portfolio
from app.domain.ruling import DayUse, KillLevel, Refusal
from app.risk import Today, feasible, post_trade
from tests.support.worlds import market, policy, portfolio, sell

POLICY = policy()
DUE, CHOSEN = sell("AA", 10, mandatory=True), sell("CC", 10)


def account() -> Portfolio:
    return portfolio({"AA": 100, "CC": 100}, 5000)


def left_of(
    action: Action, *orders: Order, level: KillLevel = KillLevel.ACTIVE
) -> tuple[Plan | None, tuple[Refusal, ...]]:
    return feasible(Today(POLICY, account(), market()), Plan(action, orders, "test"), DayUse(), level)


def test_what_passes_keeps_its_orders_and_gets_the_numbers_after_them() -> None:
    plan, refusals = left_of(Action.CUT_LOSERS, DUE, CHOSEN)
    assert plan is not None
    assert plan.orders == (DUE, CHOSEN)
    assert plan.post_trade == post_trade(Today(POLICY, account(), market()), plan.orders)
    assert refusals == ()


def test_a_plan_of_mandatory_orders_alone_is_none_unless_it_holds() -> None:
    assert left_of(Action.CUT_LOSERS, DUE) == (None, ())
    held, _ = left_of(Action.HOLD, DUE)
    assert held is not None
    assert held.orders == (DUE,)


def test_a_plan_of_which_the_gate_leaves_nothing_is_none_and_says_why() -> None:
    plan, refusals = left_of(Action.CUT_LOSERS, CHOSEN, level=KillLevel.HALTED)
    assert plan is None
    assert refusals
