"""The ledger's audit trail, and the runs as they ended."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from app.desk.records import Claim, Event, RunKey, RunRecord, StoredEvent, Verification
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

    def run_ids(self, prefix: str, limit: int) -> tuple[str, ...]:
        """Ids that begin so, newest first."""
        ...

    def runs(self, limit: int = 20, book: str | None = None, account: str | None = None) -> tuple[RunRecord, ...]:
        """Newest first."""
        ...

    def held_up(self, session_date: date, slot: str, *, previews: bool) -> tuple[RunKey, ...]:
        """The keys of that day's slot whose newest attempt met a broker's session that was not ready.

        `previews`: a preview that came later counts as the run that was missing.
        """
        ...

    def kept_root(self, run_id: str) -> str | None:
        """The hash that names all that the run was decided from; None where nothing was kept."""
        ...

    def chunks(self, hashes: Collection[str]) -> Mapping[str, str]:
        """Texts by hash, without those that are not there."""
        ...

    def events(
        self, after: int = 0, book: str | None = None, kinds: Collection[str] = (), limit: int = 500
    ) -> tuple[StoredEvent, ...]:
        """Those with a higher number, in its order: who goes on after the last one misses none. No kinds: all."""
        ...

    def newest_event(self) -> int:
        """Its number; 0 where there is none."""
        ...

    def await_events(self, after: int, seconds: float) -> int:
        """`newest_event` once it is above `after`, or when so many seconds have passed."""
        ...

    def head(self) -> Head:
        """The newest event of all books."""
        ...

    def verify(self, anchors: Sequence[Anchor] = ()) -> Verification:
        """Walk every chain from its first event, and hold every other row against what the events say of it.

        `anchors`: heads that were put down elsewhere.
        """
        ...
