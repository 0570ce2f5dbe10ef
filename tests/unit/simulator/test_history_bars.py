"""Periods, bar sizes and the shape of a chart."""

import numpy as np
import pytest

from api_gateway.simulator.errors import GatewayRefusal
from api_gateway.simulator.exchange.history_bars import MAXIMUM_POINTS, Chart, Window, chart_of, window_of
from api_gateway.simulator.exchange.hours import Moment
from api_gateway.simulator.exchange.universe import universe_of
from tests.unit.simulator.worlds import AAPL, market_of, wavy_closes

STOCK = universe_of().by_conid[AAPL]
MARKET = market_of(wavy_closes(1300))
NOW = Moment(MARKET.calendar.opening(1250), 1250, 100, True, 1249)


def chart(period: str, bar: str | None) -> Chart:
    return chart_of(MARKET, STOCK, window_of(period, bar, MARKET, NOW), NOW)


@pytest.mark.parametrize(
    ("period", "bar", "window"),
    [
        ("5d", "1d", Window(5, None, "1d")),
        ("5d", None, Window(5, None, "15min")),
        ("1d", None, Window(1, None, "1min")),
        ("30min", "5min", Window(1, 30, "5min")),
        ("2h", None, Window(1, 120, "1min")),
    ],
)
def test_a_period_names_its_window(period: str, bar: str | None, window: Window) -> None:
    assert window_of(period, bar, MARKET, NOW) == window


@pytest.mark.parametrize("period", ["6M", "1Y", "nonsense", ""])
def test_an_upper_case_unit_is_silently_replaced_by_eighty_four_daily_bars(period: str) -> None:
    assert len(chart(period, "1d").close) == 84


def test_an_unknown_bar_size_is_refused() -> None:
    with pytest.raises(GatewayRefusal):
        window_of("1y", "7min", MARKET, NOW)


def test_two_years_of_daily_bars_end_with_the_session_that_runs() -> None:
    bars = chart("2y", "1d")
    assert 518 <= len(bars.close) <= 524  # weekdays without holidays
    assert bars.time[-1] == MARKET.calendar.opens[1250] * 1000
    assert (np.diff(bars.time) > 0).all()


def test_at_most_a_thousand_points_come_back_the_newest() -> None:
    bars = chart("5y", "1d")
    assert len(bars.close) == MAXIMUM_POINTS
    assert bars.time[-1] == MARKET.calendar.opens[1250] * 1000
    assert len(chart("30d", "1min").close) == MAXIMUM_POINTS


def test_weekly_bars_add_up_the_days() -> None:
    days, weeks = chart("1y", "1d"), chart("1y", "1w")
    assert 52 <= len(weeks.close) <= 54
    assert weeks.close[-1] == days.close[-1]
    assert weeks.high.max() == days.high.max()
    assert weeks.volume.sum() == pytest.approx(days.volume.sum())


def test_intraday_bars_stop_at_the_present_minute() -> None:
    bars = chart("1d", "1min")
    assert len(bars.close) == 100
    assert bars.close[-1] == MARKET.path(AAPL, 1250).price[100]
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert len(chart("30min", "5min").close) == 6
    assert len(chart("2d", "30min").close) == 13 + 4
