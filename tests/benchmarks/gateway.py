"""`make bench-gateway`: five hundred positions, their quotes and a year of each, at the broker's real pacing.

Once with the client alone and once through the MCP server, each against a simulator of its own that enforces the limits
and would answer a violation with 429. Status 1 only when something could not be measured.
"""

import argparse
import asyncio
import math
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import httpx2

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.errors import PacingViolation
from api_gateway.clientportal.transport import open_http
from api_gateway.simulator.scenario import DEFAULT_SCENARIO
from app.broker.connection import McpConnection, ToolFailed
from app.commands.processes import Simulated, free_ports, mcp_server, private_directory, simulator
from app.domain.errors import PortfolioError
from tests.benchmarks.pacing import Limit, Minimum, least_seconds, pacing_minimum
from tests.benchmarks.world import MeasurementFailed

ACCOUNT: Final = "DU7654321"
CONID: Final = 265598
POSITIONS: Final = 500
TARGET: Final = 1.2
HISTORY: Final = "GET /iserver/marketdata/history"
# The newer documentation limits histories to fifty a minute, the older to five at a time.
NEWER_HISTORY: Final = Limit(50, 60.0)
# A tool call is given up after half a minute, so that not all of them may queue at once.
CALLS_AT_A_TIME: Final = 10
OVERHEAD_PACING: Final = 0.1
PAUSE_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Holdings(Simulated):
    """The simulator with five hundred positions."""

    def arguments(self) -> list[str]:
        """See `Simulated.arguments`."""
        scenario = str(DEFAULT_SCENARIO.with_name("five_hundred.yaml"))
        return [*Simulated.arguments(self), "--scenario", scenario, "--instruments", str(POSITIONS)]


@dataclass(frozen=True, slots=True)
class Reading:
    """One read of everything; `violations` are answers of 429 and refusals to send after them."""

    name: str
    seconds: float
    calls: Mapping[str, int]
    positions: int
    quotes: int
    histories: int
    violations: int

    @property
    def minimum(self) -> Minimum:
        """What the broker's limits impose on exactly these calls."""
        return pacing_minimum(self.calls, 1.0)


@dataclass(frozen=True, slots=True)
class Added:
    """Milliseconds of one read: straight from the client, through MCP, and what MCP adds. Each median and 95 %."""

    name: str
    straight: tuple[float, float]
    through: tuple[float, float]
    added: tuple[float, float]


@contextmanager
def simulated(state: Path, pacing: float) -> Iterator[str]:
    holdings = Holdings(seed=7, pacing=pacing, data="synthetic", session="lenient")
    with simulator(private_directory(state), free_ports().gateway, holdings) as gateway:
        yield gateway


async def with_the_client(gateway: str) -> Reading:
    async with open_http(gateway) as http:
        portal = ClientPortal(http, refuse_simulator=False)
        started = perf_counter()
        conids = [position.conid for position in await portal.portfolio.positions(ACCOUNT)]
        (quotes, _), histories = await asyncio.gather(
            portal.market.quotes(conids),
            _all(_counted(portal.market.history(conid, "1y"), PacingViolation) for conid in conids),
        )
        seconds = perf_counter() - started
    told = [each for each in histories if each]
    calls = await _calls(gateway)
    return Reading("client", seconds, calls, len(conids), len(quotes), len(told), len(histories) - len(told))


async def through_mcp(gateway: str, server: str, token: str) -> Reading:
    connection, places = McpConnection(server, token), asyncio.Semaphore(CALLS_AT_A_TIME)

    async def history(conid: int) -> bool:
        async with places:
            return await _counted(connection.call("history", {"conid": conid, "period": "1y"}), ToolFailed)

    try:
        started = perf_counter()
        portfolio = await connection.call("portfolio", {"account": ACCOUNT})
        conids = [position["conid"] for position in portfolio["positions"]]
        quotes, histories = await asyncio.gather(
            connection.call("quotes", {"conids": conids}), _all(history(conid) for conid in conids)
        )
        seconds = perf_counter() - started
    finally:
        await connection.close()
    told = [each for each in histories if each]
    calls, found = await _calls(gateway), len(quotes["quotes"])
    return Reading("through MCP", seconds, calls, len(conids), found, len(told), len(histories) - len(told))


async def _all(reads: Iterable[Awaitable[bool]]) -> list[bool]:
    return await asyncio.gather(*reads)


async def _counted(read: Awaitable[object], refused: type[Exception]) -> bool:
    try:
        await read
    except refused:
        return False
    return True


async def _calls(gateway: str) -> dict[str, int]:
    async with httpx2.AsyncClient(base_url=gateway, trust_env=False) as http:
        calls: dict[str, int] = (await http.get("/simulator/calls")).json()["calls"]
    return calls


