"""The two tiers of a session and what ends each of them, on a clock that moves only when told."""

from datetime import UTC, datetime, timedelta

import pytest

from api_gateway.simulator.clock import SessionClock
from api_gateway.simulator.errors import GatewayRefusal
from api_gateway.simulator.front.brokerage import IDLE, POLLS_UNTIL_ESTABLISHED, BrokerageSession, SessionMode
from api_gateway.simulator.front.session_windows import RESET, in_maintenance, in_reset, last_reset
from tests.unit.simulator.worlds import FakeTime

WEDNESDAY = datetime(2022, 12, 28, 15, 0, tzinfo=UTC)
MIDNIGHT = datetime(2022, 12, 29, 5, 0, tzinfo=UTC)


def session_at(time: FakeTime, start: datetime = WEDNESDAY, mode: SessionMode = "strict") -> BrokerageSession:
    return BrokerageSession(SessionClock(start, time), mode)


def kept_alive(session: BrokerageSession, time: FakeTime, seconds: float, path: str = "/tickle") -> None:
    """A request a minute."""
    for _ in range(int(seconds // 60)):
        time.advance(60)
        session.advance()
        session.touch(path)


def test_a_session_without_a_request_for_six_minutes_is_logged_out(time: FakeTime) -> None:
    session = session_at(time)
    time.advance(IDLE.total_seconds())
    session.advance()
    assert session.logged_in
    time.advance(1)
    session.advance()
    assert not session.logged_in
    assert session.logouts == {"idle": 1}


def test_portfolio_reads_keep_the_login_alive_and_let_the_brokerage_tier_time_out(time: FakeTime) -> None:
    session = session_at(time)
    kept_alive(session, time, 600, "/portfolio/accounts")
    tiers = session.tiers()
    assert (tiers.connected, tiers.authenticated, tiers.established) == (True, False, False)


def test_a_lenient_session_lasts_for_ever(time: FakeTime) -> None:
    session = session_at(time, mode="lenient")
    time.advance(10 * 86_400)
    session.advance()
    assert session.tiers().established


@pytest.mark.parametrize(("hour", "ends"), [(0, MIDNIGHT), (1, MIDNIGHT + timedelta(hours=1))])
def test_a_login_ends_at_the_daily_reset_however_young_it_is(time: FakeTime, hour: int, ends: datetime) -> None:
    session = session_at(time, ends - timedelta(minutes=2))
    session.reset_hour = hour
    session.log_in()
    time.advance(119)
    session.advance()
    assert session.logged_in
    time.advance(1)
    session.advance()
    assert session.logouts == {"midnight": 1}
    assert session.window() == "reset"
    time.advance(RESET.total_seconds())
    assert session.window() is None


def test_a_login_during_the_reset_leaves_the_brokerage_tier_to_be_opened(time: FakeTime) -> None:
    session = session_at(time, MIDNIGHT - timedelta(minutes=1))
    time.advance(120)
    session.log_in()
    time.advance(RESET.total_seconds())
    session.advance()
    assert (session.logged_in, session.tiers().authenticated) == (True, False)


def test_a_login_after_midnight_lasts_until_the_next_one(time: FakeTime) -> None:
    session = session_at(time, MIDNIGHT + timedelta(minutes=10))
    session.log_in()
    kept_alive(session, time, 23 * 3600)
    assert session.logged_in
    kept_alive(session, time, 3600)
    assert session.logouts == {"midnight": 1}


def test_a_login_on_the_day_of_twenty_five_hours_ends_after_twenty_four(time: FakeTime) -> None:
    session = session_at(time, datetime(2022, 11, 6, 4, 1, tzinfo=UTC))
    kept_alive(session, time, 86_400)
    assert session.logged_in
    kept_alive(session, time, 60)
    assert session.logouts == {"day": 1}


def test_saturday_evening_loses_the_brokerage_session_and_lets_nobody_in(time: FakeTime) -> None:
    session = session_at(time, datetime(2022, 12, 31, 22, 58, tzinfo=UTC))
    kept_alive(session, time, 60)
    assert session.tiers().established
    kept_alive(session, time, 60)
    assert session.window() == "maintenance"
    with pytest.raises(GatewayRefusal):
        session.log_in()
    kept_alive(session, time, 2 * 3600)
    assert session.window() is None
    assert (session.logged_in, session.tiers().authenticated) == (True, False)


def test_a_brokerage_session_is_established_some_polls_after_it_was_opened(time: FakeTime) -> None:
    session = session_at(time)
    session.happen("bridge_lost")
    session.open_bridge(compete=False)
    polls = [session.polled() for _ in range(POLLS_UNTIL_ESTABLISHED + 1)]
    assert [one.authenticated for one in polls] == [True, True, True]
    assert [one.established for one in polls] == [False, False, True]


def test_a_competing_session_is_pushed_out_only_on_demand(time: FakeTime) -> None:
    session = session_at(time)
    session.happen("competing")
    assert (session.tiers().authenticated, session.tiers().competing) == (True, True)
    session.open_bridge(compete=False)
    assert session.tiers().competing
    assert session.counters["pushes"] == 0
    session.open_bridge(compete=True)
    assert not session.tiers().competing
    assert (session.counters["pushes"], session.counters["inits"]) == (1, 2)


def test_after_a_competitor_has_gone_the_brokerage_session_must_be_opened_again(time: FakeTime) -> None:
    session = session_at(time)
    session.happen("competing")
    session.happen("competing_ended")
    assert (session.tiers().connected, session.tiers().authenticated) == (True, False)


def test_a_lost_brokerage_session_forgets_every_primer(time: FakeTime) -> None:
    forgotten: list[bool] = []
    session = BrokerageSession(SessionClock(WEDNESDAY, time), forget_questions=lambda: forgotten.append(True))
    session.accounts_queried = session.portfolio_accounts_queried = True
    session.suppressed_questions, session.selected = frozenset({"o163"}), "DU7654322"
    session.snapshot_read(1)
    assert [session.first_read("orders"), session.first_read("orders")] == [True, False]
    session.happen("bridge_lost")
    assert (session.accounts_queried, session.portfolio_accounts_queried) == (False, True)
    assert (len(session.suppressed_questions), session.snapshot_read(1)) == (0, 0)
    assert not session.selected
    assert session.first_read("orders")
    assert forgotten == [True]


def test_session_time_never_runs_backwards(time: FakeTime) -> None:
    clock = SessionClock(WEDNESDAY, time)
    clock.move_to(MIDNIGHT)
    time.advance(5)
    assert clock.now() == MIDNIGHT + timedelta(seconds=5)
    for wrong in (WEDNESDAY, MIDNIGHT.replace(tzinfo=None)):
        with pytest.raises(GatewayRefusal):
            clock.move_to(wrong)


def test_windows_follow_the_wall_clock_of_new_york_through_the_change_of_hour() -> None:
    summer = datetime(2022, 7, 6, 4, 0, tzinfo=UTC)
    assert last_reset(summer, 0) == summer
    assert in_reset(summer + RESET - timedelta(seconds=1), 0)
    assert not in_reset(summer + RESET, 0)
    assert not in_reset(summer - timedelta(seconds=1), 0)
    assert in_maintenance(datetime(2022, 7, 9, 22, 0, tzinfo=UTC))
    assert not in_maintenance(datetime(2022, 7, 10, 0, 0, tzinfo=UTC))
    assert not in_maintenance(datetime(2022, 7, 10, 22, 0, tzinfo=UTC))
