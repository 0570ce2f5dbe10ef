"""The ledger's audit trail, and the runs as they ended."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from app.desk.records import Claim, Event, RunKey, RunRecord, Verification
from app.record.anchors import Anchor, Head


class Record(Protocol):
    """The audit trail, and the runs as they ended."""

    def record(self, claim: Claim, events: Sequence[Event], at: datetime, *, patient: bool = True) -> None:
        """Append to the book's hash chain, and extend the lease. `patient`: wait for others' locks."""
        ...

    def observe(self, book: str, events: Sequence[Event], at: datetime) -> None:
        """Append events that belong to no run."""
        ...

    def run(self, run_id: str) -> RunRecord | None:
        """One run."""
        ...

    def runs(self, limit: int = 20, book: str | None = None, account: str | None = None) -> tuple[RunRecord, ...]:
        """Newest first."""
        ...

    def held_up(self, session_date: date, slot: str, *, previews: bool) -> tuple[RunKey, ...]:
        """The keys of that day's slot whose newest attempt met a broker's session that was not ready.

        `previews`: a preview that came later counts as the run that was missing.
        """
        ...

    def newest(self) -> Head:
        """The newest event of all books."""
        ...

    def verify(self, anchors: Sequence[Anchor] = ()) -> Verification:
        """Walk every chain from its first event, and hold every other row against what the events say of it.

        `anchors`: heads that were put down elsewhere.
        """
        ...
