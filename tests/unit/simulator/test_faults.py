"""Fault rules: what they match and how often."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from api_gateway.simulator.exchange.universe import universe_of
from api_gateway.simulator.faults.fault_box import FaultBox, FaultRule
from api_gateway.simulator.faults.order_faults import Lag, Refusal
from api_gateway.simulator.front.middleware import template_of, tidy
from api_gateway.simulator.orders.order import OrderRequest
from tests.unit.simulator.worlds import AAPL, ACCOUNT


def test_a_star_stands_for_one_segment() -> None:
    rule = FaultRule(path="/iserver/account/*/orders", method="POST", kind="status")
    assert rule.matches("POST", "/iserver/account/DU1/orders")
    assert not rule.matches("GET", "/iserver/account/DU1/orders")
    assert not rule.matches("POST", "/iserver/account/DU1/orders/whatif")
    assert not rule.matches("POST", "/iserver/account/a/b/orders")


def test_a_rule_may_name_the_whole_address_and_any_method() -> None:
    assert FaultRule(path="/v1/api/tickle", kind="empty").matches("GET", "/tickle")


def test_a_rule_is_used_up() -> None:
    box = FaultBox()
    box.add((FaultRule(path="/tickle", kind="empty", times=2),))
    assert [box.take("GET", "/tickle") is not None for _ in range(3)] == [True, True, False]
    assert box.active() == ()


def test_a_rule_may_wait_for_some_matches_and_name_every_path() -> None:
    box = FaultBox((FaultRule(path="/**", kind="session_lost", after=2),))
    assert [box.take("GET", path) is not None for path in ("/tickle", "/a/b/c", "/a", "/a")] == [
        False,
        False,
        True,
        False,
    ]


def test_a_rule_for_orders_spoils_no_request_and_waits_for_its_own_order() -> None:
    box = FaultBox((Refusal(kind="reject", side="SELL"), FaultRule(path="/tickle", kind="empty")))
    request = OrderRequest(universe_of().by_conid[AAPL], "BUY", 10, "MKT", None, "DAY", "one", ACCOUNT)
    assert box.take_for(Refusal, request) is None
    assert box.take_for(Refusal, replace(request, side="SELL")) is not None
    assert box.take_for(Refusal, replace(request, side="SELL")) is None
    assert [fault.rule.times for fault in box.active()] == [1]


def test_the_latest_lag_of_a_list_counts() -> None:
    box = FaultBox((Lag(kind="lag", reads=1), Lag(kind="lag", reads=3, list="orders")))
    found = [box.lag("orders"), box.lag("trades")]
    assert [lag.reads for lag in found if lag is not None] == [3, 1]
    box.clear()
    assert box.lag("orders") is None


@pytest.mark.parametrize(
    "rule",
    [{"path": "/x", "kind": "explode"}, {"path": "x", "kind": "empty"}, {"path": "/x", "kind": "empty", "times": 0}],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FaultRule.model_validate(rule)


def test_paths_are_tidied_and_counted_by_template() -> None:
    assert tidy("//v1/api//tickle/") == "/v1/api/tickle"
    assert template_of("/portfolio/DU7654321/positions/0") == "/portfolio/{account}/positions/{id}"
    reply = "/iserver/reply/8c4f5f0c-8a57-5d7e-9a38-2f3f0f1b7c55"
    assert template_of(reply) == "/iserver/reply/{id}"