async def overheads(gateway: str, server: str, token: str, pairs: int) -> tuple[Added, ...]:
    """The same reads, one straight and one through MCP in turn, far enough apart that no limit is met.

    The gateway is the straight one's alone, because two clients of one would break its limits together.
    """
    connection = McpConnection(server, token)
    try:
        async with open_http(gateway) as http:
            portal = ClientPortal(http, refuse_simulator=False)
            reads: dict[str, tuple[Callable[[], Awaitable[object]], str, dict[str, object]]] = {
                "rules, from memory": (
                    lambda: portal.contracts.rules(CONID, "BUY"),
                    "contract_rules",
                    {"conid": CONID, "side": "BUY"},
                ),
                "a quote": (lambda: portal.market.quotes([CONID]), "quotes", {"conids": [CONID]}),
                "a year of closes": (
                    lambda: portal.market.history(CONID, "1y"),
                    "history",
                    {"conid": CONID, "period": "1y"},
                ),
            }
            return tuple([await _added(name, connection, *read, pairs) for name, read in reads.items()])
    finally:
        await connection.close()


async def _added(
    name: str,
    connection: McpConnection,
    straight: Callable[[], Awaitable[object]],
    tool: str,
    arguments: Mapping[str, object],
    pairs: int,
) -> Added:
    timed: list[tuple[float, float]] = []
    # The first pair opens connections and fills memories, and is not counted.
    for _ in range(pairs + 1):
        pair = []
        for call in (straight, lambda: connection.call(tool, arguments)):
            await asyncio.sleep(PAUSE_SECONDS * OVERHEAD_PACING)
            started = perf_counter()
            await call()
            pair.append((perf_counter() - started) * 1000)
        timed.append((pair[0], pair[1]))
    counted = timed[1:]
    return Added(
        name,
        _median_and_tail([first for first, _ in counted]),
        _median_and_tail([second for _, second in counted]),
        _median_and_tail([second - first for first, second in counted]),
    )


def _median_and_tail(values: Sequence[float]) -> tuple[float, float]:
    return median(values), sorted(values)[math.ceil(len(values) * 0.95) - 1]


def measure(state: Path, pairs: int) -> tuple[tuple[Reading, ...], tuple[Added, ...]]:
    """A simulator for each client, so that none is warm from another's reads."""
    with simulated(state / "client", 1.0) as gateway:
        direct = asyncio.run(with_the_client(gateway))
    with simulated(state / "mcp", 1.0) as gateway, _server(state / "mcp", gateway) as (server, token):
        through = asyncio.run(through_mcp(gateway, server, token))
    with (
        simulated(state / "straight", OVERHEAD_PACING) as straight,
        simulated(state / "added", OVERHEAD_PACING) as gateway,
        _server(state / "added", gateway) as (server, token),
    ):
        added = asyncio.run(overheads(straight, server, token, pairs))
    for reading in (direct, through):
        if (reading.positions, reading.quotes, reading.histories) != (POSITIONS,) * 3:
            raise MeasurementFailed(f"{reading.name}: {reading}")
    return (direct, through), added


@contextmanager
def _server(state: Path, gateway: str) -> Iterator[tuple[str, str]]:
    with mcp_server(state, free_ports().mcp, gateway, "off") as variables:
        yield variables["MCP_URL"], Path(variables["MCP_TOKEN_FILE"]).read_text(encoding="ascii").strip()


def told(readings: Sequence[Reading], added: Sequence[Added]) -> Iterator[str]:
    yield f"{POSITIONS} positions, quotes and one year of daily closes each, at the broker's own pacing"
    for reading in readings:
        least, ratio = reading.minimum, reading.seconds / reading.minimum.seconds
        verdict = "met" if ratio <= TARGET else "MISSED"
        yield (
            f"  {reading.name:<12} {reading.seconds:6.1f} s · {sum(reading.calls.values())} gateway calls · imposed "
            f"{least.seconds:.1f} s ({least.binding}) · ratio {ratio:.2f}, target {TARGET} {verdict} · "
            f"429s {reading.violations}"
        )
        yield "               " + ", ".join(f"{name} {count}" for name, count in sorted(reading.calls.items()))
    newer = least_seconds(readings[0].calls[HISTORY], NEWER_HISTORY)
    yield f"  at fifty histories a minute, as the newer documentation has it, the limits would impose {newer:.0f} s"
    yield "what MCP adds to one read, ms, median / 95 %"
    for each in added:
        parts = {"client": each.straight, "through MCP": each.through, "added": each.added}
        yield f"  {each.name:<20}" + " · ".join(
            f"{name} {half:.1f} / {tail:.1f}" for name, (half, tail) in parts.items()
        )


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.gateway", description=__doc__)
    parser.add_argument("--pairs", type=int, default=100, help="pairs of reads per overhead")
    given = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as state:
            measured = measure(Path(state), given.pairs)
    except (MeasurementFailed, PortfolioError) as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    sys.stdout.write("\n".join(told(*measured)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
