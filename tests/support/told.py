"""A decided day as text, numbers to nine digits: the same on every machine, and other for any other decision."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from app.domain.evaluation import Evaluation
from app.domain.order import Order
from app.domain.plan import Action, Choice, Plan, PostTrade
from app.domain.ruling import Refusal


def digest(days: Iterable[str]) -> str:
    """Of all of them, in their order."""
    return hashlib.sha256("\n".join(days).encode()).hexdigest()[:16]


def told(
    evaluation: Evaluation, plans: Sequence[Plan], refusals: Mapping[Action, Sequence[Refusal]], choice: Choice
) -> str:
    """What was measured, what may be done, what was cut from it and what the rules choose."""
    cut = (f"{action} {refusal}" for action, found in sorted(refusals.items()) for refusal in found)
    return "\n".join(
        (
            *_evaluation(evaluation),
            *(line for plan in plans for line in _plan(plan)),
            *cut,
            f"{choice.plan_id} {choice.rationale} {choice.chosen_by}",
        )
    )


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.9g}"


def _evaluation(found: Evaluation) -> Iterator[str]:
    yield f"{found.nav} {_number(found.cash_weight)} {_number(found.exposure)} {found.trend} {_number(found.vix)}"
    yield " ".join(f"{conid}={_number(weight)}" for conid, weight in sorted(found.weights.items()))
    yield " ".join(f"{sector}={_number(weight)}" for sector, weight in sorted(found.sector_weights.items()))
    for m in found.metrics:
        yield f"{m.name} {_number(m.value)} {_number(m.limit)} {m.severity} {m.floor} {m.note}"
    for e in found.exits_due:
        numbers = " ".join(map(_number, (e.fraction, e.value, e.threshold)))
        yield f"{e.rule} {e.conid} {e.symbol} {numbers} {e.metric}"
    for d in found.drifts:
        yield f"{d.kind} {d.name} {' '.join(map(_number, (d.weight, d.target, d.attainable)))}"
    yield " ".join(f"{cap.rule}={_number(cap.limit)}" for cap in found.caps)
    yield " ".join(name.symbol for name in found.eligible)


def _plan(plan: Plan) -> Iterator[str]:
    yield f"{plan.id} {plan.action} {plan.reason} {plan.on_breach}"
    yield from map(_order, plan.orders)
    if plan.post_trade is not None:
        yield _after(plan.post_trade)


def _order(o: Order) -> str:
    flags = f"{o.exit} {o.mandatory} {o.leg}"
    return f"{o.side} {o.quantity} {o.instrument.symbol} {o.reference_price} {o.limit_price} {flags} {o.reason}"


def _after(then: PostTrade) -> str:
    metrics = " ".join(f"{name}={_number(value)}" for name, value in then.metrics.items())
    return f"{' '.join(map(_number, (then.cash_weight, then.exposure, then.turnover)))} {metrics}"
