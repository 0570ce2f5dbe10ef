"""Reads what an order for a contract must keep, also where the broker's answer contradicts itself.

A wrong grid is worse than none: a limit price that is rounded to it may be far from the market.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Malformed
from api_gateway.clientportal.records import PriceIncrement, Side
from api_gateway.clientportal.units import Facts, scaled

# Markets that trade in board lots, by listing exchange and by currency. Anywhere else a size increment is the step of
# the broker's order window.
_LOT_EXCHANGES: Final = frozenset(
    {
        "TSEJ",
        "SEHK",
        "SEHKNTL",
        "SEHKSZSE",
        "SEHKSTAR",
        "CHINEXT",
        "SGX",
        "TWSE",
        "TPEX",
        "BURSAMY",
        "SET",
        "IDX",
        "PSE",
    }
)
_LOT_CURRENCIES: Final = frozenset({"JPY", "HKD", "SGD", "CNH", "CNY", "TWD", "MYR", "THB", "IDR", "PHP", "VND"})


@dataclass(frozen=True)
class Grid:
    """Price steps in the unit of the quote, lowest edge first, and how they were chosen where there was a choice."""

    steps: tuple[PriceIncrement, ...]
    note: str | None = None

    def at(self, price: Decimal) -> Decimal | None:
        return next((step.increment for step in reversed(self.steps) if step.lower_edge <= price), None)

    def in_currency(self, magnifier: int) -> tuple[PriceIncrement, ...]:
        return tuple(
            PriceIncrement(lower_edge=scaled(step.lower_edge, magnifier), increment=scaled(step.increment, magnifier))
            for step in self.steps
        )


def grid_of(answer: wire.Row) -> Grid:
    """The ladder, or the one step of the present price where there is no ladder. Raises: Malformed without both."""
    single = single_increment(answer)
    told = answer.get("incrementRules")
    if not told:
        return _flat(single, None)
    try:
        return Grid(_ladder(told))
    except Malformed as error:
        return _flat(single, f"price increments: the ladder cannot be read ({error}), the single increment is used")


def single_increment(answer: wire.Row) -> Decimal | None:
    """The step of the present price; None where none is told that can be read."""
    try:
        return wire.price(answer.get("increment"))
    except Malformed:
        return None


def disagrees(grid: Grid, single: Decimal | None, price: Decimal | None) -> bool:
    """The single step is another than the ladder's at this price, or than all of them where no price is known."""
    if single is None:
        return False
    if price is None:
        return all(step.increment != single for step in grid.steps)
    return grid.at(price) != single


def settled(grid: Grid, single: Decimal, quote: Sequence[Decimal]) -> Grid:
    """Of two steps the finer that the quote itself obeys, else the finer; a price off the market's grid is refused,
    and one on too coarse a grid never meets the market.
    """
    price = quote[0] if quote else Decimal(0)
    ladder = grid.at(price)
    finest = sorted({each for each in (single, ladder) if each is not None})
    obeyed = next((each for each in finest if quote and not any(one % each for one in quote)), None)
    chosen = finest[0] if obeyed is None else obeyed
    why = "which the quote obeys" if obeyed is not None else "the finer; no quote says which is right"
    note = (
        f"price increments: the ladder says {_text(ladder)}, the single increment {single:f}; {chosen:f} is used, {why}"
    )
    if chosen == ladder:
        return Grid(grid.steps, note)
    edge = max((step.lower_edge for step in grid.steps if step.lower_edge <= price), default=Decimal(0))
    others = [step for step in grid.steps if step.lower_edge != edge]
    steps = sorted([*others, PriceIncrement(lower_edge=edge, increment=chosen)], key=lambda step: step.lower_edge)
    return Grid(tuple(steps), note)


def quantity_increment(answer: wire.Row, facts: Facts, side: Side) -> Decimal:
    """The board lot where the market has one, else one share. Raises: Malformed for a lot that is not told."""
    # A share listed in dollars in Hong Kong has lots, and a contract whose exchange is unknown those of its currency.
    if facts.exchange not in _LOT_EXCHANGES and (facts.is_us_share or facts.currency not in _LOT_CURRENCIES):
        return Decimal(1)
    try:
        lot = wire.price(answer.get("sizeIncrement"))
    except Malformed:
        if side == "SELL":
            return Decimal(1)
        raise Malformed("contract rules: sizeIncrement is missing where the market has board lots") from None
    return max(lot, Decimal(1))


def _flat(single: Decimal | None, note: str | None) -> Grid:
    if single is None:
        raise Malformed("contract rules: neither incrementRules nor increment can be read")
    return Grid((PriceIncrement(lower_edge=Decimal(0), increment=single),), note)


def _ladder(told: object) -> tuple[PriceIncrement, ...]:
    """In ascending order: that of a list means nothing."""
    steps = sorted(
        (
            PriceIncrement(
                lower_edge=wire.required_number(row, "lowerEdge"), increment=wire.price(row.get("increment"))
            )
            for row in wire.rows(told, "increment rules")
        ),
        key=lambda step: step.lower_edge,
    )
    unique = tuple(dict.fromkeys(steps))
    if unique[0].lower_edge < 0 or any(later.lower_edge == earlier.lower_edge for earlier, later in pairwise(unique)):
        raise Malformed("increment rules: an edge below zero, or one with two increments")
    return unique


def _text(increment: Decimal | None) -> str:
    return "nothing" if increment is None else f"{increment:f}"
