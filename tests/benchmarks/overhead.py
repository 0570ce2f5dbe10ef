"""What going through MCP adds to one call: the same request through the MCP server and straight at the gateway."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any, Final

import httpx2

from app.broker.connection import McpConnection
from app.commands.processes import LOOPBACK
from tests.benchmarks.world import MeasurementFailed, World

CONID: Final = 265598
# Far enough apart that both together stay below the broker's ten requests a second.
PAUSE_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Probe:
    """A tool, and the one request to the gateway that it makes; None for a tool that answers from memory."""

    tool: str
    arguments: Mapping[str, Any]
    method: str | None = None
    path: str = ""
    params: Mapping[str, str] | None = None
    body: Mapping[str, Any] | None = None


PROBES: Final = (
    Probe("resolve_contracts", {"symbols": ["AAPL"], "asset_class": "STK"}),
    Probe(
        "contract_rules",
        {"conid": CONID, "side": "BUY"},
        "POST",
        "/iserver/contract/rules",
        body={"conid": CONID, "isBuy": True},
    ),
    Probe(
        "history",
        {"conid": CONID},
        "GET",
        "/iserver/marketdata/history",
        params={"conid": str(CONID), "period": "2y", "bar": "1d"},
    ),
)


@dataclass(frozen=True, slots=True)
class Overhead:
    """Milliseconds, medians: through MCP, straight, and of the differences."""

    tool: str
    mcp: float
    gateway: float
    difference: float


async def mcp_overheads(world: World, calls: int) -> tuple[Overhead, ...]:
    """One per probe. Needs the MCP server of that world and a quiet gateway."""
    token = (world.state / "mcp.token").read_text(encoding="ascii").strip()
    connection = McpConnection(f"http://{LOOPBACK}:{world.ports.mcp}/mcp", token)
    base = f"{world.gateway}/v1/api"
    try:
        async with httpx2.AsyncClient(base_url=base, timeout=30, trust_env=False) as http:
            return tuple([await _overhead(world, connection, http, probe, calls) for probe in PROBES])
    finally:
        await connection.close()


async def _overhead(
    world: World, connection: McpConnection, http: httpx2.AsyncClient, probe: Probe, calls: int
) -> Overhead:
    pairs: list[tuple[float, float]] = []
    # The first pair opens connections and fills memories, and is not counted.
    for _ in range(calls + 1):
        await asyncio.sleep(PAUSE_SECONDS * world.pacing)
        started = perf_counter()
        await connection.call(probe.tool, probe.arguments)
        through = perf_counter() - started
        await asyncio.sleep(PAUSE_SECONDS * world.pacing)
        pairs.append((through * 1000, await _straight(http, probe) * 1000))
    counted = pairs[1:]
    return Overhead(
        probe.tool,
        median(through for through, _ in counted),
        median(straight for _, straight in counted),
        median(through - straight for through, straight in counted),
    )


async def _straight(http: httpx2.AsyncClient, probe: Probe) -> float:
    if probe.method is None:
        return 0.0
    started = perf_counter()
    answer = await http.request(probe.method, probe.path, params=probe.params, json=probe.body)
    seconds = perf_counter() - started
    if answer.status_code != 200:
        raise MeasurementFailed(f"the gateway answered {answer.status_code} to {probe.path}: {answer.text}")
    return seconds
