"""A sample of the crash enumeration: of every script and every lag, over each of the ways to the broker."""

from itertools import product

import pytest

from app.commands.processes import free_ports, mcp_server
from tests.reliability.crash.cases import Case, Laboratory
from tests.reliability.crash.life import Server
from tests.reliability.crash.sampling import sampled
from tests.reliability.crash.scripts import LAGS, SCRIPTS
from tests.reliability.crash.tally import uncovered
from tests.support.thinning import thin


@pytest.mark.parametrize("script", thin(SCRIPTS, 2, first=1))
def test_a_run_that_is_killed_anywhere_is_recovered_without_a_wrong_order(bench: Laboratory, script: str) -> None:
    _is_recovered(bench, script, cases=2)


@pytest.mark.long
@pytest.mark.parametrize("script", SCRIPTS)
def test_nor_where_it_is_killed_at_more_points(bench: Laboratory, script: str) -> None:
    _is_recovered(bench, script, cases=6)


def _is_recovered(bench: Laboratory, script: str, cases: int) -> None:
    lag = LAGS[list(SCRIPTS).index(script) % len(LAGS)]
    for case in sampled(script, lag, bench.points(script, lag), cases):
        assert bench.run(case).judgement.violations == (), case


@pytest.mark.parametrize(
    ("script", "lag"), thin(product(["accepted, connection cut", "503, live later", "filled late"], LAGS), 4)
)
def test_an_order_that_shows_up_late_is_found(bench: Laboratory, script: str, lag: int) -> None:
    assert bench.run(Case(script, lag)).judgement.violations == ()


def test_a_life_has_points_before_and_after_everything_that_matters(bench: Laboratory) -> None:
    labels = set(bench.points("nothing goes wrong", 0))
    calls = {"ledger.claim", "ledger.commit_plan", "ledger.sending", "ledger.settle", "ledger.close", "ledger.record"}
    calls |= {"broker.place", "broker.preview", "broker.order", "market.quotes", "chooser.choose", "wire.orders"}
    assert {f"{when} {call}" for when in ("before", "after") for call in calls} <= labels


def test_a_label_at_which_nobody_died_is_not_covered() -> None:
    case = {"case": {"script": "one", "label": "before ledger.claim"}, "deaths": ["before ledger.claim"]}
    assert uncovered([case], {"one": ["before ledger.claim", "after ledger.claim"]}) == ["one: after ledger.claim"]


@pytest.mark.parametrize(
    ("script", "label"),
    thin(
        [
            ("nothing goes wrong", "after ledger.sending"),
            ("nothing goes wrong", "after broker.place"),
            ("accepted, connection cut", "before ledger.settle"),
            ("503, live later", "after broker.report"),
        ],
        2,
    ),
)
def test_the_mcp_server_outlives_a_desk_that_dies(bench: Laboratory, script: str, label: str) -> None:
    at = 1 + [each for each in bench.points(script, 1) if "wire." not in each].index(label)
    folder = bench.setting().folder
    with mcp_server(folder, free_ports().mcp, bench.gateway, "paper") as variables:
        verdict = bench.run(Case(script, 1, at, label), Server.apart(variables))
    assert verdict.deaths == (label,)
    assert verdict.judgement.violations == ()
