"""Policies led through history, day by day, by the engine that trades."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import numpy as np

from app.backtest.account import Account
from app.backtest.assumptions import Assumptions, FillRule
from app.backtest.happenings import Entry, EntryKind
from app.backtest.history import History
from app.backtest.orders import Done, Lapsed
from app.backtest.reader import Reader
from app.broker.paper.book import PaperBook
from app.domain.errors import UsageError
from app.domain.evaluation import Evaluation
from app.domain.kept import kept_property
from app.domain.market import Array
from app.domain.order import Side
from app.domain.plan import Action, shown_as
from app.domain.policy import Policy
from app.domain.recovery import Recovery
from app.domain.ruling import KillLevel
from app.domain.totals import total_of
from app.engine import DayDecision, decide_all

ZERO = Decimal(0)
# Sessions before the first decision: what the statistics look back on.
WARM_UP = 252
METRICS = (
    "max_position",
    "max_sector",
    "annual_volatility",
    "var_95_1d",
    "daily_loss",
    "correlated_cluster",
    "cash_reserve",
    "drawdown",
    "exposure",
)


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """What was decided on one day: the plan's id names its action and orders.

    `allowed`: the most that market and policy let be invested, a fall aside; `aimed`: what the day's targets are in
    all. `recovery` from a fall, with falls counted from `marked`. `sold` and `bought` by choice, `own` of the sales
    that pays for nothing. Fractions of NAV. `settled`: the account is, or was, where its targets want it.
    """

    action: Action
    plan_id: str
    orders: int
    level: KillLevel
    allowed: float = 1.0
    aimed: float = 0.0
    recovery: Recovery | None = None
    marked: date | None = None
    sold: float = 0.0
    own: float = 0.0
    bought: float = 0.0
    settled: bool = False

    @property
    def shown_as(self) -> str:
        """The action as people read it."""
        return shown_as(self.action.value, self.orders)


@dataclass(frozen=True, slots=True)
class Costs:
    """In base currency."""

    commission: Decimal
    slippage: Decimal


@dataclass(frozen=True)
class Replayed:
    """One policy's way. Shape: `dates` [D] graded sessions; `nav`, `cash` and `invested` [D + 1] in base currency, the
    first of them the starting book's at the close before; `metrics` [D, 9] by `METRICS`, NaN for unknown, None where
    they are not kept.

    `nav` leaves out holdings of unknown value, `unvalued` [D + 1] of them, and `flows` [D + 1] is what came back into
    it less what left it so, before the session.
    """

    policy: Policy
    history: History = field(repr=False)
    assumptions: Assumptions
    start: PaperBook = field(repr=False)
    end: PaperBook = field(repr=False)
    dates: tuple[date, ...] = field(repr=False)
    first: int
    nav: Array = field(repr=False)
    cash: Array = field(repr=False)
    invested: Array = field(repr=False)
    days: tuple[DayOutcome, ...] = field(repr=False)
    done: tuple[Done, ...] = field(repr=False)
    metrics: Array | None = field(default=None, repr=False)
    lapsed: tuple[Lapsed, ...] = field(default=(), repr=False)
    entries: tuple[Entry, ...] = field(default=(), repr=False)
    flows: Array | None = field(default=None, repr=False)
    unvalued: Array | None = field(default=None, repr=False)

    @property
    def returns(self) -> Array:
        """Of each session, time-weighted: what goes out of sight and comes back is no return. Shape: [D]."""
        before = self.nav[:-1] if self.flows is None else self.nav[:-1] + self.flows[1:]
        changes: Array = self.nav[1:] / before - 1
        return changes

    @property
    def exposure(self) -> Array:
        """Invested share of NAV at each close, from what was filled. Shape: [D]."""
        share: Array = self.invested[1:] / self.nav[1:]
        return share

    @kept_property
    def quantities(self) -> Array:
        """Shares held at each close, a column an instrument of the history; others are left out. Shape: [D + 1, N]."""
        columns, changes = self.history.columns, np.zeros((len(self.nav), len(self.history.instruments)))
        moves = [(self.first - 1, one.instrument.conid, one.quantity) for one in self.start.holdings]
        moves += [(one.row, one.order.instrument.conid, one.order.side.sign * one.quantity) for one in self.done]
        moves += [(one.row, one.conid, one.quantity) for one in self.entries if one.conid is not None]
        for row, conid, quantity in moves:
            if conid in columns:
                changes[row - self.first + 1, columns[conid]] += float(quantity)
        held: Array = changes.cumsum(axis=0)
        return held

    @kept_property
    def costs(self) -> Costs:
        """Of everything that was filled."""
        rated = [(one, self.start.rate(one.order.instrument.currency)) for one in self.done]
        return Costs(
            commission=sum((one.commission * rate for one, rate in rated), Decimal(0)),
            slippage=sum((one.quantity * abs(one.paid - one.price) * rate for one, rate in rated), Decimal(0)),
        )

    @property
    def dividends(self) -> Decimal:
        """Paid in cash, in base currency."""
        return self._received(EntryKind.DIVIDEND)

    @property
    def interest(self) -> Decimal:
        """On cash, less that on debt, in base currency."""
        return self._received(EntryKind.INTEREST)

    @property
    def marks(self) -> tuple[str, ...]:
        """What stands on every output of it, beside the marks of its assumptions."""
        missed = 0 if self.unvalued is None else int(np.count_nonzero(self.unvalued))
        own = (f"NAV leaves out holdings that nobody knew the value of at {missed} closes",) if missed else ()
        return (*self.history.marks, *own)

    def _received(self, kind: EntryKind) -> Decimal:
        cash = (one.cash * self.start.rate(one.currency) for one in self.entries if one.kind is kind)
        return sum(cash, Decimal(0))

    @property
    def decisions_digest(self) -> str:
        """Of every day's plan and level, in order."""
        hashed = hashlib.sha256()
        for on, day in zip(self.dates, self.days, strict=True):
            hashed.update(f"{on}|{day.plan_id}|{day.level}\n".encode())
        return "sha256:" + hashed.hexdigest()


