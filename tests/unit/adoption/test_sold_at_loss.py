"""A sale is at a loss where its price is below what the gains of its shares count from, whoever sold and why."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.adoption import AdoptedHolding, Adoption, gain_base, sold_at_loss
from app.domain.lots import Fill
from app.domain.order import OrderRule, Side
from app.domain.splits import BOTH_WAYS
from app.engine.memory import FilledOrder, name_memory

DAY = date(2022, 3, 14)
HUNDRED = AdoptedHolding(Decimal(100), Decimal(50))
Trades = list[tuple[bool, int, int]]

trades = st.lists(st.tuples(st.booleans(), st.integers(1, 50), st.integers(1, 200)), max_size=8)


def fill(side: Side, quantity: int, price: int | None = None, on: date = DAY) -> Fill:
    return Fill(1, on, side, Decimal(quantity), None if price is None else Decimal(price))


def kept(orders: Trades, quantity: int) -> tuple[list[Fill], Decimal]:
    """(those that an account with so many shares could have made, what they leave)."""
    fills: list[Fill] = []
    held = quantity
    for buys, size, price in orders:
        if buys or size <= held:
            fills.append(fill(Side.BUY if buys else Side.SELL, size, price))
            held += size if buys else -size
    return fills, Decimal(held)


@given(trades, st.integers(1, 300), st.integers(1, 200))
def test_a_sale_loses_where_it_brings_less_than_the_base_of_the_moment_before(
    orders: Trades, quantity: int, price: int
) -> None:
    adopted = AdoptedHolding(Decimal(quantity), Decimal(price))
    fills, held = kept(orders, quantity)
    found = sold_at_loss(adopted, fills, held)
    before = Decimal(quantity)
    for place, one in enumerate(fills):
        base = gain_base(adopted, fills[:place], before)
        before += one.side.sign * one.quantity
        assert found[place] == (one.side is Side.SELL and base is not None and (one.price or 0) < base)


@given(trades, st.integers(1, 300), st.integers(1, 200), st.sampled_from(BOTH_WAYS), st.integers(0, 8))
@example([(True, 10, 100), (True, 20, 50), (False, 10, 55)], 1, 50, Fraction(2), 1)
@example([(False, 50, 60), (False, 50, 60)], 100, 50, Fraction(1, 2), 0)
def test_a_split_makes_no_loss_of_a_sale_that_is_none(
    orders: Trades, quantity: int, price: int, ratio: Fraction, place: int
) -> None:
    # So many that each ratio leaves whole ones.
    fills, held = kept([(buys, 420 * size, 420 * paid) for buys, size, paid in orders], 420 * quantity)
    truth = sold_at_loss(AdoptedHolding(Decimal(420 * quantity), Decimal(420 * price)), fills, held)

    def as_it_was(quantity: Decimal, price: Decimal) -> AdoptedHolding:
        up, down = ratio.numerator, ratio.denominator
        return AdoptedHolding(quantity * down / up, price * up / down)

    def before(one: Fill) -> Fill:
        was = as_it_was(one.quantity, one.price or Decimal(0))
        return replace(one, quantity=was.quantity, price=was.price)

    adopted = as_it_was(Decimal(420 * quantity), Decimal(420 * price))
    found = sold_at_loss(adopted, [*map(before, fills[:place]), *fills[place:]], held)
    assert not [one for one, true in zip(found, truth, strict=True) if one and not true]


@pytest.mark.parametrize("fills", [(fill(Side.SELL, 150, 26),), (fill(Side.SELL, 200, 26),)])
def test_a_sale_after_a_split_is_compared_with_the_new_shares_cost(fills: Sequence[Fill]) -> None:
    held = 200 - sum(one.quantity for one in fills)
    assert sold_at_loss(HUNDRED, fills, Decimal(held)) == (False,)
    assert sold_at_loss(HUNDRED, [replace(one, price=Decimal(24)) for one in fills], Decimal(held)) == (True,)


def lost(rule: OrderRule, price: int | None, adoption: Adoption | None = None, held: int = 1_000_003) -> bool:
    """Of one sale after a purchase at 100, in an account that has shares of which the record tells nothing."""
    bought = FilledOrder(fill(Side.BUY, 10, 100), "REBALANCE", (OrderRule.REBALANCE,))
    sold = FilledOrder(fill(Side.SELL, 5, price, DAY + timedelta(days=1)), "HOLD", (rule,), mandatory=True)
    return name_memory(1, (bought, sold), Decimal(held), adoption).sold_at_loss is not None


@pytest.mark.parametrize("rule", [OrderRule.DRAWDOWN, OrderRule.LIMIT_BREACH])
def test_of_shares_without_a_known_cost_a_fall_sells_at_a_loss_below_what_is_known_and_a_rebalance_never(
    rule: OrderRule,
) -> None:
    assert (lost(rule, 99), lost(rule, 100), lost(rule, None)) == (True, False, False)
    assert not lost(OrderRule.REBALANCE, 99)


@pytest.mark.parametrize("rule", [OrderRule.REBALANCE, OrderRule.ROTATE, OrderRule.MANUAL_EXIT, OrderRule.TAKE_PROFIT])
def test_whatever_sells_below_the_cost_sells_at_a_loss(rule: OrderRule) -> None:
    assert lost(rule, 99, held=5)
    assert not lost(rule, 100, held=5)


def test_a_stop_is_a_loss_whatever_it_brought() -> None:
    assert lost(OrderRule.STOP_LOSS, 101, held=5)
    assert lost(OrderRule.CUT_LOSERS, None)


def test_an_adopted_holding_counts_from_the_adoption_and_not_from_what_was_paid_before_it() -> None:
    held = {1: AdoptedHolding(Decimal(10), Decimal(80))}
    adopted = Adoption(DAY + timedelta(days=1), Decimal(9000), held, Decimal(800))
    assert (lost(OrderRule.REBALANCE, 79, adopted, 5), lost(OrderRule.REBALANCE, 81, adopted, 5)) == (True, False)
