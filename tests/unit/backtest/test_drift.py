"""One interval's parts, worked out by hand; and that they add up whatever happened."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache

import numpy as np
import pytest

from app.backtest.assumptions import NO_COMMISSION, Assumptions
from app.backtest.drift.closes import Source
from app.backtest.drift.explain import explain
from app.backtest.drift.interval import Decided, Execution, Interval, Missed
from app.backtest.drift.parts import Cause, DayDrift
from app.desk.records import Flow
from app.domain.cash import CashKind
from app.domain.instrument import Instrument
from app.domain.market import Market, PriceSeries, Session
from app.domain.order import Order, OrderState, Side
from app.domain.plan import NO_MEMORY, Action, Plan
from app.domain.policy import Policy
from app.domain.portfolio import CashBalance, Portfolio, Position
from app.record.capture import ByHand, Inputs
from app.risk import Today
from tests.support.fakes import policy

DAY, NEXT = date(2020, 3, 12), date(2020, 3, 13)
NOON = datetime(2020, 3, 12, 16, tzinfo=UTC)
AAPL, KO, SAP = Instrument(1, "AAPL", "USD"), Instrument(2, "KO", "USD"), Instrument(3, "SAP", "EUR")
NAMES = {one.conid: one for one in (AAPL, KO, SAP)}
FREE = Assumptions(commission=NO_COMMISSION, slippage_bps=Decimal(0))


def amount(value: object) -> Decimal:
    return Decimal(str(value))


def portfolio(
    held: Mapping[Instrument, tuple[object, object]], usd: object, eur: object = 0, rate: object = "1.1"
) -> Portfolio:
    """Name → (quantity, price)."""
    return Portfolio(
        account="DU1",
        currency="USD",
        positions=tuple(Position(one, amount(q), amount(p), amount(p)) for one, (q, p) in held.items()),
        cash=(
            CashBalance("USD", amount(usd), amount(usd)),
            CashBalance("EUR", amount(eur), amount(eur), amount(rate)),
        ),
        available_funds=amount(usd),
        buying_power=None,
        as_of=NOON,
        source="test",
    )


MARKET = Market(
    as_of=NOON,
    session=Session(NEXT, NOON, NOON),
    instruments=NAMES,
    quotes={},
    history={},
    index=None,
    vix=None,
)


@cache
def rules() -> Policy:
    return policy()


def order(side: Side, quantity: int, price: object, instrument: Instrument = AAPL) -> Order:
    return Order(instrument, side, Decimal(quantity), amount(price), "as the test wants it")


def execution(
    of: Order, filled: int, price: object, fee: object = 0, state: OrderState = OrderState.FILLED, late: bool = False
) -> Execution:
    return Execution(
        of.instrument.conid, of.instrument.symbol, of.side, of.leg, of.quantity,
        Decimal(filled), amount(price), amount(fee), state, late,
    )  # fmt: skip


def decided(start: Portfolio, orders: tuple[Order, ...], executions: tuple[Execution, ...]) -> Decided:
    inputs = Inputs(Today(rules(), start, MARKET, (), NO_MEMORY))
    return Decided("run_1", inputs, Plan(Action.REBALANCE, orders, "test"), executions)


def interval(start: Portfolio, end: Portfolio, *runs: Decided, **more: object) -> Interval:
    return Interval(DAY, NEXT, start, end, MARKET, runs, **{"closes": {}, **more})  # type: ignore[arg-type]  # by name


def parts(found: DayDrift) -> dict[Cause, Decimal]:
    return {cause: found.of(cause) for cause in Cause if any(part.cause is cause for part in found.parts)}


def told(one: Interval, assumptions: Assumptions = FREE) -> DayDrift:
    found, _ = explain(one, assumptions)
    assert sum((part.amount for part in found.parts), Decimal(0)) == found.became - found.modelled
    return found


def test_a_partial_fill_by_hand() -> None:
    start = portfolio({AAPL: (10, 100)}, 20_000)
    bought = order(Side.BUY, 100, 100)
    # 40 at 100.10 and a dollar: 15,995 are left. The close is 101, and the next run sees 105.
    end = portfolio({AAPL: (50, 105)}, amount(20_000) - amount("4004") - 1)
    run = decided(start, (bought,), (execution(bought, 40, "100.1", 1, OrderState.CANCELLED),))
    found = told(interval(start, end, run, closes={1: Decimal(101)}))
    # The model: 100 at 101, worth 105 each: 21,050 + 400.
    assert found.modelled == Decimal("21450.00")
    assert parts(found) == {
        Cause.COSTS: Decimal("-1.00"),
        Cause.SLIPPAGE: Decimal("-4.00"),
        Cause.CLOSE: Decimal("40.00"),
        Cause.PARTIAL_FILL: Decimal("-240.00"),
    }
    assert next(found.sentences()) == "2020-03-12: AAPL filled 40 of 100: -240.00"


def test_a_late_fill_and_a_refused_order() -> None:
    start = portfolio({AAPL: (100, 100), KO: (100, 50)}, 1_000)
    sold, bought = order(Side.SELL, 50, 100), order(Side.BUY, 10, 50, KO)
    end = portfolio({AAPL: (50, 98), KO: (100, 52)}, 1_000 + 50 * 102)
    refused = replace(execution(bought, 0, 0, 0, OrderState.REJECTED), price=None, reason="no permission")
    run = decided(start, (sold, bought), (execution(sold, 50, 102, late=True), refused))
    found = told(interval(start, end, run, closes={1: Decimal(100), 2: Decimal(51)}))
    assert parts(found) == {Cause.LATE_FILL: Decimal("100.00"), Cause.REFUSED_ORDER: Decimal("-10.00")}
    assert "2020-03-12: KO filled 0 of 10 (no permission): -10.00" in set(found.sentences())


def test_commission_and_slippage_of_the_model_against_what_was_charged() -> None:
    start = portfolio({AAPL: (10, 100)}, 20_000)
    bought = order(Side.BUY, 100, 100)
    end = portfolio({AAPL: (110, 100)}, 20_000 - 10_000 - 3)
    run = decided(start, (bought,), (execution(bought, 100, 100, 3),))
    # A dollar, and two hundredths of a percent of ten thousand.
    assert parts(told(interval(start, end, run), Assumptions())) == {}
    assert parts(told(interval(start, end, run), FREE)) == {Cause.COSTS: Decimal("-3.00")}


def test_a_split_with_a_fraction_paid_out() -> None:
    start = portfolio({AAPL: (101, 120)}, 0)
    # 151.5 new shares at 80: the half was paid out at 79.
    end = portfolio({AAPL: (151, 80)}, "39.50")
    found = told(interval(start, end))
    assert parts(found) == {Cause.SPLIT: amount("39.50") + 151 * 80 - 101 * 80}


def test_an_order_of_the_day_before_a_split_is_valued_in_its_own_shares() -> None:
    start = portfolio({AAPL: (100, 120)}, 12_000)
    bought = order(Side.BUY, 20, 120)
    end = portfolio({AAPL: (240, 61)}, 12_000 - 20 * 120)
    run = decided(start, (bought,), (execution(bought, 20, 120),))
    found = told(interval(start, end, run, closes={1: Decimal(121)}))
    assert parts(found) == {Cause.SPLIT: Decimal("6100.00"), Cause.CLOSE: Decimal("20.00")}


def test_a_move_of_the_price_alone_is_no_split() -> None:
    start, end = portfolio({AAPL: (100, 120)}, 0), portfolio({AAPL: (100, 60)}, 0)
    assert parts(told(interval(start, end))) == {}


def test_rates_of_exchange() -> None:
    start = portfolio({SAP: (10, 100)}, 0, 500, "1.10")
    end = portfolio({SAP: (10, 101)}, 0, 500, "1.20")
    found = told(interval(start, end))
    assert parts(found) == {Cause.FX: Decimal("151.00")}


def test_money_that_was_exchanged() -> None:
    start, end = portfolio({KO: (10, 50)}, 2_000, 0), portfolio({KO: (10, 50)}, "898.50", 1_000)
    found = told(interval(start, end))
    # Eleven hundred and a fee for a thousand euros.
    assert parts(found) == {Cause.FX: Decimal("-1.50")}


def test_a_recorded_flow_is_used_where_the_cash_shows_it() -> None:
    start, end = portfolio({KO: (10, 50)}, 2_000), portfolio({KO: (10, 50)}, 7_000)
    deposit = Flow(NEXT, Decimal(5_000), "savings", "ada")
    found, used = explain(interval(start, end, flows=(deposit,)), FREE)
    assert parts(found) == {Cause.DEPOSIT: Decimal("5000.00")}
    assert used == (0,)
    still, unused = explain(interval(start, start, flows=(deposit,)), FREE)
    assert (parts(still), unused) == ({}, ())


@pytest.mark.parametrize(
    ("kind", "paid", "cause", "symbol"),
    [
        (CashKind.FEE, "-0.80", Cause.FEE, None),
        (CashKind.DIVIDEND, "500.50", Cause.DIVIDEND, "KO"),
        (CashKind.INTEREST, "-3.17", Cause.DIVIDEND, None),
        (CashKind.WITHHOLDING_TAX, "-75", Cause.DIVIDEND, None),
        (CashKind.WITHDRAWAL, "-0.80", Cause.DEPOSIT, None),
    ],
)
def test_what_is_recorded_with_its_kind_is_that_whatever_its_size(
    kind: CashKind, paid: str, cause: Cause, symbol: str | None
) -> None:
    """By size and sign a little would be a commission of the day's order, and much a deposit."""
    start, bought = portfolio({KO: (10, 50)}, 2_000), order(Side.BUY, 1, 50, KO)
    end = portfolio({KO: (11, 50)}, 2_000 - 50 - 1 + amount(paid))
    run = decided(start, (bought,), (execution(bought, 1, 50, 1),))
    flow = Flow(NEXT, amount(paid), "a row", "broker", kind, "row-1")
    found, used = explain(interval(start, end, run, flows=(flow,)), FREE)
    (part,) = (part for part in found.parts if part.cause is not Cause.COSTS)
    assert (part.cause, part.amount, part.symbol, used) == (cause, amount(paid), symbol, (0,))
    assert found.of(Cause.COSTS) == -1


