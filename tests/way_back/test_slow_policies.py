"""The slowest policy that the check admits brings an account of money near its targets within ten sessions."""

from typing import Any

import pytest

from app.backtest.assumptions import Assumptions
from app.backtest.books import cash_book
from app.backtest.reader import Reader
from app.backtest.replay import WARM_UP, replay
from app.domain.policy import Policy
from app.domain.policy.check import Level, check
from app.market.sectors import SECTORS
from tests.unit.policy import samples
from tests.way_back.promises import FIRST_SESSIONS, idle
from tests.way_back.worlds import CAPITAL, World, history_of

BEST: dict[str, Any] = {"names": 10, "scores": {"momentum_12_1": 2.0, "low_volatility": 1.0}}
# What admits them to the last tenth of a percent, or the last order, and no more.
SLOWEST: dict[str, dict[str, Any]] = {
    "turnover": {"execution__max_turnover_pct": 8.5},
    "size of orders": {
        "execution__max_order_nav_pct": 2.2,
        "execution__min_order_nav_pct": 1,
        "execution__max_orders_per_day": 4,
    },
    "orders": {"allocation__sectors_pct": {}, "allocation__selection": BEST, "execution__max_orders_per_day": 1},
}
LESS: dict[str, dict[str, Any]] = {
    "turnover": {"execution__max_turnover_pct": 8.4},
    "size of orders": {"execution__max_orders_per_day": 3},
    "orders": {"allocation__selection": {**BEST, "names": 11}},
}
CHOSEN: dict[str, dict[str, Any]] = {
    weighting: {"allocation__sectors_pct": {}, "allocation__selection": BEST, "allocation__weighting": weighting}
    for weighting in ("equal", "inverse_volatility", "score")
}


def _errors(changes: dict[str, Any]) -> list[str]:
    policy = Policy.model_validate(samples.changed(**changes))
    return [str(one) for one in check(policy, SECTORS) if one.severity is Level.ERROR]


@pytest.mark.parametrize("name", SLOWEST)
def test_less_is_refused(name: str) -> None:
    assert _errors(SLOWEST[name]) == []
    assert _errors({**SLOWEST[name], **LESS[name]}) != []


@pytest.mark.parametrize("name", [*SLOWEST, *CHOSEN])
def test_an_account_of_money_is_near_its_targets_within_ten_sessions(name: str) -> None:
    changes = {**SLOWEST, **CHOSEN}[name]
    assert _errors(changes) == []
    past = Reader(history_of(World("v", "0", ("moderate",))))
    dates = past.history.dates[WARM_UP : WARM_UP + FIRST_SESSIONS + 1]
    book = cash_book(past.history, WARM_UP - 1, CAPITAL)
    policy = Policy.model_validate(samples.changed(**changes))
    (way,) = replay([policy], past.history, book, Assumptions(), dates[0], dates[-1], reader=past)
    assert list(idle(way)) == []
