"""Who picks one of the plans."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from app.domain.plan import Choice, Exchange, Plan


@dataclass(frozen=True, slots=True)
class Offer:
    """What a chooser sees: the plans, and the numbers that led to them as JSON. Never free text from outside.

    `default` is what the rules choose.
    """

    run_id: str
    plans: tuple[Plan, ...]
    default: Choice
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What choosing took. `cost` in USD, None when the model's price is unknown; `exchange` where a model was asked."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal | None = Decimal(0)
    exchange: Exchange | None = None


class Chooser(Protocol):
    """Picks one plan. It never fails: where a model does, the rules' choice comes back with `fallback` saying why.

    `spends`: a choice costs money, which is not spent on a day that cannot be traded.
    """

    spends: bool

    async def choose(self, offer: Offer) -> tuple[Choice, ModelUse]:
        """The id is one of the offered plans'."""
        ...
