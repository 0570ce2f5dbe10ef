"""The markets that are drawn: what their index does, phase by phase, whatever the seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Phase:
    """So many sessions in which the index changes by `change` in all; `volatility` is annual. Both are fractions."""

    sessions: int
    change: float
    volatility: float


@dataclass(frozen=True, slots=True)
class Market:
    """`collapse`: one of the stocks opens at less than half and slides on."""

    words: str
    phases: tuple[Phase, ...]
    collapse: bool = False


# What a replay looks back on before it decides for the first time, and a few sessions in which a book is bought.
CALM = Phase(262, 0.08, 0.13)
_SWING = 0.13
MARKETS: Mapping[str, Market] = MappingProxyType(
    {
        "slow_bear": Market(
            "falls by 40 % in two years, then rises again", (CALM, Phase(504, -0.40, 0.18), Phase(252, 0.18, 0.15))
        ),
        "v": Market(
            "falls by 35 % in six weeks and is back after three months",
            (CALM, Phase(63, 0.02, 0.13), Phase(30, -0.35, 0.45), Phase(63, 0.54, 0.30), Phase(600, 0.22, 0.15)),
        ),
        "sideways": Market(
            "rises and falls by 13 % in turns of 40 sessions",
            (CALM, *(Phase(40, _SWING if up else 1 / (1 + _SWING) - 1, 0.12) for up in (True, False) * 9)),
        ),
        "stairs": Market(
            "falls five times by 16 %, and rests after each",
            (CALM, *(phase for _ in range(5) for phase in (Phase(40, -0.16, 0.25), Phase(112, 0.0, 0.13)))),
        ),
        "volatile_bull": Market("rises by 10 % a year at a volatility of 30 %", (CALM, Phase(756, 0.331, 0.30))),
        "dead_cat": Market(
            "falls by 35 % in five weeks, regains half of it and falls again, further",
            (
                *(CALM, Phase(60, 0.02, 0.13), Phase(25, -0.35, 0.50), Phase(40, 0.20, 0.30)),
                *(Phase(150, -0.30, 0.28), Phase(480, 0.30, 0.16)),
            ),
        ),
        "collapse": Market(
            "rises in peace, while one of the names falls by 55 % overnight and then by 80 % in half a year",
            (CALM, Phase(756, 0.26, 0.14)),
            collapse=True,
        ),
    }
)
