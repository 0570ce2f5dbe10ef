"""A day at a strict simulated gateway in virtual time: what happens to its session, a person who acts, and a judge.

The judge knows the simulator's own truth and compares it with what the client says, second for second.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import httpx2

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.errors import State
from api_gateway.clientportal.gateway_memory import GatewayMemory
from api_gateway.clientportal.notices import PATIENCE, Notice
from api_gateway.clientportal.resets import DEFAULT_ZONE
from api_gateway.mcp_server.admission import Admission
from api_gateway.mcp_server.readiness import Readiness
from api_gateway.settings import Settings
from api_gateway.simulator.application import create_app
from api_gateway.simulator.world import Options, World
from tests.unit.simulator.worlds import world_of

MINUTE, HOUR = 60.0, 3_600.0
# From Friday 20:30 to Saturday 20:30 in New York: a midnight reset and Saturday's maintenance lie in it.
FRIDAY = date(2022, 12, 16)
BEGINS = timedelta(hours=10, minutes=30)
LENGTH = 24 * HOUR
# A look a minute, the doubling pauses of a trouble, some seconds of polls and priming.
NOTICED = 80.0
RECOVERED = 150.0
HAPPENINGS = (
    "login ends",
    "bridge lost",
    "competitor",
    "gateway down",
    "penalty",
    "another login",
    "status 503",
    "bridge refused",
)
_EVENTS = {"login ends": "sso_expired", "bridge lost": "bridge_lost"}


@dataclass(frozen=True)
class Truth:
    """What is the case at the gateway. `needs` is the state that waits for a person, None where nobody is needed."""

    usable: bool
    primed: bool
    needs: State | None


@dataclass
class Gateway(httpx2.AsyncBaseTransport):
    """The client's way to the simulator; it can be cut, and it counts what the client must never cause."""

    world: World
    loop: asyncio.AbstractEventLoop
    inner: httpx2.AsyncBaseTransport
    up: bool = True
    inits: list[float] = field(default_factory=list)
    refusals: list[float] = field(default_factory=list)
    competed: int = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if not self.up:
            raise httpx2.ConnectError("connection refused", request=request)
        if request.url.path.endswith("/ssodh/init"):
            self.inits.append(self.loop.time())
            self.competed += b"true" in (await request.aread()).split(b"compete")[-1]
        await asyncio.sleep(0.02)
        response = await self.inner.handle_async_request(request)
        if response.status_code == 429:
            self.refusals.append(self.loop.time())
        return response

    def truth(self) -> Truth:
        session = self.world.session
        session.advance()
        window, boxed = session.window(), self.world.pacer.penalty_left() > 0
        usable = self.up and window is None and not boxed and session.tiers().established
        primed = (
            session.accounts_queried and session.portfolio_accounts_queried and {"orders", "trades"} <= session.warm
        )
        needs = None
        if not self.up:
            needs = State.DOWN
        elif window is None and not boxed:
            needs = State.COMPETING if session.competing else None
            needs = needs if session.logged_in else State.LOGIN_REQUIRED
        return Truth(usable, primed, needs)


