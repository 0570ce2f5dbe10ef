"""What a decision knows of earlier days, made from filled orders and the last evaluation."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from app.desk.records import IntentRecord
from app.desk.stages.memory import remember
from app.domain.order import OrderRule, OrderState, Side
from app.domain.plan import NO_MEMORY, Action
from app.engine.memory import EvaluationRecord
from tests.support.fakes import FakeCalendar

MONDAY = date(2022, 3, 14)
SALE = IntentRecord(
    coid="PM0",
    run_id="run_1",
    session_date=MONDAY,
    action=Action.HOLD,
    rule="stop_loss: unrealised -20.0% against -15.0%",
    conid=1000,
    symbol="AAPL",
    side=Side.SELL,
    quantity=Decimal(10),
    reference_price=Decimal(100),
    leg=1,
    exit=True,
    mandatory=True,
    state=OrderState.FILLED,
    limit_price=Decimal(100),
    filled_quantity=Decimal(10),
    average_price=Decimal(100),
    broker_order_id="1",
    sends=1,
    sent_at=None,
    absent_reads=0,
    reason=None,
    what_if=None,
    rules=(OrderRule.STOP_LOSS,),
)
FRIDAY = MONDAY + timedelta(days=4)
HELD = {1000: Decimal(100)}


def test_without_history_nothing_is_remembered() -> None:
    assert remember((), None, FakeCalendar(), MONDAY, {}) == NO_MEMORY


def test_a_stop_and_a_cut_are_sales_at_a_loss_counted_in_sessions() -> None:
    cut = replace(SALE, conid=1001, action=Action.CUT_LOSERS, rules=(OrderRule.CUT_LOSERS,))
    both = replace(SALE, conid=1002, rules=(OrderRule.DRAWDOWN, OrderRule.STOP_LOSS))
    rebalanced = replace(SALE, conid=1003, action=Action.REBALANCE, rules=(OrderRule.REBALANCE,), mandatory=False)
    memory = remember((SALE, cut, both, rebalanced), None, FakeCalendar(), FRIDAY, HELD)
    assert memory.sold_at_loss == {1000: 4, 1001: 4, 1002: 4}
    assert memory.last_rebalance == 4
    assert memory.last_rotation is None


def test_a_plan_of_which_only_the_mandatory_sales_were_filled_was_no_rebalance_and_no_rotation() -> None:
    plans = [replace(SALE, action=action, coid=action.value) for action in (Action.REBALANCE, Action.ROTATE)]
    memory = remember(plans, None, FakeCalendar(), FRIDAY, HELD)
    assert (memory.last_rebalance, memory.last_rotation) == (None, None)


def test_what_was_done_to_a_holding_that_was_sold_entirely_is_forgotten_and_its_cool_down_is_not() -> None:
    bought = replace(SALE, side=Side.BUY, action=Action.REINFORCE, rules=(OrderRule.REINFORCE,))
    taken = replace(SALE, rules=(OrderRule.TAKE_PROFIT,), filled_quantity=Decimal(4))
    stopped = replace(SALE, filled_quantity=Decimal(6))
    anew = replace(bought, session_date=FRIDAY)
    later = FRIDAY + timedelta(days=3)
    once = remember((bought, taken, stopped, anew), None, FakeCalendar(), later, {1000: Decimal(10)})
    assert once.reinforced == {1000: (1,)}
    assert once.profit_levels_taken == {}
    assert once.sold_at_loss == {1000: 5}
    gone = remember((bought, taken, stopped), None, FakeCalendar(), later, {})
    assert (gone.reinforced, gone.profit_levels_taken) == ({}, {})
    kept = remember((bought, taken, anew), None, FakeCalendar(), later, {1000: Decimal(16)})
    assert (kept.reinforced, kept.profit_levels_taken) == ({1000: (5, 1)}, {1000: 1})


def test_a_closed_trade_is_remembered_with_its_profit_after_the_fees_that_the_previews_named() -> None:
    fee = {"amount": "1000", "commission": "1"}
    bought = replace(SALE, side=Side.BUY, average_price=Decimal(100), what_if=fee)
    sold = replace(SALE, average_price=Decimal(110), session_date=FRIDAY, what_if=fee)
    memory = remember((bought, sold), None, FakeCalendar(), FRIDAY, {})
    # 10 shares from 100 to 110, less a thousandth of what was paid and of what was received.
    assert memory.closed_trades == (Decimal("97.9"),)
    unpriced = replace(sold, what_if=None)
    assert remember((bought, unpriced), None, FakeCalendar(), FRIDAY, {}).closed_trades == (None,)


def test_a_reinforcement_is_remembered_by_its_buys_only() -> None:
    buy = replace(SALE, side=Side.BUY, action=Action.REINFORCE, rules=(OrderRule.REINFORCE,))
    later = replace(buy, session_date=FRIDAY)
    stopped = replace(SALE, conid=1005, action=Action.REINFORCE)
    memory = remember((buy, stopped, later), None, FakeCalendar(), FRIDAY + timedelta(days=3), HELD)
    assert memory.reinforced == {1000: (5, 1)}


def test_a_profit_taken_in_several_parts_on_one_day_is_one_level() -> None:
    part = replace(SALE, rules=(OrderRule.TAKE_PROFIT,))
    memory = remember((part, replace(part, coid="PM1")), None, FakeCalendar(), FRIDAY, HELD)
    assert memory.profit_levels_taken == {1000: 1}
    again = replace(part, coid="PM2", session_date=FRIDAY, run_id="run_2")
    memory = remember((part, replace(part, coid="PM1"), again), None, FakeCalendar(), FRIDAY + timedelta(days=3), HELD)
    assert memory.profit_levels_taken == {1000: 2}


def test_the_newest_buy_and_the_newest_sale_are_remembered_by_name() -> None:
    chosen = replace(SALE, mandatory=False)
    reinforced = replace(chosen, side=Side.BUY, action=Action.REINFORCE, rules=(OrderRule.REINFORCE,))
    rotated = replace(chosen, action=Action.ROTATE, rules=(OrderRule.ROTATE,))
    again = replace(rotated, session_date=FRIDAY, action=Action.REBALANCE, rules=(OrderRule.REBALANCE,))
    forced = replace(SALE, conid=1001, action=Action.ROTATE)
    memory = remember((reinforced, rotated, forced, again), None, FakeCalendar(), FRIDAY + timedelta(days=3), HELD)
    assert memory.bought == {1000: 5}
    assert memory.sold == {1000: 1, 1001: 5}


def test_severities_caps_and_the_last_drawdown_action_come_from_the_session_before() -> None:
    evaluation = EvaluationRecord(severities={"drawdown": "HIGH"}, caps={"vix": 0.6}, drawdown_acted_at=0.17)
    memory = remember((), evaluation, FakeCalendar(), MONDAY, {})
    assert memory.previous_severities == {"drawdown": "HIGH"}
    assert memory.drawdown_acted_at == 0.17
    assert memory.previous_caps == {"vix": 0.6}
