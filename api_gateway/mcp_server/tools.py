"""The tools that read: every one is free of effects on the account. Errors reach the caller as cause and remedy."""

import asyncio
import contextlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Final, Literal

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.errors import ClientPortalError
from api_gateway.clientportal.records import ContractRules, History, Limit, OrderRow, Side, WhatIf
from api_gateway.mcp_server.admission import Admission
from api_gateway.mcp_server.boundary import Boundary
from api_gateway.mcp_server.models import (
    Contracts,
    OrderReport,
    Performance,
    Portfolio,
    Quotes,
    SessionStatus,
    TradeBoundary,
)
from api_gateway.mcp_server.readiness import Readiness
from api_gateway.settings import Settings

READ_ONLY: Final = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)
Conid = Annotated[int, Field(gt=0, description="The broker's contract id")]
Account = Annotated[str, Field(min_length=1, description="Account id as listed by session_status")]
# A bound against nonsense, far above what an account holds.
_MOST: Final = 5_000
Symbols = Annotated[list[str], Field(min_length=1, max_length=_MOST)]
Isins = Annotated[dict[str, str] | None, Field(description="ISIN by symbol, for those that must be checked")]
Conids = Annotated[list[Conid], Field(min_length=1, max_length=_MOST)]
Price = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
Quantity = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]


@contextlib.contextmanager
def reported() -> Iterator[None]:
    try:
        yield
    except ClientPortalError as error:
        raise ToolError(f"{error}. {error.remedy}") from error


def register_account_tools(
    server: MCPServer[None], portal: ClientPortal, admission: Admission, readiness: Readiness
) -> None:
    @server.tool(annotations=READ_ONLY)
    async def session_status() -> SessionStatus:
        """State of the brokerage session, usable accounts and market time. Answers for a gateway that is down, too."""
        return await readiness.status()

    @server.tool(annotations=READ_ONLY)
    async def portfolio(account: Account) -> Portfolio:
        """What the account holds now: cash per currency, positions, profit and loss, and the day's orders."""
        with reported():
            await admission.require(account)
            summary, ledger, holdings, live = await asyncio.gather(
                portal.portfolio.summary(account),
                portal.portfolio.ledger(account),
                portal.portfolio.holdings(account),
                portal.orders.live(account, reuse=True),
            )
        return Portfolio(
            account=account,
            currency=summary.currency,
            account_type=summary.account_type,
            net_liquidation=summary.net_liquidation,
            available_funds=summary.available_funds,
            buying_power=summary.buying_power,
            day_trades_remaining=summary.day_trades_remaining,
            unrealized_pnl=ledger.unrealized_pnl,
            realized_pnl=ledger.realized_pnl,
            cash=ledger.cash,
            positions=holdings.positions,
            orders=live.orders,
            nav_parts=ledger.nav_parts,
            as_of=portal.session.market_now(),
            source=portal.session.source,
            strange=(*holdings.strange, *ledger.strange, *summary.strange, *live.strange),
            orders_as_of=live.as_of,
            orders_complete=live.complete,
        )

    @server.tool(annotations=READ_ONLY)
    async def performance(account: Account) -> Performance:
        """One year of closing net asset values as the broker keeps them, oldest first. Read once per session date."""
        with reported():
            await admission.require(account)
            found = await portal.portfolio.performance(account)
        return Performance(account=account, source=portal.session.source, **dict(found))


def register_market_tools(server: MCPServer[None], portal: ClientPortal) -> None:
    @server.tool(annotations=READ_ONLY)
    async def resolve_contracts(
        symbols: Symbols, asset_class: Literal["STK", "IND"] = "STK", isins: Isins = None
    ) -> Contracts:
        """Contract ids of US stocks and funds (STK) or indices (IND).

        A symbol that does not mean exactly one contract, or not the one of its ISIN, stays unresolved, with the reason.
        """
        with reported():
            contracts, unresolved = await portal.contracts.resolve(symbols, asset_class, isins)
        return Contracts(contracts=contracts, unresolved=unresolved)

    @server.tool(annotations=READ_ONLY)
    async def contract_rules(conid: Conid, side: Side) -> ContractRules:
        """What an order for this contract must keep: price increments in its currency, and the lot of a purchase."""
        with reported():
            return await portal.contracts.rules(conid, side)

    @server.tool(annotations=READ_ONLY)
    async def quotes(conids: Conids) -> Quotes:
        """Bid, ask, last and prior close in the contract's currency, and volumes; up to 5,000 contracts a call.

        A side that nobody quotes is null; a contract without prices is among the missing.
        """
        with reported():
            found, missing = await portal.market.quotes(conids)
        return Quotes(quotes=found, missing=missing)

    @server.tool(annotations=READ_ONLY)
    async def history(
        conid: Conid, period: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}[dwmy]$")] = "2y"
    ) -> History:
        """Daily closes of completed sessions, oldest first, for a period such as 30d, 6m or 2y (lower case)."""
        with reported():
            return await portal.market.history(conid, period)


def register_order_reads(server: MCPServer[None], portal: ClientPortal, admission: Admission) -> None:
    @server.tool(annotations=READ_ONLY)
    async def preview_order(
        account: Account,
        conid: Conid,
        side: Side,
        quantity: Quantity,
        limit_price: Price,
        tif: Literal["DAY"] = "DAY",
    ) -> WhatIf:
        """What the broker says a limit order would cost and do to equity and margin. Sends no order."""
        order = Limit(
            account=account, conid=conid, side=side, quantity=quantity, limit_price=limit_price, time_in_force=tif
        )
        with reported():
            await admission.require(account)
            return await portal.orders.preview(order)

    @server.tool(annotations=READ_ONLY)
    async def order_report(account: Account) -> OrderReport:
        """The day's orders and executions of the account, ours and others', read fresh."""
        with reported():
            await admission.require(account)
            live, executed = await portal.orders.report(account)
        return OrderReport(
            orders=live.orders,
            trades=executed.trades,
            as_of=portal.session.market_now(),
            source=portal.session.source,
            strange=(*live.strange, *executed.strange),
            orders_as_of=live.as_of,
            orders_complete=live.complete,
        )

    @server.tool(annotations=READ_ONLY)
    async def order_status(account: Account, order_id: Annotated[str, Field(pattern=r"^[0-9]{1,18}$")]) -> OrderRow:
        """Status and fills of one order."""
        with reported():
            await admission.require(account)
            return await portal.orders.status(account, order_id)


def register_boundary(server: MCPServer[None], boundary: Boundary, settings: Settings) -> None:
    @server.tool(annotations=READ_ONLY)
    async def trade_boundary() -> TradeBoundary:
        """The hard limits that this server keeps whatever a ticket says, and how often it refused, by rule."""
        return TradeBoundary(
            trading_mode=settings.trading_mode,
            max_order_value=settings.max_order_value,
            max_messages_per_day=settings.max_messages_per_day,
            refusals=boundary.counts(),
        )
