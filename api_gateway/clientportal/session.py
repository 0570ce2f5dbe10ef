"""Knows the state of the brokerage session, opens it where that harms nobody, and primes it once.

Never logs in, never pushes another session of the same user out unless the settings say so, never calls a session ready
that was not primed: an unprimed gateway answers with plausible emptiness.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from api_gateway.clientportal import resets, wire
from api_gateway.clientportal.accounts import accounts_of
from api_gateway.clientportal.answers import fault_of
from api_gateway.clientportal.bridge import BridgeAttempts, Compete
from api_gateway.clientportal.errors import (
    AnotherProgram,
    CallerNotAllowed,
    ClientPortalError,
    Competing,
    DataUnavailable,
    GatewayDown,
    GatewayRefused,
    LoginRequired,
    Maintenance,
    Malformed,
    NoBridge,
    NotPrimed,
    PacingViolation,
    SimulatorRefused,
    State,
)
from api_gateway.clientportal.gateway_memory import GatewayMemory
from api_gateway.clientportal.records import Simulator, Source
from api_gateway.clientportal.session_health import PrimedSession, SessionHealth
from api_gateway.clientportal.shared_calls import SharedCalls
from api_gateway.clientportal.transport import SESSION_SECONDS, Transport

_logger = logging.getLogger(__name__)
_TIME_TO_LIVE: Final = 1.0
# A look that is older than this says nothing about now.
FRESH_SECONDS: Final = 3.0
_POLLS: Final = 20
_POLL_SECONDS: Final = 0.25
Data = TypeVar("Data")


@dataclass(frozen=True)
class Rules:
    """What the settings say. `refuse_simulator` makes a simulated gateway unusable, which live trading demands.

    `compete` is whether another session of the same user may be pushed out. The hours of `zone`, the
    login's region, explain a lost answer; without it nothing does.
    """

    refuse_simulator: bool
    compete: Compete = "never"
    zone: ZoneInfo | None = None


@dataclass(frozen=True)
class Reading:
    """The session as last seen; `fault` is None only when READY.

    `read_at` is monotonic, from before the gateway was asked. `connected` tells a login that still stands, `opening` a
    brokerage session that is on its way.
    """

    fault: ClientPortalError | None
    simulator: Simulator | None
    read_at: float
    connected: bool = False
    opening: bool = False

    @property
    def state(self) -> State:
        return self.fault.state if self.fault else State.READY


class Session:
    def __init__(
        self,
        transport: Transport,
        memory: GatewayMemory,
        rules: Rules,
        *,
        utc_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._transport = transport
        self._pacer = transport.pacer
        self._memory = memory
        self._rules = rules
        self._utc_now = utc_now
        self._reading: Reading | None = None
        self.last_health: SessionHealth | None = None
        self._looked_until = 0.0
        self._stale = False
        self._doubts = self._settled = 0
        self._primed: PrimedSession | None = None
        self._login: str | None = None
        self._bridge = BridgeAttempts()
        self._status: SharedCalls[Reading] = SharedCalls()
        self._priming: SharedCalls[PrimedSession] = SharedCalls()
        self._looking: SharedCalls[SessionHealth] = SharedCalls()

    async def health(self, max_age: float = FRESH_SECONDS) -> SessionHealth:
        """Whether the session can be used, looked up anew when the last look is older than `max_age` seconds."""
        last = self.last_health
        if last is not None and self._settled == self._doubts:
            # Good news lasts longer: who has just mended something looks again at once.
            ready = last.state is State.READY
            # What nobody answered is as old as the end of the waiting.
            age = self._pacer.clock() - (last.read_at if ready else self._looked_until)
            if age < (max_age if ready else min(max_age, _TIME_TO_LIVE)) * self._pacer.scale:
                return last
        return await self._looking.share(None, self._look)

    async def reading(self) -> Reading:
        """State of the session, at most a second old; a gateway that is down is a state here, not an error."""
        last = self._reading
        if (
            last is not None
            and not self._stale
            and self._pacer.clock() - last.read_at < _TIME_TO_LIVE * self._pacer.scale
        ):
            return last
        return await self._read_status()

    async def prime(self) -> PrimedSession:
        """The usable session, opened and primed when it was not. Raises: ClientPortalError with the remedy."""
        return self._primed or await self._priming.share(None, self._prime)

    async def run_primed(self, read: Callable[[], Awaitable[Data]]) -> Data:
        """Perform a read on a primed session; repeat it once when the gateway turns out to have lost the session."""
        await self.prime()
        try:
            return await read()
        except (NotPrimed, NoBridge):
            self.forget()
            await self.prime()
            return await read()
        except LoginRequired:
            self.forget()
            raise
        except (GatewayDown, Maintenance, PacingViolation):
            self._doubts += 1
            raise

    async def brokerage_accounts(self) -> PrimedSession:
        """Accounts and the paper flag as the gateway tells them now; this read is also the first primer."""
        return accounts_of(await self._transport.read("/iserver/accounts", seconds=SESSION_SECONDS))

    def forget(self) -> None:
        self._primed = None
        self._stale = True
        self._doubts += 1

    @property
    def simulator(self) -> Simulator | None:
        """Of the gateway, also while it is away: it is taken for the one that it was until it answers."""
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

    async def _look(self) -> SessionHealth:
        doubts = self._doubts
        reading = await self._read_status()
        if reading.connected:
            reading = await self._tickle(reading)
        primed, fault = None, reading.fault
        if fault is None or self._is_curable(reading):
            try:
                known, primed = self._primed, await self.prime()
                # Priming takes seconds; what is ready is ready after it.
                reading = reading if primed is known else await self._read_status()
                fault = reading.fault
            except ClientPortalError as error:
                fault = error
        self._settled = doubts
        return self._record_health(reading, fault, primed if fault is None else None)

    def _record_health(
        self, reading: Reading, fault: ClientPortalError | None, primed: PrimedSession | None
    ) -> SessionHealth:
        last, state = self.last_health, fault.state if fault else State.READY
        checked_at = self._utc_now() - timedelta(seconds=self._pacer.clock() - reading.read_at)
        stays = last is not None and last.state is state
        self.last_health = SessionHealth(
            state=state,
            message=str(fault) if fault else "ready",
            remedy=fault.remedy if fault else None,
            primed=primed,
            previous=None if last is None else last.previous if stays else last.state,
            since=last.since if last and stays else checked_at,
            checked_at=checked_at,
            entered_at=last.entered_at if last and stays else reading.read_at,
            read_at=reading.read_at,
        )
        self._looked_until = self._pacer.clock()
        if fault is None:
            self._bridge.succeeded()
        if not stays:
            _logger.log(logging.WARNING if fault else logging.INFO, "session %s: %s", state, self.last_health.message)
        return self.last_health

    async def _tickle(self, reading: Reading) -> Reading:
        """Keeps the login alive, and notices when it is another one: what was primed belongs to the old one."""
        try:
            answer = await self._transport.read("/tickle", body={}, attempts=1, seconds=SESSION_SECONDS)
        except (LoginRequired, GatewayDown, Maintenance, PacingViolation) as error:
            self._primed = None
            fault = self._explained(await self._transport.explain(error))
            self._reading = replace(reading, fault=fault, connected=False)
            return self._reading
        except ClientPortalError as error:
            _logger.warning("tickle: %s", error)
            return reading
        login = answer.get("session") if isinstance(answer, dict) else None
        if isinstance(login, str):
            if self._login not in (None, login):
                self._primed = None
                self._bridge.succeeded()
            self._login = login
        return reading

    async def _read_status(self) -> Reading:
        return await self._status.share(None, self._fetch_status)

    async def _fetch_status(self) -> Reading:
        asked_at = self._pacer.clock()
        try:
            status = wire.mapping(await self._transport.introduction(), "session status")
            simulator = _simulator(status)
            self._pacer.scale = simulator.pacing if simulator else 1.0
            self._recognise(simulator)
            fault = _fault_of(status)
            if simulator is not None and self._rules.refuse_simulator:
                fault = SimulatorRefused("live mode refuses a simulator")
            opening = isinstance(fault, NoBridge) and status.get("authenticated") is True
            reading = Reading(fault, simulator, asked_at, not isinstance(fault, LoginRequired), opening)
        except ClientPortalError as error:
            reading = Reading(self._explained(error), self._simulator_still(asked_at), asked_at)
        self._reading, self._stale = reading, False
        if reading.fault is not None:
            self._primed = None
        return reading

    def _simulator_still(self, at: float) -> Simulator | None:
        last = self._reading
        if last is None or last.simulator is None:
            return None
        return last.simulator.model_copy(update={"now": last.simulator.now + timedelta(seconds=at - last.read_at)})

    def _explained(self, error: ClientPortalError) -> ClientPortalError:
        """An answer that got lost in hours announced for it is maintenance; a gateway that cannot be reached is not."""
        if not isinstance(error, GatewayDown) or isinstance(error, CallerNotAllowed | AnotherProgram) or not error.sent:
            return error
        zone = self._rules.zone
        announced = resets.window(self.market_now(), zone) if zone else None
        return Maintenance(f"{error} ({announced})") if announced else error

    def _recognise(self, simulator: Simulator | None) -> None:
        if simulator is None:
            self._memory.recognise("ibkr", None)
        else:
            self._memory.recognise(f"simulator {simulator.as_of} {simulator.seed}", simulator.now)
        self._pacer.recall()

    async def _prime(self) -> PrimedSession:
        reading = await self.reading()
        if self._is_curable(reading):
            reading = await self._open_bridge(reading)
        if reading.fault is not None:
            raise reading.fault.with_traceback(None)
        try:
            self._primed = await self._first_reads()
        except GatewayDown as error:
            # It told its session a moment ago.
            raise await self._transport.explain(error) from error
        return self._primed

    async def _first_reads(self) -> PrimedSession:
        """The first read of these is empty whatever the account holds; their answers are not used."""
        primed = await self.brokerage_accounts()
        paths = ("/portfolio/accounts", "/iserver/account/orders", "/iserver/account/trades")
        await asyncio.gather(
            *(self._transport.read(path, seconds=SESSION_SECONDS) for path in paths),
            *([self._prime_below()] if primed.tiered else []),
        )
        return primed

    async def _prime_below(self) -> None:
        """Accounts below another are read only once they have been listed, where the gateway lists them."""
        try:
            await self._transport.read("/portfolio/subaccounts", seconds=SESSION_SECONDS)
        except (GatewayRefused, DataUnavailable) as error:
            _logger.info("accounts below another: %s", error)

    def _is_curable(self, reading: Reading) -> bool:
        if isinstance(reading.fault, Competing):
            return self._rules.compete == "always"
        return isinstance(reading.fault, NoBridge)

    async def _open_bridge(self, reading: Reading) -> Reading:
        if reading.opening:
            # After a login the gateway opens it by itself; to ask for it would begin anew.
            reading = await self._wait_for_bridge(reading)
        if not self._is_curable(reading) or not self._bridge.take(self._pacer.clock(), self._pacer.scale):
            return reading
        compete = isinstance(reading.fault, Competing)
        answer = await self._transport.send("POST", "/iserver/auth/ssodh/init", {"publish": True, "compete": compete})
        if answer.status == 429:
            raise self._pacer.penalise()
        refused = fault_of(answer)
        if refused is not None:
            _logger.warning("the brokerage session was not opened: %s", refused)
        return await self._wait_for_bridge(await self._read_status())

    async def _wait_for_bridge(self, reading: Reading) -> Reading:
        """The reading once the brokerage session is established, or after some seconds what it is then."""
        for _ in range(_POLLS):
            if not self._is_curable(reading):
                break
            await self._pacer.pause(_POLL_SECONDS)
            reading = await self._read_status()
        return reading


def _fault_of(status: Mapping[str, object]) -> ClientPortalError | None:
    if wire.flag(status, "competing"):
        return Competing("another session of the same user is active")
    if not wire.flag(status, "connected"):
        return LoginRequired("the gateway is not logged in")
    # Authenticated is not enough: the brokerage tier answers only once it is established. Older builds omit the field.
    if not wire.flag(status, "authenticated") or status.get("established", True) is not True:
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
