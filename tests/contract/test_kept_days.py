"""Days through the simulator and the MCP server's tools, kept by the desk: each comes out of its bundle as it was."""

from contextlib import AsyncExitStack
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from api_gateway.simulator import application
from api_gateway.simulator.world import Options, build_world
from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from app.record.bundle import write_bundle
from app.record.chunks import KeptInputs, gather
from app.record.proof import proof
from app.record.replay import read
from app.record.verification import Verdict, verify_bundle
from app.settings import load_policy, shipped_policy
from tests.contract.desks import desk_at
from tests.contract.exchange import Exchange
from tests.contract.venue import McpVenue
from tests.support.kept_days import POLICIES, SESSIONS

FIRST = date(2019, 6, 3)
LARGEST = 250_000


@pytest.mark.real_prices
@pytest.mark.parametrize(
    ("policy", "sessions"),
    [("default_policy", 2), *(pytest.param(name, SESSIONS, marks=pytest.mark.long) for name in POLICIES)],
)
async def test_a_simulated_day_comes_out_of_its_bundle_as_it_was(policy: str, sessions: int, tmp_path: Path) -> None:
    app = application.create_app(build_world(Options(FIRST, 7, 0), lambda: 0.0))
    rules = load_policy(shipped_policy().with_name(f"{policy}.yaml"))
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    async with AsyncExitStack() as stack:
        stack.callback(ledger.dispose)
        exchange = Exchange(app, stack)
        await exchange.open({}, FIRST, rules.universe.symbols)
        venue = McpVenue(exchange)
        for _ in range(sessions):
            done = await run_daily(desk_at(venue, ledger, rules), RunRequest())
            assert done.status is RunStatus.DONE
            _require_the_same(ledger, done.run_id)
            await exchange.move(next_session=True)
        assert len(ledger.runs(limit=1_000)) == sessions


def _require_the_same(ledger: SqlLedger, run_id: str) -> None:
    root, event = ledger.kept_root(run_id), ledger.root_event(run_id)
    assert root is not None
    assert event is not None
    kept = gather(ledger.chunks, root)
    data = write_bundle(proof(run_id, kept, event))
    found = verify_bundle(data)
    assert (found.verdict, found.problems, dict(found.withheld)) == (Verdict.EQUAL, (), {})
    assert found.event == event
    assert len(data) <= LARGEST
    _require_what_was_sent(ledger, run_id, kept)


def _require_what_was_sent(ledger: SqlLedger, run_id: str, kept: KeptInputs) -> None:
    """The orders that come out again are those that the ledger has."""
    orders = read(kept).outcome["plan"]["orders"]
    planned = {(one["instrument"], one["side"], Decimal(one["quantity"]), one["leg"]) for one in orders}
    assert planned == {(sent.conid, sent.side.value, sent.quantity, sent.leg) for sent in ledger.intents(run_id)}
