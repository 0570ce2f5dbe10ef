"""Lots, terms, the thirty days either way, splits, and what the record cannot know."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from app.domain.disposals import Money, TaxLot, Term
from app.domain.lots import Fill
from app.domain.order import Side
from app.domain.policy import LotMethod
from app.domain.tax import Name, NameRecord, Opening, name_record
from app.domain.tax_year import at_rate, planned, realised, unrealised

DAY = date(2022, 3, 14)


def fill(side: Side, quantity: int, price: int | None, day: int, fee: int | None = 0) -> Fill:
    when = DAY + timedelta(days=day)
    return Fill(7, when, side, Decimal(quantity), _decimal(price), _decimal(fee))


def bought(quantity: int, price: int | None, day: int, fee: int | None = 0) -> Fill:
    return fill(Side.BUY, quantity, price, day, fee)


def sold(quantity: int, price: int | None, day: int, fee: int | None = 0) -> Fill:
    return fill(Side.SELL, quantity, price, day, fee)


def _decimal(value: int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def record(
    *fills: Fill, held: int | str, opening: Opening | None = None, method: LotMethod = LotMethod.FIFO
) -> NameRecord:
    found = name_record(Name(fills, Decimal(held), opening), method)
    assert found is not None
    return found


def numbers(*values: object) -> list[object]:
    return list(values)


def left(found: NameRecord) -> list[object]:
    return [(lot.quantity, lot.cost and lot.cost.own) for lot in found.lots]


def gains(found: NameRecord) -> list[Fraction | None]:
    return [None if one.gain is None else one.gain.own for one in found.disposals]


def deferred(found: NameRecord) -> list[Fraction]:
    return [one.deferred.own for one in found.disposals]


@pytest.mark.parametrize(
    ("acquired", "last_short_day"),
    [
        (date(2022, 3, 14), date(2023, 3, 14)),
        (date(2019, 2, 28), date(2020, 2, 29)),
        (date(2020, 2, 29), date(2021, 2, 28)),
        (date(2023, 12, 31), date(2024, 12, 31)),
    ],
)
def test_a_gain_is_long_term_from_the_day_after_the_anniversary(acquired: date, last_short_day: date) -> None:
    lot = TaxLot(0, acquired, acquired, Fraction(1), None)
    assert lot.term(last_short_day) is Term.SHORT
    assert lot.term(last_short_day + timedelta(days=1)) is Term.LONG


@pytest.mark.parametrize(
    ("method", "gain"),
    [(LotMethod.FIFO, 300), (LotMethod.LIFO, 200), (LotMethod.HIGHEST_COST, 0), (LotMethod.AVERAGE, "500/3")],
)
def test_each_method_takes_the_shares_of_its_own_purchase(method: LotMethod, gain: int | str) -> None:
    found = record(
        bought(10, 90, 0), bought(10, 120, 50), bought(10, 100, 100), sold(10, 120, 200), held=20, method=method
    )
    assert gains(found) == [Fraction(gain)]


def test_commissions_are_part_of_the_cost_and_taken_off_the_proceeds() -> None:
    assert gains(record(bought(10, 100, 0, fee=3), sold(10, 110, 60, fee=2), held=0)) == [Fraction(95)]


@pytest.mark.parametrize(("days", "put_off"), [(29, 100), (30, 100), (31, 0)])
def test_a_loss_is_put_off_by_a_purchase_within_thirty_days_after_it(days: int, put_off: int) -> None:
    found = record(bought(10, 100, 0), sold(10, 90, 100), bought(10, 95, 100 + days), held=10)
    assert deferred(found) == [put_off]
    assert [lot.cost for lot in found.lots] == [at_rate(Decimal(95 + put_off // 10), Decimal(1))]


@pytest.mark.parametrize(("days", "put_off"), [(30, 100), (31, 0)])
def test_a_loss_is_put_off_by_a_purchase_within_thirty_days_before_it(days: int, put_off: int) -> None:
    found = record(bought(10, 100, 0), bought(10, 95, 100 - days), sold(10, 90, 100), held=10)
    assert deferred(found) == [put_off]


def test_a_loss_is_put_off_share_by_share_and_each_share_replaces_one_other() -> None:
    found = record(bought(10, 100, 0), sold(6, 90, 100), sold(4, 80, 101), bought(7, 95, 110), held=7)
    assert deferred(found) == [Fraction(60), Fraction(20)]
    assert left(found) == [(6, 105), (1, 115)]
    (still,) = found.open_losses(DAY + timedelta(days=131))
    assert still.open_loss == 3
    assert found.open_losses(DAY + timedelta(days=132)) == ()


def test_the_rest_of_a_purchase_puts_off_nothing_of_the_same_purchase() -> None:
    assert deferred(record(bought(10, 100, 0), sold(5, 90, 10), held=5)) == [0]


def test_shares_that_replace_others_take_over_their_days() -> None:
    found = record(bought(10, 100, 0), sold(10, 90, 300), bought(10, 95, 310), sold(10, 120, 380), held=0)
    # 70 days of its own and the 300 of those that it replaces.
    assert [one.term for one in found.disposals] == [Term.SHORT, Term.LONG]
    assert gains(found) == [Fraction(-100), Fraction(150)]


def test_what_was_held_before_the_record_has_the_brokers_cost_and_no_term() -> None:
    found = record(sold(4, 110, 10), held=6, opening=Opening(Decimal(10), Decimal(100)))
    assert gains(found) == [40]
    assert [one.term for one in found.disposals] == [Term.UNKNOWN]
    assert unrealised(found, at_rate(Decimal(120), Decimal(1)), DAY).terms[Term.UNKNOWN].own == 120


def test_what_nobody_knows_the_cost_or_the_price_of_has_no_gain_and_is_counted_apart() -> None:
    found = record(sold(4, 110, 10), bought(5, 100, 20), sold(5, None, 80), held=0)
    assert gains(found) == [None, None]
    tally = realised(found, DAY, DAY + timedelta(days=365))
    assert numbers(tally.quantity, tally.unknown, tally.gain.own) == [9, 9, 0]


def test_shares_that_came_or_went_by_another_hand_are_told() -> None:
    nothing = Opening(Decimal(0), None)
    assert record(bought(5, 100, 0), held=8, opening=nothing).other_hands == 3
    taken = record(bought(10, 100, 0), bought(5, 120, 3), held=7, opening=nothing)
    assert taken.other_hands == -8
    assert left(taken) == [(2, 100), (5, 120)]


def test_a_split_between_fills_leaves_the_gain_as_it_is() -> None:
    opening = Opening(Decimal(10), Decimal(200))
    found = record(bought(10, 300, 0), sold(50, 60, 400), held=30, opening=opening)
    assert found.split == 4
    # Ten at 50, then forty at 75 less what is left of them.
    assert gains(found) == [Fraction(400), Fraction(-150)]
    assert found.other_hands == 0


def test_a_fraction_that_a_split_paid_out_is_told_and_nothing_else_is_lost() -> None:
    found = record(bought(107, 90, 0), sold(5, 70, 400), held=155, opening=Opening(Decimal(0), None))
    assert found.split == Fraction(3, 2)
    assert gains(found) == [50]
    assert found.other_hands == Fraction(-1, 2)


def test_a_name_that_is_held_short_is_left_out() -> None:
    assert name_record(Name((sold(5, 100, 0),), Decimal(-5)), LotMethod.FIFO) is None


def test_a_fee_that_nobody_knows_counts_as_none_and_is_told() -> None:
    found = record(bought(10, 100, 0, fee=None), sold(10, 110, 60, fee=2), held=0)
    assert numbers(gains(found), found.feeless) == [[98], 1]


def test_another_currency_is_counted_at_the_rates_of_the_days_of_its_fills() -> None:
    fills = (bought(10, 100, 0), sold(10, 100, 60))
    rates = {DAY: Decimal("1.10"), DAY + timedelta(days=60): Decimal("1.20")}
    found = name_record(Name(fills, Decimal(0), None, rates), LotMethod.FIFO)
    unknown = name_record(Name(fills, Decimal(0), None, {DAY: Decimal("1.10")}), LotMethod.FIFO)
    assert found is not None
    assert unknown is not None
    assert found.disposals[0].gain == Money(Fraction(0), Fraction(100))
    assert unknown.disposals[0].gain == Money(Fraction(0), None)


def test_a_planned_sale_tells_its_gain_and_until_when_buying_again_puts_the_loss_off() -> None:
    name = Name((bought(10, 100, 0), bought(4, 95, 90)), Decimal(14))
    found = planned(name, (sold(10, 90, 100),), LotMethod.FIFO)
    assert found is not None
    assert numbers(found.sales.gain.own, found.sales.deferred.own, found.sales.counted.own) == [-100, 40, -60]
    assert found.bought_until == DAY + timedelta(days=120)
    assert found.loss_open_until == DAY + timedelta(days=130)


def test_a_planned_purchase_tells_which_earlier_loss_it_puts_off() -> None:
    name = Name((bought(10, 100, 0), sold(10, 90, 100)), Decimal(0))
    found = planned(name, (bought(3, 91, 110),), LotMethod.FIFO)
    assert found is not None
    assert numbers(found.sales.quantity, found.late.own, found.loss_open_until) == [0, 30, None]


def test_only_the_sales_of_the_year_are_counted() -> None:
    found = record(bought(10, 100, 0), sold(5, 110, 290), sold(5, 130, 300), held=0)
    assert DAY + timedelta(days=290) == date(2022, 12, 29)
    assert realised(found, date(2022, 1, 1), date(2022, 12, 31)).gain.own == 50
    assert realised(found, date(2023, 1, 1), date(2023, 12, 31)).terms[Term.SHORT].own == 150
