"""What a run has to say waits until it can be committed, and is said once."""

from collections.abc import Sequence

import pytest

from app.desk.journal import Journal
from app.desk.records import Event, RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.errors import LedgerUnavailable
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import Office
from tests.unit.ledger.builders import rows

ONE, TWO = Event("one"), Event("two")


async def _nowhere(_: Sequence[Event]) -> None:
    raise LedgerUnavailable("the disk is full", "Make room")


async def test_what_could_not_be_committed_with_something_else_waits_and_is_committed_once() -> None:
    taken: list[Event] = []

    async def take(events: Sequence[Event]) -> None:
        taken.extend(events)

    journal = Journal(take)
    journal.add(ONE)
    with pytest.raises(LedgerUnavailable):
        await journal.flush_with(_nowhere)
    journal.add(TWO)
    await journal.flush_with(take)
    await journal.flush()
    assert taken == [ONE, TWO]
    assert await journal.drain() == ()


async def test_a_plan_without_anything_before_it_is_committed_all_the_same() -> None:
    batches: list[Sequence[Event]] = []

    async def take(events: Sequence[Event]) -> None:
        batches.append(events)

    await Journal(_nowhere).flush_with(take)
    assert batches == [()]


async def test_what_was_read_is_on_record_before_the_plan_that_follows_from_it(
    office: Office, ledger: SqlLedger, ledger_url: str
) -> None:
    assert (await run_daily(office.desk(), RunRequest())).status is RunStatus.DONE
    kinds = [
        (kind, payload)
        for kind, payload in rows(ledger_url, "SELECT kind, payload FROM events ORDER BY seq")
        if kind in {"stage", "plan_committed"}
    ]
    told = [kind if kind == "plan_committed" else payload.split('"name":"')[1].rstrip('"}') for kind, payload in kinds]
    assert told == [
        "ibkr_reader_agent",
        "market_reader_agent",
        "portfolio_evaluator_agent",
        "plan_committed",
        "decision_maker_agent",
        "order_executor_agent",
    ]
    assert ledger.verify().ok
