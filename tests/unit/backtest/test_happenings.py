"""What an account meets other than its own orders: gaps, dividends, interest, splits, and names that end."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from app.backtest.account import Account
from app.backtest.happenings import EntryKind
from app.backtest.history import Adjustment, Dividend, Ending, Happening, History, Split
from app.backtest.orders import Lapse
from app.domain.plan import Action
from app.domain.portfolio import Portfolio
from tests.support.histories import (
    FREE,
    account,
    book,
    decide,
    history,
    holding,
    instrument,
    lead,
    order,
    sale,
    sessions,
)

AA, BB = instrument("AA").conid, instrument("BB").conid
DAYS = sessions(12)


def seen(led: Account) -> Portfolio:
    """As the next session finds it."""
    market = led.reader.market(led.row)
    led.open(market)
    return led.portfolio(market)


def raw(closes: dict[str, Sequence[float | None]], *happenings: Happening) -> History:
    return history(closes, adjustment=Adjustment.NONE, happenings=happenings)


# Prices that are missing


def test_a_holding_without_a_price_keeps_its_last_one_then_nobody_knows_its_value() -> None:
    small = history({"AA": (10, 20, None, None, None, 30), "BB": (5,) * 6})
    led = account(small, book(small, "100", holding("AA", 10, "10")), replace(FREE, carried=2))
    lead(led, 3)
    assert [point.nav for point in led.navs] == [200, 300, 300, 300]
    gone = seen(led)
    assert gone.positions == ()
    (line,) = gone.unmanaged
    assert line.symbol == "AA"
    assert [line.value, line.quantity] == [None, 10]
    assert gone.nav == 100
    assert gone.unvalued == (line,)
    led.close()
    assert led.navs[-1].nav == 100
    assert led.unvalued == 1


def test_a_value_that_goes_out_of_sight_is_no_loss_and_its_return_is_the_real_move() -> None:
    small = history({"AA": (10, 20, None, None, None, 30), "BB": (5,) * 6})
    led = account(small, book(small, "100", holding("AA", 10, "10")), replace(FREE, carried=1))
    lead(led, 4)
    assert led.navs[-1].index == led.navs[1].index
    assert led.navs[-1].drawdown == 0
    lead(led)
    assert led.navs[-1].nav == 400
    # From 20 to 30 on 200 of the 300 that it was worth.
    assert led.navs[-1].index == pytest.approx(led.navs[1].index * 400 / 300)
    assert led.unvalued == 0


def test_a_value_that_was_never_known_is_no_gain_when_it_comes() -> None:
    small = history({"AA": (None, None, 30), "BB": (5,) * 3})
    led = account(small, book(small, "100", holding("AA", 10, "10")))
    assert led.unvalued == 1
    lead(led, 2)
    assert [point.nav for point in led.navs] == [100, 100, 400]
    assert [point.index for point in led.navs] == [1, 1, 1]


def test_what_the_history_does_not_know_has_no_value() -> None:
    small = history({"AA": (10, 10, 10)})
    led = account(small, book(small, "100", holding("ZZ", 10, "10")))
    assert [line.symbol for line in seen(led).unmanaged] == ["ZZ"]
    assert led.unvalued == 1
    assert led.navs[-1].nav == 100


def test_while_a_value_is_unknown_the_past_proves_nothing() -> None:
    small = history({"AA": (10, None, None), "BB": (5,) * 3})
    led = account(small, book(small, "100", holding("AA", 10, "10")), replace(FREE, carried=0))
    market = led.reader.market(1)
    led.open(market)
    doubt = led.given(market).today.doubt
    assert doubt is not None
    assert "AA" in doubt


# Cash


def test_interest_is_earned_each_night_in_whole_cents_and_what_is_left_is_not_lost() -> None:
    small = history({"AA": (10,) * 5})
    led = account(small, book(small, "1000"), replace(FREE, cash_rate=0.0315))
    lead(led, 4)
    # 0.125 a night: what is left of a cent is added to the next night's.
    assert [entry.cash for entry in led.entries] == [Decimal(c) for c in ("0.12", "0.13", "0.12", "0.13")]
    assert {entry.kind for entry in led.entries} == {EntryKind.INTEREST}
    assert led.book.cash_in("USD") == Decimal("1000.50")


def test_debt_costs_what_cash_earns() -> None:
    small = history({"AA": (10, 10)})
    led = account(small, book(small, "-2520", holding("AA", 400, "10")), replace(FREE, cash_rate=0.05))
    lead(led)
    assert led.book.cash_in("USD") == Decimal("-2520.50")


def test_a_dividend_is_cash_for_whoever_holds_the_share_as_its_session_opens() -> None:
    paid = Dividend(AA, DAYS[2], DAYS[1], Decimal("0.25"))
    small = raw({"AA": (10, 10, 10, 10)}, paid)
    led = account(small, book(small, "100", holding("AA", 10, "10")))
    decide(led, sale("AA", 4))
    lead(led)
    decide(led, order("AA", 3))
    lead(led)
    assert led.book.held(AA) == 9
    (entry,) = led.entries
    assert (entry.row, entry.kind, entry.cash, entry.conid) == (2, EntryKind.DIVIDEND, Decimal("1.50"), AA)
    assert led.book.cash_in("USD") == 100 + 40 - 30 + Decimal("1.50")


def test_a_dividend_told_later_is_paid_then_for_what_was_held() -> None:
    small = raw({"AA": (10,) * 4}, Dividend(AA, DAYS[1], DAYS[3], Decimal(1)))
    led = account(small, book(small, "100", holding("AA", 10, "10")))
    decide(led, sale("AA", 10))
    lead(led, 2)
    assert led.book.cash_in("USD") == 200
    lead(led)
    assert led.book.cash_in("USD") == 210


def test_dividends_can_be_left_out() -> None:
    small = raw({"AA": (10,) * 3}, Dividend(AA, DAYS[1], DAYS[1], Decimal(1)))
    led = account(small, book(small, "100", holding("AA", 10, "10")), replace(FREE, dividends=False))
    lead(led)
    assert led.book.cash_in("USD") == 100


# Splits


def test_a_split_changes_shares_cost_and_memory_and_no_value() -> None:
    small = raw({"AA": (12, 12, 12, 4, 4)}, Split(AA, DAYS[3], DAYS[3], Decimal(3)))
    led = account(small, book(small, "1000"))
    decide(led, order("AA", 10, "12"), action=Action.REINFORCE)
    lead(led, 3)
    held = led.book.holding(AA)
    assert held is not None
    assert [held.quantity, held.average_cost] == [30, 4]
    assert [point.nav for point in led.navs] == [1000] * 4
    decide(led, sale("AA", 30, "4"))
    lead(led)
    memory = led.remembered.names[AA]
    assert [[trip.quantity, trip.profit] for trip in memory.trips] == [[30, 0]]
    assert led.book.cash_in("USD") == 1000


def test_a_fraction_of_a_share_is_paid_out() -> None:
    small = raw({"AA": (12, 12, 8, 8)}, Split(AA, DAYS[2], DAYS[2], Decimal("1.5")))
    led = account(small, book(small, "84"))
    decide(led, order("AA", 7, "12"))
    lead(led, 2)
    assert [led.book.held(AA), led.book.cash_in("USD")] == [10, 4]
    (entry,) = led.entries
    assert entry.kind is EntryKind.SPLIT
    assert [entry.quantity, entry.cash] == [3, 4]
    assert led.navs[-1].nav == 84
    decide(led, sale("AA", 10, "8"))
    lead(led)
    assert [trip.profit for trip in led.remembered.names[AA].trips] == [0]


def test_an_order_under_way_is_for_as_much_money_after_a_split() -> None:
    small = raw({"AA": (12, 12, 4, 4)}, Split(AA, DAYS[2], DAYS[2], Decimal(3)))
    led = account(small, book(small, "1000"), replace(FREE, lag=3))
    decide(led, order("AA", 10, "12"))
    lead(led)
    waiting = seen(led).orders
    assert [[one.quantity, one.limit_price] for one in waiting] == [[30, 4]]
    led.close()
    lead(led)
    assert led.book.held(AA) == 30
    assert led.book.cash_in("USD") == 1000 - 120


def test_a_split_while_a_name_has_no_price_moves_no_value() -> None:
    small = raw({"AA": (12, None, None, 5), "BB": (1,) * 4}, Split(AA, DAYS[2], DAYS[2], Decimal(3)))
    led = account(small, book(small, "0", holding("AA", 10, "12")))
    lead(led, 3)
    assert [point.nav for point in led.navs] == [120, 120, 120, 150]


# Names that end


def test_a_name_that_ends_in_nothing_is_a_loss_of_all_of_it() -> None:
    small = history({"AA": (10, 10, None, None), "BB": (5,) * 4}, happenings=[Ending(AA, DAYS[2], DAYS[2])])
    led = account(small, book(small, "1000"))
    decide(led, order("AA", 10))
    lead(led)
    decide(led, sale("AA", 10))
    lead(led, 2)
    assert led.book.holdings == ()
    assert [point.nav for point in led.navs] == [1000, 1000, 900, 900]
    assert led.unvalued == 0
    assert [lapsed.reason for lapsed in led.lapsed] == [Lapse.ENDED]
    assert [trip.profit for trip in led.remembered.names[AA].trips] == [-100]
    assert [entry.kind for entry in led.entries] == [EntryKind.ENDING]
    assert [[entry.quantity, entry.cash] for entry in led.entries] == [[-10, 0]]


def test_what_went_out_of_sight_and_ends_in_nothing_is_a_loss_then() -> None:
    small = history({"AA": (10, None, None, None), "BB": (5,) * 4}, happenings=[Ending(AA, DAYS[3], DAYS[3])])
    led = account(small, book(small, "100", holding("AA", 5, "10")), replace(FREE, carried=0))
    lead(led, 2)
    assert led.navs[-1].index == 1
    lead(led)
    assert led.navs[-1].nav == 100
    assert led.navs[-1].index == pytest.approx(100 / 150)


def test_a_name_that_is_bought_for_cash_is_paid_out() -> None:
    small = history({"AA": (10, 12, None), "BB": (5,) * 3}, happenings=[Ending(AA, DAYS[2], DAYS[1], Decimal("12.5"))])
    led = account(small, book(small, "0", holding("AA", 10, "10")))
    lead(led, 2)
    assert led.book.holdings == ()
    assert led.book.cash_in("USD") == 125


def test_a_name_that_becomes_another_carries_its_cost_and_memory_over() -> None:
    became = Ending(AA, DAYS[2], DAYS[2], cash=Decimal(1), into=BB, ratio=Decimal("0.5"))
    small = history({"AA": (9, 9, None, None), "BB": (20, 20, 20, 24)}, happenings=[became])
    led = account(small, book(small, "1000"))
    decide(led, order("AA", 11, "9"), action=Action.REINFORCE)
    lead(led, 2)
    held = led.book.holding(BB)
    assert held is not None
    # 11 at 9 are 5.5 at (9 - 1) / 0.5 = 16; the half share is paid out at 20, and a dollar for each old one.
    assert [held.quantity, held.average_cost] == [5, 16]
    assert led.book.held(AA) == 0
    assert led.book.cash_in("USD") == 1000 - 99 + 11 + 10
    assert led.navs[-1].nav == 1000 - 99 + 11 + 10 + 100
    assert AA not in led.remembered.names
    assert led.remembered.names[BB].reinforced == (DAYS[0],)
    decide(led, sale("BB", 5, "20"))
    lead(led)
    # 5.5 shares that cost 16: half a one sold at 20, five at 24.
    assert [trip.profit for trip in led.remembered.names[BB].trips] == [2 + 40]


def test_shares_that_come_of_another_join_those_held() -> None:
    became = Ending(AA, DAYS[1], DAYS[1], into=BB, ratio=Decimal(2))
    small = history({"AA": (30, None), "BB": (15, 15)}, happenings=[became])
    led = account(small, book(small, "0", holding("AA", 10, "20"), holding("BB", 20, "12")))
    lead(led)
    held = led.book.holding(BB)
    assert held is not None
    assert [held.quantity, held.average_cost] == [40, 11]
    assert led.navs[-1].nav == 600
    assert [entry.conid for entry in led.entries] == [AA, BB]
    assert [[entry.quantity, entry.cash] for entry in led.entries] == [[-10, 0], [20, 0]]
