"""Who is told what: once for each trouble, nothing of what passes, and when it is over."""

from datetime import UTC, datetime

from api_gateway.clientportal.errors import State
from api_gateway.clientportal.notices import Episodes, Notice
from api_gateway.clientportal.session_health import SessionHealth

AT = datetime(2026, 11, 18, tzinfo=UTC)
LOGIN, READY, DOWN = State.LOGIN_REQUIRED, State.READY, State.DOWN


def told(*stretches: tuple[State, float], step: float = 10.0) -> list[State]:
    """The states that were told about while each state lasted that many seconds."""
    return [notice.state for notice in notices(*stretches, step=step)]


def notices(*stretches: tuple[State, float], step: float = 10.0) -> list[Notice]:
    episodes, found, now = Episodes("https://localhost:5000/"), list[Notice](), 0.0
    for state, seconds in stretches:
        entered = now
        while now < entered + seconds:
            health = SessionHealth(state, "the cause", "Do this.", None, None, AT, AT, entered, now)
            notice = episodes.consider(health)
            found += [notice] if notice else []
            now += step
    return found


def test_a_login_that_is_missing_is_told_once_however_long_it_lasts() -> None:
    assert told((READY, 600), (LOGIN, 40_000)) == [LOGIN]


def test_what_was_told_is_also_told_to_be_over() -> None:
    assert told((LOGIN, 600), (READY, 600), (LOGIN, 600)) == [LOGIN, READY, LOGIN]


def test_a_flap_of_seconds_is_told_to_nobody() -> None:
    assert told((READY, 600), (LOGIN, 20), (READY, 600), (DOWN, 90), (READY, 600)) == []


def test_a_flap_within_a_trouble_does_not_tell_it_again() -> None:
    assert told((LOGIN, 600), (READY, 30), (LOGIN, 600), (DOWN, 20), (LOGIN, 600)) == [LOGIN]


def test_a_second_trouble_in_the_first_ones_wake_is_told_too() -> None:
    assert told((DOWN, 600), (LOGIN, 600), (READY, 600)) == [DOWN, LOGIN, READY]


def test_what_passes_by_itself_gets_its_time() -> None:
    assert told((State.MAINTENANCE, 3_000), (State.NO_BRIDGE, 300), (READY, 600)) == []
    assert told((State.NO_BRIDGE, 900)) == [State.NO_BRIDGE]
    assert told((State.MAINTENANCE, 9_000)) == [State.MAINTENANCE]


def test_troubles_that_take_turns_are_told_although_none_lasts() -> None:
    turns = ((DOWN, 60), (State.NO_BRIDGE, 60)) * 10
    assert len(told(*turns)) == 1


def test_a_notice_says_what_happened_and_what_to_do() -> None:
    (notice,) = notices((LOGIN, 100))
    assert notice.needs_person
    assert notice.title == "LOGIN_REQUIRED: log in to the broker's gateway"
    assert notice.text == "the cause. Do this. Login page: https://localhost:5000/"
