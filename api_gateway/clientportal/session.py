"""Knows the state of the brokerage session, opens it where that harms nobody, and primes it once.

Never logs in, never pushes another session of the same user out, never calls a session ready that was not primed: an
unprimed gateway answers with plausible emptiness.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from pydantic import ValidationError

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import (
    ClientPortalError,
    Competing,
    LoginRequired,
    Malformed,
    NoBridge,
    NotPrimed,
    SimulatorRefused,
    State,
)
from api_gateway.clientportal.flight import Flights
from api_gateway.clientportal.memory import GatewayMemory
from api_gateway.clientportal.records import Simulator, Source
from api_gateway.clientportal.transport import Transport

_logger = logging.getLogger(__name__)
_TIME_TO_LIVE: Final = 1.0
_BRIDGE_RETRY_SECONDS: Final = 60.0
_BRIDGE_POLLS: Final = 20
_TICKLE_SECONDS: Final = 60.0
Data = TypeVar("Data")


@dataclass(frozen=True)
class Reading:
    """The session as last seen; `fault` is None only when READY. `read_at` is monotonic."""

    fault: ClientPortalError | None
    simulator: Simulator | None
    read_at: float

    @property
    def state(self) -> State:
        return self.fault.state if self.fault else State.READY


@dataclass(frozen=True)
class Primed:
    """A session that answers fully; `accounts` are those the login may trade."""

    accounts: tuple[str, ...]
    paper: bool


class Session:
    """`refuse_simulator` makes a simulated gateway unusable, which live trading demands."""

    def __init__(
        self,
        transport: Transport,
        memory: GatewayMemory,
        *,
        refuse_simulator: bool,
        utc_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._transport = transport
        self._pacer = transport.pacer
        self._memory = memory
        self._refuse_simulator = refuse_simulator
        self._utc_now = utc_now
        self._reading: Reading | None = None
        self._primed: Primed | None = None
        self._bridge_tried: float | None = None
        self._status: Flights[Reading] = Flights()
        self._priming: Flights[Primed] = Flights()

    async def reading(self) -> Reading:
        """State of the session, at most a second old; a gateway that is down is a state here, not an error."""
        last = self._reading
        if last is not None and self._pacer.clock() - last.read_at < _TIME_TO_LIVE * self._pacer.scale:
            return last
        return await self._status.join(None, self._read_status)

    async def primed(self) -> Primed:
        """The usable session, opened and primed when it was not. Raises: ClientPortalError with the remedy."""
        return self._primed or await self._priming.join(None, self._prime)

    async def guarded(self, read: Callable[[], Awaitable[Data]]) -> Data:
        """Runs a read on a primed session; repeats it once when the gateway turns out to have lost the session."""
        await self.primed()
        try:
            return await read()
        except (NotPrimed, NoBridge):
            self.forget()
            await self.primed()
            return await read()
        except LoginRequired:
            self.forget()
            raise

    async def brokerage_accounts(self) -> Primed:
        """Accounts and the paper flag as the gateway tells them now; this read is also the first primer."""
        answer = wire.mapping(await self._transport.read("/iserver/accounts"), "accounts")
        accounts = answer.get("accounts")
        if not isinstance(accounts, list) or not accounts:
            raise Malformed("accounts: the login lists no account")
        return Primed(tuple(str(account) for account in accounts), wire.flag(answer, "isPaper"))

    def forget(self) -> None:
        self._primed = None
        self._reading = None

    @property
    def simulator(self) -> Simulator | None:
        return self._reading.simulator if self._reading else None

    @property
    def source(self) -> Source:
        return "simulator" if self.simulator else "ibkr"

    def market_now(self) -> datetime:
        """Market time: the simulator's, carried on from its last reading, or the system's."""
        if self._reading is None or self._reading.simulator is None:
            return self._utc_now()
        elapsed = timedelta(seconds=self._pacer.clock() - self._reading.read_at)
        return self._reading.simulator.now.astimezone(UTC) + elapsed

    async def watch(self) -> None:
        """Keeps the session alive until cancelled: a gateway without requests for five minutes logs itself out."""
        delay = 1.0
        while True:
            try:
                ready = await self._beat()
            except Exception:
                # Supervised: a watchdog that ends by itself lets the session die overnight.
                _logger.exception("the session watchdog failed; it goes on")
                ready = False
            delay = _TICKLE_SECONDS if ready else min(delay * 2, _TICKLE_SECONDS)
            # Jitter spreads the beats of several servers; nothing secret depends on it.
            await self._pacer.sleep(delay * random.uniform(0.9, 1.0))  # noqa: S311

    async def _beat(self) -> bool:
        try:
            if self._primed is None:
                await self.primed()
            else:
                await self._transport.read("/tickle", body={}, attempts=1)
                reading = await self._status.join(None, self._read_status)
                if reading.fault is not None:
                    raise reading.fault.with_traceback(None)
        except ClientPortalError as error:
            _logger.warning("session %s: %s. %s", error.state, error, error.remedy)
            self.forget()
            return False
        return True

    async def _read_status(self) -> Reading:
        try:
            status = wire.mapping(
                await self._transport.read("/iserver/auth/status", body={}, attempts=1), "session status"
            )
            simulator = _simulator(status)
            fault: ClientPortalError | None = _fault_of(status)
            self._pacer.scale = simulator.pacing if simulator else 1.0
            self._recognise(simulator)
            if simulator is not None and self._refuse_simulator:
                fault = SimulatorRefused("live mode refuses a simulator")
        except ClientPortalError as error:
            simulator, fault = None, error
        self._reading = Reading(fault, simulator, self._pacer.clock())
        if fault is not None:
            self._primed = None
        return self._reading

    def _recognise(self, simulator: Simulator | None) -> None:
        if simulator is None:
            self._memory.recognise("ibkr", None)
        else:
            self._memory.recognise(f"simulator {simulator.as_of} {simulator.seed}", simulator.now)
        self._pacer.recall()

    async def _prime(self) -> Primed:
        reading = await self.reading()
        if isinstance(reading.fault, NoBridge) and self._may_open_bridge():
            reading = await self._open_bridge()
        if reading.fault is not None:
            raise reading.fault.with_traceback(None)
        primed = await self.brokerage_accounts()
        # The first read of these three is empty whatever the account holds; their answers are not used.
        await asyncio.gather(
            self._transport.read("/portfolio/accounts"),
            self._transport.read("/iserver/account/orders"),
            self._transport.read("/iserver/account/trades"),
        )
        self._primed = primed
        return primed

    def _may_open_bridge(self) -> bool:
        now = self._pacer.clock()
        if self._bridge_tried is not None and now - self._bridge_tried < _BRIDGE_RETRY_SECONDS * self._pacer.scale:
            return False
        self._bridge_tried = now
        return True

    async def _open_bridge(self) -> Reading:
        # compete:false, so that the user's own TWS or mobile session is never pushed out.
        await self._transport.send("POST", "/iserver/auth/ssodh/init", {"publish": True, "compete": False})
        for _ in range(_BRIDGE_POLLS):
            reading = await self._status.join(None, self._read_status)
            if not isinstance(reading.fault, NoBridge):
                return reading
            await self._pacer.pause(0.25)
        return reading


def _fault_of(status: Mapping[str, object]) -> ClientPortalError | None:
    if status.get("competing") is True:
        return Competing("another session of the same user is active")
    if not wire.flag(status, "connected"):
        return LoginRequired("the gateway is not logged in")
    # Authenticated is not enough: the brokerage tier answers only once it is established. Older builds omit the field.
    if not wire.flag(status, "authenticated") or status.get("established") is False:
        return NoBridge("the gateway has no brokerage session")
    return None


def _simulator(status: Mapping[str, object]) -> Simulator | None:
    marker = status.get("simulator")
    if marker is None:
        return None
    try:
        return Simulator.model_validate(marker)
    except ValidationError as error:
        raise Malformed("the simulator's marker cannot be read") from error