def test_tax_that_was_recorded_before_its_dividend_is_told_with_it() -> None:
    start, end = portfolio({KO: (100, 50)}, 0), portfolio({KO: (100, 50)}, "42.50")
    tax = Flow(NEXT, amount("-7.50"), "a row", "broker", CashKind.WITHHOLDING_TAX, "row-1")
    gross = Flow(NEXT, amount(50), "a row", "broker", CashKind.DIVIDEND, "row-2")
    found = told(interval(start, end, flows=(tax, gross), dividends={2: amount("0.50")}))
    assert parts(found) == {Cause.DIVIDEND: amount("42.50")}


def test_what_was_recorded_of_another_currency_is_not_taken_for_cash_of_the_accounts_own() -> None:
    start, end = (
        portfolio({KO: (100, 50), SAP: (45, 90)}, 0),
        portfolio({KO: (60, 50), SAP: (45, 90)}, 40 * 51, "30.15"),
    )
    dividend = Flow(NEXT, amount("33.17"), "a row", "broker", CashKind.DIVIDEND, "row-1")
    found, used = explain(interval(start, end, flows=(dividend,), closes={2: Decimal(50)}), FREE)
    # 67 cents a share at 1.1 are 33.165 USD.
    assert used == (0,)
    assert parts(found) == {Cause.DIVIDEND: amount("33.16"), Cause.MANUAL_TRADE: Decimal("40.00")}
    assert {part.symbol for part in found.parts} == {"SAP", "KO"}


