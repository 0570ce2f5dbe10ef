"""The ledger with a safeguard taken away, in test code alone, to see what the suite sees without it.

Safeguards mask one another: the fence is tested with the guard of the state off, and the other way round.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, update

from app.desk.records import (
    NOTHING_LEFT,
    Busy,
    Claim,
    Control,
    Done,
    Event,
    Intent,
    IntentRecord,
    RunKey,
    RunMemory,
    RunStatus,
    SendBudget,
    TakenOver,
)
from app.domain.navs import NavPoint
from app.domain.order import OrderState
from app.domain.questions import Question
from app.domain.ruling import KillLevel, Refusal
from app.ledger import controls
from app.ledger.events import OwnKind
from app.ledger.leases import Life, life_of
from app.ledger.schema import intents, runs
from app.ledger.sql_ledger import SqlLedger
from app.ledger.transactions import reading, writing
from app.record.chunks import KeptInputs
from tests.reliability.interleaving.parts import LEASE_SECONDS, Parts


class WithoutFence(SqlLedger):
    """Whoever once had a claim may write for ever."""

    def _now_mine(self, claim: Claim) -> Claim:
        with reading(self._engine) as connection:
            row = connection.execute(runs.select().where(runs.c.run_id == claim.run_id)).one()
        return replace(claim, owner=row.owner, fence=row.fence)

    def renew(self, claim: Claim) -> None:
        super().renew(self._now_mine(claim))

    def record(self, claim: Claim, events: Sequence[Event], at: datetime, *, patient: bool = True) -> None:
        super().record(self._now_mine(claim), events, at, patient=patient)

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
        super().commit_plan(self._now_mine(claim), plan, intents, at, events, inputs, taken_over)

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
        return super().sending(self._now_mine(claim), coid, quantity, limit_price, at, budget, events)

    def absent(self, claim: Claim, coid: str, at: datetime) -> IntentRecord:
        return super().absent(self._now_mine(claim), coid, at)

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
        super().settle(
            self._now_mine(claim),
            coid,
            state,
            at,
            broker_order_id=broker_order_id,
            filled_quantity=filled_quantity,
            average_price=average_price,
            reason=reason,
            what_if=what_if,
            questions=questions,
            events=events,
        )

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
        super().close(self._now_mine(claim), status, report, events, at, nav, memory, inputs)


class WithoutGuard(SqlLedger):
    """An intent may be sent again, whatever became of it."""

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
        with writing(self._engine) as connection:
            again = update(intents).where(intents.c.run_id == claim.run_id, intents.c.coid == coid)
            connection.execute(again.values(state=OrderState.PLANNED, sends=0))
        return super().sending(claim, coid, quantity, limit_price, at, budget, events)


class WithoutFenceAndGuard(WithoutFence, WithoutGuard):
    """Neither."""


class WithoutLease(SqlLedger):
    """Whoever asks takes the run over at once."""

    def claim(self, key: RunKey, owner: str, policy_hash: str, at: datetime) -> Claim | Busy | Done:
        with writing(self._engine) as connection:
            lapsed = update(runs).where(runs.c.book == key.book)
            connection.execute(lapsed.values(lease_until=datetime.min.replace(tzinfo=at.tzinfo)))
        return super().claim(key, owner, policy_hash, at)


class WithoutLeaseFenceAndGuard(WithoutFenceAndGuard, WithoutLease):
    """None of the three."""


class SlotsBesideOneAnother(SqlLedger):
    """Runs of different slots work on one account at the same time."""

    def claim(self, key: RunKey, owner: str, policy_hash: str, at: datetime) -> Claim | Busy | Done:
        # A row that is not of a real run is not looked at.
        others = (runs.c.book == key.book, runs.c.slot != key.slot, runs.c.status == RunStatus.RUNNING)
        with writing(self._engine) as connection:
            hidden = connection.execute(
                update(runs).where(*others).values(dry_run=True).returning(runs.c.run_id)
            ).scalars()
            ids = list(hidden)
        claimed = super().claim(key, owner, policy_hash, at)
        with writing(self._engine) as connection:
            connection.execute(update(runs).where(runs.c.run_id.in_(ids)).values(dry_run=False))
        return claimed


class WithoutLookAtTheLevel(SqlLedger):
    """Who lowers a level does not look whether it is still the one that he saw."""

    def ease(self, book: str, seen: Control, reason: str, at: datetime) -> Control:
        wanted = Control(KillLevel.ACTIVE, reason, controls.AUTOMATIC, at)
        with writing(self._engine) as connection:
            controls._store(connection, book, wanted)
            controls._tell(connection, book, OwnKind.LEVEL_LOWERED, wanted)
        return self.level(book)


def with_ledger(kind: type[SqlLedger], life: Callable[[str], Life] = life_of) -> Parts:
    """Everything else as the product has it."""

    def make(engine: Engine, now: Callable[[], datetime]) -> SqlLedger:
        return kind(engine, lease_seconds=LEASE_SECONDS, now=now, life=life)

    return Parts(ledger=make)


VARIANTS: Mapping[str, Parts] = {
    "as it is": Parts(),
    "no fence": with_ledger(WithoutFence),
    "no guard": with_ledger(WithoutGuard),
    "no fence, no guard": with_ledger(WithoutFenceAndGuard),
    "no lease": with_ledger(WithoutLease),
    "whoever runs is taken for dead": with_ledger(SqlLedger, lambda _: Life.ENDED),
    "no lease, no fence, no guard": with_ledger(WithoutLeaseFenceAndGuard),
    "slots beside one another": with_ledger(SlotsBesideOneAnother),
    "no look at the level": with_ledger(WithoutLookAtTheLevel),
}
