"""What stands between a planned order and the wire: the kill level and the day's budget, in the same transaction."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Barrier

import pytest

from app.desk.records import Claim, Intent, RunStatus, SendBudget
from app.domain.errors import LedgerError
from app.domain.order import OrderState, Side
from app.domain.ruling import DayUse, KillLevel, Refusal
from app.ledger import controls
from app.ledger.engine import create_ledger_engine, open_ledger
from app.ledger.sql_ledger import SqlLedger
from app.ledger.transactions import writing
from tests.unit.ledger.builders import (
    AT,
    BOOK,
    KEY,
    REPORT,
    TODAY,
    ManualTime,
    budget,
    claimed,
    filled,
    intent,
    planned,
    rows,
    sent,
)

BUY, SELL = intent(1, side=Side.BUY), intent(2)
LIMIT = Decimal(150)
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def _send(ledger: SqlLedger, claim: Claim, what: Intent, room: SendBudget) -> Refusal | None:
    return ledger.sending(claim, what.coid, what.order.quantity, LIMIT, AT, room)


@pytest.mark.parametrize(
    ("level", "what", "exit", "by_person", "goes"),
    [
        (KillLevel.ACTIVE, BUY, False, False, True),
        (KillLevel.ACTIVE, SELL, True, False, True),
        (KillLevel.REDUCING, BUY, False, False, False),
        (KillLevel.REDUCING, SELL, False, False, False),
        (KillLevel.REDUCING, SELL, True, False, True),
        (KillLevel.HALTED, BUY, False, False, False),
        (KillLevel.HALTED, SELL, True, False, False),
        (KillLevel.HALTED, BUY, False, True, False),
        (KillLevel.HALTED, SELL, True, True, True),
    ],
)
@pytest.mark.parametrize("where", [BOOK, None])
def test_a_kill_level_stops_what_it_must_and_nothing_else(
    ledger: SqlLedger, level: KillLevel, what: Intent, exit: bool, by_person: bool, goes: bool, where: str | None
) -> None:
    claim = planned(ledger, [BUY, SELL])
    ledger.set_level(where, level, "why", "a person", AT)
    count = ledger.verify().events
    refusal = _send(ledger, claim, what, replace(budget(exit=exit), by_person=by_person))
    found = ledger.find_intent(BOOK, what.coid)
    assert found is not None
    if goes:
        assert (refusal, found.state, found.sends) == (None, OrderState.SENDING, 1)
    else:
        assert refusal is not None
        symbol = what.order.instrument.symbol
        assert (refusal.rule, refusal.symbol, refusal.value) == ("kill_level", symbol, level.value)
        assert (found.state, found.sends, ledger.verify().events) == (OrderState.PLANNED, 0, count)
    assert ledger.verify().ok


def test_an_exit_asked_for_by_a_person_says_so_on_record(ledger: SqlLedger, ledger_url: str) -> None:
    claim = planned(ledger, [SELL])
    ledger.set_level(BOOK, KillLevel.HALTED, "why", "a person", AT)
    assert _send(ledger, claim, SELL, replace(budget(exit=True), by_person=True)) is None
    ((payload,),) = rows(ledger_url, "SELECT payload FROM events WHERE kind = 'intent_moved'")
    assert '"by_person":true' in payload


def test_a_refused_order_goes_once_the_level_allows_it(ledger: SqlLedger) -> None:
    claim = planned(ledger, [BUY])
    ledger.set_level(None, KillLevel.HALTED, "why", "a person", AT)
    assert _send(ledger, claim, BUY, budget()) is not None
    ledger.set_level(None, KillLevel.ACTIVE, "looked", "a person", AT)
    assert _send(ledger, claim, BUY, budget()) is None


def test_the_order_count_is_a_limit_for_all_but_exits(ledger: SqlLedger) -> None:
    claim = planned(ledger, [BUY, SELL, intent(3)])
    assert _send(ledger, claim, BUY, budget(orders=1)) is None
    assert _send(ledger, claim, intent(3), budget(orders=1)) == Refusal("max_orders_per_day", "S3", "2", "1")
    assert _send(ledger, claim, SELL, budget(orders=1, exit=True)) is None
    # The exit took from the budget all the same.
    assert ledger.day_use(BOOK, TODAY) == DayUse(orders=2, turnover=Decimal(3000))


def test_turnover_is_counted_in_base_currency_and_says_what_would_pass(ledger: SqlLedger) -> None:
    claim = planned(ledger, [BUY, SELL])
    assert _send(ledger, claim, BUY, budget("1200", turnover="2000")) is None
    assert ledger.day_use(BOOK, TODAY) == DayUse(orders=1, turnover=Decimal(1200))
    refusal = _send(ledger, claim, SELL, budget("1200", turnover="2000"))
    # 800 are left of 2,000, and a share is worth 120.
    assert refusal == Refusal("max_turnover", "S2", "2400", "2000 in base currency", Decimal(6))
    assert ledger.sending(claim, SELL.coid, Decimal(6), LIMIT, AT, budget("720", turnover="2000")) is None
    assert ledger.day_use(BOOK, TODAY).turnover == Decimal(1920)


@pytest.mark.parametrize(
    ("state", "fill", "expected"),
    [
        ("SENDING", None, DayUse(1, Decimal(1500))),
        ("ACKED", None, DayUse(1, Decimal(1500))),
        ("UNKNOWN", None, DayUse(1, Decimal(1500))),
        ("ABANDONED", None, DayUse(1, Decimal(1500))),
        ("PARTIAL", "4", DayUse(1, Decimal(1500))),
        ("FILLED", "10", DayUse(1, Decimal(1500))),
        ("CANCELLED", "4", DayUse(1, Decimal(600))),
        ("CANCELLED", None, DayUse(1, Decimal(0))),
        ("REJECTED", None, DayUse()),
        ("NOT_SENT", None, DayUse()),
    ],
)
def test_only_a_refusal_or_a_confirmed_cancel_gives_a_reservation_back(
    ledger: SqlLedger, state: str, fill: str | None, expected: DayUse
) -> None:
    claim = planned(ledger, [BUY])
    sent(ledger, claim, BUY)
    if state == "ABANDONED":
        ledger.settle(claim, BUY.coid, OrderState.UNKNOWN, AT)
    if state != "SENDING":
        ledger.settle(claim, BUY.coid, OrderState(state), AT, filled_quantity=None if fill is None else Decimal(fill))
    assert ledger.day_use(BOOK, TODAY) == expected


@pytest.mark.parametrize("turnover", ["0", "-1"])
def test_a_limit_of_nothing_lets_nothing_through_and_suggests_nothing(ledger: SqlLedger, turnover: str) -> None:
    refusal = _send(ledger, planned(ledger, [BUY]), BUY, budget(turnover=turnover))
    assert refusal is not None
    assert (refusal.rule, refusal.largest) == ("max_turnover", Decimal(0))


@pytest.mark.parametrize("turnover", ["NaN", "Infinity"])
def test_a_limit_that_is_no_amount_is_an_error(ledger: SqlLedger, turnover: str) -> None:
    claim = planned(ledger, [BUY])
    with pytest.raises(LedgerError, match="turnover limit"):
        _send(ledger, claim, BUY, budget(turnover=turnover))


@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity"])
def test_an_order_without_a_value_is_not_sent(ledger: SqlLedger, value: str) -> None:
    claim = planned(ledger, [BUY])
    with pytest.raises(LedgerError, match="base currency"):
        _send(ledger, claim, BUY, budget(value))


def test_a_buy_is_no_exit(ledger: SqlLedger) -> None:
    claim = planned(ledger, [BUY])
    with pytest.raises(LedgerError, match="no exit"):
        _send(ledger, claim, BUY, budget(exit=True))


def test_the_record_of_an_order_says_all_that_a_settlement_needs(ledger: SqlLedger, lease_time: ManualTime) -> None:
    claim = planned(ledger, [SELL])
    (before,) = ledger.intents(claim.run_id)
    assert (before.sent_at, before.absent_reads) == (None, 0)
    assert (before.exit, before.mandatory, before.leg, before.reference_price) == (True, True, 1, Decimal("150.25"))
    sent(ledger, claim, SELL)
    (after,) = ledger.intents(claim.run_id)
    # Real time, like the leases: market time may be simulated.
    assert after.sent_at == lease_time.now


def test_absence_is_counted_for_an_unknown_order_and_for_no_other(ledger: SqlLedger) -> None:
    claim = planned(ledger, [BUY, SELL])
    with pytest.raises(LedgerError, match="PLANNED"):
        ledger.absent(claim, BUY.coid, AT)
    sent(ledger, claim, BUY)
    with pytest.raises(LedgerError, match="SENDING"):
        ledger.absent(claim, BUY.coid, AT)
    ledger.settle(claim, BUY.coid, OrderState.UNKNOWN, AT)
    assert [ledger.absent(claim, BUY.coid, AT).absent_reads for _ in range(3)] == [1, 2, 3]
    found = ledger.find_intent(BOOK, BUY.coid)
    assert found is not None
    # However often: what to make of it is not the ledger's to decide.
    assert (found.state, found.absent_reads) == (OrderState.UNKNOWN, 3)
    ledger.settle(claim, BUY.coid, OrderState.ABANDONED, AT)
    with pytest.raises(LedgerError, match="ABANDONED"):
        ledger.absent(claim, BUY.coid, AT)
    with pytest.raises(LedgerError, match="no intent"):
        ledger.absent(claim, "PMnobody", AT)
    assert ledger.verify().ok


def test_an_earlier_runs_unknown_order_is_looked_for_by_the_next_one(ledger: SqlLedger) -> None:
    first = planned(ledger, [BUY])
    sent(ledger, first, BUY)
    ledger.settle(first, BUY.coid, OrderState.UNKNOWN, AT)
    ledger.close(first, RunStatus.HALTED, REPORT, [], AT)
    later = claimed(ledger, replace(KEY, session_date=TODAY + timedelta(days=1)))
    assert ledger.absent(later, BUY.coid, AT).run_id == first.run_id
    assert [each.coid for each in ledger.open_intents(BOOK)] == [BUY.coid]
    assert ledger.open_intents(BOOK, later.key.session_date) == ()


def test_senders_at_once_share_the_days_budget_and_never_overdraw_it(ledger: SqlLedger) -> None:
    wanted = [intent(n, side=Side.BUY) for n in range(12)]
    claim = planned(ledger, wanted)
    together = Barrier(len(wanted))

    def send(what: Intent) -> Refusal | None:
        together.wait()
        return _send(ledger, claim, what, budget("100", orders=5, turnover="1000"))

    with ThreadPoolExecutor(len(wanted)) as pool:
        refusals = [refusal for refusal in pool.map(send, wanted) if refusal is not None]
    assert [refusal.rule for refusal in refusals] == ["max_orders_per_day"] * 7
    assert ledger.day_use(BOOK, TODAY) == DayUse(orders=5, turnover=Decimal(500))
    assert ledger.verify().ok


@pytest.mark.parametrize("where", [BOOK, None])
def test_no_order_starts_to_be_sent_after_a_halt_was_committed(
    ledger: SqlLedger, ledger_url: str, where: str | None
) -> None:
    wanted = [intent(n, side=Side.BUY) for n in range(30)]
    claim = planned(ledger, wanted)
    other = open_ledger(ledger_url)
    together = Barrier(2)

    def halt() -> int:
        together.wait()
        other.set_level(where, KillLevel.HALTED, "stop", "a person", AT)
        return other.day_use(BOOK, TODAY).orders

    def send() -> list[Refusal | None]:
        together.wait()
        return [_send(ledger, claim, each, budget()) for each in wanted]

    with ThreadPoolExecutor(2) as pool:
        sender, halter = pool.submit(send), pool.submit(halt)
        refused = [refusal is not None for refusal in sender.result()]
        sent_when_halted = halter.result()
    other.dispose()
    assert sent_when_halted == refused.count(False) == ledger.day_use(BOOK, TODAY).orders
    # Once refused, always refused.
    assert refused == sorted(refused)


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
@pytest.mark.parametrize("where", [BOOK, "*"])
def test_a_level_being_set_makes_a_sender_wait_for_it_even_the_first_time(
    ledger: SqlLedger, ledger_url: str, where: str
) -> None:
    claim = planned(ledger, [BUY])
    engine = create_ledger_engine(ledger_url)
    with ThreadPoolExecutor(1) as pool:
        with writing(engine) as connection:
            controls.set_level(connection, where, KillLevel.HALTED, "stop", "a person", AT)
            answer = pool.submit(_send, ledger, claim, BUY, budget())
            # The sender waits in the database, so it cannot have an answer before this commits.
            while not connection.exec_driver_sql(WAITING).scalar_one():
                assert not answer.done()
        refusal = answer.result()
    engine.dispose()
    assert refusal is not None
    assert (refusal.rule, refusal.value) == ("kill_level", "HALTED")


def test_fills_after_a_send_do_not_change_what_it_took(ledger: SqlLedger) -> None:
    claim = planned(ledger, [BUY])
    sent(ledger, claim, BUY)
    filled(ledger, claim, BUY, "4")
    filled(ledger, claim, BUY)
    assert ledger.day_use(BOOK, TODAY) == DayUse(orders=1, turnover=Decimal(1500))
