"""What two policies would decide about the same day: the fields in which they differ, and the two days side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.plan import shown_as
from app.domain.policy import Policy
from app.domain.policy.fields import written
from app.explain.settings import masked

Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A field of which the two say different things, as the file writes them; None where one has no such field."""

    field: str
    first: object
    second: object


@dataclass(frozen=True, slots=True)
class Decided:
    """What one policy made of the day. `orders` as "SELL 12 AAPL" with legs added up; `breaches` by name.

    `shown_as`, `offered_as`: actions as people read them.
    """

    action: str | None
    rationale: str | None
    offered: tuple[str, ...]
    orders: tuple[str, ...]
    breaches: tuple[str, ...]
    exits: tuple[str, ...]
    shown_as: str | None
    offered_as: tuple[str, ...]


def changes(first: Policy, second: Policy) -> tuple[Change, ...]:
    """Every field that differs, in the file's order."""
    one, other = dict(written(first)), dict(written(second))
    return tuple(
        Change(path, masked(path, one.get(path)), masked(path, other.get(path)))
        for path in dict.fromkeys((*one, *other))
        if one.get(path) != other.get(path)
    )


def decided(report: Report) -> Decided:
    """The report's decision, short."""
    decision, evaluation = report["decision"], report["evaluation"]
    chosen = next((plan for plan in report["plans"] if decision and plan["id"] == decision["plan_id"]), None)
    quantities: dict[tuple[str, str], float] = {}
    for order in chosen["orders"] if chosen else ():
        key = (order["side"], order["symbol"])
        quantities[key] = quantities.get(key, 0.0) + float(order["quantity"])
    metrics = evaluation["metrics"] if evaluation else ()
    due = evaluation["exits_due"] if evaluation else ()
    return Decided(
        action=decision["action"] if decision else None,
        rationale=decision["rationale"] if decision else None,
        offered=tuple(plan["action"] for plan in report["plans"]),
        orders=tuple(f"{side} {quantity:g} {symbol}" for (side, symbol), quantity in sorted(quantities.items())),
        breaches=tuple(m["name"] for m in metrics if m["limit"] is not None and m["severity"] in {"HIGH", "CRITICAL"}),
        exits=tuple(f"{e['symbol']} {e['rule']}" for e in due),
        shown_as=shown_as(decision["action"], len(chosen["orders"]) if chosen else 0) if decision else None,
        offered_as=tuple(shown_as(plan["action"], len(plan["orders"])) for plan in report["plans"]),
    )
