"""What a caller asks for, the account's day that it comes to, and what the caller gets."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from app.desk.desk import Desk, Progress, silent
from app.desk.journal import Journal
from app.desk.ports import Clock
from app.desk.records import Claim, Lease, RunKey, RunStatus
from app.desk.states import EffectiveMode, Run
from app.domain.market import Session
from app.domain.session import BrokerSession
from app.domain.slots import DAILY_SLOT, latest_starts

EXCHANGE_ZONE = ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a caller may ask for."""

    account: str | None = None
    slot: str = DAILY_SLOT
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class RunResult:
    """`report` is None while another caller's run is in progress, and `lease` is that one's.

    `fresh` is true for the caller whose run it was.
    """

    run_id: str
    status: RunStatus
    report: Mapping[str, Any] | None
    fresh: bool = False
    lease: Lease | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that can be served: the account's day, by the broker's clock. `session` is None on a closed day."""

    key: RunKey
    mode: EffectiveMode
    broker_session: BrokerSession
    session: Session | None
    clock: Clock

    def open_run(self, run_id: str, journal: Journal, claim: Claim | None = None, progress: Progress = silent) -> Run:
        """The run before its first stage."""
        now = self.clock.now()
        return Run(
            run_id=run_id,
            key=self.key,
            mode=self.mode,
            broker_session=self.broker_session,
            # On a closed day nothing can be ordered: a session that ends as it begins.
            session=self.session or Session(self.key.session_date, now, now),
            clock=self.clock,
            journal=journal,
            claim=claim,
            progress=journal.telling(progress),
        )

    def without_dry_run(self) -> "Attempt":
        """For a slot that records what is in every mode, and sends nothing in any."""
        return replace(self, key=replace(self.key, dry_run=False))


def key_of(desk: Desk, session: BrokerSession, clock: Clock, account: str, slot: str, dry_run: bool) -> RunKey:
    """The account's slot of the day that it is at the broker."""
    book = f"{account}@{session.simulation.world}" if session.simulation else account
    return RunKey(book, account, desk.calendar.local_date(clock.now()), slot, dry_run)


def too_late(desk: Desk, slot: str, clock: Clock) -> bool:
    """A slot that trades must have started by its latest start; the close of the day has no such hour."""
    latest = latest_starts(desk.policy).get(slot)
    return latest is not None and clock.now().astimezone(EXCHANGE_ZONE).time() > latest