def test_a_dividend_of_which_the_source_knows_is_told_with_its_name() -> None:
    start, end = portfolio({KO: (100, 50), AAPL: (7, 90)}, 0), portfolio({KO: (100, 49), AAPL: (7, 90)}, "22.75")
    found = told(interval(start, end, dividends={2: amount("0.2275")}))
    (part,) = found.parts
    assert (part.cause, part.amount, part.symbol) == (Cause.DIVIDEND, amount("22.75"), "KO")


def test_a_sale_in_another_program() -> None:
    start, end = portfolio({KO: (100, 50)}, 0), portfolio({KO: (60, 49)}, 40 * 51)
    found = told(interval(start, end, closes={2: Decimal(50)}))
    assert parts(found) == {Cause.MANUAL_TRADE: Decimal("80.00")}


def test_an_exit_that_a_person_asked_for_is_no_order_of_the_model() -> None:
    start, end = portfolio({KO: (100, 50)}, 0), portfolio({}, 100 * 49 - 1)
    sold = order(Side.SELL, 100, 50, KO)
    run = decided(start, (sold,), (execution(sold, 100, 49, 1),))
    run = replace(run, inputs=replace(run.inputs, by_hand=ByHand("KO", "ada")))
    seen = replace(MARKET, history={2: PriceSeries(2, (DAY,), np.array([52.0]), "test", NOON)})
    found = told(replace(interval(start, end, run), market=seen))
    assert parts(found) == {Cause.MANUAL_TRADE: Decimal("-301.00")}


