"""The ledger's memory of an account between its runs."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol

from app.desk.records import Flow, IntentRecord
from app.domain.navs import NavPoint


class AccountMemory(Protocol):
    """What is remembered of an account between its runs."""

    def add_navs(self, book: str, points: Sequence[NavPoint]) -> None:
        """Append; a point before its book's newest raises LedgerError, the same session's `run` point is replaced."""
        ...

    def navs(self, book: str) -> tuple[NavPoint, ...]:
        """Oldest first."""
        ...

    def add_flow(self, book: str, flow: Flow, at: datetime) -> None:
        """Record money from outside."""
        ...

    def flows(self, book: str) -> tuple[Flow, ...]:
        """Oldest first."""
        ...

    def history(self, book: str) -> tuple[IntentRecord, ...]:
        """Every intent of the book that was filled at least in part, oldest first: what memory is made from."""
        ...

    def last_report(self, book: str) -> Mapping[str, Any] | None:
        """The newest sealed report of the book that holds a portfolio and is not of a dry run."""
        ...

    def last_evaluation(self, book: str, before: date) -> Mapping[str, Any] | None:
        """`evaluation` of the newest done report before that session."""
        ...
