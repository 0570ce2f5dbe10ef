"""Everything one simulated gateway knows, put together once and passed to the routes.

All state lives in this process; a restart with the same arguments is the same world again, and so is a renewal.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from api_gateway.simulator.accounts.account_book import AccountBook, opening_book
from api_gateway.simulator.accounts.accounting import Accounting
from api_gateway.simulator.accounts.dividends import Dividends
from api_gateway.simulator.accounts.user_data import UserData
from api_gateway.simulator.clock import MarketClock, Monotonic, SessionClock
from api_gateway.simulator.errors import StartError
from api_gateway.simulator.exchange.currencies import ExchangeRates
from api_gateway.simulator.exchange.hours import MORNING, Moment, at, calendar_of
from api_gateway.simulator.exchange.market import Market, Pricing, to_decimal
from api_gateway.simulator.exchange.prices import DataChoice, PriceHistory, load_history
from api_gateway.simulator.exchange.universe import FEWEST, MOST, Universe, universe_of
from api_gateway.simulator.faults.broker_rules import BrokerRules
from api_gateway.simulator.faults.fault_box import BrokerRule, FaultBox
from api_gateway.simulator.faults.order_faults import Rule
from api_gateway.simulator.front.brokerage import BrokerageSession, SessionMode
from api_gateway.simulator.front.pacing import PENALTY_SECONDS, Pacer
from api_gateway.simulator.orders.order_desk import OrderDesk
from api_gateway.simulator.orders.visibility import ListMemory, PositionCache
from api_gateway.simulator.scenario import DEFAULT_SCENARIO, Scenario, load_scenario
from api_gateway.simulator.streaming.sockets import Sockets

VERSION = "1"
EARLIER_SESSIONS = 300


@dataclass(frozen=True)
class Options:
    """`as_of` None means the last session of the price history; `pacing` scales every request limit, 0 lifts them.

    `instruments` is the number of stocks, beyond twenty generated. `session` strict lets logins expire; `reset_hour` is
    the daily reset's in New York, 0 or 1. `penalty_seconds` are scaled by the pacing like every interval.
    `pricing` close quotes a session at its close all day.
    """

    as_of: date | None = None
    seed: int = 7
    pacing: float = 1.0
    scenario: Path = DEFAULT_SCENARIO
    data: DataChoice = "auto"
    faults: tuple[Rule, ...] = ()
    instruments: int = FEWEST
    session: SessionMode = "lenient"
    reset_hour: int = 0
    penalty_seconds: float = PENALTY_SECONDS
    pricing: Pricing = "intraday"


@dataclass(frozen=True)
class Split:
    """Takes effect when session row `session` opens: `ratio` new shares for each old one."""

    conid: int
    ratio: Decimal
    session: int


@dataclass(frozen=True, eq=False)
class World:
    options: Options
    as_of: date
    scenario: Scenario
    market: Market
    clock: MarketClock
    books: dict[str, AccountBook]
    accounting: Accounting
    dividends: Dividends
    desk: OrderDesk
    pacer: Pacer
    rules: BrokerRules
    faults: FaultBox
    lists: ListMemory
    cache: PositionCache
    monotonic: Monotonic
    session: BrokerageSession
    calls: Counter[str] = field(default_factory=Counter)
    splits: list[Split] = field(default_factory=list)
    carried_out: list[Split] = field(default_factory=list)
    sockets: Sockets = field(default_factory=Sockets)
    user_data: UserData = field(default_factory=UserData)

    @property
    def seed(self) -> int:
        return self.options.seed

    @property
    def session_token(self) -> str:
        """A new login is a new session."""
        return f"{self.seed:024x}{self.session.counters['logins']:08x}"

    @property
    def account(self) -> str:
        """The first account, which a new brokerage session has selected."""
        return self.scenario.account

    @property
    def accounts(self) -> tuple[str, ...]:
        return tuple(self.books)

    @property
    def selected(self) -> str:
        return self.session.selected or self.account

    @property
    def book(self) -> AccountBook:
        """The first account's."""
        return self.books[self.account]

    @property
    def rates(self) -> ExchangeRates:
        return self.accounting.rates

    @property
    def universe(self) -> Universe:
        return self.market.universe

    def script(self, rules: tuple[Rule, ...]) -> None:
        """Faults from now on; a standing condition among them holds at once."""
        for rule in rules:
            if isinstance(rule, BrokerRule):
                self.rules.change(rule.change)
        self.faults.add(tuple(rule for rule in rules if not isinstance(rule, BrokerRule)))

    def look(self) -> Moment:
        """The present moment, after the open orders have met the market up to it."""
        moment = self.moment()
        for split in [one for one in self.splits if one.session <= moment.session]:
            self._carry_out(split)
        self.dividends.pay(moment.session)
        self.desk.advance(moment)
        return moment

    def moment(self) -> Moment:
        moment = self.market.calendar.moment(self.clock.now())
        if not (self.rules.closed and moment.is_open):
            return moment
        # A session that does not take place: the one before is still the last that was open.
        earlier = moment.session - 1
        return Moment(moment.now, earlier, self.market.calendar.length(earlier), False, earlier)

    def _carry_out(self, split: Split) -> None:
        self.splits.remove(split)
        self.carried_out.append(split)
        before = self.market.calendar.closing(split.session - 1)
        # Orders of the day before end at old prices.
        self.desk.advance(self.market.calendar.moment(before))
        self.market.split(split.conid, float(split.ratio))
        opening = to_decimal(float(self.market.closes(split.conid)[split.session - 1]))
        for book in self.books.values():
            book.split(split.conid, split.ratio, opening, split.session)
        self.desk.end_for_split(split.conid, before)

    def marker(self) -> dict[str, Any]:
        """What tells a client that this gateway is a simulator."""
        invented = {"fictional": ["exchange_rates"]} if len(self.rates.currencies) > 1 else {}
        marker: dict[str, Any] = {
            "as_of": self.as_of.isoformat(),
            "seed": self.seed,
            "now": self.clock.now().isoformat().replace("+00:00", "Z"),
            "data": self.market.kind,
            "pacing": self.pacer.scale,
            "version": VERSION,
        }
        return marker | invented


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
    _check(options)
    history = load_history(options.data, options.seed)
    universe = universe_of(options.instruments)
    market = Market(history, calendar_of(history.sessions), options.seed, universe, options.pricing)
    return _assemble(options, load_scenario(options.scenario), market, monotonic)


