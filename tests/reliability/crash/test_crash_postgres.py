"""The crash enumeration's sample over PostgreSQL, and PostgreSQL itself killed while an order is on its way."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.reliability.crash.cases import Case, Laboratory, fork, frozen, laboratory
from tests.reliability.crash.life import Fate, memoir
from tests.reliability.crash.sampling import sampled
from tests.reliability.crash.scripts import LAGS, SCRIPTS
from tests.support.ledgers import NO_SERVER, PostgresDatabases
from tests.support.postgres import OwnServer, own_server
from tests.support.thinning import thin

CASES_A_SCRIPT = 2
SCRIPT = "nothing goes wrong"


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    """One that may be killed."""
    with own_server() as found:
        if found is None and os.environ.get("CI") == "true":
            pytest.fail(NO_SERVER)
        if found is None:
            pytest.skip(NO_SERVER)
        yield found


@pytest.fixture(scope="module")
def postgres_bench(server: OwnServer) -> Iterator[Laboratory]:
    """Ledgers on PostgreSQL."""
    with laboratory(PostgresDatabases(server)) as opened:
        yield opened


@pytest.mark.parametrize("script", thin(list(SCRIPTS)[::3], 4, first=1))
def test_a_run_on_postgresql_that_is_killed_anywhere_is_recovered(postgres_bench: Laboratory, script: str) -> None:
    lag = LAGS[list(SCRIPTS).index(script) // 3 % len(LAGS)]
    for case in sampled(script, lag, postgres_bench.points(script, lag), CASES_A_SCRIPT):
        assert postgres_bench.run(case).judgement.violations == (), case


@pytest.mark.parametrize(
    "label",
    thin(
        [
            "before ledger.commit_plan",
            "before ledger.sending",
            "after ledger.sending",
            "after wire.orders",
            "before ledger.settle",
            "before ledger.close",
        ],
        3,
        first=2,
    ),
)
def test_a_database_that_is_killed_and_started_again_mid_run_costs_no_order_twice(
    postgres_bench: Laboratory, server: OwnServer, label: str
) -> None:
    at = 1 + postgres_bench.points(SCRIPT, 0).index(label)
    opening = postgres_bench.reset(Case(SCRIPT, 0))
    setting = postgres_bench.setting()
    running = fork(setting, postgres_bench.server, 0, Fate(at, signal.SIGSTOP))
    with frozen(running):
        server.kill()
        server.start()
    judgement = postgres_bench.judged(opening, setting)
    attempts = memoir(setting.memoir(0)).attempts
    postgres_bench.clear(setting)
    assert judgement.violations == (), attempts
