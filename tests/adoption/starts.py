"""What a policy does with a book that it meets, day by day from the first, in the engine that trades."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache

import numpy as np

from app.backtest.account import Account
from app.backtest.assumptions import Assumptions
from app.backtest.reader import Reader
from app.backtest.sample import sample
from app.broker.paper.book import PaperBook
from app.domain.evaluation import Evaluation
from app.domain.order import Order, Side
from app.domain.order_size import smallest_order
from app.domain.policy import AdoptionMode, Policy
from app.domain.ruling import KillLevel
from app.domain.taking_over import PAIR
from app.engine import DayDecision, decide_all
from app.settings import load_policy, shipped_policy
from tests.adoption.books import HELD_SESSIONS, VARIANTS, book_of

POLICIES = ("conservative", "moderate", "aggressive")
FILES = {"conservative": "conservative_policy", "moderate": "default_policy", "aggressive": "aggressive_policy"}
FROM, UNTIL = date(1993, 1, 4), date(2021, 12, 28)
SESSIONS = 252
WEEK = 5
# Sessions of the eight weeks that the shipped policies work off what they found, and of the week after them.
WINDOW, WEEK_NINE = range(40), range(40, 45)


@dataclass(frozen=True, slots=True)
class Day:
    """One decision: what it would trade of NAV, and why."""

    on: date
    action: str
    level: KillLevel
    orders: tuple[Order, ...]
    nav: float
    invested: float
    held: Mapping[str, Decimal]
    evaluation: Evaluation

    @property
    def turnover(self) -> float:
        """Value of all orders, of NAV."""
        return sum(float(order.notional) for order in self.orders) / self.nav

    @property
    def mandatory(self) -> float:
        """Value of the sales that nobody chose, of NAV."""
        return sum(float(order.notional) for order in self.orders if order.mandatory) / self.nav


@dataclass(frozen=True, slots=True)
class Way:
    """One account under one policy, from the day they met."""

    policy: Policy
    days: tuple[Day, ...]

    def turnover(self, sessions: range) -> float:
        """Of NAV of each day, added up."""
        return sum(day.turnover for day in self.days[sessions.start : sessions.stop])

    @property
    def raised(self) -> tuple[Day, ...]:
        """Days on which only exits went."""
        return tuple(day for day in self.days if day.level is not KillLevel.ACTIVE)

    @property
    def reversals(self) -> int:
        """Names bought within the window and sold in the five sessions after, or the other way round."""
        newest: dict[tuple[int, Side], int] = {}
        found = 0
        for number, day in enumerate(self.days[: WINDOW.stop]):
            for order in day.orders:
                other = Side.SELL if order.side is Side.BUY else Side.BUY
                before = newest.get((order.instrument.conid, other))
                found += before is not None and number - before <= WEEK
                newest[order.instrument.conid, order.side] = number
        return found


@cache
def reader() -> Reader:
    """The sample."""
    return Reader(sample())


@cache
def policy_named(name: str, mode: AdoptionMode = AdoptionMode.ADOPT) -> Policy:
    """A shipped one in that mode."""
    shipped = load_policy(shipped_policy().with_name(f"{FILES[name]}.yaml"))
    return shipped.model_copy(update={"adoption": shipped.adoption.model_copy(update={"mode": mode})})


def starts(count: int) -> tuple[date, ...]:
    """Spread evenly over the years that have a year of prices before and after."""
    dates = reader().history.dates
    first, last = reader().history.row(FROM), reader().history.row(UNTIL)
    return tuple(dates[round(row)] for row in np.linspace(first, last, count))


def of_book(policy: Policy, past: Reader, book: PaperBook, row: int) -> Account:
    """What is decided is filled at the next close."""
    return Account(policy, past, Assumptions(), book, row)


def lead(
    policies: Sequence[Policy],
    past: Reader,
    book: PaperBook,
    row: int,
    sessions: int,
    made: Callable[[Policy, Reader, PaperBook, int], Account] = of_book,
) -> tuple[Way, ...]:
    """Each policy meets the book on `row`, in an account that `made` makes of it."""
    accounts = [made(policy, past, book, row) for policy in policies]
    days: list[list[Day]] = [[] for _ in policies]
    for at in range(row, min(row + sessions, len(past.history.dates))):
        market = past.market(at)
        for account in accounts:
            account.open(market)
        decisions = decide_all([account.given(market) for account in accounts])
        for account, kept, decided in zip(accounts, days, decisions, strict=True):
            kept.append(_day(past.history.dates[at], decided, account.book))
            account.take(decided, market)
            account.close()
    return tuple(Way(policy, tuple(kept)) for policy, kept in zip(policies, days, strict=True))


def meet(policies: Sequence[Policy], on: date, variant: str = "twelve", sessions: int = SESSIONS) -> tuple[Way, ...]:
    """A book of `VARIANTS`, older than the policies, met on that day of the sample."""
    row = reader().history.row(on)
    if row < HELD_SESSIONS:
        raise ValueError(f"{on} has no year of prices before it")
    return lead(policies, reader(), book_of(VARIANTS[variant], reader(), row - 1), row, sessions)


def _day(on: date, decided: DayDecision, book: PaperBook) -> Day:
    plan, found = decided.chosen, decided.evaluation
    held = {one.instrument.symbol: one.quantity for one in book.holdings}
    return Day(on, plan.action.value, decided.level, plan.orders, float(found.nav), found.exposure, held, found)


@dataclass(frozen=True, slots=True)
class Row:
    """One start under one policy, in figures; shares are of NAV.

    `inherited_levels`: days of the window whose kill level nothing but what was there before can have raised.
    `rebalanced`: of week nine, what no exit, rotation or cut traded; `ordinary_week`: the mean of the weeks after it.
    `rushed`: the most that a day traded towards the targets before the book was within its band for the first time.
    """

    start: date
    policy: str
    mode: str
    book: str
    day_one: float
    mandatory: float
    level: str
    inherited_levels: int
    week_one: float
    window: float
    week_nine: float
    rebalanced: float
    rushed: float
    ordinary_week: float
    reversals: int
    mandatory_window: float
    invested: tuple[float, float, float]
    actions: Mapping[str, int]
    sold_by: Mapping[str, float]

    def as_json(self) -> dict[str, object]:
        """For the file."""
        return {
            **{name: getattr(self, name) for name in self.__slots__ if name not in {"start", "invested"}},
            "start": self.start.isoformat(),
            "invested": [round(share, 4) for share in self.invested],
        }


def row_of(way: Way, start: date, policy: str, book: str) -> Row:
    """The way from `start` in figures."""
    days = way.days
    sold: dict[str, float] = defaultdict(float)
    for day in days[: WINDOW.stop]:
        for order in day.orders:
            if order.side is Side.SELL:
                sold["+".join(sorted(rule.value for rule in order.rules))] += float(order.notional) / day.nav
    return Row(
        start=start,
        policy=policy,
        mode=way.policy.adoption.mode.value,
        book=book,
        day_one=days[0].turnover,
        mandatory=days[0].mandatory,
        level=days[0].level.value,
        inherited_levels=sum(1 for day in levels_from_before(way)),
        week_one=way.turnover(range(WEEK)),
        window=way.turnover(WINDOW),
        week_nine=way.turnover(WEEK_NINE),
        rebalanced=sum(day.turnover for day in days[WEEK_NINE.start : WEEK_NINE.stop] if day.action == "REBALANCE"),
        rushed=max(_paced(way.policy, days), default=0.0),
        ordinary_week=WEEK * float(np.mean([day.turnover for day in days[WEEK_NINE.stop :]] or [0.0])),
        reversals=way.reversals,
        mandatory_window=sum(day.mandatory for day in days[: WINDOW.stop]),
        invested=(days[0].invested, days[min(WINDOW.stop, len(days)) - 1].invested, days[-1].invested),
        actions=dict(Counter(day.action for day in days if day.orders)),
        sold_by={rule: round(share, 4) for rule, share in sold.items()},
    )


def _paced(policy: Policy, days: Sequence[Day]) -> Iterator[float]:
    """What each day traded towards the targets for what was there before: no breach of its own, no tighter cap.

    For twice the weeks at most; a sale with its purchase is the least that can be sent, and much of a small account.
    """
    for before, day in zip((days[0], *days), days[: 2 * WINDOW.stop], strict=False):
        if before.evaluation.settled or day.evaluation.max_exposure < before.evaluation.max_exposure:
            return
        if day.action == "REBALANCE" and not day.evaluation.acting_breaches:
            share, nav = day.turnover - day.mandatory, Decimal(str(day.nav))
            yield share if share * day.nav > PAIR * float(smallest_order(policy.execution, nav)) else 0.0


def levels_from_before(way: Way) -> Iterator[Day]:
    """Days on which only exits went though nothing was worse, by a tenth of its limit, than on the first.

    The first day's own loss happened before anybody decided.
    """
    first = {metric.name: metric.value for metric in way.days[0].evaluation.metrics}
    peak = way.days[0].nav
    for number, day in enumerate(way.days[: WINDOW.stop]):
        peak = max(peak, day.nav)
        if day.level is KillLevel.ACTIVE:
            continue
        limits = way.policy.risk_limits
        fallen = 1 - day.nav / peak > limits.max_drawdown - 1e-9
        lost = number > 0 and 1 - day.nav / way.days[number - 1].nav > limits.max_daily_loss - 1e-9
        tail, before = day.evaluation.metric("var_95_1d").value or 0.0, first["var_95_1d"] or 0.0
        # What was inside its limit on the first day is not inherited.
        inherited = before > limits.max_var_95_1d
        riskier = tail > (before + limits.max_var_95_1d / 10 if inherited else limits.max_var_95_1d) - 1e-9
        if not (fallen or lost or (riskier and number > 0)):
            yield day
