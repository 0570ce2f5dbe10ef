"""One simulated market for the whole suite; every case opens its account at its start."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import date

import pytest
from starlette.types import ASGIApp

from api_gateway.simulator import application
from api_gateway.simulator.world import Options
from tests.contract.exchange import SYMBOLS, Exchange
from tests.contract.model import ModelAccount
from tests.contract.venue import Account, McpVenue, PaperVenue, Venue
from tests.unit.simulator.worlds import world_of

OpenExchange = Callable[..., Awaitable[Exchange]]
OpenVenue = Callable[..., Awaitable[Venue]]
OpenPaper = Callable[..., Awaitable[PaperVenue]]
AS_OF = date(2022, 3, 14)


@pytest.fixture(scope="session")
def market() -> ASGIApp:
    """Synthetic prices, so that a case does not depend on the sample; no time passes by itself."""
    return application.create_app(world_of(Options(AS_OF, 7, 0, data="synthetic"), lambda: 0.0))


@pytest.fixture
async def open_on() -> AsyncIterator[OpenExchange]:
    """Opens an exchange on a market, a day and names to trade; the further arguments describe the account."""
    async with AsyncExitStack() as closing:

        async def opening(
            market: ASGIApp, as_of: date | None = None, symbols: Sequence[str] = SYMBOLS, **scenario: object
        ) -> Exchange:
            exchange = Exchange(market, closing)
            await exchange.open(scenario, as_of, symbols)
            return exchange

        yield opening


@pytest.fixture
def open_paper(market: ASGIApp, open_on: OpenExchange) -> OpenPaper:
    """A venue whose broker is the paper one; the scenario's fields describe its account."""

    async def opening(**scenario: object) -> PaperVenue:
        venue = PaperVenue(await open_on(market, **scenario))
        await venue.open()
        return venue

    return opening


@pytest.fixture(params=["paper", "mcp"])
def open_venue(
    request: pytest.FixtureRequest, market: ASGIApp, open_on: OpenExchange, open_paper: OpenPaper
) -> OpenVenue:
    """The same for both kinds of broker."""

    async def opening(**scenario: object) -> Venue:
        if request.param == "paper":
            return await open_paper(**scenario)
        return McpVenue(await open_on(market, **scenario))

    return opening


@pytest.fixture(params=["paper", "mcp", "model"])
async def account(
    request: pytest.FixtureRequest, market: ASGIApp, open_on: OpenExchange, open_paper: OpenPaper
) -> Account:
    """For cases that the model of the other suites must pass as well."""
    if request.param == "model":
        return ModelAccount()
    return await open_paper() if request.param == "paper" else McpVenue(await open_on(market))


@pytest.fixture
async def venue(open_venue: OpenVenue) -> Venue:
    """The scenario's own account: twelve names and some cash, on margin."""
    return await open_venue()
