"""The exchange's real days: holidays, half days, special closures and the change of the clocks."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import UsageError
from app.domain.market import Session
from app.market.calendar import ExchangeCalendar, exchange_date

CALENDAR = ExchangeCalendar()
DAYS = st.dates(date(1990, 2, 1), date(2048, 12, 31))


def test_a_session_has_its_hours_in_utc() -> None:
    assert CALENDAR.session_on(date(2020, 3, 16)) == Session(
        date(2020, 3, 16), datetime(2020, 3, 16, 13, 30, tzinfo=UTC), datetime(2020, 3, 16, 20, 0, tzinfo=UTC)
    )


def test_hours_follow_the_clocks_of_new_york() -> None:
    before, after = CALENDAR.session_on(date(2026, 10, 30)), CALENDAR.session_on(date(2026, 11, 2))
    assert before is not None
    assert after is not None
    assert (before.opens.hour, after.opens.hour) == (13, 14)


@pytest.mark.parametrize("day", [date(2026, 11, 27), date(2026, 12, 24)])
def test_a_half_day_closes_at_one(day: date) -> None:
    session = CALENDAR.session_on(day)
    assert session is not None
    assert session.closes == datetime(day.year, day.month, day.day, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    "day",
    [
        date(2026, 11, 21),  # a Saturday
        date(2026, 11, 26),  # Thanksgiving
        date(2022, 12, 26),  # Christmas, observed
        date(2012, 10, 29),  # a hurricane
        date(2001, 9, 12),
        date(2025, 1, 9),  # a day of mourning
    ],
)
def test_the_exchange_is_closed_on_holidays_and_special_days(day: date) -> None:
    assert CALENDAR.session_on(day) is None
    assert not CALENDAR.is_session(day)


def test_the_sample_has_as_many_sessions_as_the_exchange_had() -> None:
    assert CALENDAR.sessions_between(date(1990, 1, 1), date(2022, 12, 28)) == 8313


def test_the_year_2026_has_251_sessions() -> None:
    assert CALENDAR.sessions_between(date(2025, 12, 31), date(2026, 12, 31)) == 251


def test_a_moment_belongs_to_the_date_in_new_york() -> None:
    assert exchange_date(datetime(2026, 11, 20, 2, 0, tzinfo=UTC)) == date(2026, 11, 19)
    session = CALENDAR.session(datetime(2026, 11, 21, 2, 0, tzinfo=UTC))
    assert session is not None
    assert session.date == date(2026, 11, 20)
    assert CALENDAR.session(datetime(2026, 11, 21, 12, 0, tzinfo=UTC)) is None


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        CALENDAR.session(datetime(2026, 11, 20, 12, 0))  # noqa: DTZ001 - what must be refused


@pytest.mark.parametrize("day", [date(1989, 12, 29), date(2050, 1, 3)])
def test_a_date_outside_the_calendar_is_an_error_not_a_closed_exchange(day: date) -> None:
    with pytest.raises(UsageError, match="outside the exchange's calendar"):
        CALENDAR.is_session(day)


def test_the_calendar_answers_up_to_its_edges() -> None:
    assert CALENDAR.next_session(date(2049, 12, 31)) == date(2050, 1, 3)
    assert CALENDAR.next_session(date(1990, 1, 1)) == date(1990, 1, 2)


@given(DAYS)
def test_the_next_session_after_a_date_is_one_with_none_between(day: date) -> None:
    later = CALENDAR.next_session(day)
    assert day < later
    assert CALENDAR.is_session(later)
    assert CALENDAR.sessions_between(day, later) == 1


@given(DAYS, DAYS, DAYS)
def test_counts_of_sessions_add_up(one: date, two: date, three: date) -> None:
    between = CALENDAR.sessions_between
    assert between(one, two) + between(two, three) == between(one, three)
    assert between(one, one) == 0


@given(DAYS)
def test_a_session_opens_and_closes_on_its_own_date(day: date) -> None:
    session = CALENDAR.session_on(day)
    if session is not None:
        assert exchange_date(session.opens) == exchange_date(session.closes) == day
        assert session.opens < session.closes
        assert day.weekday() < 5
