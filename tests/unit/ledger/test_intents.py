from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import product

import pytest

from app.desk.records import Claim, Event, RunStatus
from app.domain.errors import LedgerError
from app.domain.order import OrderState, Side
from app.domain.ruling import DayUse
from app.ledger.sql_ledger import SqlLedger
from tests.unit.ledger.builders import (
    AT,
    BOOK,
    KEY,
    PLAN,
    REPORT,
    TODAY,
    ManualTime,
    budget,
    claimed,
    execute,
    filled,
    intent,
    planned,
    rows,
    sent,
)

ALLOWED = {
    "PLANNED": "NOT_SENT",
    "SENDING": "ACKED PARTIAL FILLED REJECTED NOT_SENT UNKNOWN CANCELLED",
    "ACKED": "PARTIAL FILLED CANCELLED REJECTED",
    "PARTIAL": "FILLED CANCELLED",
    "UNKNOWN": "ACKED PARTIAL FILLED CANCELLED REJECTED ABANDONED",
    "ABANDONED": "ACKED PARTIAL FILLED CANCELLED REJECTED",
    "FILLED": "",
    "CANCELLED": "",
    "REJECTED": "",
    "NOT_SENT": "",
}
STAYS = {"PLANNED", "ACKED", "PARTIAL", "UNKNOWN"}
ONE = intent()


def _brought_to(ledger: SqlLedger, state: str) -> Claim:
    claim = planned(ledger, [ONE])
    if state == "PLANNED":
        return claim
    sent(ledger, claim, ONE)
    if state == "ABANDONED":
        _settle(ledger, claim, "UNKNOWN")
    if state != "SENDING":
        _settle(ledger, claim, state)
    return claim


def _settle(ledger: SqlLedger, claim: Claim, state: str) -> None:
    fill = Decimal(4) if state in {"PARTIAL", "FILLED"} else None
    ledger.settle(claim, ONE.coid, OrderState(state), AT, filled_quantity=fill)


def _state(ledger: SqlLedger) -> str:
    found = ledger.find_intent(BOOK, ONE.coid)
    assert found is not None
    return found.state.value


@pytest.mark.parametrize(("before", "after"), list(product(ALLOWED, ALLOWED)))
def test_only_the_allowed_transitions_happen_each_with_one_event(
    ledger: SqlLedger, ledger_url: str, before: str, after: str
) -> None:
    claim = _brought_to(ledger, before)
    count = ledger.verify().events
    if before == after and before in STAYS:
        _settle(ledger, claim, after)
        assert ledger.verify().events == count
    elif after in ALLOWED[before].split():
        _settle(ledger, claim, after)
        assert _state(ledger) == after
        assert ledger.verify().events == count + 1
        kind, payload = rows(ledger_url, "SELECT kind, payload FROM events ORDER BY seq DESC LIMIT 1")[0]
        assert kind == "intent_moved"
        assert f'"from":"{before}"' in payload
        assert f'"to":"{after}"' in payload
    else:
        with pytest.raises(LedgerError, match="cannot go from"):
            _settle(ledger, claim, after)
        assert _state(ledger) == before
        assert ledger.verify().events == count
    assert ledger.verify().ok


@pytest.mark.parametrize("state", [state for state in ALLOWED if state != "PLANNED"])
def test_an_intent_is_sent_once_whatever_became_of_it(ledger: SqlLedger, state: str) -> None:
    claim = _brought_to(ledger, state)
    with pytest.raises(LedgerError, match="sent once"):
        sent(ledger, claim, ONE)
    assert _state(ledger) == state


def test_an_intent_that_was_refused_before_sending_is_not_sent_either(ledger: SqlLedger) -> None:
    claim = planned(ledger, [ONE])
    ledger.settle(claim, ONE.coid, OrderState.NOT_SENT, AT, reason="max_position: 0.24, limit 0.20")
    with pytest.raises(LedgerError, match="NOT_SENT after 0 sends"):
        sent(ledger, claim, ONE)
    (record,) = ledger.intents(claim.run_id)
    assert (record.state, record.sends, record.reason) == (OrderState.NOT_SENT, 0, "max_position: 0.24, limit 0.20")


