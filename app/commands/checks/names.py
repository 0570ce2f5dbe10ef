"""Whether the names of the policy's universe can be held, and in which sector each would be counted."""

import asyncio

from app.broker.connection import McpConnection
from app.broker.mcp import McpMarketData
from app.commands.checks.mcp import kept_token
from app.commands.checks.records import Check, ok, skipped, warning
from app.desk.desk import settled_sector
from app.desk.report.unsettled import line_for
from app.domain.errors import PortfolioError
from app.domain.instrument import UNKNOWN_SECTOR, AssetClass, Instrument
from app.domain.policy import Policy
from app.domain.universe import needs_sector
from app.market.sectors import SECTORS, sector_of_industry
from app.settings import Settings

NAME = "universe"
ANSWER_SECONDS = 3.0


async def look(settings: Settings, policy: Policy | None, server: tuple[Check, ...]) -> Check:
    """Asks the broker what each name is, where the server's session is ready."""
    ready = any(check.name == "mcp_session" and check.is_passed for check in server)
    if policy is None or not ready:
        return skipped((NAME,), f"not looked at because of {'policy' if policy is None else 'mcp_session'}")[0]
    connection = McpConnection(settings.mcp_url, kept_token(settings) or "")
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            found, left = await McpMarketData(connection).instruments(policy.universe.symbols)
    except (PortfolioError, TimeoutError):
        return skipped((NAME,), "the broker did not tell in time what the names of the policy are")[0]
    finally:
        await connection.close()
    return judge(policy, tuple(found.values()), left)


def judge(policy: Policy, found: tuple[Instrument, ...], left: dict[str, str]) -> Check:
    """`left`: symbol → why it is not to be had."""
    unknown = tuple(
        one.symbol
        for one in found
        if one.asset_class is AssetClass.STOCK
        and settled_sector(policy, SECTORS, sector_of_industry, one) == UNKNOWN_SECTOR
        and one.symbol not in policy.universe.diversified_funds
    )
    told = [f"{symbol} cannot be bought: {reason}" for symbol, reason in left.items()]
    remedies = ["Take what cannot be bought out of universe.symbols."] if left else []
    if unknown and needs_sector(policy):
        told.append(f"no sector is known of {', '.join(unknown)}: their purchases wait")
        remedies.append(f"Write {line_for(unknown)} into the policy, each with its GICS sector.")
    if told:
        return warning(NAME, "; ".join(told), " ".join(remedies))
    return ok(NAME, f"{len(found)} names can be held, each share in a known sector or without need of one")
