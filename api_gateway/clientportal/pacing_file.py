"""Carries the use of the slow limits over a restart: the gateway goes on counting when this process ends.

Without it, two short-lived processes in a row would break a limit that neither of them alone comes near.
"""

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

# Shorter limits have passed by the time another process is up.
SHORTEST_SECONDS: Final = 5.0


class PacingFile:
    """Times are wall-clock seconds. A file that cannot be read counts as none: it saves waiting, it holds no truth."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._gateway = ""
        self._market_now: datetime | None = None
        self._uses: dict[str, float] = {}

    def recognise(self, gateway: str, market_now: datetime | None) -> Mapping[str, float]:
        """Seconds since the last use of each limit at this gateway.

        `market_now` is None for the real one. A simulator whose time is before the recorded one is a new simulator,
        which has counted nothing.
        """
        if gateway != self._gateway:
            self._gateway, self._uses = gateway, {}
            kept = self._read()
            if kept.get("gateway") == gateway and not _went_back(kept.get("market_now"), market_now):
                self._uses = _uses(kept.get("uses"))
        self._market_now = market_now
        return {name: max(0.0, self._now() - used) for name, used in self._uses.items()}

    def used(self, name: str) -> None:
        self._uses[name] = self._now()
        market_now = self._market_now.isoformat() if self._market_now else None
        text = json.dumps({"gateway": self._gateway, "market_now": market_now, "uses": self._uses})
        # Replaced in one step, so that a process that dies here leaves the old file whole.
        fresh = self._path.with_suffix(".new")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self._path)

    def _read(self) -> Mapping[str, object]:
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}


def _uses(kept: object) -> dict[str, float]:
    if not isinstance(kept, dict):
        return {}
    return {str(name): float(used) for name, used in kept.items() if isinstance(used, int | float)}


def _went_back(kept: object, market_now: datetime | None) -> bool:
    if market_now is None or not isinstance(kept, str):
        return False
    try:
        return market_now < datetime.fromisoformat(kept)
    except (ValueError, TypeError):
        return True
