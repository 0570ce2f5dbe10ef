"""An account led through the sample's days: each decision is filled at the next close, and remembered.

Keeps what the desk would keep, and must know nothing of how a day is decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Protocol

from app.domain.evaluation import Evaluation, ExitRule
from app.domain.market import Market
from app.domain.navs import NavKind, NavPoint, follow
from app.domain.order import Order, OrderRule, Side
from app.domain.plan import NO_MEMORY, Action, Memory, Plan
from app.domain.portfolio import CashBalance, Portfolio, Position
from tests.support.sample import CAPITAL, HELD_SESSIONS, PERCENT, SOURCE, eleven, instrument, market_at, price, prices

FIRST = HELD_SESSIONS + 1
KEPT_NAVS = 300


@dataclass(frozen=True)
class WalkedDay:
    """What one decision reads. `at` is the day's row in the sample."""

    at: int
    portfolio: Portfolio
    market: Market = field(repr=False)
    navs: tuple[NavPoint, ...] = field(repr=False)
    memory: Memory


class Walked(Protocol):
    """What was decided, as far as the next days depend on it."""

    @property
    def evaluation(self) -> Evaluation:
        """What was measured."""

    @property
    def chosen(self) -> Plan:
        """What is carried out."""


@dataclass
class Account:
    """Twelve names bought at the close of the row before the first, and what was done since."""

    at: int = FIRST
    cash: Decimal = CAPITAL
    positions: dict[str, Position] = field(default_factory=dict)
    navs: list[NavPoint] = field(default_factory=list)
    pending: tuple[Order, ...] = ()
    last: dict[Action, int] = field(default_factory=dict)
    moved: dict[tuple[Side, int], int] = field(default_factory=dict)
    reinforced: dict[int, list[int]] = field(default_factory=dict)
    sold_at_loss: dict[int, int] = field(default_factory=dict)
    profits: dict[int, set[int]] = field(default_factory=dict)
    before: Evaluation | None = None
    drawdown_acted_at: float | None = None

    def __post_init__(self) -> None:
        for symbol, percent in sorted(PERCENT.items()):
            cost = price(symbol, self.at - 1)
            quantity = CAPITAL * percent / 100 // cost
            self.positions[symbol] = Position(instrument(symbol), quantity, cost, cost)
            self.cash -= quantity * cost
        self._value(self.at - 1)

    def today(self) -> WalkedDay:
        """Yesterday's orders filled at today's closes, and what there is to decide from."""
        for order in self.pending:
            self._fill(order, price(order.instrument.symbol, self.at))
        self.pending = ()
        held = tuple(replace(p, price=price(symbol, self.at)) for symbol, p in sorted(self.positions.items()))
        portfolio = Portfolio(
            account="DU1234567",
            currency="USD",
            positions=held,
            cash=(CashBalance("USD", self.cash, self.cash),),
            available_funds=self.cash + sum((p.market_value for p in held), Decimal(0)) / 2,
            buying_power=self.cash * 4,
            as_of=eleven(prices().dates[self.at]),
            source=SOURCE,
            account_type="MARGIN",
        )
        return WalkedDay(self.at, portfolio, market_at(self.at), tuple(self.navs), self.memory())

    def carry_out(self, decided: Walked) -> None:
        """The plan's orders wait for the next close."""
        self.pending, self.before = decided.chosen.orders, decided.evaluation
        for order in self.pending:
            self._remember(order, decided.chosen.action)
        if any(due.rule is ExitRule.DRAWDOWN for due in decided.evaluation.exits_due):
            self.drawdown_acted_at = decided.evaluation.drawdown
        self._value(self.at)
        self.at += 1

    def memory(self) -> Memory:
        """Sessions counted back from today."""
        before = self.before
        if before is None:
            return NO_MEMORY
        return Memory(
            reinforced={conid: tuple(self.at - day for day in days) for conid, days in self.reinforced.items()},
            sold_at_loss=self._ago(self.sold_at_loss),
            profit_levels_taken={conid: len(days) for conid, days in self.profits.items()},
            last_rebalance=self._since(Action.REBALANCE),
            last_rotation=self._since(Action.ROTATE),
            previous_severities={metric.name: metric.severity.value for metric in before.metrics},
            drawdown_acted_at=self.drawdown_acted_at,
            previous_caps={cap.rule: cap.limit for cap in before.caps},
            bought={conid: self.at - day for (side, conid), day in self.moved.items() if side is Side.BUY},
            sold={conid: self.at - day for (side, conid), day in self.moved.items() if side is Side.SELL},
        )

    def _since(self, action: Action) -> int | None:
        return self.at - self.last[action] if action in self.last else None

    def _ago(self, days: Mapping[int, int]) -> dict[int, int]:
        return {conid: self.at - day for conid, day in days.items()}

    def _remember(self, order: Order, action: Action) -> None:
        conid = order.instrument.conid
        if not order.mandatory:
            self.last[action] = self.at
            self.moved[order.side, conid] = self.at
        if order.side is Side.BUY and action is Action.REINFORCE:
            self.reinforced.setdefault(conid, []).append(self.at)
        if order.side is Side.SELL and {OrderRule.STOP_LOSS, OrderRule.CUT_LOSERS} & set(order.rules):
            self.sold_at_loss[conid] = self.at
        if OrderRule.TAKE_PROFIT in order.rules:
            self.profits.setdefault(conid, set()).add(self.at)

    def _fill(self, order: Order, at: Decimal) -> None:
        symbol, conid = order.instrument.symbol, order.instrument.conid
        held = self.positions.pop(symbol, Position(order.instrument, Decimal(0), at, at))
        quantity, cost = held.quantity + order.side.sign * order.quantity, held.average_cost
        self.cash -= order.side.sign * order.quantity * at
        if quantity == 0:
            self.reinforced.pop(conid, None)
            self.profits.pop(conid, None)
            return
        if order.side is Side.BUY:
            cost = ((held.quantity * cost + order.quantity * at) / quantity).quantize(Decimal("0.0001"))
        self.positions[symbol] = replace(held, quantity=quantity, average_cost=cost)

    def _value(self, at: int) -> None:
        value = self.cash + sum((p.quantity * price(s, at) for s, p in self.positions.items()), Decimal(0))
        self.navs.append(follow(self.navs[-1] if self.navs else None, prices().dates[at], NavKind.CLOSE, value))
        del self.navs[:-KEPT_NAVS]
