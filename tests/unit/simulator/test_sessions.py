"""Exchange hours and the market clock."""

import warnings
from datetime import UTC, date, datetime, time, timedelta

import pytest

from api_gateway.simulator.clock import MarketClock
from api_gateway.simulator.errors import GatewayRefusal
from api_gateway.simulator.exchange.hours import EARLY_CLOSES, NEW_YORK, at, calendar_of, minutes_of
from tests.unit.simulator.worlds import FakeTime, weekdays

START = datetime(2022, 12, 28, 15, 0, tzinfo=UTC)
END = datetime(2022, 12, 29, 5, 0, tzinfo=UTC)


def test_the_table_of_half_days_agrees_with_the_exchange_calendar() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import exchange_calendars

        calendar = exchange_calendars.get_calendar("XNYS", start="1990-01-02", end="2022-12-28")
        known = {
            day.date(): calendar.closes[day].to_pydatetime().astimezone(NEW_YORK).time()
            for day in calendar.early_closes
        }
    assert known == EARLY_CLOSES


def test_a_half_day_is_shorter() -> None:
    assert minutes_of(date(2022, 11, 25)) == 210
    assert minutes_of(date(2022, 11, 28)) == 390


def test_opening_follows_new_york_through_the_change_of_clocks() -> None:
    assert at(date(2022, 3, 11), time(9, 30)).hour == 14
    assert at(date(2022, 3, 14), time(9, 30)).hour == 13


def test_a_moment_knows_what_has_opened_and_what_has_closed() -> None:
    days = weekdays(3, date(2022, 3, 10))
    calendar = calendar_of(days)
    before = calendar.moment(at(days[1], time(9, 29, 59)))
    opening = calendar.moment(at(days[1], time(9, 30)))
    late = calendar.moment(at(days[1], time(15, 59, 59)))
    closed = calendar.moment(at(days[1], time(16, 0)))
    assert (before.session, before.is_open, before.minute, before.completed) == (0, False, 390, 0)
    assert (opening.session, opening.is_open, opening.minute, opening.completed) == (1, True, 0, 0)
    assert (late.session, late.is_open, late.minute, late.completed) == (1, True, 389, 0)
    assert (closed.session, closed.is_open, closed.minute, closed.completed) == (1, False, 390, 1)


def test_before_the_first_session_there_is_no_moment() -> None:
    calendar = calendar_of(weekdays(3))
    with pytest.raises(ValueError, match="before the first session"):
        calendar.moment(at(calendar.sessions[0], time(9, 0)))


def test_the_next_morning_skips_the_weekend_and_ends_with_the_history() -> None:
    calendar = calendar_of(weekdays(6, date(2022, 3, 10)))  # Thursday
    friday_evening = at(date(2022, 3, 11), time(20, 0))
    assert calendar.next_morning(friday_evening) == at(date(2022, 3, 14), time(10, 0))
    assert calendar.next_morning(calendar.end) is None


def test_market_time_ticks_with_real_time() -> None:
    real = FakeTime()
    clock = MarketClock(START, END, real)
    real.advance(90)
    assert clock.now() == START + timedelta(seconds=90)


def test_market_time_stands_still_where_the_prices_end() -> None:
    real = FakeTime()
    clock = MarketClock(START, END, real)
    real.advance(10_000_000)
    assert clock.now() == END


def test_the_clock_moves_forward_and_goes_on_ticking_there() -> None:
    real = FakeTime()
    clock = MarketClock(START, END, real)
    clock.move_to(START + timedelta(hours=3))
    real.advance(1)
    assert clock.now() == START + timedelta(hours=3, seconds=1)


@pytest.mark.parametrize(
    "target",
    [START - timedelta(seconds=1), END + timedelta(seconds=1), START.replace(tzinfo=None) + timedelta(hours=1)],
)
def test_the_clock_refuses_the_past_the_unknown_and_naive_times(target: datetime) -> None:
    clock = MarketClock(START, END, FakeTime())
    with pytest.raises(GatewayRefusal) as refusal:
        clock.move_to(target)
    assert refusal.value.status == 400
    assert clock.now() == START
