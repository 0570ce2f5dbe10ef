"""Limits that a plan's numbers seem to break, and do not: what must be sold is sold whatever they say."""

from collections.abc import Iterator
from decimal import Decimal

from app.desk.report.plan import ExemptPart
from app.domain.order_size import largest_order, smallest_order
from app.domain.plan import Plan
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio
from app.domain.tolerance import TOLERANCE

WHY = "exits are exempt from it"


def exempt(policy: Policy, portfolio: Portfolio, plan: Plan) -> tuple[ExemptPart, ...]:
    """One for each limit that the plan's exits go beyond; without a value above zero none is a share of it."""
    if not portfolio.nav > 0:
        return ()
    return (*_of_the_day(policy, portfolio, plan), *_of_an_order(policy, portfolio, plan))


def _of_the_day(policy: Policy, portfolio: Portfolio, plan: Plan) -> Iterator[ExemptPart]:
    rules, values = policy.execution, _values(portfolio, plan)
    exits = [value for value, is_exit in values if is_exit]
    turnover, of_exits = (float(sum(found, Decimal(0)) / portfolio.nav) for found in ([v for v, _ in values], exits))
    if exits and turnover > rules.max_turnover + TOLERANCE:
        text = (
            f"turnover {turnover:.1%} is over the day's {rules.max_turnover:.1%}: {of_exits:.1%} are exits, and {WHY}"
        )
        yield ExemptPart(
            rule="execution.max_turnover_pct", value=turnover, exits=of_exits, limit=rules.max_turnover, text=text
        )
    count, most = len(values), rules.max_orders_per_day
    if exits and count > most:
        text = f"{count} orders are over the day's {most}: {len(exits)} are exits, and {WHY}"
        yield ExemptPart(rule="execution.max_orders_per_day", value=count, exits=len(exits), limit=most, text=text)


def _of_an_order(policy: Policy, portfolio: Portfolio, plan: Plan) -> Iterator[ExemptPart]:
    rules = policy.execution
    exits = {
        o.instrument.symbol: v for o, (v, is_exit) in zip(plan.orders, _values(portfolio, plan), strict=True) if is_exit
    }
    most, least = largest_order(rules, portfolio.nav), smallest_order(rules, portfolio.nav)
    for rule, limit, found in (
        ("execution.max_order_value", most, {name: value for name, value in exits.items() if value > most}),
        ("execution.min_order_value", least, {name: value for name, value in exits.items() if value < least}),
    ):
        if found:
            end = max(found.values()) if limit is most else min(found.values())
            word = "over the largest" if limit is most else "under the smallest"
            text = f"{', '.join(found)}: {word} order of {limit:,.2f} {portfolio.currency}; {WHY}"
            yield ExemptPart(rule=rule, value=float(end), exits=float(end), limit=float(limit), text=text)


def _values(portfolio: Portfolio, plan: Plan) -> list[tuple[Decimal, bool]]:
    """Of each order in base currency, and whether it is an exit."""
    return [(order.notional * portfolio.rate(order.instrument.currency), order.exit) for order in plan.orders]
