"""Books that decide nothing, by hand: the same prices, costs and happenings as a replay has."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from app.backtest.assumptions import Assumptions, commission_named
from app.backtest.benchmarks import Ride, Road, road
from app.backtest.history import Adjustment, Dividend, Ending, History, Split
from app.broker.paper.book import Cash, PaperBook
from tests.support.histories import FREE, book, history, holding, instrument


def ride_on(of: History, assumptions: Assumptions = FREE) -> Road:
    """From the second row on."""
    return road(of, assumptions, range(1, len(of.dates)))


def held(of: History, start: PaperBook, assumptions: Assumptions = FREE) -> Ride:
    """The book left alone."""
    return ride_on(of, assumptions).buy_and_hold(start)


def test_a_book_left_alone_moves_with_its_prices_and_costs_nothing() -> None:
    of = history({"AAA": [10, 11, 9, 12], "BBB": [5, 5, 5, 4]})
    ride = held(of, book(of, "100", holding("AAA", 10, "10"), holding("BBB", 20, "5")))
    assert ride.nav.tolist() == [300, 310, 290, 300]
    assert ride.invested.tolist() == [200, 210, 190, 200]
    assert ride.turnover == 0


def test_happenings_reach_the_book_on_their_day() -> None:
    plain = history({"AAA": [10, 10, 5, 5], "BBB": [8, 8, 8, None], "CCC": [4, 4, 4, 4]}, adjustment=Adjustment.NONE)
    a, b, c = (instrument(name).conid for name in ("AAA", "BBB", "CCC"))
    first, second, third = plain.dates[1:]
    of = replace(
        plain,
        happenings=(
            Dividend(a, first, first, Decimal("0.5")),
            Split(a, second, second, Decimal(2)),
            Ending(b, third, third, cash=Decimal(3), into=c, ratio=Decimal(1)),
        ),
    )
    start = book(of, "0", holding("AAA", 10, "10"), holding("BBB", 10, "8"))
    assert held(of, start).nav.tolist() == [180, 185, 185, 5 + 100 + 30 + 40]
    without = replace(FREE, dividends=False)
    assert held(of, start, without).nav.tolist() == [180, 180, 180, 170]


def test_a_name_that_became_worthless_is_worth_nothing() -> None:
    plain = history({"AAA": [10, 10, None, None], "BBB": [1, 1, 1, 1]})
    on = plain.dates[2]
    of = replace(plain, happenings=(Ending(instrument("AAA").conid, on, on),))
    assert held(of, book(of, "50", holding("AAA", 5, "10"))).nav.tolist() == [100, 100, 50, 50]


def test_the_move_across_a_gap_is_the_real_one_and_past_the_limit_the_value_is_unknown() -> None:
    of = history({"AAA": [10, None, None, 4, None], "BBB": [1, 1, 1, 1, 1]})
    start = book(of, "0", holding("AAA", 10, "10"))
    assert held(of, start, replace(FREE, carried=2)).nav.tolist() == [100, 100, 100, 40, 40]
    assert held(of, start, replace(FREE, carried=1)).nav.tolist() == [100, 100, 0, 40, 40]


def test_out_of_sight_is_neither_gain_nor_loss_and_what_comes_back_has_moved() -> None:
    of = history({"AAA": [10, None, None, 4, None], "BBB": [1, 1, 1, 1, 1]})
    start = book(of, "100", holding("AAA", 10, "10"))
    ride = held(of, start, replace(FREE, carried=1))
    assert ride.nav.tolist() == [200, 200, 100, 140, 140]
    assert ride.flows.tolist() == [0, -100, 100, 0]
    assert ride.way(0.0).returns == pytest.approx([0, 0, 140 / 200 - 1, 0])


def test_a_name_that_ends_out_of_sight_is_lost_then() -> None:
    plain = history({"AAA": [10, None, None, None], "BBB": [1, 1, 1, 1]})
    on = plain.dates[3]
    of = replace(plain, happenings=(Ending(instrument("AAA").conid, on, on),))
    ride = held(of, book(of, "100", holding("AAA", 10, "10")), replace(FREE, carried=1))
    assert ride.way(0.0).returns == pytest.approx([0, 0, -0.5])


def test_a_price_is_carried_over_a_split_in_new_shares() -> None:
    plain = history({"AAA": [10, None, 5]}, adjustment=Adjustment.NONE)
    on = plain.dates[1]
    of = replace(plain, happenings=(Split(instrument("AAA").conid, on, on, Decimal(2)),))
    assert held(of, book(of, "0", holding("AAA", 10, "10"))).nav.tolist() == [100, 100, 100]


def test_cash_earns_its_interest_each_session_and_none_before_the_first() -> None:
    of = history({"AAA": [10, 10, 10]})
    ride = held(of, book(of, "1000"), replace(FREE, cash_rate=0.252))
    assert ride.nav == pytest.approx([1000, 1001, 1002.001])


def test_equal_weight_is_ten_lines_of_its_own() -> None:
    """The value of 1/3 each, corrected on the first day's close and every second session after it, by hand."""
    closes = np.random.default_rng(0).lognormal(0, 0.05, (9, 3)).cumprod(axis=0) * 20
    of = history({name: closes[:, n].tolist() for n, name in enumerate(("AAA", "BBB", "CCC"))})
    nav, share = [900.0, 900.0], 300 / closes[1]
    for row in range(2, 9):
        nav.append(float(share @ closes[row]))
        if row in (3, 5, 7):
            share = nav[-1] / 3 / closes[row]
    ride = ride_on(of).even(book(of, "900"), ("AAA", "BBB", "CCC"), every=2)
    assert ride.nav == pytest.approx(nav, rel=1e-12)
    assert ride.invested[1:] == pytest.approx(ride.nav[1:])


