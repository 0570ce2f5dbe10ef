"""Request limits: exact, scaled, and with a penalty that covers everything."""

import pytest

from api_gateway.simulator.front.pacing import Pacer
from tests.unit.simulator.worlds import FakeTime


def test_ten_requests_in_a_second_pass_and_the_eleventh_does_not(time: FakeTime) -> None:
    pacer = Pacer(1.0, time)
    assert [pacer.admit("GET", f"/trsrv/{number}") for number in range(10)] == [None] * 10
    assert pacer.admit("GET", "/trsrv/stocks") is not None


def test_the_window_slides(time: FakeTime) -> None:
    pacer = Pacer(1.0, time)
    for _ in range(10):
        assert pacer.admit("GET", "/trsrv/stocks") is None
    time.advance(1.0)
    assert pacer.admit("GET", "/trsrv/stocks") is None


@pytest.mark.parametrize(
    ("method", "path", "seconds"),
    [
        ("GET", "/iserver/account/orders", 5.0),
        ("GET", "/iserver/account/trades", 5.0),
        ("GET", "/iserver/account/pnl/partitioned", 5.0),
        ("GET", "/portfolio/accounts", 5.0),
        ("GET", "/portfolio/subaccounts", 5.0),
        ("POST", "/pa/performance", 900.0),
        ("POST", "/pa/allperiods", 900.0),
        ("POST", "/pa/transactions", 900.0),
        ("GET", "/iserver/scanner/params", 900.0),
        ("POST", "/iserver/scanner/run", 1.0),
        ("GET", "/fyi/notifications", 1.0),
        ("GET", "/sso/validate", 60.0),
        ("POST", "/tickle", 1.0),
    ],
)
def test_a_second_request_may_come_after_exactly_the_interval(
    time: FakeTime, method: str, path: str, seconds: float
) -> None:
    pacer = Pacer(0.5, time)
    assert pacer.admit(method, path) is None
    time.advance(seconds * 0.5)
    assert pacer.admit(method, path) is None
    time.advance(seconds * 0.5 - 0.001)
    assert pacer.admit(method, path) is not None


def test_notifications_share_one_window(time: FakeTime) -> None:
    pacer = Pacer(1.0, time)
    assert pacer.admit("GET", "/fyi/unreadnumber") is None
    assert pacer.admit("PUT", "/fyi/notifications/1") is not None


def test_placing_orders_is_not_limited_like_reading_them(time: FakeTime) -> None:
    pacer = Pacer(1.0, time)
    assert pacer.admit("GET", "/iserver/account/orders") is None
    assert pacer.admit("POST", "/iserver/account/orders") is None


def test_both_verbs_of_tickle_share_one_limit(time: FakeTime) -> None:
    pacer = Pacer(1.0, time)
    assert pacer.admit("GET", "/tickle") is None
    assert pacer.admit("POST", "/tickle") is not None


def test_a_violation_closes_every_endpoint_for_ten_minutes_times_the_scale(time: FakeTime) -> None:
    pacer = Pacer(0.1, time)
    pacer.admit("GET", "/portfolio/accounts")
    assert pacer.admit("GET", "/portfolio/accounts") is not None
    time.advance(59.9)
    assert "penalty box" in str(pacer.admit("POST", "/iserver/auth/status"))
    time.advance(0.1)
    assert pacer.admit("POST", "/iserver/auth/status") is None


def test_the_penalty_is_configurable(time: FakeTime) -> None:
    pacer = Pacer(1.0, time, penalty_seconds=3.0)
    pacer.admit("GET", "/portfolio/accounts")
    pacer.admit("GET", "/portfolio/accounts")
    time.advance(3.0)
    assert pacer.admit("GET", "/trsrv/stocks") is None


def test_a_sixth_history_request_at_a_time_is_refused(time: FakeTime) -> None:
    pacer = Pacer(1.0, time)
    path = "/iserver/marketdata/history"
    for _ in range(5):
        assert pacer.admit("GET", path) is None
        pacer.started("GET", path)
    time.advance(2.0)
    pacer.finished("GET", path)
    assert pacer.admit("GET", path) is None
    pacer.started("GET", path)
    assert "at a time" in str(pacer.admit("GET", path))
