"""Small accounts and markets with known numbers, and policies with one field changed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache

import numpy as np

from app.domain.evaluation import Evaluation
from app.domain.instrument import Instrument
from app.domain.market import Array, Market, PriceSeries, Quote, QuoteKind, Session, VixReading
from app.domain.navs import NavKind, NavPoint
from app.domain.order import BrokerOrder, Order, Side
from app.domain.plan import NO_MEMORY, Memory, Plan
from app.domain.policy import DrawdownAction, Policy
from app.domain.policy.fields import Section
from app.domain.portfolio import CashBalance, Portfolio, Position
from app.domain.ruling import DayUse, KillLevel, Ruling
from app.risk import Today, gate, measure
from tests.support.sample import default_policy

TODAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 19, 16, 0, tzinfo=UTC)
SESSION = Session(TODAY, datetime(2026, 11, 19, 14, 30, tzinfo=UTC), datetime(2026, 11, 19, 21, 0, tzinfo=UTC))
NAMES = ("AA", "BB", "CC", "DD", "EE", "FF", "GG", "HH", "II", "JJ")
SECTORS = dict(zip(NAMES, ("Energy", "Energy", "Financials", "Financials", "Health Care") * 2, strict=True))
PRICE = Decimal(100)
LENGTH = 300
QUIET = 0.008


# What a test of a rule needs, whether or not the default policy has the rule.
AS_TESTED = {
    "universe.symbols": NAMES,
    "allocation.sectors": {},
    "allocation.asset_classes": {},
    "risk_limits.max_drawdown": 0.15,
    "exits.stop_loss": 0.15,
    "exits.take_profit_sell": 0.25,
    "exits.drawdown_action": DrawdownAction.REDUCE,
}


def policy(**changes: object) -> Policy:
    """The default policy over NAMES without targets; fields by path with "__" for the dot, fractions as in code."""
    base = default_policy()
    for path, value in {**AS_TESTED, **changes}.items():
        base = changed(base, path.replace("__", "."), value)
    return base


def changed(base: Policy, path: str, value: object) -> Policy:
    """The policy with one field replaced; fails for a field that does not exist."""
    head, *rest = path.split(".")
    sections: list[Section] = [base]
    for name in [head, *rest][:-1]:
        sections.append(getattr(sections[-1], name))
    for section, name in zip(reversed(sections), reversed([head, *rest]), strict=True):
        assert name in type(section).model_fields, path
        value = section.model_copy(update={name: value})
    assert isinstance(value, Policy)
    return value


def conid(symbol: str) -> int:
    """A number of our own for each name."""
    return 101 + NAMES.index(symbol)


def instrument(symbol: str) -> Instrument:
    """A stock in dollars."""
    return Instrument(conid(symbol), symbol, "USD", sector=SECTORS[symbol])


@cache
def sessions() -> tuple[date, ...]:
    """Weekdays before TODAY, oldest first."""
    days = (TODAY - timedelta(days=ago) for ago in range(2 * LENGTH, 0, -1))
    return tuple(day for day in days if day.weekday() < 5)[-LENGTH:]


def closes(seed: int, volatility: float = QUIET, growth: float = 0.0) -> Array:
    """A seeded random walk ending at 100; `growth` per session."""
    walk = np.exp(np.cumsum(np.random.default_rng(seed).normal(growth, volatility, LENGTH)))
    result: Array = 100 * walk / walk[-1]
    return result


def series(number: int, values: Array, dates: Sequence[date] | None = None) -> PriceSeries:
    """Ends at the session before TODAY."""
    return PriceSeries(number, tuple(dates or sessions()[-len(values) :]), values, "test", NOW)


def quote(symbol: str, price: Decimal = PRICE) -> Quote:
    """Live, a cent each side, unchanged since the prior close."""
    cent = Decimal("0.01")
    number, volume, size = conid(symbol), Decimal(10**7), Decimal(10**11)
    return Quote(number, QuoteKind.LIVE, NOW, "test", price - cent, price + cent, price, price, volume, size)


def market(**changes: object) -> Market:
    """Ten independent quiet names at 100, a flat index and a calm volatility index."""
    base = Market(
        as_of=NOW,
        session=SESSION,
        instruments={conid(s): instrument(s) for s in NAMES},
        quotes={conid(s): quote(s) for s in NAMES},
        history={conid(s): series(conid(s), closes(conid(s))) for s in NAMES},
        index=series(1, np.full(LENGTH, 4000.0)),
        vix=VixReading(15.0, TODAY, "test"),
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # fields by name, as dataclasses.replace takes them


def quoted(base: Market, symbol: str, **changes: object) -> Market:
    """The market with one quote changed."""
    other = replace(base.quotes[conid(symbol)], **changes)  # type: ignore[arg-type]  # as above
    return replace(base, quotes={**base.quotes, conid(symbol): other})


def with_history(base: Market, values: Mapping[str, Array]) -> Market:
    """The market with other closes of some names."""
    other = {conid(symbol): series(conid(symbol), array) for symbol, array in values.items()}
    return replace(base, history={**base.history, **other})


def portfolio(
    holdings: Mapping[str, float | str],
    cash: float | str = 20000,
    costs: Mapping[str, float] | None = None,
    **more: object,
) -> Portfolio:
    """Shares by name at 100 each, bought at 100 unless `costs` says otherwise."""
    known = costs or {}
    positions = tuple(
        Position(instrument(s), Decimal(str(q)), PRICE, Decimal(str(known.get(s, 100)))) for s, q in holdings.items()
    )
    money = Decimal(str(cash))
    base = Portfolio(
        account="DU1234567",
        currency="USD",
        positions=positions,
        cash=(CashBalance("USD", money, money),),
        available_funds=Decimal(10**6),
        buying_power=Decimal(10**6),
        as_of=NOW,
        source="test",
        account_type="MARGIN",
    )
    return replace(base, **more)  # type: ignore[arg-type]  # as above


def even(cash: float = 20000, costs: Mapping[str, float] | None = None, **more: object) -> Portfolio:
    """NAV 100,000: eight names of 10,000 each, 20,000 in cash."""
    return portfolio(dict.fromkeys(NAMES[:8], 100), cash, costs, **more)


def navs(value: float | Decimal = 100000, drawdown: float = 0.0) -> tuple[NavPoint, ...]:
    """One close at the previous session, `drawdown` below the peak."""
    return (NavPoint(sessions()[-1], NavKind.CLOSE, Decimal(str(value)), index=1 - drawdown, peak=1.0),)


def evaluate(
    rules: Policy,
    account: Portfolio,
    on: Market | None = None,
    memory: Memory = NO_MEMORY,
    history: tuple[NavPoint, ...] | None = None,
) -> Evaluation:
    """Measured with yesterday's close at today's value unless `history` says otherwise."""
    return measure(Today(rules, account, on or market(), navs(account.nav) if history is None else history, memory))


def order(symbol: str, side: Side, quantity: float | str, **more: object) -> Order:
    """At 100."""
    base = Order(instrument(symbol), side, Decimal(str(quantity)), PRICE, "test: asked for")
    return replace(base, **more)  # type: ignore[arg-type]  # as above


def buy(symbol: str, quantity: float | str, **more: object) -> Order:
    """A buy at 100."""
    return order(symbol, Side.BUY, quantity, **more)


def sell(symbol: str, quantity: float | str, **more: object) -> Order:
    """A sell at 100."""
    return order(symbol, Side.SELL, quantity, exit=True, **more)


def rule_on(
    orders: Sequence[Order],
    rules: Policy | None = None,
    account: Portfolio | None = None,
    on: Market | None = None,
    day: DayUse | None = None,
    level: KillLevel = KillLevel.ACTIVE,
    memory: Memory = NO_MEMORY,
    history: tuple[NavPoint, ...] | None = None,
) -> Ruling:
    """The gate on the even account and the calm market unless told otherwise."""
    account = account or even()
    past = navs(account.nav) if history is None else history
    return gate(Today(rules or policy(), account, on or market(), past, memory), orders, day or DayUse(), level)


def working(
    symbol: str, side: Side, quantity: int, coid: str | None = None, limit: Decimal | None = PRICE
) -> BrokerOrder:
    """An open order at the broker."""
    return BrokerOrder("7", conid(symbol), side, Decimal(quantity), Decimal(0), "Submitted", symbol, coid, limit)


def asked(plan: Plan) -> dict[str, tuple[Side, Decimal]]:
    """The plan's net order by symbol; fails where a symbol is on both sides."""
    found: dict[str, tuple[Side, Decimal]] = {}
    for one in plan.orders:
        side, quantity = found.get(one.instrument.symbol, (one.side, Decimal(0)))
        assert side is one.side, one
        found[one.instrument.symbol] = (side, quantity + one.quantity)
    return found