def test_the_database_itself_refuses_a_second_send(ledger: SqlLedger, ledger_url: str) -> None:
    claim = planned(ledger, [ONE])
    sent(ledger, claim, ONE)
    with pytest.raises(Exception, match="ck_intents_sends"):
        execute(ledger_url, "UPDATE intents SET sends = 2")
    with pytest.raises(Exception, match="ck_intents_sent_state"):
        execute(ledger_url, "UPDATE intents SET sends = 0")


def test_an_id_that_was_sent_is_never_sent_by_another_run(ledger: SqlLedger) -> None:
    first = planned(ledger, [ONE])
    sent(ledger, first, ONE)
    ledger.abandon(first, RunStatus.FAILED, "the broker was away", AT)
    # An id that two runs share should not happen; were it to, the second could not send it.
    other = planned(ledger, [ONE], replace(KEY, slot="manual"))
    with pytest.raises(LedgerError, match=f"sent by run {first.run_id}"):
        sent(ledger, other, ONE)
    assert [record.sends for record in ledger.intents(other.run_id)] == [0]


def test_a_plan_stores_its_intents_in_its_order(ledger: SqlLedger) -> None:
    wanted = [intent(30), intent(10, "2.5", side=Side.BUY), intent(20)]
    claim = planned(ledger, wanted)
    records = ledger.intents(claim.run_id)
    assert [record.coid for record in records] == [each.coid for each in wanted]
    second = records[1]
    assert (second.run_id, second.session_date, second.action, second.rule) == (
        claim.run_id,
        TODAY,
        "CUT_LOSERS",
        "stop_loss",
    )
    assert (second.conid, second.symbol, second.side, second.quantity) == (10, "S10", Side.BUY, Decimal("2.5"))
    assert (second.state, second.sends, second.limit_price, second.filled_quantity) == (
        OrderState.PLANNED,
        0,
        None,
        Decimal(0),
    )
    assert (second.average_price, second.broker_order_id, second.reason, second.what_if) == (None, None, None, None)


def test_a_plan_is_committed_with_one_event_that_lists_its_intents(ledger: SqlLedger, ledger_url: str) -> None:
    planned(ledger, [intent(1), intent(2)])
    stored = rows(ledger_url, "SELECT payload FROM events WHERE kind = 'plan_committed'")
    assert len(stored) == 1
    assert all(each.coid in stored[0][0] for each in (intent(1), intent(2)))


def test_a_plan_must_name_its_action(ledger: SqlLedger) -> None:
    claim = claimed(ledger)
    with pytest.raises(LedgerError, match="action"):
        ledger.commit_plan(claim, {"id": "hold-1"}, [], AT)


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "Infinity"])
def test_a_plan_with_an_impossible_quantity_is_refused(ledger: SqlLedger, quantity: str) -> None:
    claim = claimed(ledger)
    with pytest.raises(LedgerError, match="quantity"):
        ledger.commit_plan(claim, PLAN, [intent(1), intent(2, quantity)], AT)
    assert ledger.intents(claim.run_id) == ()


def test_sending_records_what_goes_out(ledger: SqlLedger) -> None:
    claim = planned(ledger, [ONE])
    ledger.sending(claim, ONE.coid, Decimal(7), Decimal("149.95"), AT, budget())
    (record,) = ledger.intents(claim.run_id)
    assert (record.state, record.sends) == (OrderState.SENDING, 1)
    assert (record.quantity, record.limit_price) == (Decimal(7), Decimal("149.95"))
    assert ledger.verify().ok


@pytest.mark.parametrize(
    ("quantity", "price"), [("11", "150"), ("0", "150"), ("NaN", "150"), ("10", "0"), ("10", "NaN"), ("10", "-1")]
)
def test_an_order_may_shrink_on_its_way_but_not_grow_or_lose_its_price(
    ledger: SqlLedger, quantity: str, price: str
) -> None:
    claim = planned(ledger, [ONE])
    with pytest.raises(LedgerError, match="the plan has 10"):
        ledger.sending(claim, ONE.coid, Decimal(quantity), Decimal(price), AT, budget())
    assert _state(ledger) == "PLANNED"


