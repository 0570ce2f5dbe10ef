"""Pairs of policies that differ in one field, and what each of the two does to the same portfolio on the same day.

An outcome is what is ordered, refused, sent or told, never a limit that is merely repeated.
"""

from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from app.decision import plans, rules
from app.domain.market import Market
from app.domain.navs import NavPoint
from app.domain.order import Order
from app.domain.plan import NO_MEMORY, Memory
from app.domain.policy import Policy
from app.domain.policy.check import check
from app.domain.portfolio import Portfolio
from app.domain.ruling import DayUse
from app.market.sectors import SECTORS
from tests.support.fakes import Office
from tests.support.worlds import NAMES, evaluate, even, market, navs, rule_on
from tests.unit.policy import samples

Outcome = Callable[[Policy], object]
Day = Callable[[Office], Awaitable[object]]

# Ten names that worlds know, and no targets: what is not the pair's subject stays quiet.
QUIET: Mapping[str, object] = {
    "universe.symbols": list(NAMES),
    "allocation.asset_classes_pct": {},
    "allocation.sectors_pct": {},
    "strategies.sector_rotation.enabled": False,
}


@dataclass(frozen=True)
class Pair:
    """Two values of one field as the file writes them, `base` being what both policies have besides."""

    first: object
    second: object
    outcome: Outcome
    base: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class DayPair:
    """As Pair, where it takes a run on a desk to see the difference."""

    first: object
    second: object
    day: Day
    base: Mapping[str, object] = field(default_factory=dict)


def document(*changes: Mapping[str, object]) -> dict[str, Any]:
    """The shipped policy's values with fields replaced by path; of a list's items, the first."""
    result = deepcopy(samples.values())
    for path, value in ((path, value) for change in changes for path, value in change.items()):
        inner: Any = result
        *sections, name = path.split(".")
        for section in sections:
            inner = inner[section][0] if isinstance(inner[section], list) else inner[section]
        assert name in inner, path
        inner[name] = deepcopy(value)
    return result


def differing(first: Policy, second: Policy) -> set[str]:
    """Paths in code of the fields that differ, items of lists without their number."""
    return set(_differing(first.model_dump(), second.model_dump(), ""))


def _differing(first: object, second: object, path: str) -> list[str]:
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        return [found for key in first for found in _differing(first[key], second[key], f"{path}.{key}".lstrip("."))]
    if isinstance(first, tuple) and isinstance(second, tuple) and len(first) == len(second) and path.endswith("bands"):
        return [found for one, other in zip(first, second, strict=True) for found in _differing(one, other, path)]
    return [path] if first != second else []


def decided(
    account: Portfolio | None = None,
    on: Market | None = None,
    memory: Memory = NO_MEMORY,
    drawdown: float = 0.0,
) -> Outcome:
    """The orders of every plan after the gate, and which plan the rules choose."""

    def outcome(policy: Policy) -> object:
        held, prices = account or even(), on or market()
        past = navs(held.nav, drawdown)
        evaluation = evaluate(policy, held, prices, memory, past)
        found = plans(policy, held, prices, evaluation, memory)
        choice = rules(policy, evaluation, found)
        chosen = next(plan.action for plan in found if plan.id == choice.plan_id)
        ruled = {p.action: _orders(rule_on(p.orders, policy, held, prices, None, memory=memory).allowed) for p in found}
        return chosen, ruled

    return outcome


def let_through(
    *orders: Order,
    account: Portfolio | None = None,
    on: Market | None = None,
    day: DayUse | None = None,
    memory: Memory = NO_MEMORY,
    past: tuple[NavPoint, ...] | None = None,
) -> Outcome:
    """What the gate allows of these orders."""

    def outcome(policy: Policy) -> object:
        return _orders(rule_on(orders, policy, account, on, day, memory=memory, history=past).allowed)

    return outcome


def _orders(orders: tuple[Order, ...]) -> list[tuple[str, str, Decimal]]:
    return [(one.instrument.symbol, one.side.value, one.quantity) for one in orders]


def told(policy: Policy) -> object:
    """What `policy check` says."""
    return [str(finding) for finding in check(policy, SECTORS)]
