"""How the simulated broker is set: what it deduplicates, what kind of account it keeps, what does not trade.

These are standing conditions, not faults: they hold until they are changed.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from api_gateway.simulator.universe import stock

AccountType = Literal["margin", "cash"]


def _known(symbol: str) -> str:
    if stock(symbol) is None:
        raise ValueError(f"unknown symbol {symbol}")
    return symbol


class BrokerChange(BaseModel):
    """What is None stays as it is. `halted` replaces the whole list; `closed` shuts the exchange for the day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dedupe: bool | None = None
    account_type: AccountType | None = None
    halted: tuple[Annotated[str, AfterValidator(_known)], ...] | None = None
    closed: bool | None = None


@dataclass
class BrokerRules:
    account_type: AccountType
    dedupe: bool = True
    halted: tuple[str, ...] = ()
    closed: bool = False

    def change(self, change: BrokerChange) -> None:
        for name, value in change.model_dump(exclude_none=True).items():
            setattr(self, name, value)