def test_a_correction_costs_what_a_replay_would_pay() -> None:
    of = history({"AAA": [10, 10, 10], "BBB": [20, 20, 20]})
    costs = replace(FREE, commission=commission_named("ibkr"), slippage_bps=Decimal(10))
    ride = ride_on(of, costs).even(book(of, "10000"), ("AAA", "BBB"), share=0.5)
    assert ride.traded[0] == pytest.approx(5000, rel=1e-3)
    assert ride.commission[0] == pytest.approx(2500 / 10 * 0.005 + 1, rel=1e-2)
    assert ride.slippage[0] == pytest.approx(5, rel=1e-3)
    assert ride.nav[1] == pytest.approx(10000 - ride.commission[0] - ride.slippage[0])
    assert ride.nav[2] == ride.nav[1]


def test_a_name_outside_the_universe_is_sold_and_one_without_a_price_is_kept() -> None:
    of = history({"AAA": [10, 10], "BBB": [10, None], "CCC": [10, 10]})
    start = book(of, "0", holding("AAA", 10, "10"), holding("BBB", 10, "10"), holding("CCC", 10, "10"))
    ride = ride_on(of).even(start, ("AAA", "BBB"))
    assert ride.invested[1] == pytest.approx(300)
    assert ride.traded[0] == pytest.approx(200), "CCC sold for AAA; BBB is nowhere to be sold"


@pytest.mark.parametrize("turnover", [0.5, 3.0])
def test_the_same_exposure_and_turnover_without_a_guard(turnover: float) -> None:
    closes = np.random.default_rng(1).lognormal(0, 0.02, (300, 2)).cumprod(axis=0) * 20
    of = history({"AAA": closes[:, 0].tolist(), "BBB": closes[:, 1].tolist()})
    costs = replace(FREE, slippage_bps=Decimal(10))
    start = book(of, "100000")
    like = ride_on(of, costs).even_like(start, ("AAA", "BBB"), 0.3, turnover)
    assert like.turnover == pytest.approx(turnover, rel=1e-6)
    assert float((like.invested[1:] / like.nav[1:]).mean()) == pytest.approx(0.3, abs=0.02)
    alone = ride_on(of, costs).even(start, ("AAA", "BBB"), 0.3)
    assert like.nav[-1] < alone.nav[-1], "what is traded more costs more"


def test_a_name_abroad_counts_at_the_accounts_rate_and_one_without_a_rate_is_not_bought() -> None:
    plain = history({"AAA": [10, 20], "BBB": [10, 10]})
    foreign = replace(plain.instruments[0], currency="EUR")
    of = replace(plain, instruments=(foreign, plain.instruments[1]))
    held_abroad = holding("AAA", 10, "10").model_copy(update={"instrument": foreign})
    start = book(of, "50").changed(holdings=(held_abroad,))
    rated = start.changed(cash=(*start.cash, Cash(currency="EUR", amount=Decimal(10), exchange_rate=Decimal("1.5"))))
    assert held(of, rated).nav.tolist() == [215, 365]
    assert ride_on(of).even(start, ("AAA", "BBB")).invested[1] == pytest.approx(50), "BBB alone"


def test_the_index_begins_at_the_accounts_value() -> None:
    of = history({"AAA": [10, 10, 10]}, index=np.array([50.0, 60.0, 45.0]))
    level = ride_on(of).index(1000.0)
    assert level is not None
    assert level.tolist() == [1000, 1200, 900]
    assert ride_on(history({"AAA": [10, 10]})).index(1000.0) is None


def test_a_day_is_a_day_whatever_the_first_row_is() -> None:
    """A price that was last seen before the first row is carried into it."""
    of = history({"AAA": [10, 12, None, 13], "BBB": [1, 1, 1, 1]})
    ride = road(of, FREE, range(3, 4)).buy_and_hold(book(of, "0", holding("AAA", 10, "12"), row=2))
    assert ride.nav.tolist() == [120, 130]
    assert of.dates[0] == date(2020, 1, 2)


def test_weights_of_any_unit_are_held_at_the_share_and_corrected_on_their_days() -> None:
    of = history({"AAA": [10, 10, 20, 20], "BBB": [5, 5, 5, 5], "CCC": [1, 1, 1, 1]})
    weights = {1: np.array([3.0, 1.0, 0.0]), 3: np.array([1.0, 1.0, 0.0])}
    ride = ride_on(of).weighted(book(of, "100"), weights, share=0.8)
    # 60 in AAA and 20 in BBB; AAA doubles; then 80 % of 160 in equal parts.
    assert ride.nav.tolist() == [100, 100, 160, 160]
    assert ride.invested.tolist() == pytest.approx([0, 80, 140, 128])
    assert ride.traded.tolist() == pytest.approx([80, 0, 120 - 64 + 64 - 20])


def test_what_has_no_price_leaves_its_weight_to_the_others() -> None:
    of = history({"AAA": [10, None, 10], "BBB": [5, 5, 5]})
    ride = ride_on(of).weighted(book(of, "100"), {1: np.array([1.0, 1.0])}, share=0.5)
    assert ride.invested.tolist() == pytest.approx([0, 50, 50])
