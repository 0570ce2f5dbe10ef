"""A fall that is acted upon, a mark that is rebased and the end of the way back are on record, each once."""

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.commands.events import event_words
from app.desk.records import RunMemory, RunStatus
from app.domain.recovery import Recovery
from app.engine.memory import EvaluationRecord
from app.ledger.audit_told import Account, Told
from app.ledger.sql_ledger import SqlLedger
from app.ledger.way_back import TOLD, Value, turns
from app.record.canonical import canonical
from tests.unit.ledger.builders import ACCOUNT, AT, BOOK, KEY, REPORT, TODAY, claimed

ON_THE_WAY = Recovery(TODAY, TODAY, 0.16, left=0.6, gap=0.28)
BEFORE = EvaluationRecord({}, {}, None)
FALLEN = replace(BEFORE, recovery=ON_THE_WAY)
NEXT = TODAY + timedelta(days=1)
LATER = TODAY + timedelta(days=30)
STEPPING = replace(BEFORE, recovery=replace(ON_THE_WAY, rebased=LATER), marked=LATER)
OVER = replace(BEFORE, marked=LATER)
KINDS = [str(kind) for kind in TOLD]


def told(before: EvaluationRecord | None, now: EvaluationRecord, drawdown: float | None = 0.16) -> list[str]:
    found = turns(before, now, Value(TODAY, Decimal(84_000), "USD", drawdown))
    return [f"{event.kind}: {event_words(event.kind, json.loads(canonical(event.payload)))}" for event in found]


def test_each_turn_is_a_sentence_with_the_old_mark_and_the_new_one() -> None:
    assert told(None, FALLEN) == [
        "recovery_began: a fall of 16.0% from 100,000.00 USD is acted upon, purchases go up to 60.0% invested"
    ]
    assert told(FALLEN, STEPPING, drawdown=0.2) == [
        "mark_rebased: falls are counted from 84,000.00 USD on 2022-04-13, before from 105,000.00 USD"
    ]
    assert told(STEPPING, OVER) == [
        "recovery_ended: the way back from the fall of 2022-03-14 has ended at 84,000.00 USD: it bounds no purchase"
    ]


def test_a_day_that_changes_nothing_of_it_tells_nothing() -> None:
    worse = replace(FALLEN, recovery=replace(ON_THE_WAY, acted=NEXT, acted_at=0.18))
    for before, now in ((None, BEFORE), (FALLEN, FALLEN), (FALLEN, worse), (STEPPING, STEPPING), (OVER, OVER)):
        assert told(before, now) == []


def test_a_step_that_is_the_whole_way_rebases_the_mark_and_ends_it() -> None:
    assert [line.split(":")[0] for line in told(FALLEN, OVER)] == ["mark_rebased", "recovery_ended"]


def test_a_new_fall_on_the_way_begins_anew_and_moves_no_mark() -> None:
    again = replace(STEPPING, recovery=replace(ON_THE_WAY, began=LATER + timedelta(days=9)))
    assert [line.split(":")[0] for line in told(STEPPING, again)] == ["recovery_began"]


@pytest.mark.parametrize("drawdown", [None, 1.0])
def test_an_old_mark_that_nobody_can_tell_is_said_to_be_unknown(drawdown: float | None) -> None:
    (line,) = told(FALLEN, STEPPING, drawdown)
    assert line.endswith("before from a value that is not known")


def close(
    ledger: SqlLedger, day: date, left: EvaluationRecord, status: RunStatus = RunStatus.DONE, **key: object
) -> None:
    claim = claimed(ledger, replace(KEY, session_date=day, **key))  # type: ignore[arg-type]  # fields by name
    ledger.close(claim, status, REPORT, [], AT, memory=RunMemory(left, ACCOUNT, drawdown=0.16))


def on_record(ledger: SqlLedger) -> list[tuple[str, str]]:
    return [(event.kind, event.payload["session_date"]) for event in ledger.events(0, BOOK, KINDS, 100)]


def test_the_way_back_is_on_record_once_however_many_runs_a_session_has(ledger: SqlLedger) -> None:
    for slot in ("daily", "afternoon"):
        close(ledger, TODAY, FALLEN, slot=slot)
    for slot in ("daily", "afternoon"):
        close(ledger, LATER, STEPPING, slot=slot)
    close(ledger, LATER + timedelta(days=1), OVER)
    ended = (LATER + timedelta(days=1)).isoformat()
    assert on_record(ledger) == [
        ("recovery_began", TODAY.isoformat()),
        ("mark_rebased", LATER.isoformat()),
        ("recovery_ended", ended),
    ]
    assert ledger.verify().ok


def test_a_run_that_only_previews_or_is_not_done_tells_no_turn(ledger: SqlLedger) -> None:
    close(ledger, TODAY, FALLEN, RunStatus.DRY_RUN, dry_run=True)
    close(ledger, TODAY, FALLEN, RunStatus.HALTED, slot="halted")
    close(ledger, TODAY, FALLEN, RunStatus.AWAITING_APPROVAL, slot="asks")
    assert on_record(ledger) == []
    close(ledger, NEXT, FALLEN)
    assert on_record(ledger) == [("recovery_began", NEXT.isoformat())]


def test_the_audit_knows_what_each_of_them_tells() -> None:
    for kind, names in TOLD.items():
        payload = dict.fromkeys(names, "1")
        Account().note(Told(BOOK, 1, "run", kind, "", payload))
        for other in ({**payload, "more": "1"}, {name: payload[name] for name in names[1:]}):
            with pytest.raises(KeyError):
                Account().note(Told(BOOK, 1, "run", kind, "", other))
