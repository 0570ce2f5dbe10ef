"""An MCP server whose tools answer what a test tells them, and which counts what reached it.

As a program it dies in the middle of the call of `place_order`, after noting that the order arrived.
"""

import asyncio
import os
import sys
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

TOKEN = "token-of-the-test"
NOW = "2022-03-14T15:00:00Z"
ORDER = {
    "order_id": "9001",
    "coid": "PM0123456789abcdef0123",
    "conid": 265598,
    "symbol": "AAPL",
    "side": "SELL",
    "quantity": "10",
    "filled_quantity": "4",
    "limit_price": "99.5",
    "average_price": "100.25",
    "status": "Submitted",
    "currency": "USD",
    "anything": "a newer server says more",
}
ANSWERS: dict[str, Any] = {
    "session_status": {
        "state": "READY",
        "message": "ready",
        "remedy": None,
        "accounts": ["DU1234567"],
        "paper": True,
        "now": NOW,
        "simulator": {"as_of": "2022-03-14", "seed": 7, "data": "sample", "pacing": 0.1},
        "trading_mode": "paper",
    },
    "portfolio": {
        "account": "DU1234567",
        "currency": "USD",
        "account_type": "margin",
        "net_liquidation": "2010.50",
        "available_funds": "1000",
        "buying_power": "4000",
        "cash": [{"currency": "USD", "cash": "1000.50", "settled_cash": "900", "exchange_rate": "1"}],
        "positions": [
            {
                "conid": 265598,
                "symbol": "AAPL",
                "name": "Apple",
                "asset_class": "STK",
                "type": "COMMON",
                "industry": "Computers",
                "category": "Computers",
                "currency": "USD",
                "quantity": "10",
                "price": "101",
                "average_cost": "90.125",
                "realized_pnl": "0",
            }
        ],
        "orders": [ORDER],
        "as_of": NOW,
        "source": "ibkr",
    },
    "performance": {"points": [{"date": "2022-03-10", "nav": "1990.1"}, {"date": "2022-03-11", "nav": "2000"}]},
    "resolve_contracts": {
        "contracts": [
            {
                "symbol": "AAPL",
                "conid": 265598,
                "name": "Apple",
                "currency": "USD",
                "asset_class": "STK",
                "type": "COMMON",
                "industry": "Computers",
                "category": "Computers",
            },
        ],
        "unresolved": [{"symbol": "NOPE", "reason": "no such contract"}],
    },
    "contract_rules": {
        "conid": 265598,
        "increments": [{"lower_edge": "0", "increment": "0.0001"}, {"lower_edge": "1", "increment": "0.01"}],
        "quantity_increment": "1",
        "can_trade": True,
    },
    "quotes": {
        "quotes": [
            {
                "conid": 265598,
                "bid": "100.99",
                "ask": "101.01",
                "last": None,
                "prior_close": "100",
                "kind": "delayed",
                "average_volume": "5000000",
                "market_cap": None,
                "as_of": NOW,
                "source": "ibkr",
                "marks": ["simulated"],
            }
        ],
        "missing": [{"conid": 4711, "reason": "no market data subscription"}],
    },
    "history": {
        "conid": 265598,
        "dates": ["2022-03-10", "2022-03-11", "2022-03-14"],
        "closes": [98.5, 99.5, 101.0],
        "source": "ibkr",
        "as_of": NOW,
    },
    "preview_order": {
        "amount": "1012.50",
        "commission": "1",
        "equity_after": "2009.50",
        "initial_margin_after": None,
        "maintenance_margin_after": None,
        "warnings": ["a warning"],
        "error": None,
    },
    "place_order": {"outcome": "accepted", "order_id": "9001", "status": "Submitted", "message": None},
    "order_report": {
        "orders": [ORDER],
        "trades": [
            {
                "execution_id": "e1",
                "order_id": "9001",
                "coid": "PM0123456789abcdef0123",
                "conid": 265598,
                "side": "SELL",
                "quantity": "4",
                "price": "100.25",
                "commission": None,
                "time": NOW,
            }
        ],
        "as_of": NOW,
    },
    "order_status": ORDER,
}


