"""What every part of the report is made of. Amounts are decimal strings, written plainly."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

CENT = Decimal("0.01")


def _plain(amount: Decimal) -> str:
    return format(amount, "f")


Amount = Annotated[
    Decimal,
    PlainSerializer(_plain, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}),
]


class Part(BaseModel):
    """Base of every part."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def cents(amount: Decimal | None) -> Decimal | None:
    """Rounded; None stays None."""
    return None if amount is None else amount.quantize(CENT)
