"""Gains count from the adoption, or from the purchase where that is later, in the shares of today."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.adoption import AdoptedHolding, Adoption, gain_base
from app.domain.lots import Fill
from app.domain.order import Side
from app.domain.policy import AdoptionMode
from app.engine.memory import gain_bases

DAY = date(2022, 3, 14)
HUNDRED = AdoptedHolding(Decimal(100), Decimal(50))


def fill(side: Side, quantity: int, price: int | None = None, on: date = DAY) -> Fill:
    return Fill(1, on, side, Decimal(quantity), None if price is None else Decimal(price))


@pytest.mark.parametrize(
    ("fills", "held", "base"),
    [
        ((), 100, 50),
        ((fill(Side.SELL, 40),), 60, 50),
        ((fill(Side.BUY, 100, 70),), 200, 60),
        ((fill(Side.SELL, 100), fill(Side.BUY, 10, 80)), 10, 80),
        ((fill(Side.BUY, 100, 70), fill(Side.SELL, 150)), 50, 60),
        ((), 200, 25),
        ((), 10, 500),
        ((fill(Side.BUY, 10, 25),), 210, 25),
        ((fill(Side.BUY, 100, 70), fill(Side.SELL, 50)), 300, 30),
        ((), 133, 50),
    ],
)
def test_a_base_is_mixed_with_what_was_bought_and_counted_anew_after_a_split(
    fills: Sequence[Fill], held: int, base: int
) -> None:
    assert gain_base(HUNDRED, fills, Decimal(held)) == base


def test_what_nobody_explains_has_no_base_of_ours() -> None:
    assert gain_base(None, (), Decimal(10)) is None
    assert gain_base(None, (fill(Side.BUY, 10, 30),), Decimal(10)) == 30
    assert gain_base(None, (fill(Side.BUY, 10, 30),), Decimal(180)) is None


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 50), st.integers(1, 200)), max_size=8),
    st.integers(1, 300),
    st.integers(1, 200),
)
def test_a_base_lies_between_the_prices_that_were_paid(
    orders: list[tuple[bool, int, int]], quantity: int, price: int
) -> None:
    fills: list[Fill] = []
    held = quantity
    for buys, size, at in orders:
        if buys or size < held:
            fills.append(fill(Side.BUY if buys else Side.SELL, size, at))
            held += size if buys else -size
    paid = [Decimal(price), *(one.price for one in fills if one.side is Side.BUY and one.price is not None)]
    base = gain_base(AdoptedHolding(Decimal(quantity), Decimal(price)), fills, Decimal(held))
    assert base is not None
    assert min(paid) - Decimal("1e-18") <= base <= max(paid) + Decimal("1e-18")


def test_what_was_bought_before_the_adoption_is_in_it_already() -> None:
    adoption = Adoption(DAY, Decimal(9000), {1: HUNDRED}, Decimal(5000))
    before = fill(Side.BUY, 100, 10, date(2022, 3, 11))
    assert gain_bases(adoption, {1: (before,)}, {1: Decimal(100), 2: Decimal(7)}) == {1: Decimal(50)}
    assert gain_bases(None, {1: (before,)}, {1: Decimal(100)}) == {}


def test_an_account_that_is_mostly_cash_has_no_book_to_work_off() -> None:
    assert Adoption(DAY, Decimal(9000), {1: HUNDRED}, Decimal(4500), AdoptionMode.NOW).has_book
    assert not Adoption(DAY, Decimal(9001), {1: HUNDRED}, Decimal(4500)).has_book


def test_shares_that_became_others_keep_what_they_cost() -> None:
    adoption = Adoption(DAY, Decimal(9000), {1: HUNDRED}, Decimal(5000))
    assert adoption.counted_anew(1, 1, Decimal(2)).holdings == {1: AdoptedHolding(Decimal(200), Decimal(25))}
    other = adoption.counted_anew(1, 2, Decimal("0.5"), Decimal(10))
    assert other.holdings == {2: AdoptedHolding(Decimal(50), Decimal(80))}
