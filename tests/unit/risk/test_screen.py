"""The screen is never silent where there is something to decide, and is silent on a quiet day."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.decision import plans
from app.domain.plan import NO_MEMORY
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio
from app.risk.screen import State, anything_to_decide, triggers, worth_deciding
from tests.support.worlds import changed, evaluate, even, policy
from tests.unit.risk.drawn import World, worlds

RECENT = st.sampled_from([None, 0, 5, 400])
SWITCHES = ("cut_losers", "reinforce_winners", "sector_rotation", "rebalance")


def still() -> Policy:
    """No rotation and drift that nobody minds."""
    return policy(strategies__sector_rotation__enabled=False, allocation__drift_threshold=0.5)


def asks(rules: Policy, account: Portfolio) -> bool:
    return worth_deciding(rules, account, evaluate(rules, account), NO_MEMORY)


@given(worlds(), RECENT, RECENT, st.sets(st.sampled_from(SWITCHES)))
def test_it_is_never_silent_where_more_than_an_empty_hold_is_offered(
    world: World, rebalanced: int | None, rotated: int | None, off: set[str]
) -> None:
    rules = world.policy
    for name in off:
        rules = changed(rules, f"strategies.{name}.enabled", False)
    memory = replace(world.memory, last_rebalance=rebalanced, last_rotation=rotated)
    world = replace(world, policy=rules, memory=memory)
    evaluation = world.measured()
    found = plans(rules, world.portfolio, world.market, evaluation, memory)
    if len(found) > 1 or found[-1].orders:
        assert worth_deciding(rules, world.portfolio, evaluation, memory)


def test_a_quiet_day_asks_for_nothing() -> None:
    assert not asks(still(), even())


@pytest.mark.parametrize(
    ("costs", "expected"),
    [({"AA": 110}, False), ({"AA": 112}, True), ({"AA": 84}, False), ({"AA": 83}, True)],
)
def test_a_loss_or_a_gain_at_its_trigger_asks(costs: dict[str, float], expected: bool) -> None:
    assert asks(still(), even(costs=costs)) is expected


@pytest.mark.parametrize(
    "change",
    [
        {"strategies__sector_rotation__enabled": True},
        {"allocation__drift_threshold": 0.01},
        {"risk_limits__max_position": 0.09},
    ],
)
def test_an_open_rotation_drift_and_a_breach_ask(change: dict[str, object]) -> None:
    rules = policy(**{"strategies__sector_rotation__enabled": False, "allocation__drift_threshold": 0.5, **change})
    assert asks(rules, even(cash=30000))


@given(st.integers(1, 30), st.integers(0, 8), st.integers(0, 10**6))
def test_a_policy_among_many_gets_the_answer_it_gets_alone(policies: int, names: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    rules = [policy(strategies__cut_losers__trigger_loss=float(generator.uniform(0.05, 0.3))) for _ in range(policies)]
    flags = generator.random((3, policies)) < 0.3
    state = State(generator.normal(0, 0.1, (policies, names)), generator.random(policies) * 0.1, *flags)
    together = anything_to_decide(triggers(rules, [NO_MEMORY] * policies), state)
    last = State(state.gains[-1:], state.drift[-1:], *(flag[-1:] for flag in flags))
    assert together.shape == (policies,)
    assert anything_to_decide(triggers(rules[-1:], [NO_MEMORY]), last)[0] == together[-1]
