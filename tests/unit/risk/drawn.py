"""Accounts, markets, memories and orders drawn at random; orders sane, and as an adversary would write them."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import numpy as np
from hypothesis import strategies as st

from app.domain.evaluation import Evaluation
from app.domain.instrument import AssetClass, Instrument
from app.domain.market import Market, QuoteKind, VixReading
from app.domain.navs import NavPoint
from app.domain.order import Order, Side
from app.domain.plan import NO_MEMORY, Memory, Plan
from app.domain.policy import DrawdownAction, Policy
from app.domain.portfolio import Portfolio
from app.domain.ruling import DayUse, KillLevel, Ruling
from app.domain.unmanaged import UnmanagedHolding
from app.risk import Today, gate, measure, restrain
from tests.support.worlds import (
    LENGTH,
    NAMES,
    NOW,
    SESSION,
    TODAY,
    closes,
    conid,
    instrument,
    market,
    navs,
    order,
    policy,
    portfolio,
    quoted,
    series,
    with_history,
    working,
)

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """One drawn case."""

    policy: Policy
    portfolio: Portfolio
    market: Market = field(repr=False)
    navs: tuple[NavPoint, ...]
    memory: Memory
    day: DayUse = field(default_factory=DayUse)
    level: KillLevel = KillLevel.ACTIVE

    def today(self, portfolio: Portfolio | None = None) -> Today:
        return Today(self.policy, portfolio or self.portfolio, self.market, self.navs, self.memory)

    def measured(self) -> Evaluation:
        return measure(self.today())


def gated(world: World, orders: tuple[Order, ...]) -> Ruling:
    """The gate on that world."""
    return gate(world.today(), orders, world.day, world.level)


def cleared(world: World, plan: Plan) -> tuple[Order, ...]:
    """What becomes of a plan before it is offered: its sales restrained, and all of it through the gate."""
    restrained, _ = restrain(world.today(), plan)
    return gated(world, restrained.orders).allowed


def beside(symbol: str, reason: str, value: int | None, exposure: int | None) -> UnmanagedHolding:
    """A line that is not managed."""
    value_of, moves = (None if one is None else Decimal(one) for one in (value, exposure))
    number = conid(symbol) if symbol in NAMES else None
    return UnmanagedHolding(symbol, "ANY", reason, number, "USD", Decimal(10), value_of, moves)


# An option, a future, a short line, one of the same name in a model, one without a value.
UNMANAGED = st.lists(
    st.sampled_from(
        [
            beside("XA", "an option", 430, 430),
            beside("XB", "a future", 0, 30000),
            beside("XC", "a short position", -400, 400),
            beside("AA", "in the model Growth", 3000, 3000),
            beside("XD", "no price today", None, None),
        ]
    ),
    unique=True,
    max_size=3,
).map(tuple)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    held = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=10))
    quantities = {name: draw(st.sampled_from([0.4, 1, 7, 60, 100, 140, 250, 400])) for name in held}
    costs = {name: draw(st.sampled_from([40, 66, 80, 95, 100, 108, 112, 120, 160])) for name in held}
    account = portfolio(quantities, draw(st.sampled_from([500, 5000, 20000, 90000])), costs)
    account = replace(account, account_type=draw(st.sampled_from(["MARGIN", "CASH", None])))
    account = replace(account, unmanaged=draw(UNMANAGED))
    return World(draw(policies()), account, draw(markets()), draw(histories(account)), draw(memories()))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    return policy(
        allocation__sectors=draw(st.sampled_from([{}, {"Energy": 0.3, "Financials": 0.3, "Health Care": 0.2}])),
        allocation__drift_threshold=draw(st.sampled_from([0.02, 0.05])),
        exits__drawdown_action=draw(st.sampled_from(list(DrawdownAction))),
        risk_limits__max_annual_volatility=draw(st.sampled_from([0.05, 0.2])),
        risk_limits__max_correlated=draw(st.sampled_from([0.15, 0.3])),
        execution__max_order_value=Decimal(draw(st.sampled_from([2000, 25000]))),
        execution__max_orders_per_day=draw(st.sampled_from([3, 20])),
        universe__restricted=draw(st.sampled_from([(), ("AA", "CC")])),
    )


@st.composite
def markets(draw: st.DrawFn) -> Market:
    path = closes(draw(st.integers(0, 99)), draw(st.sampled_from([0.005, 0.03])))
    found = with_history(market(), dict.fromkeys(draw(st.sets(st.sampled_from(NAMES))), path))
    index = np.full(LENGTH, 4000.0)
    index[-1] *= draw(st.sampled_from([0.9, 1.0, 1.1]))
    reading = draw(st.sampled_from([None, 12.0, 30.0, 60.0]))
    vix = None if reading is None else VixReading(reading, TODAY, "test")
    found = replace(found, index=series(1, index), vix=vix)
    if draw(st.booleans()):
        found = quoted(found, draw(st.sampled_from(NAMES)), prior_close=Decimal(50))
    if draw(st.booleans()):
        found = replace(found, untradable={conid(draw(st.sampled_from(NAMES))): "disputed price"})
    return found


@st.composite
def histories(draw: st.DrawFn, account: Portfolio) -> tuple[NavPoint, ...]:
    fall = draw(st.sampled_from([None, 0.0, 0.1, 0.3]))
    return () if fall is None else navs(account.nav * draw(st.sampled_from([Decimal(1), Decimal("1.1")])), fall)


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    before = draw(st.sampled_from([None, "LOW", "HIGH", "CRITICAL"]))
    metrics = ("drawdown", "max_position", "max_sector", "annual_volatility", "correlated_cluster", "cash_reserve")
    return replace(
        NO_MEMORY,
        previous_severities=None if before is None else dict.fromkeys(metrics, before),
        drawdown_acted_at=draw(st.sampled_from([None, 0.2])),
        sold_at_loss={conid("BB"): 5} if draw(st.booleans()) else {},
        profit_levels_taken={conid("EE"): 1} if draw(st.booleans()) else {},
    )


WANTED = st.lists(
    st.builds(order, st.sampled_from(NAMES), st.sampled_from(list(Side)), st.sampled_from([0, 1, 12, 70, 300, 5000])),
    max_size=8,
).map(tuple)

MOMENTS = (
    NOW,
    SESSION.opens - timedelta(seconds=1),
    SESSION.opens,
    SESSION.opens + timedelta(minutes=15),
    SESSION.closes - timedelta(minutes=15, microseconds=1),
    SESSION.closes - timedelta(minutes=15),
    SESSION.closes,
    SESSION.opens + timedelta(days=1, hours=2),
)


@st.composite
def calm_worlds(draw: st.DrawFn) -> World:
    """Worlds in which buying is possible: enough cash, everything known, nothing broken."""
    held = draw(st.lists(st.sampled_from(NAMES[:8]), unique=True, min_size=3, max_size=6))
    account = portfolio(dict.fromkeys(held, draw(st.sampled_from([70, 100]))), draw(st.sampled_from([25000, 60000])))
    account = replace(account, account_type=draw(st.sampled_from(["MARGIN", "CASH"])))
    rules = policy(
        risk_limits__max_correlated=draw(st.sampled_from([0.15, 0.3])),
        execution__max_order_value=Decimal(draw(st.sampled_from([7500, 25000]))),
        execution__max_orders_per_day=draw(st.sampled_from([4, 20])),
        universe__restricted=draw(st.sampled_from([(), ("CC",)])),
    )
    return World(rules, account, market(), navs(account.nav), NO_MEMORY)


def mostly(usual: T, *rarely: T) -> st.SearchStrategy[T]:
    """The usual value in six of seven draws."""
    return st.integers(0, 6).flatmap(lambda dice: st.sampled_from(rarely) if dice == 6 else st.just(usual))


@st.composite
def hostile_worlds(draw: st.DrawFn) -> World:
    """Worlds with odd quotes, working orders, used days and kill levels."""
    calm = draw(st.integers(0, 4)) > 0
    world = draw(calm_worlds()) if calm else draw(worlds())
    on, account = world.market, world.portfolio
    for name in draw(st.sets(st.sampled_from(NAMES), max_size=2)):
        on = quoted(on, name, **draw(st.sampled_from(ODD_QUOTES)))
    lots: dict[int, Decimal] = draw(mostly({}, {conid("AA"): Decimal(10), conid("II"): Decimal(25)}))
    return replace(
        world,
        policy=draw(mostly(world.policy, _lenient(world.policy))),
        portfolio=replace(account, orders=draw(mostly((), *WORKING))),
        market=replace(on, live=draw(st.booleans()), lots=lots),
        day=draw(mostly(DayUse(), DayUse(2, Decimal(4000)), DayUse(20, Decimal(10**6)))),
        level=draw(mostly(KillLevel.ACTIVE, KillLevel.REDUCING, KillLevel.HALTED)),
    )


def _lenient(strict: Policy) -> Policy:
    execution = strict.execution.model_copy(update={"allow_delayed_quotes": True, "max_share_of_volume": 0.000004})
    return strict.model_copy(update={"execution": execution})


ODD_QUOTES: tuple[dict[str, object], ...] = (
    {"kind": QuoteKind.DELAYED},
    {"kind": QuoteKind.FROZEN},
    {"bid": None},
    {"ask": Decimal(90)},
    {"bid": Decimal("NaN")},
    {"as_of": NOW - timedelta(minutes=5)},
    {"prior_close": None},
    {"average_volume": None},
    {"average_volume": Decimal("NaN"), "market_cap": Decimal("NaN")},
)
WORKING = (
    (working("II", Side.BUY, 20, "other"),),
    (working("II", Side.BUY, 20, "PM1"), working("AA", Side.SELL, 30, "other")),
    (replace(working("BB", Side.SELL, 10, "PM2"), status="Filled", filled_quantity=Decimal(10)),),
    (working("JJ", Side.BUY, 20, "other", None),),
)


def at(world: World, moment: datetime) -> World:
    """The same world at another moment, every fresh quote as fresh as it was."""
    quotes = {number: replace(q, as_of=moment + (q.as_of - NOW)) for number, q in world.market.quotes.items()}
    return replace(world, market=replace(world.market, as_of=moment, quotes=quotes))


QUANTITIES = (
    "1",
    "12",
    "70",
    "300",
    "5000",
    "0",
    "-5",
    "0.5",
    "33.3",
    "1000000001",
    "1E+400",
    "NaN",
    "sNaN",
    "Infinity",
)
PRICES = ("100", "100", "100", "100.10", "97", "103.01", "1", "1000000", "0", "-100", "NaN")


@st.composite
def hostile_orders(draw: st.DrawFn) -> Order:
    """One order, often sane in all but one respect."""
    name = draw(st.sampled_from(NAMES))
    disguise: dict[str, object] = draw(
        st.sampled_from(
            [{}, {}, {}, {"conid": 4711}, {"currency": "EUR"}, {"asset_class": AssetClass.INDEX}, {"sector": "Mine"}]
        )
    )
    named: Instrument = replace(instrument(name), **disguise)  # type: ignore[arg-type]  # fields by name
    limit = draw(st.sampled_from((None, None, *PRICES)))
    return Order(
        instrument=named,
        side=draw(st.sampled_from(list(Side))),
        quantity=Decimal(draw(st.sampled_from(QUANTITIES))),
        reference_price=Decimal(draw(st.sampled_from(PRICES))),
        reason="test: asked for",
        exit=draw(st.booleans()),
        mandatory=draw(st.booleans()),
        leg=draw(st.sampled_from([1, 1, 2, 0, -1])),
        limit_price=None if limit is None else Decimal(limit),
    )


SANE = st.builds(order, st.sampled_from(NAMES), st.sampled_from(list(Side)), st.sampled_from([12, 70, 300]))
HOSTILE = st.lists(st.one_of(hostile_orders(), SANE, SANE), min_size=1, max_size=10).map(tuple)
