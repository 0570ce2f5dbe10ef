"""Where agents find the run that they work on.

Session state carries ids and summaries only; arrays and money stay here, in the process, under the session's id.
"""

from collections.abc import Awaitable, Callable

from app.desk.desk import Desk
from app.desk.journal import Journal
from app.desk.states import Run

OpenPreview = Callable[[str], Awaitable[tuple[Desk, Run]]]


class Board:
    """Runs in progress by agent session. A session that nobody scheduled gets a preview, which can send nothing."""

    def __init__(self, open_preview: OpenPreview) -> None:
        self._open_preview = open_preview
        self._runs: dict[str, tuple[Desk, Run]] = {}

    def put(self, session_id: str, desk: Desk, run: Run) -> None:
        """Bring a scheduled run, or what a stage made of it."""
        self._runs[session_id] = (desk, run)

    async def get(self, session_id: str, *, fresh: bool = False) -> tuple[Desk, Run]:
        """The session's run; `fresh` starts a new preview where the last one has ended."""
        if session_id not in self._runs or (fresh and self._runs[session_id][1].claim is None):
            self._runs[session_id] = await self._open_preview(session_id)
        return self._runs[session_id]

    def take(self, session_id: str) -> Run:
        """The run as its last stage left it; the board forgets it."""
        return self._runs.pop(session_id)[1]

    def journal(self, session_id: str) -> Journal | None:
        """The journal of the session's run, None before its first stage."""
        found = self._runs.get(session_id)
        return found[1].journal if found else None
