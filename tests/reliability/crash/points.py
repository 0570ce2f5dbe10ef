"""Labelled points: the moments before and after every call through a port that changes or reads something outside.

The wrappers stand around the ports, so the product knows nothing of them. A process that comes to its point is killed
or frozen by a signal that nobody can catch.
"""

import inspect
import signal
import threading
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
    """Counts the points of one process; at the fatal one it writes the label down and is sent the signal."""

    def __init__(self, fatal: int | None, epitaph: Path, sent: signal.Signals = signal.SIGKILL) -> None:
        """`fatal` counts from 1; None lets the process live. `epitaph` gets the label of the fatal point."""
        self._fatal = fatal
        self._epitaph = epitaph
        self._sent = sent
        self.labels: list[str] = []

    def reached(self, label: str) -> None:
        """One more point."""
        self.labels.append(label)
        if len(self.labels) == self._fatal:
            self._epitaph.write_text(label, encoding="ascii")
            # To this very thread: sent to the process, it could find another one first and let this one go on.
            signal.pthread_kill(threading.get_ident(), self._sent)


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
