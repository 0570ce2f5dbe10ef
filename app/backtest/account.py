"""One policy's paper account in a replay: what it holds, what waits to be filled, and what it remembers."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_FLOOR, Decimal

from app.backtest.assumptions import Assumptions, FillRule, Resume
from app.backtest.reader import Reader, money
from app.broker.paper.book import Fill, Holding, PaperBook
from app.broker.paper.matching import Execution, Moment, accepted, filled, next_session
from app.broker.paper.valuation import Valuation, Wanted
from app.domain.lots import Fill as LotFill
from app.domain.market import Market
from app.domain.navs import NavKind, NavPoint, follow
from app.domain.order import Order, Side
from app.domain.plan import NO_MEMORY, Action, Memory
from app.domain.policy import Policy
from app.domain.portfolio import CashBalance, Portfolio, Position
from app.domain.ruling import DayUse, KillLevel
from app.engine import DayDecision, Given
from app.engine.memory import (
    EvaluationRecord,
    FilledOrder,
    NameMemory,
    evaluation_record,
    memory_of,
    name_memory,
    profits_of,
)
from app.risk import Today

_KEPT_NAVS = 300
_BASIS_POINT = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order that was decided on row `decided`, with its plan's action."""

    order: Order
    action: Action
    decided: int


@dataclass(frozen=True, slots=True)
class Done:
    """One order's execution, with the rows of decision and fill; `price` without slippage, `paid` with it."""

    order: Order
    action: Action
    decided: int
    row: int
    quantity: Decimal
    price: Decimal
    paid: Decimal
    commission: Decimal


