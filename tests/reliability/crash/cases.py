"""One case: a script, a lag, one or two deaths. The fork happens in a process without threads and without a loop."""

import os
import random
import shutil
import signal
import ssl
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Self

import httpx2
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from app.commands.processes import Simulated, free_ports, simulator
from app.ledger.engine import create_ledger_engine, open_ledger
from tests.reliability.crash.judging import Broker, Judgement, judge
from tests.reliability.crash.life import (
    ACCOUNT,
    AS_OF,
    HOLDINGS,
    LATER,
    Fate,
    Memoir,
    Server,
    Setting,
    learn,
    live,
    memoir,
)
from tests.reliability.crash.scripts import rules
from tests.reliability.crash.witness import sightings
from tests.support.ledgers import Databases, SqliteDatabases, take_over
from tests.support.world import WORLD

SECOND_DEATHS: Final = (0.1, 0.35, 0.6, 0.85)


@dataclass(frozen=True, slots=True)
class Case:
    """`kill_at` is the point of the first death, counted from 1, None for none; `again_at` that of the second process.

    `label` says what the first point is.
    """

    script: str
    lag: int
    kill_at: int | None = None
    label: str = ""
    again_at: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A case judged. `deaths` are the labels at which processes died."""

    case: Case
    deaths: tuple[str, ...]
    judgement: Judgement
    memoir: Memoir

    def as_json(self) -> dict[str, Any]:
        """What the full suite writes of a case."""
        return {
            "case": asdict(self.case),
            "deaths": self.deaths,
            **asdict(self.judgement),
        }


@dataclass
class Laboratory:
    """A simulator of its own, ledgers to make, and what processes inherit."""

    gateway: str
    folder: Path
    http: httpx2.Client
    databases: Databases
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    facts: Mapping[object, Any] = field(default_factory=dict)

    def prepare(self) -> Self:
        """Everything slow, once."""
        self.reset(Case("nothing goes wrong", 0))
        self.facts = learn(Server.within(self.gateway, self.tls))
        self.migrated = self.databases.empty()
        open_ledger(self.migrated).dispose()
        engine = create_ledger_engine(self.migrated)
        # Met for the first time, the name past its stop would not be sold.
        take_over(engine, f"{ACCOUNT}@{WORLD}")
        engine.dispose()
        # One life in this process, so that its children find every module imported and every table computed.
        setting = self.setting()
        live(setting, Server.within(self.gateway, self.tls), 0, Fate())
        if threading.active_count() != 1:
            raise RuntimeError(f"a process with threads is not forked: {threading.enumerate()}")
        self.clear(setting)
        self.server = Server.within(self.gateway, self.tls)
        return self

    def reset(self, case: Case) -> Broker:
        """The opening of the day, and what is held then; the broker takes a client order id twice."""
        wanted = {
            "scenario": {"holdings": HOLDINGS},
            "pacing": 0,
            "broker": {"dedupe": False},
            "faults": rules(case.script, case.lag),
        }
        answer = self.http.post("/simulator/reset", json=wanted)
        if answer.status_code != 200:
            raise RuntimeError(f"the simulator refused {case.script}: {answer.text}")
        return Broker((), self._held(), {})

    def run(self, case: Case, server: Server | None = None) -> Verdict:
        """From the opening to the judgement; over another server than the processes' own where one is given."""
        opening = self.reset(case)
        setting = self.setting()
        deaths: list[str] = []
        plan = (case.kill_at, case.again_at) if case.kill_at is not None else ()
        number = 0
        for number, fatal in enumerate((*(at for at in plan if at is not None), None)):
            ended(fork(setting, server or self.server, number, Fate(fatal)))
            if setting.memoir(number).exists():
                break
            setting.times.later(LATER)
            deaths.append(setting.epitaph(number).read_text(encoding="ascii"))
        verdict = Verdict(case, tuple(deaths), self.judged(opening, setting), memoir(setting.memoir(number)))
        self.clear(setting)
        return verdict

    def setting(self) -> Setting:
        """A ledger of its own, and everything else that the processes of a case share."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        return Setting(self.gateway, self.databases.copy(self.migrated), folder, self.tls, self.facts)

    def clear(self, setting: Setting) -> None:
        """Nobody needs it any more."""
        self.databases.drop(setting.database)
        shutil.rmtree(setting.folder)

    def judged(self, opening: Broker, setting: Setting) -> Judgement:
        """As things stand now."""
        orders = self.http.get("/simulator/orders").json()["orders"]
        engine = create_engine(setting.database, poolclass=NullPool)
        return judge(replace(opening, orders=orders, after=self._held()), engine, sightings(setting.sightings))

    def points(self, script: str, lag: int) -> tuple[str, ...]:
        """The points of a life without a death."""
        return self.run(Case(script, lag)).memoir.labels

    def _held(self) -> dict[str, Decimal]:
        state = self.http.get("/simulator/state").json()
        return {row["symbol"]: Decimal(str(row["quantity"])) for row in state["positions"]}


@contextmanager
def laboratory(databases: Databases | None = None) -> Iterator[Laboratory]:
    """With ledgers of SQLite unless others are given.

    Files are in memory where the machine has a folder there: a killed process loses nothing that it wrote to one.
    """
    memory = Path("/dev/shm")  # noqa: S108 (a folder of ours inside it)
    with tempfile.TemporaryDirectory(prefix="crash-", dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        with (
            simulator(folder, free_ports().gateway, Simulated(AS_OF, 7, 0.0, "synthetic")) as gateway,
            httpx2.Client(base_url=gateway, trust_env=False, timeout=30) as http,
        ):
            yield Laboratory(gateway, folder, http, databases or SqliteDatabases(folder)).prepare()


def fork(setting: Setting, server: Server, number: int, fate: Fate) -> int:
    """The id of a process that lives a life of its own."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            live(setting, server, number, fate)
            status = 0
        except BaseException:  # noqa: BLE001 (the child must not return into its parent's code)
            traceback.print_exc(file=sys.stderr)
        finally:
            os._exit(status)
    return child


