"""What one run says for the audit trail, and every call that it makes to the broker's server.

Events wait in the journal until they are committed with the plan that follows from them, before anything is sent, and
with the run's end: one commit for many. A preview that nobody claimed has none of these and commits them by the stage.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from app.desk.records import Event

Write = Callable[[Sequence[Event]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call to a tool: `milliseconds` of wall time, `outcome` "ok" or the kind of failure."""

    tool: str
    milliseconds: float
    outcome: str


class Journal:
    """One run's events, in the order in which they happened."""

    def __init__(self, write: Write) -> None:
        """`write` commits a batch; its errors stop the run."""
        self._write = write
        self._waiting: list[Event] = []
        self._calls: Counter[str] = Counter()

    def add(self, event: Event) -> None:
        """Remember one event until the next flush."""
        self._waiting.append(event)

    def add_call(self, call: Call) -> None:
        """Count one call and remember it as an event."""
        self._calls[call.tool] += 1
        self.add(
            Event("mcp_call", {"tool": call.tool, "milliseconds": f"{call.milliseconds:.1f}", "outcome": call.outcome})
        )

    async def flush(self) -> None:
        """Commit what waits; on an error it keeps waiting."""
        if self._waiting:
            await self.flush_with(self._write)

    async def flush_with(self, commit: Write) -> None:
        """Have what waits committed together with something else; on an error it keeps waiting."""
        batch = tuple(self._waiting)
        await commit(batch)
        del self._waiting[: len(batch)]

    def drain(self) -> tuple[Event, ...]:
        """Hand over what waits, for a commit that carries more than events."""
        batch = tuple(self._waiting)
        self._waiting.clear()
        return batch

    def call_totals(self) -> dict[str, Any]:
        """`calls` and `calls_by_tool` so far."""
        return {"calls": self._calls.total(), "calls_by_tool": dict(sorted(self._calls.items()))}

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Calls made by this task and the tasks it starts are recorded here."""
        token = _listening.set(self)
        try:
            yield
        finally:
            _listening.reset(token)


_listening: ContextVar[Journal | None] = ContextVar("journal_listening", default=None)


def record_call(call: Call) -> None:
    """Tell the journal that listens; a call outside every run is not recorded."""
    journal = _listening.get()
    if journal is not None:
        journal.add_call(call)
