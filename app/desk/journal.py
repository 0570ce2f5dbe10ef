"""What one run says for the audit trail: its progress, its stages, and every call that it makes to the broker's server.

What a run commits takes along the events that wait, in the order in which they happened. Between its claim and its plan
they are also written beside it, so that they can be read while they happen; from the plan on nothing but the run itself
writes. A preview that nobody claimed commits its events by the stage.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from app.desk.records import Event
from app.domain.errors import LedgerError, LedgerUnavailable

Result = TypeVar("Result")
Write = Callable[[Sequence[Event]], Awaitable[None]]
# What comes within it after a commit goes together with the next.
BESIDE_SECONDS = 0.04
RETRY_SECONDS = 1.0
_logger = logging.getLogger(__name__)


async def nowhere(_: Sequence[Event]) -> None:
    """Commits nothing: of what only looks, and of a run none of whose stages is carried out."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call to a tool: `milliseconds` of wall time, `outcome` "ok" or the kind of failure."""

    tool: str
    milliseconds: float
    outcome: str


class Journal:
    """One run's events, in the order in which they happened."""

    def __init__(self, write: Write, beside: Write | None = None) -> None:
        """`write` commits a batch; its errors stop the run. `beside` does so beside it, and its errors stop nothing."""
        self._write = write
        self._beside = beside
        self._waiting: list[Event] = []
        self._calls: Counter[str] = Counter()
        self._stage: str | None = None
        # One commit at a time, or the order of the events would not be theirs.
        self._committing = asyncio.Lock()
        self._writer: asyncio.Task[None] | None = None

    def add(self, event: Event) -> None:
        """Remember one event until the next commit."""
        self._waiting.append(event)
        if self._beside is not None and (self._writer is None or self._writer.done()):
            self._writer = asyncio.create_task(self._write_beside(), name="events")

    def add_call(self, call: Call) -> None:
        """Count one call and remember it as an event."""
        self._calls[call.tool] += 1
        self.add(
            Event("mcp_call", {"tool": call.tool, "milliseconds": f"{call.milliseconds:.1f}", "outcome": call.outcome})
        )

    def telling(self, progress: Callable[[str], None]) -> Callable[[str], None]:
        """`progress`, whose lines are events, too."""

        def tell(text: str) -> None:
            self.add(Event("progress", {"text": text} if self._stage is None else {"text": text, "stage": self._stage}))
            progress(text)

        return tell

    async def flush(self) -> None:
        """Commit what waits; on an error it keeps waiting."""
        if self._waiting:
            await self.flush_with(self._write)

    async def renew(self) -> None:
        """Commit what waits, and so extend the lease, also where nothing does."""
        await self.flush_with(self._write)

    async def flush_with(self, commit: Callable[[Sequence[Event]], Awaitable[Result]]) -> Result:
        """Have what waits committed together with something else; on an error it keeps waiting."""
        async with self._committing:
            return await self._commit(commit)

    def keep_to_the_run(self) -> None:
        """From now on nothing is written beside the run: its orders wait for no commit but their own."""
        self._beside = None

    async def drain(self) -> tuple[Event, ...]:
        """Hand over what waits, for the commit that ends the run."""
        self.keep_to_the_run()
        async with self._committing:
            batch = tuple(self._waiting)
            self._waiting.clear()
        return batch

    def call_totals(self) -> dict[str, Any]:
        """`calls` and `calls_by_tool` so far."""
        return {"calls": self._calls.total(), "calls_by_tool": dict(sorted(self._calls.items()))}

    @contextmanager
    def listening(self, stage: str | None = None) -> Iterator[None]:
        """Calls made by this task and the tasks it starts are recorded here; progress told meanwhile names `stage`."""
        token, before = _listening.set(self), self._stage
        self._stage = stage or before
        try:
            yield
        finally:
            self._stage = before
            _listening.reset(token)

    async def _commit(self, commit: Callable[[Sequence[Event]], Awaitable[Result]]) -> Result:
        batch = tuple(self._waiting)
        result = await commit(batch)
        del self._waiting[: len(batch)]
        return result

    async def _write_beside(self) -> None:
        while self._waiting and self._beside is not None:
            pause = BESIDE_SECONDS
            try:
                async with self._committing:
                    # The run's own commit may have taken them, and begun what must not be disturbed.
                    if self._waiting and self._beside is not None:
                        await self._commit(self._beside)
            except LedgerUnavailable as error:
                _logger.debug("events wait for the next commit: %s", error)
                pause = RETRY_SECONDS
            except LedgerError as error:
                # The claim is gone, or an event has no form: the run hears it where it would have heard it before.
                _logger.debug("events are not written beside the run any more: %s", error)
                self.keep_to_the_run()
            await asyncio.sleep(pause)


_listening: ContextVar[Journal | None] = ContextVar("journal_listening", default=None)


def record_call(call: Call) -> None:
    """Tell the journal that listens; a call outside every run is not recorded."""
    journal = _listening.get()
    if journal is not None:
        journal.add_call(call)
