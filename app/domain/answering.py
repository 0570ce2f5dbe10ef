"""Which of the broker's questions the policy confirms for one order, and for how much: signed with it."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from app.domain.market import Quote
from app.domain.order import Order, Side
from app.domain.policy import Policy
from app.domain.pricing import collar
from app.domain.questions import DOCUMENTED, Bound

# What a ticket can say: so many places behind the point, and so many before it.
_STEP, _MOST = Decimal("1E-8"), Decimal("1E14")


def answers_to(
    policy: Policy, order: Order, quote: Quote, rate: Decimal, *, live: bool
) -> tuple[tuple[str, Decimal | None], ...]:
    """(id, bound) of each; prices and values in the instrument's currency, `rate` base currency for one unit of it.

    What does not fit this order is not among them, and so stays unanswered.
    """
    low, high = collar(policy, order.side, quote)
    worst = high.quantize(_STEP, ROUND_FLOOR) if order.side is Side.BUY else low.quantize(_STEP, ROUND_CEILING)
    delayed = policy.execution.allow_delayed_quotes or not live
    found: list[tuple[str, Decimal | None]] = []
    for message_id, most in sorted(policy.execution.answer_questions.items()):
        match DOCUMENTED[message_id].bound:
            case Bound.COLLAR if worst > 0:
                found.append((message_id, worst))
            case Bound.DELAYED if delayed:
                found.append((message_id, None))
            case Bound.TICKET:
                found.append((message_id, None))
            case Bound.QUANTITY:
                found.append((message_id, most))
            case Bound.VALUE if most is not None:
                found.append((message_id, max(min(most / rate, _MOST).quantize(_STEP, ROUND_FLOOR), _STEP)))
            case _:
                continue
    return tuple(found)
