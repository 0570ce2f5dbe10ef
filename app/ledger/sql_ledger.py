"""The ledger as the desk sees it. Each call is one transaction, and what a call says it did is on disk."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine

from app.desk.account_record import AccountRecord
from app.desk.records import (
    NOTHING_LEFT,
    Book,
    Busy,
    Claim,
    Control,
    Done,
    Event,
    Intent,
    IntentRecord,
    Measured,
    Notice,
    Oversight,
    Quarantine,
    RunKey,
    RunMemory,
    RunRecord,
    RunStatus,
    SendBudget,
    Snapshot,
    StoredEvent,
    TakenOver,
    Verification,
)
from app.desk.recovery import Recovery
from app.domain.navs import NavPoint
from app.domain.order import OrderState
from app.domain.policy.adoption import AdoptionMode
from app.domain.questions import Question
from app.domain.ruling import Cause, DayUse, KillLevel, Refusal
from app.ledger import (
    adoptions,
    audit,
    chunks,
    claims,
    controls,
    intents,
    navs,
    notices,
    recorded,
    run_memory,
    run_records,
    runs,
)
from app.ledger.account import account_record
from app.ledger.cash_records import CashRecords
from app.ledger.events import ledger_newest, observe
from app.ledger.history import History
from app.ledger.intents import News, commit_plan
from app.ledger.leases import Leases, Life, database_time, life_of, utc_now
from app.ledger.recovery import holders, recover
from app.ledger.sending import sending
from app.ledger.transactions import LOCK_SECONDS, reading
from app.ledger.usable import PROBE_SECONDS, require_usable
from app.record.anchors import Anchor, Head
from app.record.chunks import KeptInputs

LEASE_SECONDS = 120.0
# What others do in one transaction takes less.
MOMENT_SECONDS = 0.25


class SqlLedger(CashRecords):
    """The desk's `Ledger` over a migrated database; threads may share it."""

    def __init__(
        self,
        engine: Engine,
        *,
        lease_seconds: float = LEASE_SECONDS,
        now: Callable[[], datetime] | None = None,
        life: Callable[[str], Life] = life_of,
    ) -> None:
        """`now` is the real clock, of leases too where it is given, and never market time."""
        self._engine = engine
        self._lease = timedelta(seconds=lease_seconds)
        self._now = now or utc_now
        self._lease_time = database_time if now is None else lambda _: now()
        self._life = life
        self._history = History()
        self._watches: list[recorded.Watch] = []

    def dispose(self) -> None:
        """Close every connection; the next call opens new ones."""
        while self._watches:
            self._watches.pop().close()
        self._engine.dispose()

    def require_usable(self) -> None:
        """LedgerUnavailable where a run could not be recorded now; commits a change that changes nothing."""
        with self._write(thorough=True, patience=PROBE_SECONDS) as connection:
            require_usable(connection)

    def claim(self, key: RunKey, owner: str, policy_hash: str, at: datetime) -> Claim | Busy | Done:
        with self._write(thorough=True) as connection:
            return claims.claim(connection, key, owner, policy_hash, at, self._leases(connection))

    def renew(self, claim: Claim) -> None:
        with self._write() as connection:
            runs.renew(connection, claim, self._leases(connection).until)

    def record(self, claim: Claim, events: Sequence[Event], at: datetime, *, patient: bool = True) -> None:
        with self._write(patience=LOCK_SECONDS if patient else MOMENT_SECONDS) as connection:
            runs.record(connection, claim, events, at, self._leases(connection).until)

    def observe(self, book: str, events: Sequence[Event], at: datetime) -> None:
        with self._write() as connection:
            observe(connection, book, events, at)

    def commit_plan(
        self,
        claim: Claim,
        plan: Mapping[str, Any],
        intents: Sequence[Intent],
        at: datetime,
        events: Sequence[Event] = (),
        inputs: KeptInputs | None = None,
        taken_over: TakenOver | None = None,
    ) -> None:
        with self._write() as connection:
            commit_plan(connection, claim, plan, intents, at, events, inputs, taken_over)

    def intents(self, run_id: str) -> tuple[IntentRecord, ...]:
        with self._read() as connection:
            return intents.of_run(connection, run_id)

    def open_intents(self, book: str, session_date: date | None = None) -> tuple[IntentRecord, ...]:
        with self._read() as connection:
            return intents.open_of_book(connection, book, session_date)

    def find_intents(self, book: str, coids: Collection[str]) -> Mapping[str, IntentRecord]:
        with self._read() as connection:
            return intents.find(connection, book, coids)

    def find_intent(self, book: str, coid: str) -> IntentRecord | None:
        with self._read() as connection:
            return intents.find(connection, book, (coid,)).get(coid)

    def reopen(self, run_id: str, owner: str, at: datetime) -> Claim:
        with self._write(thorough=True) as connection:
            return claims.reopen(connection, run_id, owner, at, self._leases(connection))

    def adopt(self, claim: Claim, at: datetime, *, same_day: bool) -> tuple[Claim, ...]:
        with self._read() as connection:
            if not claims.any_to_adopt(connection, claim, self._leases(connection), same_day=same_day):
                return ()
        with self._write() as connection:
            return claims.adopt(connection, claim, at, self._leases(connection), same_day=same_day)

    def put_to_rest(self, owner: str) -> int:
        with self._read() as connection:
            if not claims.any_left_behind(connection, self._leases(connection)):
                return 0
        with self._write() as connection:
            return claims.put_to_rest(connection, owner, self._leases(connection))

    def sending(
        self,
        claim: Claim,
        coid: str,
        quantity: Decimal,
        limit_price: Decimal,
        at: datetime,
        budget: SendBudget,
        events: Sequence[Event] = (),
    ) -> Refusal | None:
        with self._write() as connection:
            return sending(connection, claim, coid, quantity, limit_price, at, budget, events, now=self._now())

    def absent(self, claim: Claim, coid: str, at: datetime) -> IntentRecord:
        with self._write() as connection:
            return intents.absent(connection, claim, coid, at)

    def settle(
        self,
        claim: Claim,
        coid: str,
        state: OrderState,
        at: datetime,
        *,
        broker_order_id: str | None = None,
        filled_quantity: Decimal | None = None,
        average_price: Decimal | None = None,
        reason: str | None = None,
        what_if: Mapping[str, Any] | None = None,
        questions: Sequence[Question] = (),
        events: Sequence[Event] = (),
    ) -> None:
        news = News(broker_order_id, filled_quantity, average_price, reason, what_if, tuple(questions))
        with self._write() as connection:
            intents.settle(connection, claim, coid, state, news, at, events)

    def day_use(self, book: str, session_date: date) -> DayUse:
        with self._read() as connection:
            return intents.day_use(connection, book, session_date)

    def add_navs(self, book: str, points: Sequence[NavPoint]) -> None:
        with self._write() as connection:
            # The desk names no market time for these, and the trail says when they were put in.
            navs.add_from_outside(connection, book, points, self._now())

    def navs(self, book: str) -> tuple[NavPoint, ...]:
        with self._read() as connection:
            return navs.load(connection, book)

    def close(
        self,
        claim: Claim,
        status: RunStatus,
        report: Mapping[str, Any],
        events: Sequence[Event],
        at: datetime,
        nav: NavPoint | None = None,
        memory: RunMemory = NOTHING_LEFT,
        inputs: KeptInputs | None = None,
    ) -> None:
        with self._write() as connection:
            runs.close(connection, claim, status, report, events, at, nav, memory, inputs)

    def abandon(self, claim: Claim, status: RunStatus, error: str, at: datetime) -> None:
        with self._write() as connection:
            runs.abandon(connection, claim, status, error, at, now=self._leases(connection).now)

    def level(self, book: str | None) -> Control:
        with self._read() as connection:
            return controls.level(connection, book)

    def tighten(self, book: str, level: KillLevel, reason: str, at: datetime, causes: Sequence[Cause] = ()) -> Control:
        with self._write() as connection:
            return controls.tighten(connection, book, level, reason, at, causes)

    def ease(self, book: str, seen: Control, reason: str, at: datetime) -> Control:
        with self._write() as connection:
            return controls.ease(connection, book, seen, reason, at)

    def set_level(self, book: str | None, level: KillLevel, reason: str, actor: str, at: datetime) -> Control:
        with self._write(thorough=True) as connection:
            return controls.set_level(connection, book, level, reason, actor, at)

    def oversight(self, book: str) -> Oversight:
        with self._read() as connection:
            sent, reviewed = controls.runs_since_review(connection, book), controls.reviewed_at(connection, book)
            return Oversight(controls.level(connection, book), sent, reviewed)

    def measured(self, book: str) -> Measured | None:
        with self._read() as connection:
            found = run_memory.newest_evaluation(connection, book)
            resumed = run_memory.resumed(connection, book, controls.resumed_at(connection, book))
            return None if found is None else Measured(*found, resumed)

    def choose_adoption(self, book: str, mode: AdoptionMode, reason: str, actor: str, at: datetime) -> None:
        with self._write() as connection:
            adoptions.choose_mode(connection, book, mode, reason, actor, at)

    def quarantine(self, book: str, quarantine: Quarantine, at: datetime) -> None:
        with self._write() as connection:
            controls.quarantine(connection, book, quarantine, at)

    def release(self, book: str, conid: int, reason: str, actor: str, at: datetime) -> None:
        with self._write() as connection:
            controls.release(connection, book, conid, reason, actor, at)

    def quarantined(self, book: str) -> tuple[Quarantine, ...]:
        with self._read() as connection:
            return controls.quarantined(connection, book)

    def last_snapshot(self, book: str) -> Snapshot | None:
        with self._read() as connection:
            return run_memory.last_snapshot(connection, book)

    def snapshots(self, book: str, limit: int) -> tuple[Snapshot, ...]:
        with self._read() as connection:
            return run_memory.snapshots(connection, book, limit)

    def asked_prices(self, run_id: str) -> Mapping[str, Decimal]:
        with self._read() as connection:
            return run_memory.asked_prices(connection, run_id)

    def run(self, run_id: str) -> RunRecord | None:
        with self._read() as connection:
            return run_records.find(connection, run_id, self._leases(connection))

    def run_ids(self, prefix: str, limit: int) -> tuple[str, ...]:
        with self._read() as connection:
            return run_records.beginning_with(connection, prefix, limit)

    def runs(self, limit: int = 20, book: str | None = None, account: str | None = None) -> tuple[RunRecord, ...]:
        with self._read() as connection:
            return run_records.newest(connection, limit, book, account, self._leases(connection))

    def books(self) -> tuple[Book, ...]:
        with self._read() as connection:
            return run_records.books(connection)

    def held_up(self, session_date: date, slot: str, *, previews: bool) -> tuple[RunKey, ...]:
        with self._read() as connection:
            return run_records.held_up(connection, session_date, slot, previews=previews)

    def asked(self, limit: int = 20) -> tuple[IntentRecord, ...]:
        with self._read() as connection:
            return intents.asked_about(connection, limit)

    def add_notice(self, notice: Notice) -> bool:
        with self._write() as connection:
            return notices.add(connection, notice, self._now())

    def take_notices(self) -> tuple[Notice, ...]:
        with self._read() as connection:
            if not notices.any_due(connection, self._now()):
                return ()
        with self._write() as connection:
            return notices.take(connection, self._now())

    def notice_delivered(self, key: str) -> None:
        with self._write() as connection:
            notices.delivered(connection, key, self._now())

    def account_record(self, book: str, session_date: date, coids: Collection[str] = ()) -> AccountRecord:
        with self._read() as connection:
            return account_record(connection, book, session_date, coids)

    def kept_root(self, run_id: str) -> str | None:
        with self._read() as connection:
            return chunks.root_of(connection, run_id)

    def root_event(self, run_id: str) -> Mapping[str, str | int] | None:
        with self._read() as connection:
            return chunks.root_event(connection, run_id)

    def chunks(self, hashes: Collection[str]) -> Mapping[str, str]:
        with self._read() as connection:
            return chunks.texts(connection, hashes)

    def events(
        self, after: int = 0, book: str | None = None, kinds: Collection[str] = (), limit: int = 500
    ) -> tuple[StoredEvent, ...]:
        with self._read() as connection:
            return recorded.after(connection, after, book, kinds, limit)

    def newest_event(self) -> int:
        with self._read() as connection:
            return recorded.newest(connection)

    def watch(self) -> recorded.Watch:
        """Tells of commits, whosever they are, on a connection of its own."""
        return recorded.watch(self._engine)

    def await_events(self, after: int, seconds: float) -> int:
        until = time.monotonic() + seconds
        # Kept between calls, each for one caller at a time.
        watch = self._watches.pop() if self._watches else self.watch()
        try:
            while (newest := self.newest_event()) <= after and (left := until - time.monotonic()) > 0:
                watch.wait(left)
        finally:
            self._watches.append(watch)
        return newest

    def holders(self, keys: Collection[RunKey]) -> Mapping[RunKey, str]:
        with self._read() as connection:
            return holders(connection, keys)

    def recover(
        self, claim: Claim, recovery: Recovery, report: Mapping[str, Any], events: Sequence[Event], at: datetime
    ) -> None:
        with self._write(thorough=True) as connection:
            recover(connection, claim, recovery, report, events, at, self._leases(connection), now=self._now())

    def head(self) -> Head:
        with self._read() as connection:
            return ledger_newest(connection)

    def verify(self, anchors: Sequence[Anchor] = ()) -> Verification:
        with self._read() as connection:
            return audit.verify(connection, anchors)

    def _leases(self, connection: Connection) -> Leases:
        return Leases(self._lease_time(connection), self._lease, self._life)

    def _write(self, *, thorough: bool = False, patience: float = LOCK_SECONDS) -> AbstractContextManager[Connection]:
        return self._history.writing(self._engine, thorough=thorough, patience=patience)

    def _read(self) -> AbstractContextManager[Connection]:
        return reading(self._engine)
