"""The committed plan as JSON, and back: what an interrupted run goes on with."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from app.desk.report.explanation import ExplanationPart
from app.domain.instrument import Instrument
from app.domain.order import Order, OrderRule, Side
from app.domain.plan import Action, Choice, Plan


def plan_record(plan: Plan, choice: Choice, explanations: Sequence[ExplanationPart] = ()) -> dict[str, Any]:
    """JSON with decimals as strings. Why this plan was chosen is kept with it, as it was told then."""
    return {
        "plan_id": plan.id,
        "action": plan.action.value,
        "reason": plan.reason,
        "on_breach": plan.on_breach,
        "choice": {"rationale": choice.rationale, "chosen_by": choice.chosen_by, "fallback": choice.fallback},
        "orders": [_order_record(order) for order in plan.orders],
        "explanations": [explanation.model_dump(mode="json") for explanation in explanations],
    }


def restore_plan(record: Mapping[str, Any], instruments: Mapping[int, Instrument]) -> tuple[Choice, Plan]:
    """What `plan_record` wrote; an instrument that is not known today keeps the little that the record says of it."""
    orders = tuple(_restore_order(row, instruments) for row in record["orders"])
    plan = Plan(Action(record["action"]), orders, record["reason"], record["on_breach"])
    choice = Choice(record["plan_id"], **record["choice"])
    return choice, plan


def restore_explanations(record: Mapping[str, Any]) -> tuple[ExplanationPart, ...]:
    """What `plan_record` wrote; plans from before there were explanations have none."""
    return tuple(ExplanationPart.model_validate(row) for row in record.get("explanations", ()))


def _order_record(order: Order) -> dict[str, Any]:
    return {
        "conid": order.instrument.conid,
        "symbol": order.instrument.symbol,
        "currency": order.instrument.currency,
        "side": order.side.value,
        "quantity": str(order.quantity),
        "reference_price": str(order.reference_price),
        "reason": order.reason,
        "exit": order.exit,
        "mandatory": order.mandatory,
        "leg": order.leg,
        "rules": [rule.value for rule in order.rules],
    }


def _restore_order(row: Mapping[str, Any], instruments: Mapping[int, Instrument]) -> Order:
    conid = int(row["conid"])
    return Order(
        instrument=instruments.get(conid) or Instrument(conid, row["symbol"], row["currency"]),
        side=Side(row["side"]),
        quantity=Decimal(row["quantity"]),
        reference_price=Decimal(row["reference_price"]),
        reason=row["reason"],
        exit=row["exit"],
        mandatory=row["mandatory"],
        leg=row["leg"],
        # Of plans from before they were told here, the intents alone know them.
        rules=tuple(OrderRule(rule) for rule in row.get("rules", ())),
    )
