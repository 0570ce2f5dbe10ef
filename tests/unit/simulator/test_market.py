"""Quotes and bars: deterministic, anchored in the closes, blind to the future."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api_gateway.simulator import Options
from api_gateway.simulator.exchange.contracts import SPX, STOCKS, Contract
from api_gateway.simulator.exchange.contracts import VIX as VIX_CONTRACT
from api_gateway.simulator.exchange.hours import Moment
from api_gateway.simulator.exchange.market import Market, to_decimal, trailing_deviation
from api_gateway.simulator.exchange.noise import normals, uniforms
from api_gateway.simulator.exchange.universe import universe_of
from tests.unit.simulator.worlds import AAPL, VIX, FakeTime, decimal, market_of, wavy_closes, world_of

STOCK = universe_of().by_conid[AAPL]
MARKET = market_of(wavy_closes())


def open_at(market: Market, row: int, minute: int) -> Moment:
    return Moment(market.calendar.opening(row), row, minute, True, row - 1)


def closed_after(market: Market, row: int) -> Moment:
    return Moment(market.calendar.closing(row), row, market.calendar.length(row), False, row)


@settings(max_examples=60, deadline=None)
@given(row=st.integers(30, 319), minute=st.integers(0, 389), stock=st.sampled_from(STOCKS))
def test_the_bid_stays_below_the_ask_and_the_last_between_them(row: int, minute: int, stock: Contract) -> None:
    quote = MARKET.quote(stock, open_at(MARKET, row, minute))
    assert quote.bid is not None
    assert quote.ask is not None
    assert 0 < quote.bid < quote.ask
    assert quote.bid <= quote.last <= quote.ask
    assert quote.low <= quote.last <= quote.high
    assert decimal(quote.bid) % decimal("0.01") == 0
    assert decimal(quote.ask) % decimal("0.01") == 0


@settings(max_examples=30, deadline=None)
@given(level=st.floats(0.01, 0.99), minute=st.integers(0, 389))
def test_below_one_dollar_the_tick_is_a_hundredth_of_a_cent(level: float, minute: int) -> None:
    market = market_of(np.maximum(wavy_closes(60, level), 0.002))
    quote = market.quote(STOCK, open_at(market, 50, minute))
    assert quote.bid is not None
    assert quote.ask is not None
    assert 0 < quote.bid < quote.ask
    assert decimal(quote.bid) % decimal("0.0001") == 0


def test_a_path_runs_from_the_prior_close_to_the_close() -> None:
    closes = MARKET.closes(AAPL)
    path = MARKET.path(AAPL, 100)
    assert path.price[0] == pytest.approx(closes[99], abs=0.005)
    assert path.price[-1] == pytest.approx(closes[100], abs=0.005)
    assert len(path.price) == 391
    assert path.price.std() > 0


def test_a_half_day_has_a_shorter_path() -> None:
    history = MARKET.history
    row = history.position_of(next(day for day in history.sessions if str(day) == "2010-11-26"))
    assert row is not None
    assert len(MARKET.path(AAPL, row).price) == 211


def test_after_the_close_the_last_price_is_the_close_and_nobody_quotes() -> None:
    quote = MARKET.quote(STOCK, closed_after(MARKET, 100))
    assert quote.last == MARKET.closes(AAPL)[100]
    assert (quote.bid, quote.ask) == (None, None)
    assert quote.prior_close == MARKET.closes(AAPL)[99]


def test_quotes_depend_on_seed_contract_session_and_minute_alone() -> None:
    moment = open_at(MARKET, 200, 77)
    fresh = market_of(wavy_closes())
    fresh.quote(STOCK, open_at(fresh, 150, 3))  # another history of questions
    assert fresh.quote(STOCK, moment) == MARKET.quote(STOCK, moment)
    assert market_of(wavy_closes(), seed=8).quote(STOCK, moment) != MARKET.quote(STOCK, moment)
    other = next(stock for stock in STOCKS if stock.conid != AAPL)
    assert MARKET.quote(other, moment).last != MARKET.quote(STOCK, moment).last


def test_nothing_published_uses_a_close_of_a_later_session() -> None:
    changed = wavy_closes()
    changed[201:] *= 3
    future = market_of(changed)
    moment = open_at(MARKET, 200, 200)
    for contract in (STOCK, SPX, VIX_CONTRACT):
        assert future.quote(contract, moment) == MARKET.quote(contract, moment)
        here, there = (market.daily_bars(contract.conid, moment, 100) for market in (MARKET, future))
        assert np.array_equal(here.close, there.close)
        assert np.array_equal(here.high, there.high)


def test_daily_bars_are_consistent_and_the_last_one_forms_with_the_session() -> None:
    moment = open_at(MARKET, 200, 120)
    bars = MARKET.daily_bars(AAPL, moment, 60)
    assert bars.rows.tolist() == list(range(141, 201))
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert np.array_equal(bars.close[:-1], MARKET.closes(AAPL)[141:200])
    assert bars.close[-1] == MARKET.quote(STOCK, moment).last
    whole = MARKET.daily_bars(AAPL, closed_after(MARKET, 200), 60)
    assert whole.close[-1] == MARKET.closes(AAPL)[200]
    assert bars.volume[-1] < whole.volume[-1]
    assert bars.high[-1] <= whole.high[-1] + 0.005


def test_the_volatility_index_is_the_realised_volatility_of_the_index() -> None:
    returns = np.diff(np.log(MARKET.history.index[: 150 + 1]))[-21:]
    expected = returns.std(ddof=1) * np.sqrt(252) * 100
    assert MARKET.quote(VIX_CONTRACT, closed_after(MARKET, 150)).last == pytest.approx(expected, abs=0.005)


def test_the_volatility_index_moves_with_the_running_session_and_has_no_bid() -> None:
    early = MARKET.quote(VIX_CONTRACT, open_at(MARKET, 150, 0))
    late = MARKET.path(VIX, 150).price[-1]
    assert early.bid is None
    assert late == pytest.approx(MARKET.closes(VIX)[150], abs=0.005)
    assert MARKET.daily_bars(VIX, open_at(MARKET, 150, 10), 5).close[0] == MARKET.closes(VIX)[146]


def test_deviation_needs_twenty_one_returns() -> None:
    deviation = trailing_deviation(wavy_closes(40))
    assert np.isnan(deviation[:21]).all()
    assert np.isfinite(deviation[21:]).all()


def test_noise_is_uniform_normal_and_keyed() -> None:
    draws = uniforms(7, 1, np.arange(20_000))
    assert draws.min() >= 0
    assert draws.max() < 1
    assert draws.mean() == pytest.approx(0.5, abs=0.01)
    bells = normals(7, 2, np.arange(20_000))
    assert bells.mean() == pytest.approx(0, abs=0.03)
    assert bells.std() == pytest.approx(1, abs=0.03)
    assert not np.array_equal(uniforms(7, 1, np.arange(5)), uniforms(8, 1, np.arange(5)))


def test_prices_become_money_without_binary_dust() -> None:
    assert str(to_decimal(125.674)) == "125.674"
    assert str(to_decimal(100.0)) == "100"
    assert str(to_decimal(0.1 + 0.2)) == "0.3"


def test_a_split_divides_the_paths_that_were_drawn_before_it() -> None:
    market = market_of(wavy_closes())
    before = market.path(AAPL, 310).price
    market.split(AAPL, 4.0)
    assert market.path(AAPL, 310).price == pytest.approx(before / 4, abs=0.01)


@settings(max_examples=30, deadline=None)
@given(row=st.integers(30, 319), minute=st.integers(0, 389), stock=st.sampled_from(STOCKS))
def test_priced_at_the_close_every_quote_of_a_session_is_its_close(row: int, minute: int, stock: Contract) -> None:
    market = Market(MARKET.history, MARKET.calendar, MARKET.seed, pricing="close")
    moment, close = open_at(market, row, minute), float(market.closes(stock.conid)[row])
    quote = market.quote(stock, moment)
    assert {quote.bid, quote.ask, quote.last, quote.high, quote.low} == {close}
    assert quote.prior_close == MARKET.quote(stock, moment).prior_close
    assert market.last_price(stock.conid, moment) == close
    assert market.quote(VIX_CONTRACT, moment).last == float(market.closes(VIX)[row])


def test_priced_at_the_close_the_history_is_as_ever() -> None:
    market = Market(MARKET.history, MARKET.calendar, MARKET.seed, pricing="close")
    for moment in (open_at(market, 300, 30), closed_after(market, 300)):
        ended = slice(0, -1 if moment.is_open else None)
        for at_close, usual in zip(
            vars(market.daily_bars(AAPL, moment, 60)).values(),
            vars(MARKET.daily_bars(AAPL, moment, 60)).values(),
            strict=True,
        ):
            assert at_close[ended].tolist() == usual[ended].tolist()


def test_days_priced_at_the_close_are_another_world() -> None:
    world = world_of(Options(data="synthetic", pricing="close"), FakeTime())
    assert world.marker()["data"] == "synthetic-close"
    assert world_of(Options(data="synthetic"), FakeTime()).marker()["data"] == "synthetic"