def test_only_what_the_plan_lists_can_be_sent_or_settled(ledger: SqlLedger) -> None:
    claim = planned(ledger, [ONE])
    other = intent(999)
    with pytest.raises(LedgerError, match="not in the committed plan"):
        sent(ledger, claim, other)
    with pytest.raises(LedgerError, match="no intent"):
        ledger.settle(claim, other.coid, OrderState.ACKED, AT)


def test_a_settlement_keeps_what_it_does_not_mention(ledger: SqlLedger) -> None:
    claim = planned(ledger, [ONE])
    ledger.settle(claim, ONE.coid, OrderState.PLANNED, AT, what_if={"commission": Decimal("1.05")})
    sent(ledger, claim, ONE)
    ledger.settle(claim, ONE.coid, OrderState.ACKED, AT, broker_order_id="77")
    filled(ledger, claim, ONE, "4")
    filled(ledger, claim, ONE)
    (record,) = ledger.intents(claim.run_id)
    assert record.state is OrderState.FILLED
    assert (record.filled_quantity, record.average_price) == (Decimal(10), Decimal("150.10"))
    assert (record.broker_order_id, record.what_if) == ("77", {"commission": "1.05"})


def test_each_larger_fill_is_an_event_and_the_same_fill_again_is_not(ledger: SqlLedger) -> None:
    claim = planned(ledger, [ONE])
    sent(ledger, claim, ONE)
    counts = []
    for quantity in ("3", "3", "3.0", "6"):
        filled(ledger, claim, ONE, quantity)
        counts.append(ledger.verify().events)
    first = counts[0]
    assert counts == [first, first, first, first + 1]
    assert ledger.verify().ok


@pytest.mark.parametrize("quantity", [None, "0", "-1", "NaN"])
def test_a_fill_without_a_quantity_is_not_a_fill(ledger: SqlLedger, quantity: str | None) -> None:
    claim = planned(ledger, [ONE])
    sent(ledger, claim, ONE)
    with pytest.raises(LedgerError, match="filled"):
        ledger.settle(
            claim,
            ONE.coid,
            OrderState.FILLED,
            AT,
            filled_quantity=None if quantity is None else Decimal(quantity),
        )
    assert _state(ledger) == "SENDING"


def test_a_later_run_of_the_book_settles_what_an_earlier_one_sent(ledger: SqlLedger) -> None:
    daily = planned(ledger, [ONE])
    sent(ledger, daily, ONE)
    ledger.settle(daily, ONE.coid, OrderState.ACKED, AT)
    ledger.close(daily, RunStatus.DONE, REPORT, [], AT)
    close = claimed(ledger, replace(KEY, slot="close"))
    filled(ledger, close, ONE)
    (record,) = ledger.intents(daily.run_id)
    assert record.state is OrderState.FILLED
    assert ledger.verify().ok


def test_another_book_cannot_settle_it(ledger: SqlLedger) -> None:
    claim = planned(ledger, [ONE])
    sent(ledger, claim, ONE)
    other = claimed(ledger, replace(KEY, book="DU200"))
    with pytest.raises(LedgerError, match="DU200"):
        ledger.settle(other, ONE.coid, OrderState.ACKED, AT)
    assert ledger.find_intent("DU200", ONE.coid) is None