@dataclass
class Canned:
    """`answers` and `errors` by tool; `calls` counts, `arguments` keeps the last ones.

    The session's status is answered once `kept_waiting`, where there is such an event, is set.
    """

    answers: dict[str, Any] = field(default_factory=lambda: deepcopy(ANSWERS))
    errors: dict[str, str] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    arguments: dict[str, dict[str, Any]] = field(default_factory=dict)
    dies_at: str | None = None
    note: Path | None = None
    kept_waiting: asyncio.Event | None = None

    def answer(self, tool: str, **arguments: object) -> CallToolResult:
        """What the tool says; an answer that is text has no structure."""
        self.calls[tool] += 1
        self.arguments[tool] = dict(arguments)
        if tool == self.dies_at:
            self._die(tool)
        if tool in self.errors:
            raise ToolError(self.errors[tool])
        said = self.answers[tool]
        text = said if isinstance(said, str) else "see the structured content"
        structure = None if isinstance(said, str) else said
        return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=structure)

    async def waited(self) -> None:
        if self.kept_waiting is not None:
            await self.kept_waiting.wait()

    def _die(self, tool: str) -> None:
        if self.note is not None:
            with self.note.open("a") as note:
                note.write(f"{tool}\n")
        os._exit(1)


def application(canned: Canned) -> ASGIApp:
    """The tools of the broker's server, behind a bearer token."""
    server: MCPServer[None] = MCPServer("canned", log_level="CRITICAL")
    _register_reads(server, canned)
    _register_orders(server, canned)
    app: Starlette = server.streamable_http_app(stateless_http=True, json_response=True)
    return _Guarded(app)


def _register_reads(server: MCPServer[None], canned: Canned) -> None:
    @server.tool()
    async def session_status() -> CallToolResult:
        await canned.waited()
        return canned.answer("session_status")

    @server.tool()
    async def portfolio(account: str) -> CallToolResult:
        return canned.answer("portfolio", account=account)

    @server.tool()
    async def performance(account: str) -> CallToolResult:
        return canned.answer("performance", account=account)

    @server.tool()
    async def resolve_contracts(symbols: list[str], asset_class: str) -> CallToolResult:
        return canned.answer("resolve_contracts", symbols=symbols, asset_class=asset_class)

    @server.tool()
    async def contract_rules(conid: int, side: str) -> CallToolResult:
        return canned.answer("contract_rules", conid=conid, side=side)

    @server.tool()
    async def quotes(conids: list[int]) -> CallToolResult:
        return canned.answer("quotes", conids=conids)

    @server.tool()
    async def history(conid: int) -> CallToolResult:
        return canned.answer("history", conid=conid)


def _register_orders(server: MCPServer[None], canned: Canned) -> None:
    @server.tool()
    async def preview_order(
        account: str, conid: int, side: str, quantity: str, limit_price: str, tif: str
    ) -> CallToolResult:
        return canned.answer(
            "preview_order",
            account=account,
            conid=conid,
            side=side,
            quantity=quantity,
            limit_price=limit_price,
            tif=tif,
        )

    @server.tool()
    async def place_order(ticket: dict[str, Any], signature: str) -> CallToolResult:
        return canned.answer("place_order", ticket=ticket, signature=signature)

    @server.tool()
    async def order_report(account: str) -> CallToolResult:
        return canned.answer("order_report", account=account)

    @server.tool()
    async def order_status(account: str, order_id: str) -> CallToolResult:
        return canned.answer("order_status", account=account, order_id=order_id)


class _Guarded:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        if scope["type"] == "http" and headers.get(b"authorization") != f"Bearer {TOKEN}".encode():
            await JSONResponse({"error": "wrong token"}, 401)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def main() -> None:
    """`python -m tests.unit.broker.canned FD NOTE`: serve on the listening socket FD, die in a placement.

    Says READY once everything slow is done.
    """
    app = application(Canned(dies_at="place_order", note=Path(sys.argv[2])))
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    uvicorn.run(app, fd=int(sys.argv[1]), log_level="critical", ws="none")


if __name__ == "__main__":
    main()
