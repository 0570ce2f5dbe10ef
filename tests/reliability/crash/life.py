"""One process's life: it runs the day from wherever the one before it died, to the end of the close and the sweeps.

Everything slow is made ready before: what a process needs of it, it inherits.
"""

import asyncio
import json
import mmap
import signal
import ssl
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import httpx2

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.transport import base_url
from api_gateway.mcp_server.server import create_server
from api_gateway.settings import Settings
from app.broker.connection import McpConnection
from app.broker.mcp import McpMarketData
from app.broker.signing import HmacSigner
from app.desk.clock import steady_seconds
from app.desk.desk import Desk
from app.desk.ports import Broker, Chooser, Ledger, MarketData
from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest, RunResult
from app.desk.run.daily import run_daily
from app.desk.run.reconcile_now import reconcile_now
from app.domain.errors import PortfolioError
from app.domain.instrument import AssetClass, ContractRules, Instrument
from app.domain.market import PriceSeries, Quote
from app.domain.order import Side
from app.domain.plan import Action
from app.domain.policy import Policy
from app.domain.slots import CLOSE_SLOT
from app.ledger.engine import create_ledger_engine
from app.ledger.sql_ledger import SqlLedger
from app.market.calendar import ExchangeCalendar
from app.market.sectors import SECTORS
from tests.reliability.crash.points import BROKER, CHOOSER, LEDGER, MARKET, Points, Watched
from tests.reliability.crash.witness import Observer, SeenBroker, Witness
from tests.support.fakes import FakeChooser, no_sleep, policy
from tests.support.in_process import InProcessConnection

AS_OF: Final = date(2022, 3, 14)
# The simulator's.
ACCOUNT: Final = "DU7654321"
AFTER_THE_CLOSE: Final = "2022-03-14T20:25:00Z"
# One name past its stop, one below its target and one that is not held: a sell and two buys that it pays for.
HOLDINGS: Final = ({"symbol": "PFE", "weight_pct": 8}, {"symbol": "HD", "weight_pct": 6})
SYMBOLS: Final = ("PFE", "HD", "KO")
# Past the lease and past the time in which anything under way must have landed.
LATER: Final = 200.0
ATTEMPTS: Final = 9
SWEEPS: Final = 3
_SECONDS: Final = struct.Struct("d")
KEY: Final = "key-of-the-crash-suite-0123456789"
ENDED: Final = frozenset({RunStatus.DONE, RunStatus.HALTED, RunStatus.REJECTED, RunStatus.MISSED, RunStatus.SKIPPED})


@dataclass
class Known:
    """MarketData whose contracts, rules and histories are asked once and kept; quotes are asked anew each time."""

    source: MarketData
    found: dict[object, Any] = field(default_factory=dict)

    async def instruments(
        self, symbols: Sequence[str], asset_class: AssetClass = AssetClass.STOCK
    ) -> tuple[dict[str, Instrument], dict[str, str]]:
        """See `MarketData.instruments`."""
        key = (tuple(symbols), asset_class)
        if key not in self.found:
            self.found[key] = await self.source.instruments(symbols, asset_class)
        answer: tuple[dict[str, Instrument], dict[str, str]] = self.found[key]
        return answer

    async def quotes(self, conids: Sequence[int]) -> tuple[dict[int, Quote], dict[int, str]]:
        """See `MarketData.quotes`."""
        return await self.source.quotes(conids)

    async def history(self, conid: int, before: date) -> PriceSeries:
        """See `MarketData.history`."""
        if (conid, before) not in self.found:
            self.found[conid, before] = await self.source.history(conid, before)
        series: PriceSeries = self.found[conid, before]
        return series

    async def rules(self, conid: int, side: Side) -> ContractRules:
        """See `MarketData.rules`."""
        if (conid, side) not in self.found:
            self.found[conid, side] = await self.source.rules(conid, side)
        found: ContractRules = self.found[conid, side]
        return found