def test_a_dry_run_before_the_run_plans_the_same_ids_and_the_broker_meets_the_real_one(ledger: SqlLedger) -> None:
    dry = planned(ledger, [ONE], replace(KEY, dry_run=True))
    ledger.settle(dry, ONE.coid, OrderState.NOT_SENT, AT, reason="dry run")
    ledger.close(dry, RunStatus.DRY_RUN, REPORT, [], AT)
    real = planned(ledger, [ONE])
    sent(ledger, real, ONE)
    later = planned(ledger, [ONE], replace(KEY, dry_run=True))
    found = ledger.find_intent(BOOK, ONE.coid)
    assert found is not None
    assert (found.run_id, found.state) == (real.run_id, OrderState.SENDING)
    assert [record.state for record in ledger.intents(later.run_id)] == [OrderState.PLANNED]
    assert ledger.day_use(BOOK, TODAY).orders == 1
    assert ledger.verify().ok


def test_open_intents_are_those_of_the_day_that_may_still_change(ledger: SqlLedger) -> None:
    claim = planned(ledger, [intent(conid) for conid in range(1, 11)])
    _one_in_every_state(ledger, claim)
    states = [record.state.value for record in ledger.open_intents(BOOK, TODAY)]
    assert states == ["SENDING", "ACKED", "PARTIAL", "UNKNOWN", "ABANDONED"]
    assert ledger.open_intents(BOOK, TODAY + timedelta(days=1)) == ()
    assert ledger.open_intents("DU200", TODAY) == ()


def test_the_days_use_counts_all_that_may_have_reached_the_broker(ledger: SqlLedger) -> None:
    claim = planned(ledger, [intent(conid) for conid in range(1, 11)])
    assert ledger.day_use(BOOK, TODAY) == DayUse()
    _one_in_every_state(ledger, claim)
    # All but PLANNED, REJECTED and NOT_SENT, each 10 at a limit of 150; nothing of the cancelled one had filled.
    assert ledger.day_use(BOOK, TODAY) == DayUse(orders=7, turnover=Decimal(9000))
    assert ledger.day_use(BOOK, TODAY + timedelta(days=1)) == DayUse()
    assert ledger.day_use("DU200", TODAY) == DayUse()


def _one_in_every_state(ledger: SqlLedger, claim: Claim) -> None:
    for conid, state in enumerate(ALLOWED, start=1):
        one = intent(conid)
        if state == "PLANNED":
            continue
        sent(ledger, claim, one)
        if state == "ABANDONED":
            ledger.settle(claim, one.coid, OrderState.UNKNOWN, AT)
        if state != "SENDING":
            fill = Decimal(4) if state in {"PARTIAL", "FILLED"} else None
            ledger.settle(claim, one.coid, OrderState(state), AT, filled_quantity=fill)


def test_history_is_every_fill_of_the_book_oldest_first(ledger: SqlLedger) -> None:
    tomorrow = replace(KEY, session_date=TODAY + timedelta(days=1))
    later, first, none = intent(1, key=tomorrow), intent(2), intent(3)
    claim = planned(ledger, [later], tomorrow)
    sent(ledger, claim, later)
    filled(ledger, claim, later)
    ledger.abandon(claim, RunStatus.FAILED, "the broker was away", AT)
    claim = planned(ledger, [none, first])
    for each in (none, first):
        sent(ledger, claim, each)
    filled(ledger, claim, first, "4")
    ledger.settle(claim, first.coid, OrderState.CANCELLED, AT)
    ledger.settle(claim, none.coid, OrderState.CANCELLED, AT)
    assert [record.coid for record in ledger.account_record(BOOK, TODAY).filled] == [first.coid, later.coid]
    assert ledger.account_record("DU200", TODAY).filled == ()


def test_a_crashed_senders_intent_is_found_as_sending_by_the_next_claimant(
    ledger: SqlLedger, lease_time: ManualTime
) -> None:
    old = planned(ledger, [ONE])
    sent(ledger, old, ONE)
    lease_time.advance(121)
    new = ledger.claim(KEY, "two", "policy-1", AT)
    assert isinstance(new, Claim)
    assert [record.state for record in ledger.open_intents(BOOK, TODAY)] == [OrderState.SENDING]
    ledger.settle(new, ONE.coid, OrderState.UNKNOWN, AT)
    ledger.record(new, [Event("reconciled", {"coid": ONE.coid})], AT)
    assert ledger.verify().ok
