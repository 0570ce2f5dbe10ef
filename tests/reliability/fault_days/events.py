"""What happens on a day, as values: drawn from a seed, so that a day can be told and repeated."""

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from tests.reliability.crash.scripts import SCRIPTS

Way = Literal["alone", "served", "up"]
Kind = Literal[
    "kill",
    "HUP",
    "QUIT",
    "TERM",
    "INT",
    "freeze",
    "freeze and kill the parent",
    "freeze beyond the lease",
    "broker",
    "disk full",
    "locked",
    "database away",
    "database replaced",
    "database restarts",
    "clock",
]
# What is struck: who was asked (`run`), who keeps the others (`parent`), or one of those.
Part = Literal["run", "parent", "service", "mcp", "gateway", "database"]


@dataclass(frozen=True, slots=True)
class Moment:
    """When the gateway got its `number`-th request of that kind since the run began, or so many seconds after it."""

    request: str | None = None
    number: int = 1
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault. `seconds` is how long it lasts; `amount` a clock's error in seconds; `script` the broker's part."""

    kind: Kind
    part: Part
    moment: Moment = Moment()
    seconds: float = 0.0
    amount: float = 0.0
    script: str = ""
    then: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Day:
    """`number` counts from 1; `owner` is what the account's owner trades elsewhere in the morning, a share of cash."""

    number: int
    way: Way
    strikes: tuple[Strike, ...]
    bought: str = "BAC"
    close: bool = False

    def as_json(self) -> dict[str, Any]:
        """The script of the day."""
        return asdict(self)


SEND: Final = "POST /iserver/account/{account}/orders"
PREVIEW: Final = "POST /iserver/account/{account}/orders/whatif"
HISTORY: Final = "GET /iserver/marketdata/history"
STATUS: Final = "GET /iserver/account/order/status/{id}"
SUMMARY: Final = "GET /portfolio/{account}/summary"
SESSION: Final = "POST /iserver/auth/status"
_POINTS: Final = ((SEND, 2), (SEND, 1), (PREVIEW, 2), (HISTORY, 15), (STATUS, 2), (SUMMARY, 1), (SESSION, 2))
_NAMES: Final = ("PFE", "BAC", "KO", "MSFT", "JPM", "AAPL", "UNH", "GE", "HD", "PG")
_THEN: Final = (("run",), ("run", "--no-wait"), ("runs", "--json"), ("audit", "verify", "--json"), ("level",), ())
_MONTH: Final = 30 * 86_400.0
_WAYS: Final[Sequence[Way]] = ("alone", "served", "served", "up")


def drawn(seed: int, number: int, database: str) -> Day:
    """The same for the same seed."""
    dice = random.Random(f"{seed}/{number}/{database}")  # noqa: S311 (a script, no secret)
    way = dice.choice(_WAYS)
    kinds = dice.sample(_kinds(way, database, number), dice.choice((1, 2, 2, 3)))
    # Each day somebody is killed: the suite is about that first of all.
    strikes = (_kill(dice, way), *(_strike(dice, way, kind) for kind in kinds))
    shuffled = tuple(dice.sample(strikes, len(strikes)))
    return Day(number, way, shuffled, dice.choice(_NAMES), close=dice.random() < 0.25)


def _kinds(way: Way, database: str, number: int) -> list[Kind]:
    kinds: list[Kind] = ["kill", "HUP", "QUIT", "TERM", "INT", "freeze", "broker", "broker", "disk full", "locked"]
    kinds += ["database away", "clock", "freeze and kill the parent"]
    kinds += ["database replaced"] if database == "sqlite" else ["database restarts"]
    # It takes minutes, so not every day may draw it.
    return [*kinds, "freeze beyond the lease"] if way != "up" and number % 10 == 0 else kinds


def _parts(way: Way) -> tuple[Part, ...]:
    return ("parent", "mcp", "gateway") if way == "alone" else ("parent", "parent", "mcp", "service", "gateway", "run")


def _kill(dice: random.Random, way: Way) -> Strike:
    return Strike("kill", dice.choice(_parts(way)), _moment(dice), then=dice.choice(_THEN))


def _strike(dice: random.Random, way: Way, kind: Kind) -> Strike:
    moment, then = _moment(dice), dice.choice(_THEN)
    worker: Part = "parent" if way == "alone" else "service"
    match kind:
        case "kill":
            return _kill(dice, way)
        case "HUP" | "QUIT" | "TERM" | "INT":
            return Strike(kind, dice.choice(("parent", "parent", *_parts(way)[3:])), moment, then=then)
        case "freeze":
            return Strike(kind, dice.choice(("mcp", "gateway", worker)), moment, seconds=dice.uniform(1, 20))
        case "freeze and kill the parent":
            return Strike(kind, dice.choice(("mcp", *_parts(way)[3:4])), moment)
        case "freeze beyond the lease":
            return Strike(kind, worker, Moment(SEND, 1), seconds=130, then=("run", "--wait"))
        case "broker":
            return Strike(kind, "gateway", Moment(), script=dice.choice(list(SCRIPTS)))
        case "clock":
            return Strike(kind, "parent", moment, seconds=5, amount=dice.choice((-_MONTH, _MONTH)))
        case _:
            seconds = 30.0 if kind == "locked" else dice.uniform(2, 8)
            return Strike(kind, "database", moment, seconds=seconds, then=then)


def _moment(dice: random.Random) -> Moment:
    if dice.random() < 0.3:
        return Moment(seconds=dice.uniform(0, 6))
    request, most = dice.choice(_POINTS)
    return Moment(request, dice.randint(1, most))
