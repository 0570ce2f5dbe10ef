"""Leases: whatever clock wrote one, it ends; and a process of this machine that has ended holds none."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.desk.records import Busy, Claim, Done, Event, RunStatus
from app.domain.errors import Fenced, RunAtWork
from app.domain.order import OrderState
from app.ledger.engine import create_ledger_engine, open_ledger
from app.ledger.leases import Life, life_of, owner_text
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
    intent,
    planned,
    rows,
    sent,
)

pytestmark = pytest.mark.slow

EXIT = replace(KEY, slot="exit-aapl-1")
TOMORROW = replace(KEY, session_date=TODAY + timedelta(days=1))
MONTH = 30 * 24 * 3600.0
linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process is judged")
WHO = "from app.ledger.leases import owner_text; print(owner_text('other'), flush=True); "


@contextmanager
def another_process(then: str = "input()") -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A process and its text as an owner."""
    with subprocess.Popen(
        [sys.executable, "-c", WHO + then], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def until_state(process: int, state: str) -> None:
    """Until the system shows the process in that state."""
    for _ in range(10**7):
        if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == state:
            return
    raise AssertionError(f"process {process} never came to {state}")


@linux
def test_a_process_runs_until_it_has_ended_stopped_or_not_and_a_zombie_has_ended() -> None:
    with another_process() as (process, owner):
        assert life_of(owner) is Life.RUNS
        process.send_signal(signal.SIGSTOP)
        until_state(process.pid, "T")
        assert life_of(owner) is Life.RUNS
        process.kill()
        until_state(process.pid, "Z")
        assert life_of(owner) is Life.ENDED
        process.wait()
        assert life_of(owner) is Life.ENDED


@linux
def test_a_process_that_got_the_number_of_one_that_ended_is_not_taken_for_it() -> None:
    name, number, started, *where = owner_text("me").split("/")
    assert life_of("/".join((name, number, started, *where))) is Life.RUNS
    assert life_of("/".join((name, number, f"{int(started) + 1}", *where))) is Life.ENDED


@pytest.mark.parametrize(
    "owner",
    [
        "process-0123456789ab",
        "nobody",
        "",
        "process/",
        "/".join(("p", "-1", "1", "1", "b", "h")),
        "/".join(("p", "0", "1", "1", "b", "h")),
        "/".join(("p", "²", "1", "1", "b", "h")),
        "/".join(("p", "9" * 30, "1", "1", "b", "h")),
        "/".join(("p", "x", "1", "1", "b", "h")),
        "/".join(("p", "1", "1", "1", "b", "h/with/more")),
    ],
)
def test_of_an_owner_that_says_no_process_nothing_is_known(owner: str) -> None:
    assert life_of(owner) is Life.UNKNOWN


@linux
@pytest.mark.parametrize("part", [3, 4, 5])
def test_another_machine_boot_or_container_is_not_judged(part: int) -> None:
    parts = owner_text("me").split("/")
    # Nobody here has this number.
    parts[1] = str(2**31 - 1)
    assert life_of("/".join(parts)) is Life.ENDED
    parts[part] += "0"
    assert life_of("/".join(parts)) is Life.UNKNOWN


@linux
def test_the_run_of_a_killed_process_is_taken_over_at_once(ledger: SqlLedger) -> None:
    with another_process() as (process, owner):
        first = claimed(ledger, owner=owner)
        assert ledger.claim(KEY, "two", "policy-1", AT) == Busy(first.run_id)
        process.kill()
        process.wait()
        second = ledger.claim(KEY, "two", "policy-1", AT)
    assert second == replace(first, owner="two", fence=2)
    with pytest.raises(Fenced):
        ledger.renew(first)


@linux
def test_a_stopped_process_keeps_its_run_until_the_lease_lapses(ledger: SqlLedger, lease_time: ManualTime) -> None:
    with another_process() as (process, owner):
        first = claimed(ledger, owner=owner)
        process.send_signal(signal.SIGSTOP)
        until_state(process.pid, "T")
        assert ledger.claim(KEY, "two", "policy-1", AT) == Busy(first.run_id)
        assert ledger.claim(EXIT, "two", "policy-1", AT) == Busy(first.run_id)
        lease_time.advance(121)
        assert ledger.put_to_rest("watch") == 0
        assert isinstance(ledger.claim(KEY, "two", "policy-1", AT), Claim)


@linux
def test_another_slot_and_an_approval_go_ahead_when_the_process_at_work_was_killed(ledger: SqlLedger) -> None:
    waiting = planned(ledger, [])
    ledger.close(waiting, RunStatus.AWAITING_APPROVAL, REPORT, (), AT)
    with another_process() as (process, owner):
        at_work = claimed(ledger, EXIT, owner)
        with pytest.raises(RunAtWork) as caught:
            ledger.reopen(waiting.run_id, "two", AT)
        assert (caught.value.run_id, caught.value.seconds) == (at_work.run_id, 120)
        process.kill()
        process.wait()
        ledger.reopen(waiting.run_id, "two", AT)
    run = ledger.run(at_work.run_id)
    assert run is not None
    assert (run.status, run.error) == (RunStatus.FAILED, "the process that worked on it ended before the run did")


def test_a_process_judged_wrongly_sends_nothing_more(ledger_url: str) -> None:
    ledger = SqlLedger(create_ledger_engine(ledger_url), now=ManualTime(), life=lambda _: Life.ENDED)
    alive = planned(ledger)
    thief = ledger.claim(KEY, "two", "policy-1", AT)
    assert isinstance(thief, Claim)
    one = intent()
    with pytest.raises(Fenced):
        ledger.sending(alive, one.coid, one.order.quantity, one.order.reference_price, AT, budget())
    sent(ledger, thief, one)
    assert ledger.verify().ok
    ledger.dispose()


@pytest.mark.parametrize("owner_ahead", [MONTH, 3600.0, 1.0])
def test_a_lease_from_a_clock_ahead_holds_for_one_lease_from_when_it_is_first_seen(
    ledger: SqlLedger, lease_time: ManualTime, owner_ahead: float
) -> None:
    lease_time.advance(owner_ahead)
    first = claimed(ledger)
    lease_time.advance(-owner_ahead)
    seen = ledger.claim(KEY, "two", "policy-1", AT)
    assert seen == Busy(first.run_id)
    assert isinstance(seen, Busy)
    assert seen.lease is not None
    assert seen.lease.seconds == 120
    lease_time.advance(119)
    again = ledger.claim(EXIT, "two", "policy-1", AT)
    assert isinstance(again, Busy)
    assert again.lease is not None
    assert again.lease.seconds == 1
    lease_time.advance(2)
    assert isinstance(ledger.claim(KEY, "two", "policy-1", AT), Claim)
    with pytest.raises(Fenced):
        ledger.record(first, [Event("late")], AT)


def test_a_process_with_a_clock_ahead_keeps_its_run_while_it_renews(ledger: SqlLedger, lease_time: ManualTime) -> None:
    first = claimed(ledger)
    for _ in range(5):
        lease_time.advance(MONTH)
        ledger.renew(first)
        lease_time.advance(-MONTH)
        assert ledger.claim(KEY, "two", "policy-1", AT) == Busy(first.run_id)
        lease_time.advance(80)
    assert ledger.claim(KEY, "two", "policy-1", AT) == Busy(first.run_id)


def test_a_process_with_a_clock_behind_is_taken_over_and_sends_nothing_more(
    ledger: SqlLedger, lease_time: ManualTime
) -> None:
    lease_time.advance(-MONTH)
    behind = planned(ledger)
    lease_time.advance(MONTH)
    ahead = ledger.claim(KEY, "two", "policy-1", AT)
    assert isinstance(ahead, Claim)
    lease_time.advance(-MONTH)
    one = intent()
    with pytest.raises(Fenced):
        ledger.renew(behind)
    with pytest.raises(Fenced):
        ledger.sending(behind, one.coid, one.order.quantity, one.order.reference_price, AT, budget())
    lease_time.advance(MONTH)
    sent(ledger, ahead, one)


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_leases_run_on_the_clock_of_postgresql(ledger_url: str) -> None:
    ledger = open_ledger(ledger_url)
    claim = claimed(ledger)
    ((gap,),) = rows(ledger_url, "SELECT extract(epoch FROM (lease_until::timestamptz - clock_timestamp())) FROM runs")
    assert 0 < gap <= 120
    run = ledger.run(claim.run_id)
    assert run is not None
    assert run.lease is not None
    assert not run.lease.lapsed
    ledger.dispose()


def test_a_run_says_until_when_it_is_somebodys_and_when_nobody_is_at_work(
    ledger: SqlLedger, lease_time: ManualTime
) -> None:
    claim = claimed(ledger)
    for seconds, left in ((0, 120), (100, 20), (20, 0), (1000, 0)):
        lease_time.advance(seconds)
        run = ledger.run(claim.run_id)
        assert run is not None
        assert run.lease is not None
        assert (run.lease.seconds, run.lease.lapsed) == (left, left == 0)
    ledger.close(claim, RunStatus.DONE, REPORT, (), AT)
    (run,) = ledger.runs()
    assert run.lease is None


@pytest.mark.parametrize("ahead", [MONTH, -MONTH])
def test_runs_are_read_and_put_to_rest_under_a_clock_that_is_a_month_off(
    ledger: SqlLedger, lease_time: ManualTime, ahead: float
) -> None:
    claimed(ledger)
    claimed(ledger, replace(KEY, dry_run=True))
    lease_time.advance(ahead)
    for run in ledger.runs():
        assert run.lease is not None
        assert run.lease.lapsed == (ahead > 0)
    assert ledger.put_to_rest("watch") == (2 if ahead > 0 else 0)
    lease_time.advance(121)
    assert ledger.put_to_rest("watch") == (0 if ahead > 0 else 2)
    assert {run.status for run in ledger.runs()} == {RunStatus.FAILED}
    assert ledger.verify().ok


def test_what_a_process_left_behind_without_a_plan_ends_as_failed_at_the_next_claim(
    ledger: SqlLedger, lease_time: ManualTime
) -> None:
    left = [claimed(ledger), claimed(ledger, replace(KEY, dry_run=True))]
    elsewhere = claimed(ledger, replace(KEY, book="DU200"))
    lease_time.advance(121)
    claimed(ledger, TOMORROW, "two")
    for claim in left:
        run = ledger.run(claim.run_id)
        assert run is not None
        assert (run.status, run.finished_at, run.lease) == (RunStatus.FAILED, AT, None)
        with pytest.raises(Fenced):
            ledger.renew(claim)
    other = ledger.run(elsewhere.run_id)
    assert other is not None
    assert other.status is RunStatus.RUNNING
    assert ledger.verify().ok


def test_a_dry_run_ends_what_was_left_behind_and_fences_nobody(ledger: SqlLedger, lease_time: ManualTime) -> None:
    with_plan = planned(ledger)
    lease_time.advance(121)
    without = claimed(ledger, replace(KEY, dry_run=True))
    lease_time.advance(121)
    claimed(ledger, replace(TOMORROW, dry_run=True), "two")
    gone, kept = ledger.run(without.run_id), ledger.run(with_plan.run_id)
    assert gone is not None
    assert kept is not None
    assert (gone.status, kept.status) == (RunStatus.FAILED, RunStatus.RUNNING)
    ledger.renew(with_plan)


def test_whoever_is_told_of_a_day_that_is_done_ends_what_was_left_behind_beside_it(
    ledger: SqlLedger, lease_time: ManualTime
) -> None:
    ledger.close(claimed(ledger), RunStatus.DONE, REPORT, (), AT, None)
    without = claimed(ledger, replace(KEY, dry_run=True))
    lease_time.advance(121)
    assert isinstance(ledger.claim(KEY, "two", "policy", AT), Done)
    gone = ledger.run(without.run_id)
    assert gone is not None
    assert (gone.status, gone.lease) == (RunStatus.FAILED, None)
    assert ledger.verify().ok


def test_a_run_with_a_plan_is_put_to_rest_by_whoever_knows_what_became_of_its_orders(
    ledger: SqlLedger, lease_time: ManualTime
) -> None:
    left = planned(ledger)
    lease_time.advance(121)
    assert ledger.put_to_rest("watch") == 0
    today = claimed(ledger, EXIT, "two")
    assert ledger.adopt(today, AT, same_day=False) == ()
    ledger.close(today, RunStatus.DONE, REPORT, (), AT)
    next_day = claimed(ledger, TOMORROW, "three")
    (old,) = ledger.adopt(next_day, AT, same_day=False)
    assert (old.run_id, old.owner, old.plan) == (left.run_id, "three", PLAN)
    assert ledger.adopt(next_day, AT, same_day=False) == ()
    ledger.settle(old, intent().coid, OrderState.NOT_SENT, AT)
    ledger.close(old, RunStatus.FAILED, REPORT, (), AT)
    run = ledger.run(left.run_id)
    assert run is not None
    assert run.status is RunStatus.FAILED
    assert ledger.verify().ok


def test_the_days_close_takes_those_of_the_day_and_only_the_claims_owner_may(
    ledger: SqlLedger, lease_time: ManualTime
) -> None:
    left = planned(ledger)
    lease_time.advance(121)
    close = claimed(ledger, replace(KEY, slot="close"), "two")
    with pytest.raises(Fenced):
        ledger.adopt(replace(close, owner="three"), AT, same_day=True)
    assert [old.run_id for old in ledger.adopt(close, AT, same_day=True)] == [left.run_id]


def test_a_run_that_was_approved_and_left_behind_stays_true_to_its_seal(
    ledger: SqlLedger, lease_time: ManualTime
) -> None:
    waiting = claimed(ledger)
    ledger.close(waiting, RunStatus.AWAITING_APPROVAL, REPORT, (), AT)
    ledger.reopen(waiting.run_id, "two", AT)
    lease_time.advance(121)
    assert ledger.put_to_rest("watch") == 0
    next_day = claimed(ledger, TOMORROW, "three")
    assert ledger.verify().ok
    (old,) = ledger.adopt(next_day, AT, same_day=False)
    ledger.close(old, RunStatus.FAILED, REPORT, (), AT)
    assert ledger.verify().ok


def test_a_ledger_of_an_earlier_version_is_healed(ledger_url: str) -> None:
    """As it was left there: owners that say no process, fenced ones of which nobody came back, a lease far ahead."""
    time = ManualTime()
    ledger = open_ledger(ledger_url, now=time)
    keys = [replace(KEY, session_date=TODAY - timedelta(days=ago)) for ago in (4, 3, 2, 1)]
    left = []
    for key in keys:
        left.append(claimed(ledger, key, "process-0123456789ab"))
        time.advance(121)
        # As if nobody had ended the one before.
        execute(
            ledger_url,
            f"UPDATE runs SET status = 'running', error = NULL, finished_at = NULL, "  # noqa: S608 (our own)
            f"day_key = '{BOOK}|' || session_date || '|daily|run' WHERE day_key IS NULL",
        )
    far = "2099-01-01T00:00:00.000000+00:00"
    execute(ledger_url, f"UPDATE runs SET lease_until = '{far}' WHERE run_id = '{left[0].run_id}'")  # noqa: S608
    assert {run.status for run in ledger.runs()} == {RunStatus.RUNNING}
    assert ledger.put_to_rest("watch") == 3
    time.advance(121)
    claimed(ledger)
    assert [run.status for run in ledger.runs()][1:] == [RunStatus.FAILED] * 4
    assert ledger.verify().ok
    assert ledger.put_to_rest("watch") == 0
    ledger.dispose()
