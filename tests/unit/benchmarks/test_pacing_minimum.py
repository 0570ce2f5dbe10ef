"""The model of what pacing imposes, held against the simulator that enforces it."""

from collections.abc import Iterator
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_gateway.simulator.front import pacing as enforced
from tests.benchmarks.pacing import GLOBAL, PER_ENDPOINT, Minimum, pacing_minimum, run_only

# Exact in binary, so that the sums of intervals are.
SCALE = 0.125
HISTORY = "GET /iserver/marketdata/history"
ORDERS = "GET /iserver/account/orders"
PATHS = (HISTORY, ORDERS, "GET /iserver/marketdata/snapshot", "POST /iserver/contract/rules", "GET /iserver/accounts")


def fastest(calls: dict[str, int]) -> float:
    """When the last request passes the simulator, each sent, in rotation, at the first moment that it lets through."""
    now = 0.0
    pacer = enforced.Pacer(SCALE, lambda: now, penalty_seconds=0)
    for endpoint in in_rotation(calls):
        method, path = endpoint.split()
        # On a copy, so that an attempt that would be refused is not one that was made.
        while (trial := deepcopy(pacer)).admit(method, path) is not None:
            now += SCALE
        pacer = trial
    return now


def in_rotation(calls: dict[str, int]) -> Iterator[str]:
    """One of each kind, then the next of each."""
    for turn in range(max(calls.values())):
        yield from (path for path, count in calls.items() if turn < count)


def test_ten_requests_are_free_and_the_eleventh_waits_for_the_window() -> None:
    assert pacing_minimum({HISTORY: 10}, 1.0) == Minimum(0.0, None)
    assert pacing_minimum({HISTORY: 11}, 1.0) == Minimum(1.0, "all endpoints")
    assert pacing_minimum({HISTORY: 21, "GET /iserver/accounts": 6}, 1.0).seconds == 2.0


def test_requests_of_all_kinds_share_the_global_window() -> None:
    apart = [pacing_minimum({path: 6}, 1.0).seconds for path in (HISTORY, "GET /iserver/accounts")]
    assert apart == [0.0, 0.0]
    assert pacing_minimum({HISTORY: 6, "GET /iserver/accounts": 6}, 1.0).seconds == 1.0


def test_a_slow_endpoint_asked_twice_outweighs_the_global_window() -> None:
    assert pacing_minimum({ORDERS: 2, HISTORY: 21}, 1.0) == Minimum(5.0, ORDERS)


def test_the_scale_of_a_simulator_shortens_every_interval() -> None:
    assert pacing_minimum({ORDERS: 3}, 0.1).seconds == pytest.approx(1.0)


def test_a_run_without_requests_waits_for_nothing() -> None:
    assert pacing_minimum({}, 1.0) == Minimum(0.0, None)


def test_the_watchdogs_beats_are_not_the_runs_requests() -> None:
    calls = {"POST /tickle": 2, "POST /iserver/auth/status": 3, HISTORY: 1}
    assert run_only(calls) == {"POST /iserver/auth/status": 1, HISTORY: 1}


def test_the_limits_are_those_that_the_simulator_enforces() -> None:
    assert (GLOBAL.count, GLOBAL.seconds) == (enforced.GLOBAL.count, enforced.GLOBAL.seconds)
    theirs = {
        f"{method} {path}": (limit.count, limit.seconds) for (method, path), limit in enforced.PER_ENDPOINT.items()
    }
    # Both methods of this endpoint share a window there; the client uses one.
    del theirs["GET /tickle"]
    assert {name: (limit.count, limit.seconds) for name, limit in PER_ENDPOINT.items()} == theirs


@given(st.dictionaries(st.sampled_from(PATHS), st.integers(1, 12), min_size=1))
def test_nobody_gets_through_the_simulator_faster_than_the_minimum(calls: dict[str, int]) -> None:
    assert fastest(calls) >= pacing_minimum(calls, SCALE).seconds


@given(st.sampled_from(PATHS), st.integers(1, 40))
def test_requests_of_one_kind_get_through_in_exactly_the_minimum(path: str, count: int) -> None:
    assert fastest({path: count}) == pacing_minimum({path: count}, SCALE).seconds
