"""What can go wrong with an order at the broker: refusals, questions, late life, slow and partial fills, lagging lists.

Values only: the order desk plays them. Every rule may be narrowed to a symbol, a side or one client order id.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api_gateway.simulator.orders.order import OrderRequest, Side
from api_gateway.simulator.orders.questions import Question

Looks = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]


class Rule(BaseModel):
    """`after` matches pass unharmed before the rule spoils `times` of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    times: Annotated[int, Field(ge=1)] = 1
    after: Annotated[int, Field(ge=0)] = 0


class OrderRule(Rule):
    """A look is a read of the order list, of the trades or of an order's status; seconds are market time."""

    symbol: str | None = None
    side: Side | None = None
    coid: str | None = None

    def matches(self, request: OrderRequest) -> bool:
        wanted = ((self.symbol, request.contract.symbol), (self.side, request.side), (self.coid, request.coid))
        return all(asked is None or asked == found for asked, found in wanted)


class Refusal(OrderRule):
    """The order system's no, each in a shape of its own and each with status 200; `bracket` adds an inactive leg."""

    kind: Literal["reject", "advanced_reject", "failed"]
    text: str = "We cannot accept an order at the limit price you selected."
    bracket: bool = False


class AskedQuestion(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    text: str = "Are you sure you want to submit this order?"
    more_ids: tuple[str, ...] = ()
    suppressed: bool = False
    without: tuple[Literal["id", "message", "messageIds", "isSuppressed", "messageOptions"], ...] = ()

    @property
    def question(self) -> Question:
        return Question(self.id, self.text, self.more_ids, self.suppressed, self.without)


class Ask(OrderRule):
    """A chain of questions in place of the usual ones, all in one answer where they come `together`.

    `stale` invalidates the first reply id as it is given out; the answer to it is then 400 (reported) or 503
    (documented), as `stale_status` says. `lives`: the order goes live although nobody answers.
    """

    kind: Literal["question"]
    questions: Annotated[tuple[AskedQuestion, ...], Field(min_length=1)]
    stale: bool = False
    stale_status: Literal[400, 503] = 400
    together: bool = False
    lives: bool = False


class LiveLater(OrderRule):
    """What would accept the order answers an error, and yet the order goes live after some looks and seconds."""

    kind: Literal["live_later"]
    status: Annotated[int, Field(ge=500, le=599)] = 503
    looks: Looks = 1
    seconds: Seconds = 0.0


class FillScript(OrderRule):
    """The order meets the market late, or a fraction of it does and the rest later or never."""

    kind: Literal["late_fill", "partial_fill"]
    looks: Looks = 0
    seconds: Seconds = 0.0
    fraction: Annotated[Decimal, Field(ge=0, le=1)] = Decimal(1)
    rest: Literal["later", "never"] = "never"
    rest_looks: Looks = 0
    rest_seconds: Seconds = 0.0


class GoesInactive(OrderRule):
    """The order is accepted and turns inactive afterwards: the acceptance was no success (reported)."""

    kind: Literal["inactive"]
    text: str = "Your account does not hold what this order needs."


class CancelTooLate(OrderRule):
    """The request to cancel is taken and changes nothing: the order goes on, and fills where the market allows it."""

    kind: Literal["cancel_too_late"]


class CancelAsk(OrderRule):
    """The request to cancel is answered with a question, and nothing is cancelled."""

    kind: Literal["cancel_question"]
    question: AskedQuestion


class Lag(Rule):
    """What is new is missing from its list for `reads` further reads of it and for `seconds` of market time."""

    kind: Literal["lag"]
    reads: Looks = 0
    seconds: Seconds = 0.0
    list: Literal["both", "orders", "trades"] = "both"
