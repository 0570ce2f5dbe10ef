"""One policy's paper account in a replay: what it holds, what waits to be filled, and what it remembers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_FLOOR, Decimal

from app.backtest.assumptions import BASIS_POINT, Assumptions, FillRule, Resume
from app.backtest.orders import Done, Lapse, Lapsed, Waiting, under_way
from app.backtest.reader import Reader, money
from app.broker.paper.book import Fill, Holding, PaperBook
from app.broker.paper.matching import Execution, Moment, accepted, filled, next_session
from app.broker.paper.valuation import Valuation, Wanted
from app.domain.lots import Fill as LotFill
from app.domain.market import Market
from app.domain.navs import NavKind, NavPoint, follow
from app.domain.order import Order, Side
from app.domain.plan import NO_MEMORY, Memory
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
    lapsed: list[Lapsed] = field(default_factory=list)
    navs: list[NavPoint] = field(default_factory=list)
    before: EvaluationRecord | None = None
    _orders: dict[int, list[FilledOrder]] = field(default_factory=dict)
    _names: dict[int, NameMemory] = field(default_factory=dict)
    _profits: tuple[Decimal | None, ...] = ()

    def __post_init__(self) -> None:
        """Its earlier closing values, as the desk takes them over, or else its value at the close before.

        So what is lost on the first day counts, and what was lost since an earlier peak.
        """
        self.book = self.book.changed(commission=self.assumptions.commission)
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
            orders=under_way(self.book.account, self.waiting, self.reader.history.dates) if self.waiting else (),
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

    def _carry_out(self, orders: Sequence[Waiting], market: Market) -> None:
        """What is not filled now lapses as the session ends."""
        touched: dict[int, Decimal] = {}
        for one in sorted(orders, key=lambda waiting: waiting.turn):
            conid = one.order.instrument.conid
            quantity = self._fill(one, market, touched.get(conid, Decimal(0)))
            if quantity:
                touched[conid] = touched.get(conid, Decimal(0)) + quantity
        for conid in touched:
            self._names[conid] = name_memory(conid, self._orders[conid], self.book.held(conid))
        if touched:
            self._profits = profits_of(self._names)

    def _fill(self, waiting: Waiting, market: Market, before: Decimal) -> Decimal:
        """What filled of it; `before`: what filled of the name in this session already."""
        order, conid = waiting.order, waiting.order.instrument.conid
        price = self.reader.price_of_fills(self.assumptions.fill, self.row, conid)
        if price is None:
            return self._lapse(waiting, order.quantity, Lapse.NO_PRICE)
        paid = money(float(price * (1 + order.side.sign * self.assumptions.slippage_bps * BASIS_POINT)))
        most, reason = self._most(order, paid)
        volume = self.reader.volume(self.row, conid)
        if volume is not None:
            allowed = (self.assumptions.participation * volume).to_integral_value(ROUND_FLOOR) - before
            if allowed < most:
                most, reason = allowed, Lapse.NO_VOLUME
        quantity = min(order.quantity, most)
        if quantity < order.quantity:
            self._lapse(waiting, order.quantity - max(quantity, Decimal(0)), reason)
        if quantity < 1:
            return Decimal(0)
        moment = Moment(market.as_of, market.session)
        wanted = Wanted(order.instrument, order.side, quantity, None)
        book, order_id = accepted(self.book, wanted, None, moment)
        in_book = next(o for o in book.orders if o.order_id == order_id)
        self.book = filled(book, in_book, Execution(quantity, paid, market.as_of), price)
        self._remember(waiting, self.book.fills[-1], price)
        return quantity

    def _lapse(self, waiting: Waiting, quantity: Decimal, reason: Lapse) -> Decimal:
        self.lapsed.append(Lapsed(waiting.order, waiting.action, waiting.decided, self.row, quantity, reason))
        return Decimal(0)

    def _most(self, order: Order, price: Decimal) -> tuple[Decimal, Lapse]:
        """What is held, or what the cash buys."""
        if order.side is Side.SELL:
            return self.book.held(order.instrument.conid), Lapse.NOT_HELD
        cash = self.book.settled_in(order.instrument.currency) if self.book.account_type == "cash" else self._cash()
        quantity = min(order.quantity, (cash / price).to_integral_value(ROUND_FLOOR))
        while quantity > 0 and quantity * price + self.book.commission.charge(quantity, quantity * price) > cash:
            quantity -= 1
        return quantity, Lapse.NO_CASH

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
