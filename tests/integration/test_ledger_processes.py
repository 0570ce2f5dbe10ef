"""Processes that share one ledger. Each opens it by itself, as two instances of the service would."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from multiprocessing.connection import Connection
from typing import Any

import pytest

from app.desk.records import Claim, Event, Intent, RunKey, RunStatus, SendBudget
from app.domain.errors import LedgerError
from app.domain.instrument import Instrument
from app.domain.order import Order, OrderState, Side, client_order_id
from app.ledger.engine import open_ledger
from tests.support.ledgers import Databases

AT = datetime(2022, 3, 14, 14, 0, tzinfo=UTC)
KEY = RunKey("DU100", "DU100", date(2022, 3, 14), "daily")
SESSIONS = 25
BUDGET = SendBudget(Decimal(1490), exit=True, max_orders=20, max_turnover=Decimal(100_000))
INTENT = Intent(
    client_order_id(KEY.book, KEY.session_date, KEY.slot, 1, Side.SELL, 1),
    Order(Instrument(1, "ONE", "USD"), Side.SELL, Decimal(10), Decimal(150), "stop_loss", exit=True),
)


@pytest.fixture
def url(databases: Databases) -> Iterator[str]:
    url = databases.empty()
    yield url
    databases.drop(url)


@contextmanager
def process(work: Callable[[str, Connection], None], url: str) -> Iterator[tuple[Connection, int]]:
    """Another interpreter that does `work`; it is killed at the end if it still lives."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    child = context.Process(target=work, args=(url, there), daemon=True)
    child.start()
    there.close()
    assert child.pid is not None
    try:
        yield here, child.pid
    finally:
        child.kill()
        child.join()
        child.close()
        here.close()


def claim_every_session(url: str, link: Connection) -> None:
    """Races for one session after the other, plans and closes those won, and tells what it got."""
    link.send("ready")
    link.recv()
    ledger = open_ledger(url)
    owner = f"process-{os.getpid()}"
    won = []
    for day in range(SESSIONS):
        # A book each: one of a book's runs is at work at a time, whatever its session.
        key = replace(KEY, book=f"DU{day}", session_date=KEY.session_date + timedelta(days=day))
        answer = ledger.claim(key, owner, "policy-1", AT)
        if isinstance(answer, Claim):
            won.append((day, answer.run_id))
            ledger.commit_plan(answer, {"action": "HOLD"}, [], AT)
            ledger.close(answer, RunStatus.DONE, {"owner": owner}, [Event("closing")], AT)
        ledger.observe(KEY.book, [Event("seen", {"by": owner}), Event("seen", {"by": owner})], AT)
    ledger.dispose()
    link.send(won)


def send_and_hang(url: str, link: Connection) -> None:
    """Commits an intent as being sent, and never hears of it again."""
    ledger = open_ledger(url)
    claim = ledger.claim(KEY, "crashing", "policy-1", AT)
    assert isinstance(claim, Claim)
    ledger.commit_plan(claim, {"action": "CUT_LOSERS"}, [INTENT], AT)
    ledger.sending(claim, INTENT.coid, Decimal(10), Decimal(149), AT, BUDGET)
    link.send(claim.run_id)
    link.recv()


def write_after_takeover(url: str, link: Connection) -> None:
    """Wakes up after somebody else has taken its run, and tries to settle what it sent."""
    ledger = open_ledger(url)
    claim = ledger.claim(KEY, "frozen", "policy-1", AT)
    assert isinstance(claim, Claim)
    ledger.commit_plan(claim, {"action": "CUT_LOSERS"}, [INTENT], AT)
    link.send(claim.run_id)
    link.recv()
    try:
        ledger.sending(claim, INTENT.coid, Decimal(10), Decimal(149), AT, BUDGET)
    except LedgerError as error:
        link.send(type(error).__name__)
    else:
        link.send("sent")
    ledger.dispose()


def _received(link: Connection) -> Any:  # noqa: ANN401 (whatever the other process sends)
    assert link.poll(60), "the other process does not answer"
    return link.recv()


def test_two_processes_racing_from_an_empty_database_share_every_session_out_between_them(url: str) -> None:
    with process(claim_every_session, url) as (one, _), process(claim_every_session, url) as (two, _):
        assert (_received(one), _received(two)) == ("ready", "ready")
        one.send("go")
        two.send("go")
        won = _received(one) + _received(two)
    assert sorted(day for day, _ in won) == list(range(SESSIONS))
    ledger = open_ledger(url)
    assert {run.run_id for run in ledger.runs(limit=100)} == {run_id for _, run_id in won}
    verification = ledger.verify()
    # Claim, plan, closing and seal of each session, and two words a session from each process.
    assert (verification.problems, verification.events) == ((), SESSIONS * (4 + 2 * 2))
    ledger.dispose()


def test_a_killed_senders_run_is_taken_over_with_its_plan_and_its_order_in_doubt(url: str) -> None:
    with process(send_and_hang, url) as (link, pid):
        run_id = _received(link)
        os.kill(pid, signal.SIGKILL)
    ledger = open_ledger(url, now=lambda: datetime.now(UTC) + timedelta(seconds=121))
    claim = ledger.claim(KEY, "second", "policy-2", AT)
    assert isinstance(claim, Claim)
    assert (claim.run_id, claim.fence, claim.plan) == (run_id, 2, {"action": "CUT_LOSERS"})
    (in_doubt,) = ledger.open_intents(KEY.book, KEY.session_date)
    assert (in_doubt.coid, in_doubt.state, in_doubt.sends) == (INTENT.coid, OrderState.SENDING, 1)
    assert ledger.verify().ok
    ledger.dispose()


def test_a_frozen_sender_that_wakes_after_a_takeover_sends_nothing(url: str) -> None:
    with process(write_after_takeover, url) as (link, _):
        run_id = _received(link)
        ledger = open_ledger(url, now=lambda: datetime.now(UTC) + timedelta(seconds=121))
        claim = ledger.claim(KEY, "second", "policy-1", AT)
        assert isinstance(claim, Claim)
        assert claim.run_id == run_id
        link.send("wake")
        assert _received(link) == "Fenced"
    assert [record.state for record in ledger.intents(run_id)] == [OrderState.PLANNED]
    ledger.dispose()