class Times:
    """The machine's clocks, moved on by hand for every process of a case: leases lapse and nobody waits."""

    def __init__(self) -> None:
        # Shared with every process forked later.
        self._ahead = mmap.mmap(-1, _SECONDS.size)

    @property
    def ahead(self) -> float:
        """Seconds."""
        seconds: float = _SECONDS.unpack(self._ahead[: _SECONDS.size])[0]
        return seconds

    def later(self, seconds: float) -> None:
        """Everybody's clock goes forward."""
        self._ahead[: _SECONDS.size] = _SECONDS.pack(self.ahead + seconds)

    def now(self) -> datetime:
        """Aware, UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def steady(self) -> float:
        """Seconds for deadlines."""
        return steady_seconds() + self.ahead


@dataclass(frozen=True)
class Setting:
    """What every process of one case shares. `facts` is what was learnt of contracts and histories beforehand."""

    gateway: str
    database: str
    folder: Path
    tls: ssl.SSLContext
    facts: Mapping[object, Any] = field(default_factory=dict)
    times: Times = field(default_factory=Times)

    @property
    def sightings(self) -> Path:
        """Where the witness writes."""
        return self.folder / "sightings"

    def epitaph(self, number: int) -> Path:
        """Where the process says at which point it died."""
        return self.folder / f"epitaph-{number}"

    def memoir(self, number: int) -> Path:
        """Where a process that lived to the end says what it saw."""
        return self.folder / f"memoir-{number}"


@dataclass(frozen=True)
class Memoir:
    """What a process that lived to the end tells: its points in their order, how each attempt ended."""

    labels: tuple[str, ...]
    attempts: tuple[str, ...]


@cache
def three_names() -> Policy:
    """The shipped default over three names, whose orders are looked at once."""
    shipped = policy()
    return shipped.model_copy(
        update={"universe": shipped.universe.model_copy(update={"symbols": SYMBOLS})},
    )


@dataclass
class Life:
    """A desk of one process, and the day as it goes through it."""

    setting: Setting
    number: int
    points: Points
    http: httpx2.Client
    attempts: list[str] = field(default_factory=list)

    async def run(self, desk: Desk, only_daily: bool) -> None:
        """The daily run until it has ended, the close until it is recorded, and sweeps."""
        await self._until(desk, RunRequest().slot, ENDED)
        if only_daily:
            return
        self._post("clock", {"to": AFTER_THE_CLOSE})
        await self._until(desk, CLOSE_SLOT, ENDED)
        for _ in range(SWEEPS):
            await self._tried("reconcile", reconcile_now(self._owned(desk)))

    async def _until(self, desk: Desk, slot: str, ended: frozenset[RunStatus]) -> None:
        for _ in range(ATTEMPTS):
            result = await self._tried(slot, run_daily(self._owned(desk), RunRequest(slot=slot)))
            if result is not None and result.status in ended:
                return

    async def _tried(self, what: str, work: Any) -> RunResult | None:  # noqa: ANN401 (a coroutine of the desk)
        self._post("login", {})
        try:
            result: RunResult = await work
        except PortfolioError as error:
            self.attempts.append(f"{what}: {type(error).__name__}: {error}")
            return None
        finally:
            self._later()
        self.attempts.append(f"{what}: {result.status}")
        return result

    def _owned(self, desk: Desk) -> Desk:
        return replace(desk, owner=f"process-{self.number}-{len(self.attempts)}")

    def _later(self) -> None:
        self.setting.times.later(LATER)
        now = self.http.get("/simulator/clock").json()["now"]
        # Past the close the market's clock has nothing more to say.
        if now < "2022-03-14T19:00":
            self._post("clock", {"advance_seconds": LATER})

    def _post(self, path: str, body: object) -> None:
        answer = self.http.post(f"/simulator/{path}", json=body)
        if answer.status_code not in {200, 400}:
            raise RuntimeError(f"the simulator answered {answer.status_code} to {path}")


@dataclass(frozen=True)
class Server:
    """The gateway side of one process, made before the process is: its broker, its tools, its witness at the wire.

    `key` signs tickets. A server that is another process has no witness.
    """

    broker: SeenBroker
    connection: McpConnection
    witness: Witness | None
    key: str = KEY

    @staticmethod
    def within(gateway: str, tls: ssl.SSLContext) -> "Server":
        """Connects to nothing yet, and belongs to no event loop before its first use."""
        witness = Witness(tls)
        http = httpx2.AsyncClient(base_url=base_url(gateway), transport=witness, timeout=15, trust_env=False)
        settings = Settings(_env_file=None, trading_mode="paper", mcp_token="token", ticket_key=KEY)
        connection = InProcessConnection(create_server(settings, ClientPortal(http, refuse_simulator=False)))
        return Server(SeenBroker(connection), connection, witness)

    @staticmethod
    def apart(variables: Mapping[str, str]) -> "Server":
        """The MCP server's own process, under the variables that its clients get."""
        token, key = (
            Path(variables[name]).read_text(encoding="ascii") for name in ("MCP_TOKEN_FILE", "TICKET_KEY_FILE")
        )
        connection = McpConnection(variables["MCP_URL"], token)
        return Server(SeenBroker(connection), connection, None, key)

    def attend(self, setting: Setting, points: Points) -> None:
        """From now on every order that leaves is seen once."""
        observer = Observer(setting.database, setting.sightings)
        if self.witness is None:
            self.broker.observer = observer
        else:
            self.witness.attend(observer, points)

    async def close(self) -> None:
        """Leave every connection."""
        if self.witness is None:
            await self.connection.close()
        else:
            await self.witness.aclose()


