"""How orders are made: sizes, hours and slots against each other."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from app.domain.policy import Execution, Fx, Policy
from app.domain.policy.check.findings import Finding, error, percent, warning
from app.domain.policy.check.names import Names
from app.domain.questions import DOCUMENTED, Bound
from app.domain.sizing import HEADROOM
from app.domain.slots import name_problem
from app.domain.tolerance import TOLERANCE

_OPEN, _CLOSE, _HALF_DAY_CLOSE = ("09:30", "16:00", "13:00")


def execution_works(policy: Policy, _: Names) -> Iterator[Finding]:
    rules = policy.execution
    yield from _order_sizes(rules)
    if rules.limit_offset > rules.price_collar:
        yield error(
            "execution.limit_offset_pct",
            f"{percent(rules.limit_offset)} puts every limit price outside price_collar_pct "
            f"({percent(rules.price_collar)})",
        )
    if rules.fx is Fx.CONVERT:
        yield error("execution.fx", "convert needs orders that exchange currencies, and none are sent; refuse or hold")
    if rules.max_turnover == 0:
        yield error("execution.max_turnover_pct", "0 allows no order that is not an exit")
    fees = rules.max_commission * rules.max_turnover
    if fees > HEADROOM + TOLERANCE:
        yield warning(
            "execution.max_commission_pct",
            f"of a day's turnover of {percent(rules.max_turnover)} it may be {percent(fees)} of net asset value, "
            f"more than the {percent(HEADROOM)} that plans keep inside every limit",
        )
    if not _window_is_open(policy, _CLOSE):
        yield error(
            "execution",
            "no minute of the day is left between trade_from, trade_until, avoid_open_minutes and avoid_close_minutes",
        )
    elif not _window_is_open(policy, _HALF_DAY_CLOSE):
        yield warning("execution", f"no minute is left on half days, which close at {_HALF_DAY_CLOSE}")


def _order_sizes(rules: Execution) -> Iterator[Finding]:
    if rules.max_order_value is not None and rules.min_order_value > rules.max_order_value:
        yield error(
            "execution.min_order_value", f"{rules.min_order_value} is above max_order_value ({rules.max_order_value})"
        )
    least, most = rules.min_order_nav, rules.max_order_nav
    if least is not None and most is not None and least > most:
        yield error("execution.min_order_nav_pct", f"{percent(least)} is above max_order_nav_pct ({percent(most)})")
    for name in ("max_order_nav", "max_order_volume"):
        if getattr(rules, name) == 0:
            yield error(f"execution.{name}_pct", "0 allows no order")


def slots_work(policy: Policy, _: Names) -> Iterator[Finding]:
    opens, closes = map(time.fromisoformat, (_OPEN, _CLOSE))
    for slot, latest in policy.execution.slots.items():
        field = f"execution.slots.{slot}"
        problem = name_problem(slot)
        if problem:
            yield error(field, problem)
        if latest >= closes:
            yield error(
                field, f"{latest:%H:%M} is not before the exchange's close ({_CLOSE}); nothing could be ordered"
            )
        elif latest < opens:
            yield error(field, f"{latest:%H:%M} is before the exchange opens ({_OPEN}); nothing could be ordered")


def answers_bind(policy: Policy, _: Names) -> Iterator[Finding]:
    rules = policy.execution
    for message_id, most in rules.answer_questions.items():
        field = f"execution.answer_questions.{message_id}"
        known = DOCUMENTED[message_id]
        if known.bound is Bound.DELAYED and not rules.allow_delayed_quotes:
            yield warning(field, "with real money it is never confirmed while allow_delayed_quotes is false")
        if known.bound is Bound.TICKET and known.by_default:
            yield warning(field, "adds nothing: it is confirmed anyway")
        largest = rules.max_order_value
        if known.bound is Bound.VALUE and most is not None and largest is not None and most >= largest:
            yield warning(field, f"{most:f} is not below max_order_value ({largest:f}): it binds nothing")


def _window_is_open(policy: Policy, closes: str) -> bool:
    rules, day = policy.execution, date(2000, 1, 3)
    opens_at, closes_at = (datetime.fromisoformat(f"{day}T{at}+00:00") for at in (_OPEN, closes))
    first = max(
        datetime.combine(day, rules.trade_from, opens_at.tzinfo),
        opens_at + timedelta(minutes=rules.avoid_open_minutes),
    )
    last = min(
        datetime.combine(day, rules.trade_until, opens_at.tzinfo),
        closes_at - timedelta(minutes=rules.avoid_close_minutes),
    )
    return first < last
