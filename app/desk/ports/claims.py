"""Claims of the ledger: whose run it is, and how it ends."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from app.desk.records import NOTHING_LEFT, Busy, Claim, Done, Event, RunKey, RunMemory, RunStatus
from app.domain.navs import NavPoint
from app.record.chunks import KeptInputs


class Claims(Protocol):
    """Whose run it is, and how it ends."""

    def claim(self, key: RunKey, owner: str, policy_hash: str, at: datetime) -> Claim | Busy | Done:
        """Insert the run, or join it: done → its result, leased → busy, lapsed → taken over with the next fence.

        Busy too while another run of the book is at work, whatever its slot. One whose lease has lapsed, or whose
        process is known to have ended, is fenced, or ended where it had committed nothing.
        """
        ...

    def renew(self, claim: Claim) -> None:
        """Extend the lease."""
        ...

    def reopen(self, run_id: str, owner: str, at: datetime) -> Claim:
        """An approved run goes on: awaiting_approval → running with the next fence; LedgerError from elsewhere.

        RunAtWork while another run of the book is at work.
        """
        ...

    def adopt(self, claim: Claim, at: datetime, *, same_day: bool) -> tuple[Claim, ...]:
        """The book's runs with a plan that ended by a kill, and with whose day nobody can go on, to be closed.

        Those of sessions before the claim's; `same_day`: of its own, too.
        """
        ...

    def put_to_rest(self, owner: str) -> int:
        """End as failed what a process that ended left behind, in any book, where no order hangs on it. How many."""
        ...

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
        """Final status, report, memory, NAV point and sealing event in one commit; frees the key unless it is held.

        `inputs`: what a run that committed no plan was decided from. A failed run whose plan was committed
        holds the key, too; LedgerError while its orders are not settled.
        """
        ...

    def abandon(self, claim: Claim, status: RunStatus, error: str, at: datetime) -> None:
        """End an attempt that came to nothing; after a committed plan only the lease lapses and the key stays."""
        ...