@dataclass
class _Course:
    """What is written down of one account on the way."""

    account: Account
    keep_metrics: bool
    start: PaperBook
    nav: list[float] = field(default_factory=list)
    cash: list[float] = field(default_factory=list)
    flows: list[float] = field(default_factory=list)
    unvalued: list[int] = field(default_factory=list)
    days: list[DayOutcome] = field(default_factory=list)
    metrics: list[tuple[float, ...]] = field(default_factory=list)

    def note(self) -> None:
        self.nav.append(float(self.account.navs[-1].nav))
        self.cash.append(float(self.account.cash))
        self.flows.append(float(self.account.flow))
        self.unvalued.append(self.account.unvalued)

    def decided(self, found: DayDecision) -> None:
        self.days.append(_outcome(found, self.account.book))
        if self.keep_metrics:
            self.metrics.append(_values(found.evaluation))


def replay(
    policies: Sequence[Policy],
    history: History,
    book: PaperBook,
    assumptions: Assumptions,
    first: date,
    last: date,
    *,
    keep_metrics: bool = False,
    tell: Callable[[int, int], None] | None = None,
    reader: Reader | None = None,
) -> tuple[Replayed, ...]:
    """Each policy from `first` to `last`, all on the same days. `book`: the account at the close before the first day.

    `tell` is called with (sessions done, of how many) after each. Raises: UsageError where there is no day to decide,
    or no price to fill at.
    """
    if reader is not None and reader.carried != assumptions.carried:
        raise UsageError(
            f"the reader carries prices for {reader.carried} sessions, and {assumptions.carried} are assumed"
        )
    if assumptions.fill is FillRule.NEXT_OPEN and history.opens is None:
        raise UsageError(f"{history.name} has no opening prices to fill at", "Fill at the next close instead")
    rows = graded(history, first, last)
    reader = reader or Reader(history, assumptions.carried)
    accounts = [Account(policy, reader, assumptions, book, rows.start) for policy in policies]
    courses = [_Course(account, keep_metrics, account.book) for account in accounts]
    for course in courses:
        course.note()
    for row in rows:
        market = reader.market(row)
        for account in accounts:
            account.open(market)
        found = decide_all([account.given(market) for account in accounts])
        for course, decided in zip(courses, found, strict=True):
            course.decided(decided)
            course.account.take(decided, market)
            course.account.close()
            course.note()
        if tell is not None:
            tell(row - rows.start + 1, len(rows))
    return tuple(_replayed(course, history, rows) for course in courses)


def graded(history: History, first: date, last: date) -> range:
    """Rows of the days that are decided: none before the warm-up is over. Raises: UsageError."""
    start, end = max(history.row(first), WARM_UP), history.row(date.fromordinal(last.toordinal() + 1))
    if start >= end:
        raise UsageError(
            f"{history.name} has no session to decide from {first} to {last}",
            f"It has {len(history.dates)} sessions from {history.dates[0]} to {history.dates[-1]}, "
            f"and {WARM_UP} must come before the first decision",
        )
    return range(start, end)


def _replayed(course: _Course, history: History, rows: range) -> Replayed:
    account = course.account
    nav, cash = np.array(course.nav), np.array(course.cash)
    return Replayed(
        policy=account.policy,
        history=history,
        assumptions=account.assumptions,
        start=course.start,
        end=account.marked_book,
        dates=history.dates[rows.start : rows.stop],
        first=rows.start,
        nav=nav,
        cash=cash,
        invested=nav - cash,
        days=tuple(course.days),
        done=tuple(account.done),
        lapsed=tuple(account.lapsed),
        entries=tuple(account.entries),
        flows=np.array(course.flows),
        unvalued=np.array(course.unvalued),
        metrics=np.array(course.metrics) if course.keep_metrics else None,
    )


def _outcome(found: DayDecision, book: PaperBook) -> DayOutcome:
    plan, evaluation = found.chosen, found.evaluation
    worth = {Side.BUY: ZERO, Side.SELL: ZERO}
    for order in plan.orders:
        if not order.mandatory:
            worth[order.side] += order.notional * book.rate(order.instrument.currency)
    return DayOutcome(
        action=plan.action,
        plan_id=plan.id,
        orders=len(plan.orders),
        level=found.level,
        allowed=evaluation.exposure_limit,
        aimed=total_of(evaluation.targets.values()),
        recovery=evaluation.recovery,
        marked=evaluation.marked,
        sold=float(worth[Side.SELL] / evaluation.nav),
        own=float(plan.own_sales / evaluation.nav),
        bought=float(worth[Side.BUY] / evaluation.nav),
        settled=evaluation.settled,
    )


def _values(evaluation: Evaluation) -> tuple[float, ...]:
    known = {metric.name: metric.value for metric in evaluation.metrics}
    return tuple(np.nan if (value := known.get(name)) is None else value for name in METRICS)
