"""The sockets of a login, open at the same time: what they share is counted here, what is told to all of them kept."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

# IBKR's default allowance of market data lines; history is documented with five requests at a time.
MARKET_DATA_LINES, CHARTS = 100, 5


@dataclass(eq=False)
class Sockets:
    """`restarts` is how often the gateway has started again, which no connection outlives.

    `announced` are the messages to every socket since the start; one that opens later hears what comes after.
    `feeds` counts the sockets that get a contract's market data.
    """

    open: int = 0
    restarts: int = 0
    announced: list[dict[str, Any]] = field(default_factory=list)
    feeds: Counter[int] = field(default_factory=Counter)
    charts: int = 0
    last_server_id: int = 0

    def cut(self) -> None:
        self.restarts += 1

    @property
    def lines(self) -> int:
        return len(+self.feeds)

    def has_line_for(self, conid: int) -> bool:
        return self.feeds[conid] > 0 or self.lines < MARKET_DATA_LINES

    def next_server_id(self) -> str:
        self.last_server_id += 1
        return str(self.last_server_id)
