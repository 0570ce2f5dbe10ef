"""The first days of books that people bring, at a desk in front of the simulator: read, decided, sent, filled."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from api_gateway.simulator import application
from api_gateway.simulator.scenario import scenario_file
from api_gateway.simulator.world import Options
from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.ruling import KillLevel
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from tests.adoption.starts import policy_named
from tests.contract.conftest import AS_OF
from tests.contract.desks import desk_at
from tests.contract.driving import Seconds, Thinking
from tests.contract.exchange import Exchange
from tests.contract.venue import McpVenue
from tests.support.thinning import thin
from tests.unit.simulator.worlds import world_of

DAYS = 3
# Of NAV, with the prices moving between decision and fill.
MOST = 0.0505
BOOKS = ("three_funds", "twelve_others", "mixed", "default", "large", "small")
Report = Mapping[str, Any]


@dataclass
class Owner:
    """A book at the simulator, and the ledger of its desk."""

    exchange: Exchange
    ledger: SqlLedger
    seconds: Seconds

    async def days(self, count: int) -> list[Report]:
        """The report of each session's run under the moderate policy."""
        found: list[Report] = []
        venue = McpVenue(self.exchange)
        desk = replace(desk_at(venue, self.ledger, policy_named("moderate")), chooser=Thinking(seconds=self.seconds))
        for number in range(count):
            if number:
                await self.exchange.move(next_session=True)
            result = await run_daily(desk, RunRequest())
            assert result.status is RunStatus.DONE, result
            assert result.report is not None
            found.append(result.report)
        return found


@pytest.fixture
async def owner(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Owner]:
    """With the scenario that the test names."""
    described = yaml.safe_load(scenario_file(request.param).read_text(encoding="utf-8"))
    # Days are not JSON, and what is expected on them is for people.
    described.pop("expectations", None)
    described.setdefault("holdings", [])
    seconds = Seconds()
    async with AsyncExitStack() as closing:
        app = application.create_app(world_of(Options(AS_OF, 7, 0, data="synthetic"), seconds))
        exchange = Exchange(app, closing, seconds)
        await exchange.open(described, AS_OF, policy_named("moderate").universe.symbols)
        ledger = open_ledger(f"sqlite:///{tmp_path / 'first.db'}")
        closing.callback(ledger.dispose)
        yield Owner(exchange, ledger, seconds)


def traded(report: Report) -> float:
    """Of NAV."""
    value = sum(float(row["quantity"]) * float(row["average_price"] or row["limit_price"]) for row in report["orders"])
    return value / float(report["portfolio"]["nav"])


@pytest.mark.parametrize("owner", thin(BOOKS, every=6), indirect=True)
async def test_a_book_that_the_policy_would_not_have_made_is_left_in_peace(owner: Owner) -> None:
    for report in await owner.days(DAYS):
        assert report["level"]["level"] == KillLevel.ACTIVE
        assert report["evaluation"]["exits_due"] == []
        # One order is the least that can be sent, and little money is worth few shares.
        assert traded(report) <= MOST or len(report["orders"]) == 1


@pytest.mark.long
@pytest.mark.parametrize("owner", ["all_cash"], indirect=True)
async def test_cash_is_invested_and_nothing_is_sold(owner: Owner) -> None:
    reports = await owner.days(DAYS)
    assert {row["side"] for report in reports for row in report["orders"]} == {"BUY"}
    assert float(reports[-1]["portfolio"]["cash"]) < 0.6 * float(reports[-1]["portfolio"]["nav"])
