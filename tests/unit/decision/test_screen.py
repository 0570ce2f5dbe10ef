"""The screen is never silent where there is something to decide, and is silent on a quiet day."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.decision import NOTHING_TO_DO, Situation, anything_to_decide, plans
from app.domain.market import Market
from app.domain.plan import NO_MEMORY, Memory
from app.domain.policy import Policy, RotationTrigger, TrendFilter
from app.domain.portfolio import Portfolio
from tests.support.worlds import LENGTH, NAMES, changed, conid, evaluate, even, market, policy, portfolio, with_history
from tests.unit.risk.drawn import World, worlds

RECENT = st.sampled_from([None, 0, 5, 400])
SWITCHES = ("cut_losers", "reinforce_winners", "sector_rotation", "rebalance")


def still() -> Policy:
    """No rotation and drift that nobody minds."""
    return policy(strategies__sector_rotation__enabled=False, allocation__drift_threshold=0.5)


def asks(rules: Policy, account: Portfolio, memory: Memory = NO_MEMORY, on: Market | None = None) -> bool:
    prices = on or market()
    return anything_to_decide(Situation(rules, account, prices, evaluate(rules, account, prices, memory), memory))


@given(worlds(), RECENT, RECENT, st.sets(st.sampled_from(SWITCHES)))
def test_it_is_never_silent_where_more_than_an_empty_hold_is_offered(
    world: World, rebalanced: int | None, rotated: int | None, off: set[str]
) -> None:
    rules = world.policy
    for name in off:
        rules = changed(rules, f"strategies.{name}.enabled", False)
    memory = replace(world.memory, last_rebalance=rebalanced, last_rotation=rotated)
    evaluation = replace(world, policy=rules, memory=memory).measured()
    if not anything_to_decide(Situation(rules, world.portfolio, world.market, evaluation, memory)):
        assert plans(rules, world.portfolio, world.market, evaluation, memory) == (NOTHING_TO_DO,)


def test_a_quiet_day_asks_for_nothing() -> None:
    assert not asks(still(), even())


def roomy(cost: float) -> Portfolio:
    """NAV 100,000, almost half of it in cash; AA was bought at `cost` and is worth 100."""
    return portfolio(dict.fromkeys(NAMES[:7], 80), 44000, {"AA": cost})


@pytest.mark.parametrize(("cost", "expected"), [(110, False), (112, True), (84, False), (83, True)])
def test_a_loss_or_a_gain_at_its_trigger_asks(cost: float, expected: bool) -> None:
    assert asks(still(), roomy(cost)) is expected


@pytest.mark.parametrize(
    "change",
    [
        {"strategies__sector_rotation__enabled": True, "strategies__sector_rotation__trigger": RotationTrigger.PERIOD},
        {"allocation__drift_threshold": 0.01},
        {"risk_limits__max_position": 0.09},
    ],
)
def test_an_open_rotation_drift_and_a_breach_ask(change: dict[str, object]) -> None:
    rules = policy(**{"strategies__sector_rotation__enabled": False, "allocation__drift_threshold": 0.5, **change})
    assert asks(rules, even(cash=30000))


def test_a_winner_that_may_not_be_added_to_asks_for_nothing() -> None:
    winner = roomy(70)
    assert asks(still(), winner)
    assert not asks(still(), winner, replace(NO_MEMORY, reinforced={conid("AA"): (30, 60)}))
    assert not asks(still(), winner, replace(NO_MEMORY, sold={conid("AA"): 3}))
    assert not asks(changed(still(), "strategies.reinforce_winners.require_trend", TrendFilter.BULL), winner)


def test_a_winner_without_room_under_a_limit_asks_for_nothing() -> None:
    assert not asks(still(), even(costs={"AA": 70}))


def test_a_rested_rotation_asks_only_where_the_ranking_has_turned() -> None:
    rotating = changed(still(), "strategies.sector_rotation.enabled", True)
    unturned = with_history(market(), dict.fromkeys(NAMES, np.full(LENGTH, 100.0)))
    risen = np.concatenate([np.full(LENGTH - 1, 100.0), [120.0]])
    turned = with_history(unturned, {"AA": risen, "BB": risen})
    assert not asks(rotating, even(), on=unturned)
    assert asks(rotating, even(), on=turned)
    assert not asks(rotating, even(), replace(NO_MEMORY, last_rotation=5), turned)


def test_a_buy_that_nobody_may_make_is_not_asked_for() -> None:
    assert not asks(still(), roomy(70), on=market(vix=None))