@dataclass(frozen=True, slots=True)
class Fate:
    """`fatal` is the point, counted from 1, at which a process is sent the signal; None for none."""

    fatal: int | None = None
    sent: signal.Signals = signal.SIGKILL
    only_daily: bool = False


def live(setting: Setting, server: Server, number: int, fate: Fate) -> None:
    """To the end of the sweeps, or to the point to die at; in a process of its own."""
    points = Points(fate.fatal, setting.epitaph(number), fate.sent)
    engine = create_ledger_engine(setting.database)
    ledger = SqlLedger(engine, now=setting.times.now)
    server.attend(setting, points)
    with httpx2.Client(base_url=setting.gateway, trust_env=False, timeout=30, verify=setting.tls) as http:
        life = Life(setting, number, points, http)
        asyncio.run(_live(life, desk_of(setting, server, points, ledger, number), server, fate.only_daily))
    engine.dispose()
    memoir = {"labels": points.labels, "attempts": life.attempts}
    setting.memoir(number).write_text(json.dumps(memoir), encoding="utf-8")


async def _live(life: Life, desk: Desk, server: Server, only_daily: bool) -> None:
    await life.run(desk, only_daily)
    await server.close()


def desk_of(setting: Setting, server: Server, points: Points, ledger: SqlLedger, number: int) -> Desk:
    """Every port that matters has its points around it."""
    market_data = Known(McpMarketData(server.connection), dict(setting.facts))
    # Who comes after a crash would choose differently, if anybody asked him.
    chooser = FakeChooser(Action.REBALANCE if number == 0 else Action.HOLD)
    return Desk(
        policy=three_names(),
        broker=cast(Broker, Watched("broker", server.broker, BROKER, points)),
        market_data=cast(MarketData, Watched("market", market_data, MARKET, points)),
        calendar=ExchangeCalendar(),
        ledger=cast(Ledger, Watched("ledger", ledger, LEDGER, points)),
        chooser=cast(Chooser, Watched("chooser", chooser, CHOOSER, points)),
        signer=HmacSigner(server.key),
        sectors=SECTORS,
        trading_mode="paper",
        owner=f"process-{number}",
        pseudonym_key="a test's own",
        sleep=no_sleep,
        now=setting.times.now,
        steady=setting.times.steady,
    )


def learn(server: Server) -> dict[object, Any]:
    """Contracts, rules and histories of every name, for processes to inherit."""

    async def ask() -> dict[object, Any]:
        await server.broker.session()
        known = Known(McpMarketData(server.connection))
        stocks, _ = await known.instruments(SYMBOLS)
        indices, _ = await known.instruments(("SPX", "VIX"), AssetClass.INDEX)
        for instrument in (*stocks.values(), *indices.values()):
            await known.history(instrument.conid, AS_OF)
        for instrument in stocks.values():
            for side in Side:
                await known.rules(instrument.conid, side)
        await server.close()
        return known.found

    return asyncio.run(ask())


def memoir(path: Path) -> Memoir:
    """What was written by a process that lived to the end."""
    told = json.loads(path.read_text(encoding="utf-8"))
    return Memoir(tuple(told["labels"]), tuple(told["attempts"]))