def renewed(world: World, options: Options, scenario: Scenario) -> World:
    """A world as at its start; prices already read and drawn are kept where they are the same. Raises: StartError."""
    _check(options)
    market, same_seed = world.market, options.seed == world.seed
    if not same_seed or market.was_split or options.pricing != market.pricing:
        history = market.history
        if not same_seed and history.origin == "synthetic":
            history = load_history(options.data, options.seed)
        market = Market(history, market.calendar, options.seed, market.universe, options.pricing)
    return _assemble(options, scenario, market, world.monotonic)


def _check(options: Options) -> None:
    if not 0 <= options.pacing <= 10:
        raise StartError(f"--pacing {options.pacing:g}: give a scale from 0 (no limits) to 10")
    if not FEWEST <= options.instruments <= MOST:
        raise StartError(f"--instruments {options.instruments}: give a number from {FEWEST} to {MOST}")
    if options.instruments > FEWEST and options.data != "synthetic":
        raise StartError(f"--instruments {options.instruments}: more than {FEWEST} need --data synthetic")
    if not 0 < options.penalty_seconds <= 86_400:
        raise StartError(f"--penalty-seconds {options.penalty_seconds:g}: give seconds, 600 and 900 are documented")
    if options.reset_hour not in (0, 1):
        raise StartError(f"--reset-hour {options.reset_hour}: give 0 or 1, the hour of the daily reset in New York")
    if not 0 <= options.seed < 2**32:
        raise StartError(f"--seed {options.seed}: give a number from 0 to 4294967295")


def _assemble(options: Options, scenario: Scenario, market: Market, monotonic: Monotonic) -> World:
    row = session_row(market.history, options.as_of)
    as_of = market.history.sessions[row]
    since = row - scenario.bought_sessions_before
    if since < 0:
        raise StartError(f"scenario {scenario.name}: no session {scenario.bought_sessions_before} sessions earlier")
    rates = ExchangeRates(scenario.currency, market)
    books = {one.account: opening_book(one, market, rates, since) for one in scenario.openings}
    rules, faults = BrokerRules(scenario.account_type), FaultBox()
    clock = MarketClock(at(as_of, MORNING), market.calendar.end, monotonic)
    accounting = Accounting(books, scenario.openings, market, rates, rules)
    desk = OrderDesk(rules, accounting, market, faults, options.seed)
    world = World(
        options=options,
        as_of=as_of,
        scenario=scenario,
        market=market,
        clock=clock,
        books=books,
        accounting=accounting,
        dividends=Dividends(scenario.dividends, books, market, since),
        desk=desk,
        pacer=Pacer(options.pacing, monotonic, options.penalty_seconds),
        rules=rules,
        faults=faults,
        lists=ListMemory(faults),
        cache=PositionCache(),
        monotonic=monotonic,
        session=BrokerageSession(
            SessionClock(clock.now(), monotonic), options.session, options.reset_hour, desk.forget_questions, rules
        ),
    )
    world.script(options.faults)
    return world
