"""Accounts far smaller and far larger than most, over the simulator: each does what its owner would expect."""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from api_gateway.simulator import application
from api_gateway.simulator.exchange.universe import FEWEST
from api_gateway.simulator.world import Options
from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.order_size import MOST_LEGS
from app.domain.policy import Policy
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from tests.contract.conftest import AS_OF
from tests.contract.desks import desk_at
from tests.contract.driving import Seconds, Thinking
from tests.contract.exchange import Exchange
from tests.contract.venue import McpVenue
from tests.support.fakes import policy
from tests.unit.simulator.worlds import world_of

# As before there was a choice.
IN_MONEY: Mapping[str, Any] = {"max_order_value": Decimal(25_000), "min_order_nav": None, "max_order_nav": None}
LARGE: Mapping[str, object] = {
    "starting_capital": 50_000_000,
    "holdings": [{"symbol": symbol, "weight_pct": 15} for symbol in ("AAPL", "BAC", "KO", "MSFT", "XOM", "JNJ")],
}
SMALL: Mapping[str, object] = {"starting_capital": 2000, "holdings": []}
Row = Mapping[str, Any]


@dataclass
class Owner:
    """An account at the simulator, and the ledger of its desk."""

    exchange: Exchange
    ledger: SqlLedger
    seconds: Seconds

    async def run(self, rules: Policy) -> Row:
        """The report of the session's run, which was carried out."""
        desk = replace(desk_at(McpVenue(self.exchange), self.ledger, rules), chooser=Thinking(seconds=self.seconds))
        result = await run_daily(desk, RunRequest())
        assert result.status is RunStatus.DONE, result
        assert result.report is not None
        return result.report

    async def held(self) -> dict[str, Decimal]:
        """Shares by symbol."""
        portfolio = await self.exchange.broker.portfolio(self.exchange.account)
        return {position.instrument.symbol: position.quantity for position in portfolio.positions}

    async def stops(self, rules: Policy) -> dict[str, list[Row]]:
        """An account is taken over on one day; what has fallen since is sold whole on the next, by symbol."""
        await self.run(calm(rules))
        await self.exchange.move(next_session=True)
        held = await self.held()
        report = await self.run(rules)
        due = {row["symbol"] for row in report["evaluation"]["exits_due"] if row["rule"] == "stop_loss"}
        sold = defaultdict(list)
        for order in report["orders"]:
            if order["symbol"] in due:
                assert (order["side"], order["state"]) == ("SELL", "FILLED"), order
                sold[order["symbol"]].append(order)
        left = await self.held()
        assert {symbol: sum(Decimal(leg["quantity"]) for leg in legs) for symbol, legs in sold.items()} == {
            symbol: held[symbol] for symbol in due
        }
        assert not due & {symbol for symbol, quantity in left.items() if quantity}
        return sold


OpenAccount = Callable[..., Awaitable[Owner]]


@pytest.fixture
async def account(tmp_path: Path) -> AsyncIterator[OpenAccount]:
    """Opens one in a market of its own; the arguments describe it."""
    async with AsyncExitStack() as closing:

        async def opening(instruments: int = FEWEST, **scenario: object) -> Owner:
            seconds = Seconds()
            options = Options(AS_OF, 7, 0, data="synthetic", instruments=instruments)
            exchange = Exchange(application.create_app(world_of(options, seconds)), closing, seconds)
            await exchange.open(scenario, AS_OF, policy().universe.symbols)
            ledger = open_ledger(f"sqlite:///{tmp_path / 'sizes.db'}")
            closing.callback(ledger.dispose)
            return Owner(exchange, ledger, seconds)

        yield opening


def nervous(**execution: Any) -> Policy:  # noqa: ANN401 - any field of the section
    """Sells whatever has lost half a percent, so that every day has its stops."""
    base = policy(**execution)
    exits = base.exits.model_copy(update={"stop_loss": 0.005, "volatility_multiple": 0.0})
    return base.model_copy(update={"exits": exits})


def calm(rules: Policy) -> Policy:
    """The same without a stop, a cut or a profit that is taken."""
    exits = rules.exits.model_copy(update={"stop_loss": 1.0, "take_profit": 100.0})
    cut = rules.strategies.cut_losers.model_copy(update={"enabled": False})
    strategies = rules.strategies.model_copy(update={"cut_losers": cut})
    return rules.model_copy(update={"exits": exits, "strategies": strategies})


def hold(report: Row) -> str:
    return next(str(row["because"]) for row in report["explanations"] if row["action"] == "HOLD")


async def test_an_account_of_two_thousand_is_invested_in_whole_shares(account: OpenAccount) -> None:
    report = await (await account(**SMALL)).run(policy())
    bought = [order for order in report["orders"] if order["side"] == "BUY"]
    assert bought
    assert {order["state"] for order in bought} == {"FILLED"}
    assert all(Decimal(order["quantity"]) * Decimal(order["average_price"]) <= 300 for order in bought)
    assert "No buy is possible" not in hold(report)


async def test_an_account_too_small_for_its_policy_holds_and_says_why(account: OpenAccount) -> None:
    report = await (await account(**SMALL)).run(policy(**IN_MONEY))
    assert (report["decision"]["action"], report["orders"]) == ("HOLD", [])
    assert (
        "No buy is possible: the smallest order is 500 (execution.min_order_value), and one name may be worth "
        "280 of 2,000 USD; `portfolio policy check --nav 2000` says what would work." in hold(report)
    )


@pytest.mark.long
@pytest.mark.parametrize("execution", [{}, IN_MONEY], ids=["shares of NAV", "money"])
async def test_a_stop_of_fifty_million_is_five_orders_at_most_and_done_the_same_day(
    account: OpenAccount, execution: Mapping[str, Any]
) -> None:
    exits = await (await account(**LARGE)).stops(nervous(**execution))
    assert exits
    assert all(len(legs) <= MOST_LEGS for legs in exits.values())


@pytest.mark.parametrize(
    "names", [30, pytest.param(500, marks=pytest.mark.long), pytest.param(1000, marks=pytest.mark.long)]
)
async def test_however_many_names_are_held_the_day_is_carried_out_exits_included(
    account: OpenAccount, names: int
) -> None:
    spread = {"names": names, "weight_pct": 95}
    owner = await account(instruments=names, starting_capital=40_000 * names, holdings=[], spread=spread)
    # The desk's clock runs on while it reads, and on a loaded machine far from the simulator's, which stands still.
    assert len(await owner.stops(nervous(max_quote_age_seconds=3600))) > names / 20
