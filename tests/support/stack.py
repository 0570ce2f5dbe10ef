"""The gateway simulator behind a socket, the MCP server as the process it is, and the service in front of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx2

from api_gateway.simulator import Options, World
from api_gateway.simulator import create_app as create_gateway
from api_gateway.simulator.scenario import scenario_file
from app.commands.processes import Simulated, free_ports, mcp_server, private_directory
from app.fast_api_app import create_app
from app.settings import Settings, load_settings
from tests.support.serving import served, served_beside
from tests.unit.simulator.worlds import world_of

AS_OF = date(2022, 3, 14)
# Synthetic prices are there without the sample; with this day and seed two names are sold.
SIMULATED = Simulated(AS_OF, 7, 0.001, "synthetic")
ACCOUNT = "DU7654321"


@dataclass(frozen=True)
class Stack:
    """Where the two are, and what their client must know."""

    gateway: str
    variables: Mapping[str, str]

    def settings(self, state: Path, **changes: object) -> Settings:
        """Of a service with its own state directory."""
        mine: dict[str, object] = {
            "state_dir": state,
            "mcp_url": self.variables["MCP_URL"],
            "mcp_token": None,
            "mcp_token_file": self.variables["MCP_TOKEN_FILE"],
            "ticket_key": None,
            "ticket_key_file": self.variables["TICKET_KEY_FILE"],
            "trading_mode": "paper",
            "database_url": None,
            "ibkr_account_id": None,
            "caller_token": None,
            "caller_token_file": None,
        }
        return load_settings(**{**mine, **changes})

    def orders(self) -> list[dict[str, Any]]:
        """Every order that ever reached the gateway."""
        answer = httpx2.get(f"{self.gateway}/simulator/orders", timeout=60, trust_env=False)
        orders: list[dict[str, Any]] = answer.json()["orders"]
        return orders

    def post(self, path: str, body: object) -> None:
        """One of the simulator's own endpoints."""
        answer = httpx2.post(f"{self.gateway}/simulator/{path}", json=body, timeout=60, trust_env=False)
        assert answer.status_code == 200, answer.text


@contextmanager
def running(state: Path, trading_mode: str = "paper", simulated: Simulated = SIMULATED) -> Iterator[Stack]:
    """The simulator in a thread, for its prices are computed once, and the server in a process, its log in `state`."""
    state, ports = private_directory(state), free_ports()
    with (
        served_beside(create_gateway(_world(simulated))) as gateway,
        mcp_server(state, ports.mcp, gateway, trading_mode) as variables,
    ):
        yield Stack(gateway, variables)


def _world(simulated: Simulated) -> World:
    named = {name: value for name, value in asdict(simulated).items() if value is not None}
    if "scenario" in named:
        named["scenario"] = scenario_file(named["scenario"])
    return world_of(Options(**named), time.monotonic)


@asynccontextmanager
async def service(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """The service on loopback, and a client of it."""
    async with (
        served(create_app(settings)) as address,
        httpx2.AsyncClient(base_url=address, timeout=60, trust_env=False) as http,
    ):
        yield http


async def until_ready(http: httpx2.AsyncClient) -> None:
    """A session that was just seen to be lost is not looked at again for a second."""
    async with asyncio.timeout(60):
        while True:
            if (await http.get("/ready")).status_code == 200:
                return
            await asyncio.sleep(0.05)
