"""Labelled points: the moments before and after every call through a port that changes or reads something outside.

The wrappers stand around the ports, so the product knows nothing of them. A process that comes to its point is killed
by a signal that nobody can catch.
"""

import inspect
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

LEDGER = frozenset(
    {
        "claim",
        "renew",
        "record",
        "commit_plan",
        "sending",
        "absent",
        "settle",
        "close",
        "abandon",
        "tighten",
        "quarantine",
        "add_navs",
        "observe",
    }
)
BROKER = frozenset({"session", "portfolio", "preview", "place", "cancel", "report", "order"})
MARKET = frozenset({"quotes", "rules"})
CHOOSER = frozenset({"choose"})


class Points:
    """Counts the points of one process; at the one to die at, it writes the label down and dies."""

    def __init__(self, kill_at: int | None, epitaph: Path) -> None:
        """`kill_at` counts from 1; None lets the process live. `epitaph` gets the label of the fatal point."""
        self._kill_at = kill_at
        self._epitaph = epitaph
        self.labels: list[str] = []

    def reached(self, label: str) -> None:
        """One more point."""
        self.labels.append(label)
        if len(self.labels) == self._kill_at:
            self._epitaph.write_text(label, encoding="ascii")
            os.kill(os.getpid(), signal.SIGKILL)


class Watched:
    """A port whose named calls have a point before and one after; every other call goes straight through."""

    def __init__(self, name: str, port: object, calls: frozenset[str], points: Points) -> None:
        self._name = name
        self._port = port
        self._calls = calls
        self._points = points

    def __getattr__(self, call: str) -> Any:  # noqa: ANN401 (the port's own methods, whatever they are)
        found = getattr(self._port, call)
        if call not in self._calls:
            return found
        label = f"{self._name}.{call}"
        return self._awaited(label, found) if inspect.iscoroutinefunction(found) else self._called(label, found)

    def _awaited(self, label: str, call: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def watched(*args: object, **kwargs: object) -> object:
            self._points.reached(f"before {label}")
            answer = await call(*args, **kwargs)
            self._points.reached(f"after {label}")
            return answer

        return watched

    def _called(self, label: str, call: Callable[..., object]) -> Callable[..., object]:
        def watched(*args: object, **kwargs: object) -> object:
            self._points.reached(f"before {label}")
            answer = call(*args, **kwargs)
            self._points.reached(f"after {label}")
            return answer

        return watched
