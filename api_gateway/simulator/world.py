"""Everything one simulated gateway knows, put together once and passed to the routes.

All state lives in this process; a restart with the same arguments is the same world again.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from api_gateway.simulator.book import AccountBook, opening_book
from api_gateway.simulator.brokerage import BrokerageSession
from api_gateway.simulator.clock import MarketClock, Monotonic
from api_gateway.simulator.errors import StartError
from api_gateway.simulator.faults import FaultBox
from api_gateway.simulator.market import Market
from api_gateway.simulator.order_desk import OrderDesk
from api_gateway.simulator.pacing import Pacer
from api_gateway.simulator.prices import DataChoice, PriceHistory, load_history
from api_gateway.simulator.scenario import DEFAULT_SCENARIO, Scenario, load_scenario
from api_gateway.simulator.sessions import MORNING, Moment, at, calendar_of

VERSION = "1"
EARLIER_SESSIONS = 300


@dataclass(frozen=True)
class Options:
    """`as_of` None means the last session of the price history; `pacing` scales every request limit."""

    as_of: date | None = None
    seed: int = 7
    pacing: float = 1.0
    scenario: Path = DEFAULT_SCENARIO
    data: DataChoice = "auto"


@dataclass(frozen=True, eq=False)
class World:
    as_of: date
    seed: int
    scenario: Scenario
    market: Market
    clock: MarketClock
    book: AccountBook
    desk: OrderDesk
    pacer: Pacer
    session: BrokerageSession = field(default_factory=BrokerageSession)
    faults: FaultBox = field(default_factory=FaultBox)
    calls: Counter[str] = field(default_factory=Counter)

    @property
    def account(self) -> str:
        return self.scenario.account

    def look(self) -> Moment:
        """The present moment, after the open orders have met the market up to it."""
        moment = self.moment()
        self.desk.advance(moment)
        return moment

    def moment(self) -> Moment:
        return self.market.calendar.moment(self.clock.now())

    def marker(self) -> dict[str, Any]:
        """What tells a client that this gateway is a simulator."""
        return {
            "as_of": self.as_of.isoformat(),
            "seed": self.seed,
            "now": self.clock.now().isoformat().replace("+00:00", "Z"),
            "data": self.market.history.origin,
            "pacing": self.pacer.scale,
            "version": VERSION,
        }


def session_row(history: PriceHistory, as_of: date | None) -> int:
    """Raises: StartError for a day without a session or with too little history, naming the nearest valid one."""
    sessions = history.sessions
    if as_of is None:
        return len(sessions) - 1
    row = history.position_of(as_of)
    if row is not None and row >= EARLIER_SESSIONS:
        return row
    valid = sessions[EARLIER_SESSIONS:]
    nearest = min(valid, key=lambda session: (abs((session - as_of).days), session))
    if row is not None:
        why = f"it has {row} earlier sessions, at least {EARLIER_SESSIONS} are needed"
    elif sessions[0] <= as_of <= sessions[-1]:
        why = "the exchange was closed that day"
    else:
        why = f"the prices run from {sessions[0]} to {sessions[-1]}"
    raise StartError(f"--as-of {as_of}: {why}; the nearest valid session is {nearest}")


def build_world(options: Options, monotonic: Monotonic = time.monotonic) -> World:
    """Raises: StartError, one line, when the arguments do not describe a world."""
    if not 0 < options.pacing <= 10:
        raise StartError(f"--pacing {options.pacing:g}: give a scale above 0 and up to 10")
    if not 0 <= options.seed < 2**32:
        raise StartError(f"--seed {options.seed}: give a number from 0 to 4294967295")
    scenario = load_scenario(options.scenario)
    history = load_history(options.data, options.seed)
    row = session_row(history, options.as_of)
    calendar = calendar_of(history.sessions)
    market = Market(history, calendar, options.seed)
    as_of = history.sessions[row]
    book = opening_book(scenario, market, row)
    return World(
        as_of=as_of,
        seed=options.seed,
        scenario=scenario,
        market=market,
        clock=MarketClock(at(as_of, MORNING), calendar.end, monotonic),
        book=book,
        desk=OrderDesk(scenario.account_type, book, market, options.seed),
        pacer=Pacer(options.pacing, monotonic),
    )
