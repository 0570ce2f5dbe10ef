"""The sentence of an order is for people: reworded, it changes nothing but itself."""

import inspect
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from types import ModuleType

import pytest

from app.decision import mandatory, strategies
from app.decision.plans import situation_of
from app.decision.situation import Situation
from app.desk.records import Intent
from app.desk.stages.memory import remember
from app.domain.order import Order
from app.domain.plan import NO_MEMORY, Memory
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import FakeCalendar
from tests.support.worlds import conid, evaluate, even, market, navs, policy
from tests.unit.ledger.builders import BOOK, TODAY, filled, planned, sent

# AA is past its stop, BB past a level of profit, CC a loser before its stop.
ACCOUNT = even(costs={"AA": 130, "BB": 60, "CC": 114})
CUT, EXIT = "cut_losers: unrealised {text}", "{'+'.join(rules)}: "


def reworded(module: ModuleType, old: str, new: str) -> ModuleType:
    """The module as if its source had other words in one place."""
    source = inspect.getsource(module)
    assert source.count(old) == 1, "the sentence has moved and this test must follow"
    made = ModuleType(module.__name__)
    exec(compile(source.replace(old, new), module.__name__, "exec"), made.__dict__)  # noqa: S102 (our own source)
    return made


def situation(memory: Memory = NO_MEMORY) -> Situation:
    rules, prices = policy(), market()
    evaluation = evaluate(rules, ACCOUNT, prices, memory, navs(ACCOUNT.nav))
    return situation_of(rules, ACCOUNT, prices, evaluation, memory)


def remembered(ledger: SqlLedger, orders: Sequence[Order]) -> Memory:
    """What the next session remembers of them, once they were filled."""
    intents = [Intent(f"PM{number}", order) for number, order in enumerate(orders)]
    claim = planned(ledger, intents)
    for intent in intents:
        sent(ledger, claim, intent)
        filled(ledger, claim, intent)
    held = {position.instrument.conid: position.quantity for position in ACCOUNT.positions}
    return remember(ledger.account_record(BOOK, TODAY).filled, None, FakeCalendar(), TODAY + timedelta(days=1), held)


def without_words(orders: Sequence[Order]) -> list[Order]:
    return [replace(order, reason="") for order in orders]


def test_a_loser_that_was_cut_in_other_words_is_cooling_down_all_the_same(ledger: SqlLedger) -> None:
    today = situation()
    plan = strategies.cut_losers(today)
    other = reworded(strategies, CUT, "a loser: {text}").cut_losers(today)
    assert plan is not None
    assert other is not None
    assert other.orders != plan.orders
    assert without_words(other.orders) == without_words(plan.orders)
    (cut,) = (order for order in other.orders if not order.mandatory)
    memory = remembered(ledger, (cut,))
    assert memory.sold_at_loss == {conid("CC"): 1}
    assert "CC" in {name.symbol for name in situation().buyable}
    assert "CC" not in {name.symbol for name in situation(memory).buyable}


def test_exits_that_were_told_in_other_words_are_remembered_as_what_they_were(ledger: SqlLedger) -> None:
    today = replace(situation(), mandatory=())
    orders = mandatory.mandatory_orders(today)
    other = reworded(mandatory, EXIT, "sold because of ").mandatory_orders(today)
    assert [order.reason for order in other] != [order.reason for order in orders]
    assert without_words(other) == without_words(orders)
    memory = remembered(ledger, other)
    assert memory.sold_at_loss == {conid("AA"): 1}
    assert memory.profit_levels_taken == {conid("BB"): 1}


@pytest.mark.parametrize("symbol", ["AA", "BB", "CC"])
def test_the_rule_comes_back_from_the_ledger_as_it_went_in(ledger: SqlLedger, symbol: str) -> None:
    plan = strategies.cut_losers(situation())
    assert plan is not None
    order = next(order for order in plan.orders if order.instrument.symbol == symbol)
    claim = planned(ledger, [Intent("PM1", order)])
    (record,) = ledger.intents(claim.run_id)
    assert order.rules
    assert record.rules == order.rules
