"""Policies with one thing off: each switched off is really off, and nothing else is."""

from collections.abc import Iterator, Mapping

from app.backtest.ablation import ablations, unguarded
from app.domain.policy import DrawdownAction, Policy
from app.domain.policy.check import Level, check
from app.market.sectors import SECTORS
from tests.support.sample import default_policy
from tests.support.worlds import changed as changed_to

# With profits taken and a sale at the drawdown's limit, which the shipped one does without.
POLICY = changed_to(
    changed_to(default_policy(), "exits.take_profit_sell", 0.25), "exits.drawdown_action", DrawdownAction.REDUCE
)


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every field of a policy with its value."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else str(name))
    else:
        yield path, value


def changed(other: Policy) -> set[str]:
    """Fields that differ from the shipped policy's."""
    ours, theirs = (dict(leaves(policy.model_dump())) for policy in (POLICY, other))
    return {path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path)}


def test_each_action_and_rule_is_switched_off_alone() -> None:
    assert {one.name: changed(one.policy) for one in ablations(POLICY)} == {
        "REINFORCE": {"strategies.reinforce_winners.enabled"},
        "ROTATE": {"strategies.sector_rotation.enabled"},
        "CUT_LOSERS": {"strategies.cut_losers.enabled"},
        "REBALANCE": {"strategies.rebalance.enabled"},
        "stop_loss": {"exits.stop_loss"},
        "take_profit": {"exits.take_profit"},
        "drawdown_action": {"exits.drawdown_action"},
        "vix_bands": {"market.vix_bands"},
        "bear_trend": {"market.bear_exposure"},
    }


def test_what_a_policy_has_not_is_not_switched_off() -> None:
    names = {one.name for one in ablations(unguarded(POLICY))}
    assert names == {"REINFORCE", "ROTATE", "CUT_LOSERS", "REBALANCE"}


def test_without_its_guard_a_policy_keeps_what_it_wants_and_loses_every_limit() -> None:
    sections = {path.split(".")[0] for path in changed(unguarded(POLICY))}
    assert sections == {"risk_limits", "exits", "market"}
    free = unguarded(POLICY)
    limits = free.risk_limits.model_dump()
    assert limits.pop("min_cash_reserve") == 0
    assert set(limits.values()) == {1.0}
    assert unguarded(free) == free


def test_none_of_them_contradicts_itself() -> None:
    for policy in (unguarded(POLICY), *(one.policy for one in ablations(POLICY))):
        assert [str(f) for f in check(policy, SECTORS) if f.severity is Level.ERROR] == []
