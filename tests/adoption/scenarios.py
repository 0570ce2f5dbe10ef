"""Scenarios of the file beside this one: the book made, met and led, and what of its expectations does not hold."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from app.backtest.account import Account
from app.backtest.assumptions import Assumptions
from app.backtest.books import ACCOUNT
from app.backtest.reader import Reader
from app.broker.paper.book import Cash, Holding, PaperBook
from app.domain.account_size import Account as Sized
from app.domain.account_size import does_not_fit
from app.domain.market import Market
from app.domain.order import Order, Side
from app.domain.policy import AdoptionMode, Policy
from app.domain.portfolio import Portfolio
from app.domain.ruling import KillLevel
from app.domain.unmanaged import UnmanagedHolding
from app.settings import policy_of, policy_values, shipped_policy
from tests.adoption.books import HELD_SESSIONS
from tests.adoption.starts import FILES, WEEK_NINE, Way, lead
from tests.adoption.world import BEFORE, MANY, NAMES, history

SCENARIOS = Path(__file__).with_name("scenarios.yaml")
SESSIONS = 45
INVESTED = Decimal("0.9")
ZERO = Decimal(0)
# Shares are told to a whole percent, and a day's orders are sized at prices that move.
CLOSE = 1e-6

Span = tuple[float, float]
Names = Literal["all"] | tuple[str, ...]


class Part(BaseModel):
    """A word that nobody reads is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Expected(Part):
    """As the file's head says; None and empty where anything goes."""

    day_one: float | None = None
    mandatory: float | None = None
    each_day: float | None = None
    week_nine: float | None = None
    sold: tuple[str, ...] | None = None
    first_bought: int = 0
    never_sold: Names = ()
    first_sold: int = 0
    never_sold_whole: Names = ()
    never_bought: Names = ()
    gone: tuple[str, ...] = ()
    gone_by: int = SESSIONS
    invested: Mapping[int, Span] = Field(default_factory=dict)
    legs: int | None = None
    told: str | None = None


class PolicyOf(Part):
    """A shipped policy with what is changed of its sections."""

    shipped: str
    changes: Mapping[str, Mapping[str, object]] = Field(default_factory=dict)


class Scenario(Part):
    """One book that is met, and what is to come of it."""

    sensible: str
    policy: PolicyOf
    book: Mapping[str, Decimal] | Literal["five_hundred"]
    met: date
    expect: Expected
    mode: AdoptionMode = AdoptionMode.ADOPT
    capital: Decimal = Decimal(250_000)
    falls: Mapping[str, tuple[float, int]] = Field(default_factory=dict)
    unknown_sectors: bool = False
    held_a_year: bool = False
    cost_lost: Annotated[Decimal, Field(ge=0, lt=100)] = ZERO
    dust: Mapping[str, Decimal] = Field(default_factory=dict)
    lines: Mapping[str, tuple[str, Decimal]] = Field(default_factory=dict)
    sessions: int = SESSIONS


@cache
def scenarios() -> Mapping[str, Scenario]:
    """All of the file, by name."""
    told = yaml.safe_load(SCENARIOS.read_text(encoding="utf-8"))
    return {name: Scenario.model_validate(values) for name, values in told.items()}


@dataclass
class _WithLines(Account):
    """An account that holds what no rule orders, beside what the book has."""

    lines: tuple[UnmanagedHolding, ...] = field(default=(), kw_only=True)

    def portfolio(self, market: Market) -> Portfolio:
        found = super().portfolio(market)
        return replace(found, unmanaged=(*found.unmanaged, *self.lines), broker_net_liquidation=None)

    @property
    def cash(self) -> Decimal:
        """With what those lines are worth, which is the same every day."""
        return super().cash + sum((line.value or ZERO for line in self.lines), ZERO)


def policy_for(scenario: Scenario) -> Policy:
    """Raises: PolicyError where the changed policy contradicts itself."""
    values = policy_values(shipped_policy().with_name(f"{FILES[scenario.policy.shipped]}.yaml"))
    for section, changes in scenario.policy.changes.items():
        values[section] = {**values[section], **changes}
    values["adoption"] = {**values.get("adoption", {}), "mode": scenario.mode.value}
    return policy_of(values, "scenario")[0]


def run(scenario: Scenario) -> Way:
    """The account met and led."""
    falls = tuple((name, lost / 100, sessions) for name, (lost, sessions) in scenario.falls.items())
    past = _past(scenario.met, scenario.book == "five_hundred", falls, scenario.unknown_sectors)
    lines = tuple(
        UnmanagedHolding(symbol, kind, "not a stock or fund", quantity=Decimal(1), value=value, exposure=value)
        for symbol, (kind, value) in scenario.lines.items()
    )

    def made(policy: Policy, reader: Reader, book: PaperBook, row: int) -> Account:
        return _WithLines(policy, reader, Assumptions(), book, row, lines=lines)

    (way,) = lead([policy_for(scenario)], past, book_for(scenario, past), BEFORE, scenario.sessions, made)
    return way


@cache
def _past(met: date, many: bool, falls: tuple[tuple[str, float, int], ...], unknown: bool) -> Reader:
    names = {**NAMES, **MANY} if many else NAMES
    return Reader(history(met, names, {name: (lost, sessions) for name, lost, sessions in falls}, unknown))


