"""Accounts far smaller and far larger than most, over the gateway's simulator: each does what its owner would expect."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp

from api_gateway.simulator import application
from api_gateway.simulator.world import Options
from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.order_size import MOST_LEGS
from app.domain.policy import Policy
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from tests.contract.conftest import AS_OF, OpenExchange
from tests.contract.desks import desk_at
from tests.contract.exchange import SYMBOLS
from tests.contract.venue import McpVenue
from tests.support.fakes import policy
from tests.unit.simulator.worlds import world_of

# As before there was a choice.
IN_MONEY: Mapping[str, object] = {
    "max_order_value": Decimal(25_000), "min_order_nav": None, "max_order_nav": None
}  # fmt: skip
HELD = [{"symbol": symbol, "weight_pct": 15} for symbol in ("AAPL", "BAC", "KO", "MSFT", "XOM", "JNJ")]
Row = Mapping[str, Any]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqlLedger]:
    opened = open_ledger(f"sqlite:///{tmp_path / 'sizes.db'}")
    yield opened
    opened.dispose()


async def run(venue: McpVenue, ledger: SqlLedger, rules: Policy) -> Row:
    """The report of the session's run, which was carried out."""
    result = await run_daily(desk_at(venue, ledger, rules), RunRequest())
    assert result.status is RunStatus.DONE, result
    assert result.report is not None
    return result.report


def hold(report: Row) -> str:
    return next(str(row["because"]) for row in report["explanations"] if row["action"] == "HOLD")


def nervous(**execution: object) -> Policy:
    """Sells whatever has lost a thousandth, so that every day has its stops."""
    base = policy(**execution)
    exits = base.exits.model_copy(update={"stop_loss": 0.001, "volatility_multiple": 0.0})
    return base.model_copy(update={"exits": exits})


def sold(report: Row) -> dict[str, list[Row]]:
    """The day's mandatory sales by symbol."""
    found = defaultdict(list)
    for order in report["orders"]:
        if order["side"] == "SELL" and order["mandatory"]:
            found[order["symbol"]].append(order)
    return found


async def test_an_account_of_two_thousand_is_invested_in_whole_shares(
    market: ASGIApp, open_on: OpenExchange, ledger: SqlLedger
) -> None:
    venue = McpVenue(await open_on(market, symbols=policy().universe.symbols, starting_capital=2000, holdings=[]))
    report = await run(venue, ledger, policy())
    bought = [order for order in report["orders"] if order["side"] == "BUY"]
    assert bought
    assert {order["state"] for order in bought} == {"FILLED"}
    assert all(Decimal(o["quantity"]) * Decimal(o["average_price"]) <= 300 for o in bought)
    assert "No buy is possible" not in hold(report)


async def test_an_account_too_small_for_its_policy_holds_and_says_why(
    market: ASGIApp, open_on: OpenExchange, ledger: SqlLedger
) -> None:
    venue = McpVenue(await open_on(market, symbols=policy().universe.symbols, starting_capital=2000, holdings=[]))
    report = await run(venue, ledger, policy(**IN_MONEY))
    assert (report["decision"]["action"], report["orders"]) == ("HOLD", [])
    assert (
        "No buy is possible: the smallest order is 500 (execution.min_order_value), and one name may be worth "
        "280 of 2,000 USD; `portfolio policy check --nav 2000` says what would work." in hold(report)
    )


@pytest.mark.parametrize("execution", [{}, IN_MONEY], ids=["shares of NAV", "money"])
async def test_a_stop_of_fifty_million_is_five_orders_at_most_and_done_the_same_day(
    market: ASGIApp, open_on: OpenExchange, ledger: SqlLedger, execution: Mapping[str, object]
) -> None:
    opened = await open_on(market, symbols=SYMBOLS, starting_capital=50_000_000, holdings=HELD)
    exits = await exits_of_the_second_day(McpVenue(opened), ledger, nervous(**execution))
    assert exits
    for legs in exits.values():
        assert len(legs) <= MOST_LEGS
        assert all(leg["state"] == "FILLED" for leg in legs)


async def exits_of_the_second_day(venue: McpVenue, ledger: SqlLedger, rules: Policy) -> dict[str, list[Row]]:
    """An account is taken over on the first, and what has fallen since is sold whole on the second."""
    await run(venue, ledger, rules)
    await venue.exchange.move(next_session=True)
    held = {p.instrument.symbol: p.quantity for p in (await venue.portfolio()).positions}
    report = await run(venue, ledger, rules)
    due = {row["symbol"] for row in report["evaluation"]["exits_due"] if row["rule"] == "stop_loss"}
    exits = sold(report)
    assert due <= set(exits)
    for symbol in due:
        assert sum(Decimal(leg["filled_quantity"]) for leg in exits[symbol]) == held[symbol]
    return {symbol: exits[symbol] for symbol in due}


@pytest.mark.parametrize(
    "names", [120, pytest.param(500, marks=pytest.mark.long), pytest.param(1000, marks=pytest.mark.long)]
)
async def test_however_many_names_are_held_the_day_is_carried_out_exits_included(
    open_on: OpenExchange, ledger: SqlLedger, names: int
) -> None:
    market = many(names)
    spread = {"names": names, "weight_pct": 95}
    opened = await open_on(market, symbols=SYMBOLS, starting_capital=40_000 * names, holdings=[], spread=spread)
    exits = await exits_of_the_second_day(McpVenue(opened), ledger, nervous())
    assert len(exits) > names / 10


def many(names: int) -> ASGIApp:
    return application.create_app(world_of(Options(AS_OF, 7, 0, data="synthetic", instruments=names), lambda: 0.0))
