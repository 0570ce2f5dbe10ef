"""Which cases a short run takes: of every script some, those in which an order is on its way before all others."""

import random
from collections.abc import Sequence
from typing import Final

from tests.reliability.crash.cases import SECOND_DEATHS, Case

ON_ITS_WAY: Final = (
    "after ledger.sending",
    "before wire.orders",
    "after wire.orders",
    "after broker.place",
    "after ledger.settle",
)


def sampled(script: str, lag: int, labels: Sequence[str], count: int, seed: int = 1) -> list[Case]:
    """Half of them at orders on their way; every second one with another death in the life that follows."""
    pick = random.Random(f"{seed}/{script}/{lag}")  # noqa: S311 (which cases, nothing secret)
    critical = [at for at, label in enumerate(labels, start=1) if label in ON_ITS_WAY]
    others = [at for at in range(1, len(labels) + 1) if at not in critical]
    half = min(count // 2, len(critical))
    points = [*pick.sample(critical, half), *pick.sample(others, min(count - half, len(others)))]
    return [
        Case(script, lag, at, labels[at - 1], _again(pick, at, len(labels)) if turn % 2 else None)
        for turn, at in enumerate(points)
    ]


def _again(pick: random.Random, at: int, length: int) -> int:
    return 1 + int(pick.choice(SECOND_DEATHS) * max(length - at, 8))
