"""Gains, terms and deferred losses against a computation that goes share by share."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.disposals import Term
from app.domain.lots import Fill
from app.domain.order import Side
from app.domain.policy import LotMethod
from app.domain.tax import Name, NameRecord, name_record
from tests.unit.tax.oracle import Answer, answer

FIRST = date(2023, 11, 20)
CENT = Decimal("0.01")
Key = TypeVar("Key")
# Days since the one before: at once, within the window, at its edges, beyond it, and beyond a year.
STEPS = st.sampled_from((0, 0, 1, 3, 10, 29, 30, 31, 90, 365, 366))
MOVES = st.tuples(STEPS, st.booleans(), st.integers(1, 12), st.integers(9000, 11000), st.integers(0, 350))


@st.composite
def histories(draw: st.DrawFn) -> list[Fill]:
    """Purchases and sales of one name that is never held short, with prices and fees in cents."""
    fills: list[Fill] = []
    held, day = 0, FIRST
    for step, buys, quantity, price, fee in draw(st.lists(MOVES, min_size=4, max_size=16)):
        day += timedelta(days=step)
        count = quantity if buys else min(quantity, held)
        if count == 0:
            continue
        held += count if buys else -count
        side = Side.BUY if buys else Side.SELL
        fills.append(Fill(7, day, side, Decimal(count), Decimal(price) / 100, Decimal(fee) / 100))
    return fills


def held_after(fills: Sequence[Fill]) -> Decimal:
    return sum((fill.side.sign * fill.quantity for fill in fills), Decimal(0))


def record_of(fills: Sequence[Fill], method: LotMethod) -> NameRecord:
    found = name_record(Name(fills, held_after(fills)), method)
    assert found is not None
    return found


def told(record: NameRecord) -> Answer:
    found = Answer(left=sum((lot.cost.own * lot.quantity for lot in record.lots if lot.cost), Fraction(0)))
    for one in record.disposals:
        assert one.gain is not None
        assert one.gain.base == one.gain.own
        found.gains[one.sold, one.term is Term.LONG] += one.gain.own
        found.deferred[one.sold] += one.deferred.own
    return found


def cents(values: Mapping[Key, Fraction]) -> dict[Key, Decimal]:
    rounded = {key: (Decimal(v.numerator) / Decimal(v.denominator)).quantize(CENT) for key, v in values.items()}
    return {key: value for key, value in rounded.items() if value}


@pytest.mark.parametrize("method", LotMethod)
@settings(max_examples=25)
@given(fills=histories())
def test_gains_terms_and_deferred_losses_are_those_of_single_shares(method: LotMethod, fills: list[Fill]) -> None:
    found, expected = told(record_of(fills, method)), answer(fills, method.value)
    assert cents(found.gains) == cents(expected.gains)
    assert cents(found.deferred) == cents(expected.deferred)
    assert found.left == expected.left


@pytest.mark.parametrize("method", LotMethod)
@settings(max_examples=15)
@given(fills=histories(), price=st.integers(1, 200))
def test_gains_that_count_and_what_is_unrealised_are_the_cash_that_came_and_what_is_left(
    method: LotMethod, fills: list[Fill], price: int
) -> None:
    record = record_of(fills, method)
    cash: defaultdict[Side, Fraction] = defaultdict(Fraction)
    for fill in fills:
        assert fill.price is not None
        assert fill.fee is not None
        cash[fill.side] += Fraction(fill.price * fill.quantity + fill.side.sign * fill.fee)
    counted = sum((one.counted.own for one in record.disposals if one.counted), Fraction(0))
    value = price * sum((lot.quantity for lot in record.lots), Fraction(0))
    unrealised = value - sum((lot.cost.own * lot.quantity for lot in record.lots if lot.cost), Fraction(0))
    assert counted + unrealised == cash[Side.SELL] - cash[Side.BUY] + value
    assert sum((lot.quantity for lot in record.lots), Fraction(0)) == Fraction(held_after(fills))
