"""The ledger's memory of an account between its runs."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from app.desk.account_record import AccountRecord
from app.desk.ports.books import Books
from app.desk.records import Flow, FlowPlan, PlanEnd, Snapshot, ToldFlow
from app.domain.navs import NavPoint
from app.domain.policy.adoption import AdoptionMode


class AccountMemory(Books, Protocol):
    """What is remembered of an account between its runs."""

    def add_navs(self, book: str, points: Sequence[NavPoint]) -> None:
        """Append; a point before its book's newest raises LedgerError, the same session's `run` point is replaced."""
        ...

    def navs(self, book: str) -> tuple[NavPoint, ...]:
        """Oldest first."""
        ...

    def add_flow(self, book: str, flow: Flow, at: datetime) -> int | None:
        """Record a cash flow; its number, None for a row that is on record already."""
        ...

    def told_flows(self, book: str) -> tuple[ToldFlow, ...]:
        """Flows and income with their numbers, those that were taken back, too."""
        ...

    def take_back_flow(self, book: str, number: int, reason: str, actor: str, at: datetime) -> bool:
        """Record that a flow was told by mistake; False, and nothing is written, where a run has reckoned with it."""
        ...

    def flows(self, book: str) -> tuple[Flow, ...]:
        """What was paid in and out, oldest first."""
        ...

    def income(self, book: str) -> tuple[Flow, ...]:
        """What was earned and paid as rows told it, oldest first."""
        ...

    def plan_flow(self, book: str, plan: FlowPlan, at: datetime) -> FlowPlan:
        """Record a withdrawal that is announced; the answer has its number."""
        ...

    def end_plan(self, book: str, number: int, ending: PlanEnd, note: str, actor: str, at: datetime) -> None:
        """Once; one that is not open stays as it is."""
        ...

    def flow_plans(self, book: str) -> tuple[FlowPlan, ...]:
        """The open ones, earliest due first."""
        ...

    def choose_adoption(self, book: str, mode: AdoptionMode, reason: str, actor: str, at: datetime) -> None:
        """A person's choice for one account, before it is taken over or after; the newest counts."""
        ...

    def account_record(self, book: str, session_date: date, coids: Collection[str] = ()) -> AccountRecord:
        """All that a session's run is to know of the account, and of the orders that the broker shows as ours."""
        ...

    def last_snapshot(self, book: str) -> Snapshot | None:
        """Of the run of the book that was sealed last, dry runs aside, and those that did not come so far."""
        ...

    def snapshots(self, book: str, limit: int) -> tuple[Snapshot, ...]:
        """Of the newest runs, dry ones too, newest first."""
        ...

    def asked_prices(self, run_id: str) -> Mapping[str, Decimal]:
        """What a person was asked about when the run was last closed, by order id."""
        ...
