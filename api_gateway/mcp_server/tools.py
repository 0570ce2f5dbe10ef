"""The tools that read: every one is free of effects on the account. Errors reach the caller as cause and remedy."""

import asyncio
import contextlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Final, Literal

from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import BaseModel, BeforeValidator, Field

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.errors import ClientPortalError
from api_gateway.clientportal.records import ContractRules, History, Limit, OrderRow, Side, WhatIf
from api_gateway.mcp_server.admission import Admission
from api_gateway.mcp_server.boundary import Boundary
from api_gateway.mcp_server.readiness import Readiness
from api_gateway.mcp_server.registry import fields
from api_gateway.mcp_server.results import (
    CashRows,
    Contracts,
    OrderReport,
    Performance,
    Portfolio,
    Quotes,
    SessionStatus,
    TradeBoundary,
)
from api_gateway.mcp_server.strict import Toolbox
from api_gateway.settings import Settings

READ_ONLY: Final = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)
Account = Annotated[str, Field(min_length=1, description="Account id as listed by session_status")]
Symbols = Annotated[
    list[str], Field(min_length=1, max_length=fields.MOST, description="Up to 5,000 symbols, such as AAPL or BRK B")
]
Conids = Annotated[fields.ManyConids, Field(description="Up to 5,000 contract ids")]
Price = Annotated[Decimal, Field(gt=0, allow_inf_nan=False, description="Limit price in the contract's currency")]
Quantity = Annotated[Decimal, Field(gt=0, allow_inf_nan=False, description="Number of shares")]
Buying = Annotated[Side, Field(description="BUY or SELL")]


class Isin(BaseModel):
    symbol: str = Field(description="Symbol, as among the symbols")
    isin: str = Field(description="ISIN that its contract must have")


def _pairs(value: object) -> object:
    """The older form, an object of ISINs by symbol, as pairs."""
    return [{"symbol": key, "isin": isin} for key, isin in value.items()] if isinstance(value, dict) else value


Isins = Annotated[
    list[Isin] | None, BeforeValidator(_pairs), Field(description="ISINs, for the symbols that must be checked")
]


@contextlib.contextmanager
def reported() -> Iterator[None]:
    try:
        yield
    except ClientPortalError as error:
        raise ToolError(f"{error}. {error.remedy}") from error


def register_account_tools(tools: Toolbox, portal: ClientPortal, admission: Admission, readiness: Readiness) -> None:
    @tools.tool(READ_ONLY)
    async def session_status() -> SessionStatus:
        """State of the brokerage session, usable accounts and market time. Answers for a gateway that is down, too."""
        return await readiness.status()

    @tools.tool(READ_ONLY)
    async def portfolio(account: Account) -> Portfolio:
        """What the account holds now: cash per currency, positions, profit and loss, and the day's orders."""
        with reported():
            await admission.require(account)
            summary, ledger, holdings, live = await asyncio.gather(
                portal.portfolio.summary(account),
                portal.portfolio.ledger(account),
                portal.portfolio.classified(account),
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

    @tools.tool(READ_ONLY)
    async def performance(account: Account) -> Performance:
        """One year of closing net asset values as the broker keeps them, oldest first. Read once per session date."""
        with reported():
            await admission.require(account)
            found = await portal.portfolio.performance(account)
        return Performance(account=account, source=portal.session.source, **dict(found))

    @tools.tool(READ_ONLY)
    async def cash_rows(
        account: Account,
        conids: Annotated[
            list[fields.Conid], Field(max_length=fields.MOST, description="Contracts that may have paid")
        ],
    ) -> CashRows:
        """Dividends, interest, fees, taxes, deposits and withdrawals of the last 45 days, each with an id of its own.

        The broker lists the transactions of these contracts once in 15 minutes; until then the same list is answered.
        """
        with reported():
            await admission.require(account)
            found = await portal.portfolio.cash_rows(account, conids)
        return CashRows(account=account, source=portal.session.source, **dict(found))


def register_market_tools(tools: Toolbox, portal: ClientPortal) -> None:
    @tools.tool(READ_ONLY)
    async def resolve_contracts(
        symbols: Symbols,
        asset_class: Annotated[Literal["STK", "IND"], Field(description="STK, funds among them, or IND")] = "STK",
        isins: Isins = None,
    ) -> Contracts:
        """Contract ids of US stocks and funds (STK) or indices (IND).

        A symbol that does not mean exactly one contract, or not the one of its ISIN, stays unresolved, with the reason.
        """
        with reported():
            by_symbol = {each.symbol: each.isin for each in isins or ()}
            contracts, unresolved = await portal.contracts.resolve(symbols, asset_class, by_symbol or None)
        return Contracts(contracts=contracts, unresolved=unresolved)

    @tools.tool(READ_ONLY)
    async def contract_rules(conid: fields.Conid, side: Buying) -> ContractRules:
        """What an order for this contract must keep: price increments in its currency, and the lot of a purchase."""
        with reported():
            return await portal.contracts.rules(conid, side)

    @tools.tool(READ_ONLY)
    async def quotes(conids: Conids) -> Quotes:
        """Bid, ask, last and prior close in the contract's currency, and volumes; up to 5,000 contracts a call.

        A side that nobody quotes is null; a contract without prices is among the missing.
        """
        with reported():
            found, missing = await portal.market.quotes(conids)
        return Quotes(quotes=found, missing=missing)

    @tools.tool(READ_ONLY)
    async def history(
        conid: fields.Conid,
        period: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}[dwmy]$", description="Length: 30d, 6m, 2y")] = "2y",
    ) -> History:
        """Daily closes of completed sessions, oldest first, for a period such as 30d, 6m or 2y (lower case)."""
        with reported():
            return await portal.market.history(conid, period)


def register_order_reads(tools: Toolbox, portal: ClientPortal, admission: Admission) -> None:
    @tools.tool(READ_ONLY)
    async def preview_order(
        account: Account,
        conid: fields.Conid,
        side: Buying,
        quantity: Quantity,
        limit_price: Price,
        tif: Annotated[Literal["DAY"], Field(description="Time in force: for the day")] = "DAY",
    ) -> WhatIf:
        """What the broker says a limit order would cost and do to equity and margin. Sends no order."""
        order = Limit(
            account=account, conid=conid, side=side, quantity=quantity, limit_price=limit_price, time_in_force=tif
        )
        with reported():
            await admission.require(account)
            return await portal.orders.preview(order)

    @tools.tool(READ_ONLY)
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

    @tools.tool(READ_ONLY)
    async def order_status(account: Account, order_id: fields.OrderId) -> OrderRow:
        """Status and fills of one order."""
        with reported():
            await admission.require(account)
            return await portal.orders.status(account, order_id)


def register_boundary(tools: Toolbox, boundary: Boundary, settings: Settings) -> None:
    @tools.tool(READ_ONLY)
    async def trade_boundary() -> TradeBoundary:
        """The hard limits that this server keeps whatever a ticket says, and how often it refused, by rule."""
        return TradeBoundary(
            trading_mode=settings.trading_mode,
            max_order_value=settings.max_order_value,
            max_messages_per_day=settings.max_messages_per_day,
            refusals=boundary.counts(),
        )
