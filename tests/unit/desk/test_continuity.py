"""Does the account follow from what it was? Worked out by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.desk.records import Snapshot, UnitValue
from app.desk.stages.continuity import Continuity, continuity, snapshot_of
from app.domain.instrument import Instrument
from app.domain.order import Side, Trade
from app.domain.portfolio import CashBalance, Portfolio, Position
from app.domain.unmanaged import UnmanagedHolding

BEFORE = datetime(2022, 3, 14, 15, 0, tzinfo=UTC)
LATER = BEFORE + timedelta(days=1)
KO, PG = Instrument(1, "KO", "USD"), Instrument(2, "PG", "USD")


def snapshot(cash: str = "10000", detected: str = "0") -> Snapshot:
    """100 KO at 50 and 10 PG at 150."""
    return Snapshot(
        run_id="run_1",
        session_date=date(2022, 3, 14),
        as_of=BEFORE,
        currency="USD",
        nav=Decimal(16500),
        cash=Decimal(cash),
        balances={"USD": Decimal(cash)},
        detected_flows=Decimal(detected),
        unexplained_flow=Decimal(0),
        quantities={1: Decimal(100), 2: Decimal(10)},
        prices={1: Decimal(50), 2: Decimal(150)},
        currencies={1: "USD", 2: "USD"},
        rates={},
        values={1: UnitValue(Decimal(50), date(2022, 3, 14)), 2: UnitValue(Decimal(150), date(2022, 3, 14))},
    )


def account(cash: str = "10000", ko: tuple[str, str] = ("100", "50"), pg: str = "10") -> Portfolio:
    """The same a day later, changed as told: `ko` is quantity and price."""
    positions = [
        Position(KO, Decimal(ko[0]), Decimal(ko[1]), Decimal(40)),
        Position(PG, Decimal(pg), Decimal(150), Decimal(140)),
    ]
    return Portfolio(
        account="DU1234567",
        currency="USD",
        positions=tuple(p for p in positions if p.quantity != 0),
        cash=(CashBalance("USD", Decimal(cash), Decimal(cash)),),
        available_funds=Decimal(cash),
        buying_power=Decimal(cash),
        as_of=LATER,
        source="test",
    )


def trade(
    side: Side, quantity: str, price: str, *, coid: str | None = "PMx", at: datetime = LATER, fee: str = "1"
) -> Trade:
    return Trade("e", "o", 1, side, Decimal(quantity), Decimal(price), at, coid, Decimal(fee))


NOTHING = Decimal(0)
FOLLOWS = Continuity()


def test_an_account_that_did_not_change_follows() -> None:
    found = continuity(snapshot(), account(), (), NOTHING)
    assert found == FOLLOWS


def test_executions_and_their_fees_explain_cash_and_quantity() -> None:
    sold = trade(Side.SELL, "40", "52")
    found = continuity(snapshot(), account("12079", ko=("60", "52")), (sold,), NOTHING)
    assert (found.detected, found.doubts) == (NOTHING, ())


@pytest.mark.parametrize("ago", [timedelta(minutes=1), timedelta(0)])
def test_what_was_executed_before_the_snapshot_or_in_its_moment_is_in_it_already(ago: timedelta) -> None:
    old = trade(Side.SELL, "40", "52", at=BEFORE - ago)
    assert continuity(snapshot(), account(), (old,), NOTHING).doubts == ()


def test_money_that_came_in_is_detected_and_unexplained_until_it_is_recorded() -> None:
    came = continuity(snapshot(), account("15000"), (), NOTHING)
    nav = account("15000").nav
    assert came.unexplained(nav) == Decimal(5000)
    explained = continuity(snapshot(), account("15000"), (), Decimal(5000))
    assert explained.unexplained(nav) == 0


def test_a_flow_that_was_detected_earlier_stays_unexplained() -> None:
    found = continuity(snapshot("15000", detected="5000"), account("15000"), (), NOTHING)
    assert found.unexplained(account("15000").nav) == Decimal(5000)


def test_cash_too_little_to_matter_is_a_return_and_raises_no_doubt() -> None:
    # 0.3 % of the account's 16,549 is 49.65.
    nav = account("10049").nav
    assert continuity(snapshot(), account("10049"), (), NOTHING).unexplained(nav) == 0
    assert continuity(snapshot(), account("10051"), (), NOTHING).unexplained(nav) == Decimal(51)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_little_every_day_does_not_add_up_unseen(sign: int) -> None:
    cash, detected, unexplained = Decimal(10000), NOTHING, []
    for _ in range(3):
        today = account(str(cash + sign * 20))
        found = continuity(snapshot(str(cash), detected=str(detected)), today, (), NOTHING)
        cash, detected = today.total_cash, found.detected
        unexplained.append(found.unexplained(today.nav))
    assert unexplained == [0, 0, sign * 60]


def test_a_split_shows_in_the_quantity() -> None:
    (doubt,) = continuity(snapshot(), account(ko=("200", "25")), (), NOTHING).doubts
    assert (doubt.symbol, doubt.reason) == (
        "KO",
        "quantity went from 100 to 200 without an execution, like a split of 2:1",
    )


def test_a_split_that_only_the_price_shows_yet_is_doubted_too() -> None:
    (doubt,) = continuity(snapshot(), account(ko=("100", "25.2")), (), NOTHING).doubts
    assert doubt.reason == "price went from 50 to 25.2"


@pytest.mark.parametrize(("price", "like_a_split"), [("24.3", True), ("25.7", True), ("24.2", False), ("25.8", False)])
def test_a_price_within_three_percent_of_a_usual_ratio_jumped_like_a_split(price: str, like_a_split: bool) -> None:
    assert bool(continuity(snapshot(), account(ko=("100", price)), (), NOTHING).doubts) is like_a_split


def test_what_a_price_did_in_months_without_a_run_is_no_split() -> None:
    later = account(ko=("100", "25"))
    later = replace(later, as_of=later.as_of + timedelta(days=31))
    assert continuity(snapshot(), later, (), NOTHING).doubts == ()


def test_a_bad_day_is_no_split() -> None:
    assert continuity(snapshot(), account(ko=("100", "41")), (), NOTHING).doubts == ()


def test_a_position_that_vanished_is_doubted() -> None:
    (doubt,) = continuity(snapshot(), account(ko=("0", "50")), (), NOTHING).doubts
    assert doubt.reason == "100 left without an execution"


def test_trades_of_others_explain_and_are_listed() -> None:
    theirs = trade(Side.BUY, "10", "50", coid=None)
    found = continuity(snapshot(), account("9499", ko=("110", "50")), (theirs,), NOTHING)
    assert (found.detected, found.doubts, found.external_trades) == (NOTHING, (), (theirs,))


def test_without_a_past_nothing_is_detected_and_what_somebody_said_came_is_unexplained() -> None:
    assert continuity(None, account(), (), NOTHING) == Continuity()
    found = continuity(None, account(), (), Decimal(700))
    assert found.unexplained(account().nav) == -700
    assert found.doubts == ()


@given(st.integers(0, 100), st.decimals("30", "80", places=2), st.decimals(0, 5, places=2))
def test_any_sale_at_any_price_and_fee_is_explained_by_its_execution(
    quantity: int, price: Decimal, fee: Decimal
) -> None:
    sold = trade(Side.SELL, str(quantity), str(price), fee=str(fee))
    cash = Decimal(10000) + quantity * price - fee
    found = continuity(snapshot(), account(str(cash), ko=(str(100 - quantity), "50")), (sold,), NOTHING)
    assert found.detected == 0
    assert found.doubts == ()


@pytest.mark.parametrize("ratio", ["2", "3", "4", "5", "10", "20"])
def test_every_usual_split_is_recognised_both_ways(ratio: str) -> None:
    times = Decimal(ratio)
    for price in (50 * times, 50 / times):
        assert continuity(snapshot(), account(ko=("100", str(price))), (), NOTHING).doubts


RATE_BEFORE, RATE_NOW = Decimal("0.90"), Decimal("0.99")


def in_euros(dollars: str, *, ko: str = "100", euros: str = "5000") -> Portfolio:
    """The account of an investor in euros, a day later at another rate; `ko` is the quantity."""
    cash = (
        CashBalance("EUR", Decimal(euros), Decimal(euros)),
        CashBalance("USD", Decimal(dollars), Decimal(dollars), RATE_NOW),
    )
    return replace(account(ko=(ko, "50")), currency="EUR", cash=cash)


def yesterday_in_euros() -> Snapshot:
    balances = {"EUR": Decimal(5000), "USD": Decimal(10000)}
    return replace(snapshot(), balances=balances, rates={"USD": RATE_BEFORE})


def test_what_a_rate_makes_of_cash_did_not_come_from_outside() -> None:
    assert continuity(yesterday_in_euros(), in_euros("10000"), (), NOTHING) == FOLLOWS


def test_a_name_sold_whole_brought_dollars_and_cost_dollars() -> None:
    sale = trade(Side.SELL, "100", "50", fee="100")
    assert continuity(yesterday_in_euros(), in_euros("14900", ko="0"), (sale,), NOTHING) == FOLLOWS


def test_changing_one_currency_into_another_is_no_flow_and_a_deposit_of_dollars_is_one() -> None:
    changed = in_euros("11000", euros="4010")
    assert continuity(yesterday_in_euros(), changed, (), NOTHING).detected == 0
    assert continuity(yesterday_in_euros(), in_euros("11000"), (), NOTHING).detected == 1000 * RATE_NOW


def test_a_currency_that_was_changed_away_counts_at_its_last_rate() -> None:
    before = replace(yesterday_in_euros(), balances={"EUR": Decimal(5000), "GBP": Decimal(1000), "USD": Decimal(10000)})
    before = replace(before, rates={"USD": RATE_BEFORE, "GBP": Decimal("1.2")})
    assert continuity(before, in_euros("10000", euros="6200"), (), NOTHING).detected == 0


def test_what_is_left_for_the_next_run_is_the_account_in_whole_cents() -> None:
    fund = UnmanagedHolding("FND", "FUND", "no rule", 3, "USD", Decimal(8), Decimal("100.004"), Decimal(100))
    today = replace(account("10000.004"), unmanaged=(fund, replace(fund, conid=4, quantity=None)))
    left = snapshot_of("run_1", date(2022, 3, 14), replace(today, as_of=BEFORE), Continuity(recorded=Decimal(7)))
    expected = snapshot()
    assert left == replace(
        expected,
        nav=Decimal("16700.01"),
        cash=Decimal("10000.00"),
        quantities={**expected.quantities, 3: Decimal(8)},
        currencies={**expected.currencies, 3: "USD"},
        values={**expected.values, 3: UnitValue(Decimal("12.5"), date(2022, 3, 14))},
    )