@dataclass
class Day:
    """One seed's day. `wrong` is every contradiction, in words."""

    seed: int
    gateway: Gateway
    portal: ClientPortal
    readiness: Readiness
    admin: httpx2.AsyncClient
    loop: asyncio.AbstractEventLoop
    choice: random.Random
    told: list[tuple[float, Notice]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    happened: list[tuple[float, str]] = field(default_factory=list)
    samples: list[tuple[float, Truth, State]] = field(default_factory=list)
    logins: int = 0
    probes: int = 0
    persons: set[asyncio.Task[None]] = field(default_factory=set)

    async def live(self) -> None:
        """All of it at once, for a day; then a person logs in, and the session must come back."""
        ends = self.loop.time() + LENGTH
        async with self.portal.running(self.tell, "https://localhost:5000/"):
            work = [asyncio.create_task(each) for each in (self._happenings(), self._sample(), self._probe())]
            await asyncio.sleep(ends - self.loop.time())
            await _cancelled(*work, *self.persons)
            self.gateway.up = True
            await self.admin.delete("/simulator/faults")
            await self._post("session", {"event": "competing_ended"})
            await asyncio.sleep(20 * MINUTE)
            await self._log_in()
            await asyncio.sleep(5 * MINUTE)
            if (await self.portal.session.health(max_age=HOUR)).state is not State.READY:
                self.wrong.append("not READY at the end, although nothing stands in the way")
        self.judge()

    async def tell(self, notice: Notice) -> None:
        self.told.append((self.loop.time(), notice))
        if notice.state is State.LOGIN_REQUIRED:
            self._later(self.choice.uniform(1, 40) * MINUTE)

    def _later(self, seconds: float) -> None:
        async def person() -> None:
            await asyncio.sleep(seconds)
            while not self.gateway.world.session.logged_in:
                await self._log_in()
                await asyncio.sleep(30 * MINUTE)

        task = asyncio.create_task(person())
        self.persons.add(task)
        task.add_done_callback(self.persons.discard)

    async def _log_in(self) -> None:
        """At the gateway's page; nobody can where it is down or in maintenance."""
        if self.gateway.up and not self.gateway.world.session.logged_in:
            answer = await self.admin.post("/simulator/login")
            self.logins += answer.status_code == 200

    async def _happenings(self) -> None:
        while True:
            await asyncio.sleep(self.choice.uniform(3, 90) * MINUTE)
            what = self.choice.choice(HAPPENINGS)
            self.happened.append((self.loop.time(), what))
            await self._happen(what)

    async def _happen(self, what: str) -> None:
        if what in _EVENTS:
            await self._post("session", {"event": _EVENTS[what]})
        elif what == "another login" and self.gateway.world.session.logged_in:
            # Somebody logs out and in again between two looks: the primers are gone, and no state ever shows it.
            await self._post("session", {"event": "sso_expired"})
            await self._log_in()
        elif what == "status 503":
            rule = {"path": "/iserver/auth/status", "kind": "status", "status": 503}
            await self._post("faults", {**rule, "times": self.choice.randint(1, 4)})
        elif what == "competitor":
            await self._post("session", {"event": "competing"})
            await asyncio.sleep(self.choice.choice((10.0, 4 * MINUTE, 25 * MINUTE)))
            await self._post("session", {"event": "competing_ended"})
        elif what == "bridge refused":
            rule = {"path": "/iserver/auth/ssodh/init", "kind": "status", "status": 500, "times": 1_000}
            await self._post("faults", rule)
            await self._post("session", {"event": "bridge_lost"})
            await asyncio.sleep(self.choice.choice((MINUTE, 80 * MINUTE)))
            await self.admin.delete("/simulator/faults")
            self.happened.append((self.loop.time(), "bridge accepted"))
        elif what == "gateway down":
            self.gateway.up = False
            await asyncio.sleep(self.choice.choice((10.0, MINUTE, 15 * MINUTE)))
            await self._post("session", {"event": "sso_expired"})
            self.gateway.up = True
        elif what == "penalty":
            # Another program on the same machine breaks the limits, and the whole address pays for it.
            async with _client(self.gateway.inner) as rogue:
                await asyncio.gather(*(rogue.post("/tickle") for _ in range(12)))

    async def _post(self, path: str, body: dict[str, object]) -> None:
        answer = await self.admin.post(f"/simulator/{path}", json=body)
        assert answer.status_code == 200, answer.text

    async def _sample(self) -> None:
        """What is, and what the watchdog last saw, every five seconds; asks the gateway nothing."""
        while True:
            await asyncio.sleep(5.0)
            seen = self.portal.session.last_health
            if seen is not None:
                self.samples.append((self.loop.time(), self.gateway.truth(), seen.state))

    async def _probe(self) -> None:
        """What a run does before it begins: asks, and is promised a session that answers fully."""
        while True:
            await asyncio.sleep(self.choice.choice((1.0, 20.0, 3 * MINUTE, 15 * MINUTE)))
            asked = self.loop.time()
            status = await self.readiness.status()
            self.probes += 1
            if status.state is State.READY:
                self._check_promise(asked)

    def _check_promise(self, asked: float) -> None:
        """True when it was asked: at most three seconds ago, and unless something has happened in this very moment."""
        seen, truth = self.portal.session.last_health, self.gateway.truth()
        assert seen is not None
        if seen.read_at < asked - 3.0:
            self.wrong.append(f"{asked:.0f}: a look of {asked - seen.read_at:.0f} s ago was given for the present")
        just_now = any(seen.read_at <= when for when, _ in self.happened[-1:])
        if not (truth.usable and truth.primed) and not just_now:
            self.wrong.append(f"{asked:.0f}: READY was false: {truth}")

    def judge(self) -> None:
        """After the day: recovered in time, asked for a person when one was needed, and harmed nobody."""
        self._judge_recoveries()
        self._judge_notices()
        counters = self.gateway.world.session.counters
        if counters["pushes"] or self.gateway.competed:
            self.wrong.append("another session was pushed out")
        if counters["logins"] != self.logins:
            self.wrong.append(f"{counters['logins']} logins, of which a person made {self.logins}")
        boxes = [when for when, what in self.happened if what == "penalty"]
        for refused in self.gateway.refusals:
            if not any(0 <= refused - box <= 15 * MINUTE for box in boxes):
                self.wrong.append(f"{refused:.0f}: a limit was broken")
        if len(self.gateway.refusals) > 2 * len(boxes):
            self.wrong.append(f"{len(self.gateway.refusals)} requests into {len(boxes)} penalty boxes")
        hours = [sum(0 <= later - each < HOUR for later in self.gateway.inits) for each in self.gateway.inits]
        if max(hours, default=0) > 8:
            self.wrong.append(f"the bridge was asked for {max(hours)} times in one hour")

    def _judge_recoveries(self) -> None:
        """READY again within minutes of the moment that nobody but the watchdog stood in the way."""
        free_since: float | None = None
        for when, truth, state in self.samples:
            free = truth.needs is None and self._nothing_in_the_way(when)
            free_since = (when if free_since is None else free_since) if free else None
            if free_since is not None and when - free_since > RECOVERED and state is not State.READY:
                self.wrong.append(f"{when:.0f}: still {state} {when - free_since:.0f} s after nothing stood in the way")
                free_since = None

    def _nothing_in_the_way(self, when: float) -> bool:
        """No maintenance, no box of a client that counts fifteen minutes, and nothing that has just happened."""
        silent = any(0 <= when - box <= 16 * MINUTE for box, what in self.happened if what == "penalty")
        spoiled = any(0 <= when - at <= 5 * MINUTE for at, what in self.happened if what == "status 503")
        refused = [at for at, what in self.happened if what == "bridge refused" and at <= when]
        # Afterwards the longest pause between two attempts may have to pass.
        accepted = [at for at, what in self.happened if what == "bridge accepted" and at + 16 * MINUTE <= when]
        return not (silent or spoiled or len(refused) > len(accepted) or self._in_window(when))

    def _in_window(self, when: float) -> bool:
        clock = self.gateway.world.session.clock
        local = (clock.now() + timedelta(seconds=when - self.loop.time())).astimezone(DEFAULT_ZONE)
        return (local.hour == 0 and local.minute < 7) or (local.weekday() == 5 and 18 <= local.hour < 20)

    def _judge_notices(self) -> None:
        open_since_ready: set[State] = set()
        for when, notice in self.told:
            if notice.state is State.READY:
                open_since_ready.clear()
            elif notice.state in open_since_ready:
                self.wrong.append(f"{when:.0f}: {notice.state} told twice in one episode")
            else:
                open_since_ready.add(notice.state)
            self._judge_reason(when, notice.state)
        for state, begin, end in self._needs():
            if end - begin > PATIENCE[state] + NOTICED and not self._was_told(state, begin, end):
                self.wrong.append(f"{begin:.0f}: {state} for {end - begin:.0f} s, and nobody was asked")

    def _judge_reason(self, when: float, state: State) -> None:
        lately = [truth.needs for at, truth, _ in self.samples if when - NOTICED <= at <= when + 5.0]
        if state in {State.LOGIN_REQUIRED, State.COMPETING, State.DOWN} and lately and state not in lately:
            self.wrong.append(f"{when:.0f}: {state} told without need")
        flap = [truth.usable for at, truth, _ in self.samples if when - 20.0 <= at <= when]
        if state is not State.READY and any(flap):
            self.wrong.append(f"{when:.0f}: {state} told although it was well just now")

    def _needs(self) -> list[tuple[State, float, float]]:
        """(state, begin, end) of every time in which one and the same thing waited for a person."""
        found: list[tuple[State, float, float]] = []
        for when, truth, _ in self.samples:
            if truth.needs is None or self._boxed(when):
                continue
            if found and found[-1][0] is truth.needs and when - found[-1][2] <= 5.5:
                found[-1] = (truth.needs, found[-1][1], when)
            else:
                found.append((truth.needs, when, when))
        return found

    def _boxed(self, when: float) -> bool:
        return any(0 <= when - box <= 16 * MINUTE for box, what in self.happened if what == "penalty")

    def _was_told(self, state: State, begin: float, end: float) -> bool:
        """In it, or before it in an episode that was not over: READY was not told in between."""
        last: dict[State, float] = {notice.state: when for when, notice in self.told if when <= end}
        told = last.get(state)
        return told is not None and (told >= begin or last.get(State.READY, 0.0) < told)


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


def _client(transport: httpx2.AsyncBaseTransport, base: str = "http://gateway/v1/api") -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=base, transport=transport)