def ended(child: int) -> None:
    """Waits for its end, or for its death. Raises RuntimeError where it ended in any other way."""
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        raise RuntimeError(f"a process of a case ended with status {os.WEXITSTATUS(status)}")


@contextmanager
def frozen(child: int) -> Iterator[None]:
    """Stopped while the block lasts, for which it waits; awake and at its end after it, dead where the block raised."""
    _, status = os.waitpid(child, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        raise RuntimeError(f"a process of a case was not frozen, its status is {status}")
    wake = signal.SIGKILL
    try:
        yield
        wake = signal.SIGCONT
    finally:
        os.kill(child, wake)
        ended(child)


def covering(script: str, lives: Mapping[int, Sequence[str]], seed: int, *, all_lags: bool) -> Iterator[Case]:
    """A death at each point; half the cases have a second one, at one of four positions of the life after it.

    `lives` are the points at each lag. Over the lags every point is covered once, with `all_lags` at each of them, and
    a label that comes up at one lag only is covered there.
    """
    died_at: set[str] = set()
    for turn, (lag, labels) in enumerate(lives.items()):
        pick = random.Random(f"{seed}/{script}/{lag}")  # noqa: S311 (which cases, nothing secret)
        for at, label in enumerate(labels, start=1):
            again = 1 + int(pick.choice(SECOND_DEATHS) * max(len(labels) - at, 8))
            if all_lags or at % len(lives) == turn:
                died_at.add(label)
                yield Case(script, lag, at, label, again if (at // len(lives) + turn) % 2 else None)
    for lag, labels in lives.items():
        for label in dict.fromkeys(labels):
            if label not in died_at:
                died_at.add(label)
                yield Case(script, lag, 1 + labels.index(label), label)