def book_for(scenario: Scenario, past: Reader) -> PaperBook:
    """At the close before the first meeting."""
    row = BEFORE - 1
    shares = scenario.book
    if shares == "five_hundred":
        shares = dict.fromkeys(MANY, INVESTED * 100 / len(MANY))
    names = {one.symbol: one for one in past.history.instruments}
    bought_at = row - HELD_SESSIONS if scenario.held_a_year else row
    cash = scenario.capital - sum((value for _, value in scenario.lines.values()), ZERO)
    holdings: list[Holding] = []
    quantities = {
        symbol: (scenario.capital * share / 100 / _price(past, bought_at, symbol)).to_integral_value(ROUND_FLOOR)
        for symbol, share in shares.items()
    }
    for symbol, quantity in sorted({**quantities, **scenario.dust}.items()):
        price = _price(past, row, symbol)
        cash -= quantity * _price(past, bought_at, symbol)
        cost = price / (1 - scenario.cost_lost / 100) if scenario.cost_lost else _price(past, bought_at, symbol)
        if quantity:
            holdings.append(Holding(instrument=names[symbol], quantity=quantity, average_cost=cost, price=price))
    on = past.history.dates[row]
    return PaperBook(
        account=ACCOUNT,
        currency="USD",
        session_date=on,
        day=on,
        cash=(Cash(currency="USD", amount=cash),),
        holdings=tuple(holdings),
    )


def _price(past: Reader, row: int, symbol: str) -> Decimal:
    column = past.history.column(symbol)
    price = None if column is None else past.last(row, past.history.instruments[column].conid)
    if price is None:
        raise ValueError(f"{symbol} never had a price")
    return price


def broken(scenario: Scenario, way: Way) -> Iterator[str]:
    """What of the expectations does not hold, each in words."""
    expected = scenario.expect
    if way.days[0].level is not KillLevel.ACTIVE:
        yield f"{way.days[0].level} on day one"
    yield from _most("on day one", way.days[0].turnover, expected.day_one)
    yield from _most("mandatory on day one", way.days[0].mandatory, expected.mandatory)
    for number, day in enumerate(way.days, 1):
        yield from _most(f"chosen on day {number}", day.turnover - day.mandatory, expected.each_day)
    yield from _most("in week nine", way.turnover(WEEK_NINE), expected.week_nine)
    for number, (least, most) in expected.invested.items():
        share = 100 * way.days[number - 1].invested
        if not least <= share <= most:
            yield f"{share:.1f} % invested on day {number}, not {least:g} to {most:g}"
    yield from _orders(expected, way)
    yield from _said(scenario, way)
    yield from _left(expected, way)


def _most(what: str, share: float, most: float | None) -> Iterator[str]:
    if most is not None and not 100 * share <= most + CLOSE:
        yield f"{100 * share:.2f} % of NAV {what}, more than {most:g}"


def _orders(expected: Expected, way: Way) -> Iterator[str]:
    traded = [(number, order) for number, day in enumerate(way.days, 1) for order in day.orders]
    sold, bought = _first(traded, Side.SELL), _first(traded, Side.BUY)
    if expected.sold is not None and set(sold) != set(expected.sold):
        yield f"sold {_told(sold)}, not {', '.join(expected.sold)}"
    for what, found, never in (("sold", sold, expected.never_sold), ("bought", bought, expected.never_bought)):
        wrong = {symbol: day for symbol, day in found.items() if never == "all" or symbol in never}
        if wrong:
            yield f"{what} {_told(wrong)}"
    for what, found, until in (("sold", sold, expected.first_sold), ("bought", bought, expected.first_bought)):
        early = {symbol: day for symbol, day in found.items() if day < until}
        if early:
            yield f"{what} {_told(early)}, before day {until}"
    if expected.legs is not None:
        most = max((len(legs) for day in way.days for legs in _legs(day.orders).values()), default=0)
        if most > expected.legs:
            yield f"{most} orders of one name in a day"


def _left(expected: Expected, way: Way) -> Iterator[str]:
    """`gone_by` is when the last decision sees nothing of the name any more."""
    seen = way.days[min(expected.gone_by, len(way.days)) - 1].held
    for symbol in expected.gone:
        if seen.get(symbol, ZERO) >= 1:
            yield f"{seen[symbol]} of {symbol} left on day {expected.gone_by}"
    for symbol, quantity in way.days[0].held.items():
        if expected.never_sold_whole and quantity and not way.days[-1].held.get(symbol):
            yield f"all of {symbol} was sold"


def _said(scenario: Scenario, way: Way) -> Iterator[str]:
    """`told` is the field that the check of an account of this size must name, or `nothing`."""
    found = {finding.field for finding in does_not_fit(way.policy, Sized(scenario.capital, "USD"))}
    wanted = scenario.expect.told
    if wanted is not None and found != ({wanted} - {"nothing"}):
        yield f"told of {', '.join(sorted(found)) or 'nothing'}, not {wanted}"


def _first(traded: list[tuple[int, Order]], side: Side) -> dict[str, int]:
    """Symbol → the first day on which it was ordered."""
    found: dict[str, int] = {}
    for number, order in traded:
        if order.side is side:
            found.setdefault(order.instrument.symbol, number)
    return found


def _legs(orders: tuple[Order, ...]) -> dict[str, list[Order]]:
    found: dict[str, list[Order]] = {}
    for order in orders:
        found.setdefault(order.instrument.symbol, []).append(order)
    return found


def _told(found: Mapping[str, int]) -> str:
    return ", ".join(f"{symbol} (day {day})" for symbol, day in sorted(found.items(), key=lambda one: one[1]))