@asynccontextmanager
async def day(seed: int) -> AsyncIterator[Day]:
    """Everything on the loop's time: the simulator, the client's pacing, the watchdog, the memory."""
    loop = asyncio.get_running_loop()
    options = Options(as_of=FRIDAY, data="synthetic", session="strict")
    world = world_of(options, loop.time)
    inner = httpx2.ASGITransport(create_app(world))
    gateway = Gateway(world, loop, inner)
    began = loop.time()

    def utc_now() -> datetime:
        return datetime(2022, 12, 16, 15, tzinfo=UTC) + BEGINS + timedelta(seconds=loop.time() - began)

    portal = ClientPortal(
        _client(gateway),
        refuse_simulator=False,
        zone=DEFAULT_ZONE,
        memory=GatewayMemory(now=loop.time),
        clock=loop.time,
        utc_now=utc_now,
    )
    settings = Settings(_env_file=None, mcp_token="token", ibkr_account_id=(), trading_mode="off")
    readiness = Readiness(portal, Admission(portal, ()), settings)
    async with _client(inner, "http://gateway") as admin:
        await admin.post("/simulator/session-clock", json={"advance_seconds": BEGINS.total_seconds()})
        await admin.post("/simulator/login")
        yield Day(seed, gateway, portal, readiness, admin, loop, random.Random(seed), logins=1)  # noqa: S311 - no secret