def test_shares_without_money_against_them_are_not_explained() -> None:
    start, end = portfolio({KO: (100, 50)}, 0), portfolio({KO: (107, 50)}, 0)
    found = told(interval(start, end))
    assert parts(found) == {Cause.UNEXPLAINED: Decimal("350.00")}


def test_a_missed_run_is_what_it_would_have_ordered() -> None:
    start, end = portfolio({KO: (100, 50)}, 1_000), portfolio({KO: (100, 55)}, 1_000)
    missed = Missed(date(2020, 3, 12), (order(Side.BUY, 10, 51, KO),), {2: Decimal(51)})
    found = told(interval(start, end, missed=(missed,)))
    assert parts(found) == {Cause.MISSED_RUN: Decimal("-40.00")}
    assert "BUY 10 KO" in next(found.sentences())


def test_another_plan_and_a_revised_close() -> None:
    start = portfolio({KO: (100, 50)}, 1_000)
    bought, more = order(Side.BUY, 10, 50, KO), order(Side.BUY, 15, 50, KO)
    end = portfolio({KO: (110, 55)}, 500)
    run = decided(start, (bought,), (execution(bought, 10, 50),))
    run = replace(run, by_this_policy=Plan(Action.REBALANCE, (more,), "test"))
    found = told(interval(start, end, run, closes={2: Decimal(50)}, closes_now={2: Decimal(52)}))
    assert parts(found) == {Cause.POLICY_EDIT: Decimal("-25.00"), Cause.REVISED_CLOSE: Decimal("30.00")}


@pytest.mark.parametrize("seed", range(60))
def test_the_parts_add_up_whatever_happened(seed: int) -> None:
    drawn = np.random.default_rng(seed)

    def some(low: int, high: int) -> int:
        return int(drawn.integers(low, high))

    start = portfolio({AAPL: (some(0, 200), some(50, 150)), SAP: (some(0, 200), some(50, 150))}, some(0, 9_999), 500)
    end = portfolio(
        {AAPL: (some(0, 400), some(25, 150)), KO: (some(0, 50), 50), SAP: (some(0, 200), some(50, 150))},
        amount(some(-500_000, 999_999)) / 100,
        amount(some(0, 99_999)) / 100,
        amount(some(90, 130)) / 100,
    )
    orders = (order(Side.SELL, some(1, 90), some(50, 150)), order(Side.BUY, some(1, 90), some(50, 150), SAP))
    done = tuple(execution(one, some(0, 90), some(50, 150), some(0, 3), late=bool(some(0, 2))) for one in orders)
    run = replace(decided(start, orders, done), by_this_code=Plan(Action.HOLD, (), "test"))
    closes = {1: amount(some(50, 150)), 2: Decimal(50), 3: amount(some(50, 150))}
    found = told(interval(start, end, run, closes=closes, closes_now={3: amount(some(50, 150))}), Assumptions())
    assert found.became == end.nav.quantize(Decimal("0.01"))


DATES = tuple(date(2020, 1, day) for day in range(1, 31))


def series(closes: object) -> PriceSeries:
    return PriceSeries(1, DATES, np.asarray(closes, dtype=np.float64), "test", NOON)


def test_a_source_that_counts_in_new_shares_has_revised_nothing() -> None:
    kept = series(np.linspace(100, 130, 30))
    source = Source("now", {1: dict(zip(DATES, (kept.closes / 4).tolist(), strict=True))})
    assert source.revised(kept) is None
    assert source.close(kept, DATES[-1]) == Decimal("130.0000")


def test_one_close_that_was_revised_is_found_in_whatever_shares() -> None:
    kept = series(np.linspace(100, 130, 30))
    now = kept.closes / 4
    now[7] *= 1.02
    source = Source("now", {1: dict(zip(DATES, now.tolist(), strict=True))})
    revised = source.revised(kept)
    assert revised is not None
    assert np.flatnonzero(revised.closes != kept.closes).tolist() == [7]
    assert revised.closes[7] == pytest.approx(kept.closes[7] * 1.02)


def test_another_series_is_left_out_and_named() -> None:
    kept = series(np.linspace(100, 130, 30))
    source = Source("now", {1: dict(zip(DATES, np.geomspace(20, 90, 30).tolist(), strict=True))})
    assert source.revised(kept) is None
    assert source.others == {1}
