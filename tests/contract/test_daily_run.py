"""One whole day over both brokers, on the sample's prices: the engine cannot tell which of them it trades with."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp

from api_gateway.simulator import application
from api_gateway.simulator.world import Options
from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.ledger.engine import open_ledger
from tests.contract.conftest import OpenExchange
from tests.contract.desks import desk_at
from tests.contract.venue import McpVenue, PaperVenue, Venue
from tests.support.fakes import policy
from tests.unit.simulator.worlds import world_of

# Two days on which the rules sell, one of them in a crash, and one on which they rotate.
DAYS = (date(2022, 12, 28), date(2020, 3, 16), date(2017, 6, 1))
# Who a run is, when it ran, how long it took and what it asked of the server.
OWN = frozenset({"run_id", "as_of", "timings_ms", "broker"})


@pytest.fixture(scope="module")
def sample() -> ASGIApp:
    return application.create_app(world_of(Options(DAYS[0], 7, 0), lambda: 0.0))


async def told(venue: Venue, database: str) -> Mapping[str, Any]:
    """The report of the day's run, on a ledger of its own, without what is every run's own."""
    ledger = open_ledger(database)
    result = await run_daily(desk_at(venue, ledger, policy()), RunRequest())
    ledger.dispose()
    assert result.status is RunStatus.DONE
    assert result.report is not None
    report: Mapping[str, Any] = exact(result.report)
    return report


def exact(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Numbers as numbers: 10 and 10.0 shares are the same."""
    if isinstance(value, Mapping):
        return {name: exact(part) for name, part in value.items() if name not in OWN}
    if isinstance(value, list):
        return [exact(part) for part in value]
    try:
        return Decimal(value) if isinstance(value, str) else value
    except InvalidOperation:
        return value


@pytest.mark.real_prices
@pytest.mark.parametrize("as_of", DAYS, ids=str)
async def test_a_day_on_paper_is_the_day_over_the_gateway(
    sample: ASGIApp, open_on: OpenExchange, as_of: date, tmp_path: Path
) -> None:
    paper = PaperVenue(await open_on(sample, as_of, policy().universe.symbols))
    await paper.open()
    on_paper = await told(paper, f"sqlite:///{tmp_path / 'paper.db'}")
    mcp = McpVenue(await open_on(sample, as_of, policy().universe.symbols))
    over_gateway = await told(mcp, f"sqlite:///{tmp_path / 'mcp.db'}")

    assert on_paper == over_gateway
    assert {order["state"] for order in on_paper["orders"]} == {"FILLED"}
    after_paper, after_mcp = await paper.portfolio(), await mcp.portfolio()
    assert after_paper.cash == after_mcp.cash
    assert {p.instrument.conid: p.quantity for p in after_paper.positions} == {
        p.instrument.conid: p.quantity for p in after_mcp.positions
    }
