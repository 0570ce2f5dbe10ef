"""The plans and the choice among them in the report."""

from app.desk.report.part import Amount, Part
from app.desk.report.tax import PlannedTaxPart, planned_tax
from app.desk.states import Decided
from app.desk.tax import TaxView
from app.domain.order import Order
from app.domain.plan import Plan


class PlannedOrder(Part):
    """An order as a plan has it."""

    symbol: str
    side: str
    quantity: Amount
    reference_price: Amount
    mandatory: bool
    reason: str


class PostTradePart(Part):
    """The portfolio after the plan, before costs."""

    cash_weight: float
    exposure: float
    turnover: float
    metrics: dict[str, float | None]


class ExemptPart(Part):
    """A limit of the policy that the plan's numbers are over, or under, because exits are exempt from it.

    `value` with the exits and `exits` alone, in the limit's unit: fractions of NAV, orders, or base currency.
    """

    rule: str
    value: float
    exits: float
    limit: float
    text: str


class PlanPart(Part):
    """One thing that could have been done. `tax`: what its orders would bring, by name.

    `shown_as`: the action as people read it: HOLD with orders is EXITS ONLY. Null in reports of earlier versions.
    """

    id: str
    action: str
    reason: str
    orders: tuple[PlannedOrder, ...]
    post_trade: PostTradePart | None
    tax: tuple[PlannedTaxPart, ...] = ()
    shown_as: str | None = None
    exempt: tuple[ExemptPart, ...] = ()


class DecisionPart(Part):
    """What was chosen. `fallback` says why the rules chose where a model was asked; `shown_as`: see the plans."""

    action: str
    plan_id: str
    chosen_by: str
    rationale: str
    fallback: str | None
    shown_as: str | None = None


def planned_order(order: Order) -> PlannedOrder:
    return PlannedOrder(
        symbol=order.instrument.symbol,
        side=order.side.value,
        quantity=order.quantity,
        reference_price=order.reference_price,
        mandatory=order.mandatory,
        reason=order.reason,
    )


def plan_part(plan: Plan, view: TaxView, exempt: tuple[ExemptPart, ...] = ()) -> PlanPart:
    after = plan.post_trade
    return PlanPart(
        id=plan.id,
        action=plan.action.value,
        reason=plan.reason,
        orders=tuple(planned_order(order) for order in plan.orders),
        post_trade=PostTradePart(
            cash_weight=after.cash_weight, exposure=after.exposure, turnover=after.turnover, metrics=after.metrics
        )
        if after
        else None,
        tax=planned_tax(view, plan.orders),
        shown_as=plan.shown_as,
        exempt=exempt,
    )


def decision_part(run: Decided) -> DecisionPart:
    choice = run.choice
    return DecisionPart(
        action=run.plan.action.value,
        plan_id=choice.plan_id,
        chosen_by=choice.chosen_by,
        rationale=choice.rationale,
        fallback=choice.fallback,
        shown_as=run.plan.shown_as,
    )
