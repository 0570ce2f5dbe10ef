"""An account led through the sample's days: each decision is filled at the next close, and remembered.

Keeps what the desk would keep, and must know nothing of how a day is decided.
"""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Protocol

from app.domain.evaluation import Evaluation
from app.domain.lots import Fill
from app.domain.market import Market
from app.domain.navs import NavKind, NavPoint, follow
from app.domain.order import Order, Side
from app.domain.plan import NO_MEMORY, Action, Memory, Plan
from app.domain.portfolio import CashBalance, Portfolio, Position
from app.engine.memory import EvaluationRecord, FilledOrder, evaluation_record, memory_of, name_memories
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
    history: list[FilledOrder] = field(default_factory=list)
    before: EvaluationRecord | None = None

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
        plan = decided.chosen
        self.pending, self.before = plan.orders, evaluation_record(decided.evaluation)
        self.history += [self._filled(order, plan.action) for order in plan.orders]
        self._value(self.at)
        self.at += 1

    def memory(self) -> Memory:
        """Sessions counted back from today."""
        if self.before is None:
            return NO_MEMORY
        held = {p.instrument.conid: p.quantity for p in self.positions.values()}
        return memory_of(name_memories(self.history, held), self.before, self._since)

    def _since(self, on: date) -> int:
        return self.at - prices().dates.index(on)

    def _filled(self, order: Order, action: Action) -> FilledOrder:
        """At the next close, for nothing."""
        on, at = prices().dates[self.at], price(order.instrument.symbol, self.at + 1)
        fill = Fill(order.instrument.conid, on, order.side, order.quantity, at, Decimal(0))
        return FilledOrder(fill, action, order.rules, order.mandatory)

    def _fill(self, order: Order, at: Decimal) -> None:
        symbol = order.instrument.symbol
        held = self.positions.pop(symbol, Position(order.instrument, Decimal(0), at, at))
        quantity, cost = held.quantity + order.side.sign * order.quantity, held.average_cost
        self.cash -= order.side.sign * order.quantity * at
        if quantity == 0:
            return
        if order.side is Side.BUY:
            cost = ((held.quantity * cost + order.quantity * at) / quantity).quantize(Decimal("0.0001"))
        self.positions[symbol] = replace(held, quantity=quantity, average_cost=cost)

    def _value(self, at: int) -> None:
        value = self.cash + sum((p.quantity * price(s, at) for s, p in self.positions.items()), Decimal(0))
        self.navs.append(follow(self.navs[-1] if self.navs else None, prices().dates[at], NavKind.CLOSE, value))
        del self.navs[:-KEPT_NAVS]