@dataclass
class Account:
    """Moved on day by day: `open`, `given`, `take`, `close`, each once a row and in this order."""

    policy: Policy
    reader: Reader
    assumptions: Assumptions
    book: PaperBook
    row: int
    level: KillLevel = KillLevel.ACTIVE
    waiting: list[Waiting] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)
    navs: list[NavPoint] = field(default_factory=list)
    before: EvaluationRecord | None = None
    _orders: dict[int, list[FilledOrder]] = field(default_factory=dict)
    _names: dict[int, NameMemory] = field(default_factory=dict)
    _profits: tuple[Decimal | None, ...] = ()

    def __post_init__(self) -> None:
        """Its earlier closing values, as the desk takes them over, or else its value at the close before.

        So what is lost on the first day counts, and what was lost since an earlier peak.
        """
        on = self.reader.history.dates[self.row - 1]
        for point in self.book.closes:
            if point.session_date <= on and point.nav > 0:
                self.navs.append(follow(self._newest, point.session_date, NavKind.BROKER, point.nav))
        if self._newest is None or self._newest.session_date < on:
            self._value(self.row - 1)

    def open(self, market: Market) -> None:
        """Another session: what was sold is settled, and what was due is filled at this row's prices."""
        if self.book.fills:
            self.book = next_session(self.book, market.session.date).changed(fills=(), orders=())
        else:
            self.book = self.book.changed(session_date=market.session.date)
        due = [one for one in self.waiting if self.row - one.decided >= self.assumptions.lag]
        self.waiting = [one for one in self.waiting if self.row - one.decided < self.assumptions.lag]
        self._carry_out(due, market)

    def given(self, market: Market) -> Given:
        """What the day is decided from."""
        level = KillLevel.ACTIVE if self.assumptions.resume is Resume.AT_ONCE else self.level
        today = Today(self.policy, self.portfolio(market), market, tuple(self.navs), self._memory())
        return Given(today, DayUse(), level, 0)

    def take(self, decided: DayDecision, market: Market) -> None:
        """The chosen plan's orders wait, or are filled at once where that is the rule."""
        self.level = decided.level
        plan = decided.chosen
        self.before = evaluation_record(decided.evaluation, self.before.drawdown_acted_at if self.before else None)
        orders = [Waiting(order, plan.action, self.row) for order in plan.orders]
        if self.assumptions.fill is FillRule.SAME_BAR:
            self._carry_out(orders, market)
        else:
            self.waiting += orders

    def close(self) -> None:
        """The session's closing value."""
        self._value(self.row)
        self.row += 1

    def portfolio(self, market: Market) -> Portfolio:
        """As the broker would report it at this row's prices."""
        positions = tuple(
            Position(one.instrument, one.quantity, self._price(self.row, one), one.average_cost, one.realized_pnl)
            for one in self.book.holdings
            if one.quantity > 0
        )
        cash = tuple(
            CashBalance(one.currency, one.amount, self.book.settled_in(one.currency), one.exchange_rate)
            for one in self.book.cash
        )
        worth = Valuation(
            cash=sum((one.cash * one.exchange_rate for one in cash), Decimal(0)),
            settled_cash=sum((one.settled_cash * one.exchange_rate for one in cash), Decimal(0)),
            stocks=sum((one.quantity * one.price for one in positions), Decimal(0)),
            margin_account=self.book.account_type == "margin",
        )
        return Portfolio(
            account=self.book.account,
            currency=self.book.currency,
            positions=positions,
            cash=cash,
            available_funds=worth.available_funds,
            buying_power=worth.buying_power,
            as_of=market.as_of,
            source="replay",
            account_type=self.book.account_type,
            broker_net_liquidation=worth.nav,
        )

    @property
    def _newest(self) -> NavPoint | None:
        return self.navs[-1] if self.navs else None

    def _memory(self) -> Memory:
        if self.before is None:
            return NO_MEMORY
        return memory_of(self._names, self.before, self._since, self._profits)

    def _since(self, day: date) -> int:
        return self.row - self.reader.rows[day]

    def _price(self, row: int, held: Holding) -> Decimal:
        price = self.reader.price(row, held.instrument.conid)
        return held.price if price is None else price

    def _carry_out(self, orders: Iterable[Waiting], market: Market) -> None:
        """Sales first, for they pay for purchases."""
        touched: set[int] = set()
        for one in sorted(orders, key=lambda w: (w.order.side.sign, not w.order.mandatory, w.order.instrument.symbol)):
            if self._fill(one, market):
                touched.add(one.order.instrument.conid)
        for conid in touched:
            self._names[conid] = name_memory(conid, self._orders[conid], self.book.held(conid))
        if touched:
            self._profits = profits_of(self._names)

    def _fill(self, waiting: Waiting, market: Market) -> bool:
        order, conid = waiting.order, waiting.order.instrument.conid
        price = self.reader.price(self.row, conid)
        if price is None:
            return False
        paid = money(float(price * (1 + order.side.sign * self.assumptions.slippage_bps * _BASIS_POINT)))
        quantity = min(order.quantity, self._most(order, paid))
        if quantity < 1:
            return False
        moment = Moment(market.as_of, market.session)
        wanted = Wanted(order.instrument, order.side, quantity, None)
        book, order_id = accepted(self.book, wanted, None, moment)
        in_book = next(o for o in book.orders if o.order_id == order_id)
        self.book = filled(book, in_book, Execution(quantity, paid, market.as_of), price)
        self._remember(waiting, self.book.fills[-1], price)
        return True

    def _most(self, order: Order, price: Decimal) -> Decimal:
        """What is held, or what the cash buys."""
        if order.side is Side.SELL:
            return self.book.held(order.instrument.conid)
        cash = self.book.settled_in(order.instrument.currency) if self.book.account_type == "cash" else self._cash()
        quantity = min(order.quantity, (cash / price).to_integral_value(ROUND_FLOOR))
        while quantity > 0 and quantity * price + self.book.commission.charge(quantity, quantity * price) > cash:
            quantity -= 1
        return quantity

    def _cash(self) -> Decimal:
        return self.book.cash_in(self.book.currency)

    def _remember(self, waiting: Waiting, fill: Fill, price: Decimal) -> None:
        order, action, on = waiting.order, waiting.action, self.reader.history.dates[waiting.decided]
        done = Done(order, action, waiting.decided, self.row, fill.quantity, price, fill.price, fill.commission)
        self.done.append(done)
        lot = LotFill(fill.conid, on, fill.side, fill.quantity, fill.price, fill.commission)
        self._orders.setdefault(fill.conid, []).append(FilledOrder(lot, action, order.rules, order.mandatory))

    def _value(self, row: int) -> None:
        nav = self._cash() + sum(
            (one.quantity * self._price(row, one) for one in self.book.holdings if one.quantity > 0), Decimal(0)
        )
        self.navs.append(follow(self._newest, self.reader.history.dates[row], NavKind.CLOSE, nav))
        del self.navs[:-_KEPT_NAVS]
