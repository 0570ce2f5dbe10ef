"""Intents of the ledger: every order, from the plan to its end."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from app.desk.records import Claim, Event, Intent, IntentRecord, SendBudget, TakenOver
from app.domain.order import OrderState
from app.domain.questions import Question
from app.domain.ruling import DayUse, Refusal
from app.record.chunks import KeptInputs


class Intents(Protocol):
    """Every order, from the plan to its end."""

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
        """`events`, what it was decided from, the plan, its intents as PLANNED and their event in one commit.

        A run's second plan raises. `taken_over`: where the run takes the account over; one on record stays.
        """
        ...

    def intents(self, run_id: str) -> tuple[IntentRecord, ...]:
        """In the order in which the plan lists them."""
        ...

    def open_intents(self, book: str, session_date: date | None = None) -> tuple[IntentRecord, ...]:
        """Those SENDING, ACKED, PARTIAL, UNKNOWN or ABANDONED: of that session, or of all sessions of the book."""
        ...

    def find_intents(self, book: str, coids: Collection[str]) -> Mapping[str, IntentRecord]:
        """`find_intent` of many, at one moment; without those that the ledger does not hold."""
        ...

    def find_intent(self, book: str, coid: str) -> IntentRecord | None:
        """By the id the broker saw."""
        ...

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
        """PLANNED → SENDING with `sends` 0 → 1, before a byte goes out; LedgerError from any other state.

        The kill level and the day's use, in-flight orders included, are read in the same transaction: what they forbid
        comes back as a refusal and changes nothing. `events` come before, in the same commit, also of a refusal.
        """
        ...

    def absent(self, claim: Claim, coid: str, at: datetime) -> IntentRecord:
        """One more complete, primed read of the broker's books did not show an UNKNOWN order."""
        ...

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
        """Move an intent along the allowed transitions; a transition that is not allowed raises LedgerError.

        `questions`: what the broker asked on the way. `events` come before, in the same commit.
        """
        ...

    def day_use(self, book: str, session_date: date) -> DayUse:
        """Orders and turnover of the day, everything that was or may have been sent included."""
        ...

    def asked(self, limit: int = 20) -> tuple[IntentRecord, ...]:
        """Orders of any book about which the broker asked something, newest first."""
        ...
