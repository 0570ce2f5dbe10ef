"""Lots first in, first out: against what the broker says is held, and what came of those that were sold."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.domain.lots import Fill, Lot, lots, of_this_holding, round_trips, sold_from
from app.domain.order import Side

FIRST = date(2022, 3, 14)
NAME = 7


def fill(side: Side, quantity: int, price: int | None, day: int, fee: int | None = 1) -> Fill:
    cost = None if fee is None else Decimal(fee)
    return Fill(
        NAME, FIRST + timedelta(days=day), side, Decimal(quantity), None if price is None else Decimal(price), cost
    )


def bought(quantity: int, price: int | None, day: int, fee: int | None = 1) -> Fill:
    return fill(Side.BUY, quantity, price, day, fee)


def sold(quantity: int, price: int | None, day: int, fee: int | None = 1) -> Fill:
    return fill(Side.SELL, quantity, price, day, fee)


def lot(quantity: int, cost: int | None, day: int | None) -> Lot:
    acquired = None if day is None else FIRST + timedelta(days=day)
    return Lot(acquired, Decimal(quantity), None if cost is None else Decimal(cost))


def profits(*fills: Fill, held: int = 0) -> list[Decimal | None]:
    return [trip.profit for trip in round_trips(fills, {NAME: Decimal(held)})]


def test_a_sale_takes_the_oldest_shares_first() -> None:
    fills = (bought(10, 100, 0), bought(5, 120, 3), sold(12, 130, 5))
    assert lots(fills, Decimal(3)) == (lot(3, 120, 3),)


def test_what_was_held_before_the_record_began_is_the_oldest_and_has_no_date_and_no_cost() -> None:
    found = lots((bought(5, 120, 3), sold(4, 130, 5)), Decimal(21))
    assert found == (lot(16, None, None), lot(5, 120, 3))
    assert found[0].gain(Decimal(200)) is None
    assert found[0].days(FIRST) is None


def test_what_somebody_else_sold_came_out_of_the_oldest() -> None:
    assert lots((bought(10, 100, 0), bought(5, 120, 3)), Decimal(7)) == (lot(2, 100, 0), lot(5, 120, 3))
    assert lots((bought(10, 100, 0),), Decimal(0)) == ()


def test_a_lot_says_how_long_it_is_held_and_what_it_gained() -> None:
    own = lot(5, 120, 3)
    assert own.days(FIRST + timedelta(days=33)) == 30
    assert own.gain(Decimal(132)) == Decimal(60)


def test_an_order_shows_the_lots_that_it_takes_after_the_orders_before_it() -> None:
    held = (lot(10, 100, 0), lot(5, 120, 3))
    assert sold_from(held, Decimal(12)) == (lot(10, 100, 0), lot(2, 120, 3))
    assert sold_from(held, Decimal(4), earlier=Decimal(8)) == (lot(2, 100, 0), lot(2, 120, 3))
    assert sold_from(held, Decimal(0)) == ()


def test_a_trade_is_closed_when_the_last_share_of_a_purchase_is_sold_and_pays_its_fees() -> None:
    assert profits(bought(10, 100, 0), sold(6, 110, 1), held=4) == []
    # 6 at +10, 4 at -5, one for the purchase and one for each sale.
    assert profits(bought(10, 100, 0), sold(6, 110, 1), sold(4, 95, 2)) == [Decimal(37)]


def test_a_sale_that_ends_two_purchases_shares_its_fee_among_them() -> None:
    assert profits(bought(10, 100, 0), bought(30, 90, 1), sold(40, 100, 2, fee=4)) == [Decimal(-2), Decimal(296)]


def test_a_trade_with_an_unknown_price_or_fee_has_no_profit() -> None:
    assert profits(bought(10, None, 0), sold(10, 110, 1)) == [None]
    assert profits(bought(10, 100, 0), sold(10, 110, 1, fee=None)) == [None]
    assert profits(sold(10, 110, 1)) == [None]


def test_what_is_held_now_began_after_the_last_moment_without_a_share() -> None:
    fills = (bought(10, 100, 0), sold(10, 90, 1), bought(5, 80, 2), sold(2, 85, 3))
    assert of_this_holding(fills, {NAME: Decimal(3)}) == (False, False, True, True)
    assert of_this_holding(fills, {NAME: Decimal(13)}) == (True, True, True, True)
    assert of_this_holding(fills[:2], {}) == (False, False)


FILLS = st.lists(
    st.builds(fill, st.sampled_from(Side), st.integers(1, 50), st.integers(50, 150), st.integers(0, 9)), max_size=12
)


@given(FILLS, st.integers(0, 200))
def test_lots_add_up_to_what_is_held_and_no_share_is_sold_twice(drawn: Sequence[Fill], held: int) -> None:
    fills = sorted(drawn, key=lambda one: one.session_date)
    found = lots(fills, Decimal(held))
    if fills:
        assert sum(one.quantity for one in found) == held
    assert all(one.quantity > 0 for one in found)
    dated = [one.session_date for one in found if one.session_date is not None]
    assert dated == sorted(dated)
    assert [one.session_date for one in found[1:]] == dated[len(dated) - len(found) + 1 :]
    trips = round_trips(fills, {NAME: Decimal(held)})
    purchases = sum(one.quantity for one in fills if one.side is Side.BUY)
    assert sum(trip.quantity for trip in trips if trip.opened is not None) <= purchases
