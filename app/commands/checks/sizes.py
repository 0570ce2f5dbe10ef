"""Whether the policy, the account and the MCP server's own limit fit each other in size."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx2
from mcp import MCPError

from app.commands.checks.mcp import connected
from app.commands.checks.records import Check, ok, skipped, warning
from app.commands.newest import newest_reports
from app.desk.accounts import masked
from app.domain.account_size import does_not_fit
from app.domain.errors import PortfolioError
from app.domain.policy import Policy
from app.explain.account_size import account_of
from app.settings import Settings

NAME = "account_size"
_SECONDS = 4.0
# Whatever keeps the server from saying it: its own checks tell.
_SILENT = (MCPError, TimeoutError, httpx2.HTTPError, OSError, KeyError, ValueError, ArithmeticError, PortfolioError)


async def look(settings: Settings, policy: Policy | None) -> Check:
    """Of every account on record; where the server does not say what it lets through, this environment's setting."""
    if policy is None:
        return skipped((NAME,), "not looked at because of policy")[0]
    try:
        reports = await asyncio.to_thread(newest_reports, settings)
    except PortfolioError as error:
        return skipped((NAME,), f"not looked at because of database: {error.cause}")[0]
    if not reports:
        return skipped((NAME,), "no account's value is on record yet; `portfolio policy check --nav` asks about any")[0]
    return judge(policy, reports, await _most_sent(settings))


def judge(policy: Policy, reports: Mapping[str, Mapping[str, Any]], most_sent: Decimal | None) -> Check:
    """One finding for all accounts."""
    told = {
        name: does_not_fit(policy, account_of(report, most_sent))
        for name, report in reports.items()
        if report["portfolio"]["currency"] == policy.currency
    }
    lines = [f"{masked(name)}: {finding}" for name, findings in told.items() for finding in findings]
    if lines:
        return warning(NAME, "; ".join(lines), "Change what is said to work, in the policy or at the MCP server.")
    worth = ", ".join(f"{masked(name)} ({Decimal(reports[name]['portfolio']['nav']):,.0f})" for name in told)
    return ok(NAME, f"every number of the policy can work for {worth or 'no account in its currency'}")


async def _most_sent(settings: Settings) -> Decimal:
    try:
        async with asyncio.timeout(_SECONDS), connected(settings) as client:
            told = await client.call_tool("trade_boundary", {})
            return Decimal(str((told.structured_content or {})["max_order_value"]))
    except (*_SILENT, ExceptionGroup):
        return settings.max_order_value
