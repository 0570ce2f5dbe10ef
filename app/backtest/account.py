"""One policy's paper account in a replay: what it holds, what waits to be filled, and what it remembers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_FLOOR, Decimal

from app.backtest.assumptions import BASIS_POINT, Assumptions, FillRule, Resume
from app.backtest.happenings import Entry, EntryKind, after_ending, after_split, entries, interest
from app.backtest.history import Dividend, Ending, Split
from app.backtest.orders import Done, Lapse, Lapsed, Waiting, under_way
from app.backtest.reader import Reader, money
from app.backtest.remembered import Remembered
from app.backtest.sending import send
from app.broker.paper.book import CENT, Fill, Holding, PaperBook
from app.broker.paper.matching import Execution, Moment, accepted, filled, next_session
from app.broker.paper.valuation import Valuation, Wanted
from app.desk.stages.valuation import value_doubt
from app.domain.adoption import Adoption, adoption_of
from app.domain.lots import Fill as LotFill
from app.domain.market import Market
from app.domain.navs import NavKind, NavPoint, follow
from app.domain.order import Order, Side
from app.domain.plan import Memory
from app.domain.policy import Policy
from app.domain.portfolio import CashBalance, Portfolio, Position
from app.domain.ruling import Cause, DayUse, KillLevel
from app.domain.unmanaged import UnmanagedHolding
from app.engine import DayDecision, Given
from app.engine.memory import EvaluationRecord, FilledOrder, Resumed, evaluation_record, memory_of
from app.risk import Today

_KEPT_NAVS = 300
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Owed:
    """A dividend for so many shares, paid on row `due`."""

    due: int
    dividend: Dividend
    quantity: Decimal


@dataclass
class Account:
    """Moved on day by day: `open`, `given`, `take`, `close`, each once a row and in this order."""

    policy: Policy
    reader: Reader
    assumptions: Assumptions
    book: PaperBook
    row: int
    level: KillLevel = KillLevel.ACTIVE
    causes: tuple[Cause, ...] = ()
    resumed: Resumed | None = None
    waiting: list[Waiting] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)
    lapsed: list[Lapsed] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    navs: list[NavPoint] = field(default_factory=list)
    # Value that came back into sight in this session, less what left it.
    flow: Decimal = ZERO
    before: EvaluationRecord | None = None
    remembered: Remembered = field(default_factory=Remembered)
    adoption: Adoption | None = None
    _owed: list[_Owed] = field(default_factory=list)
    _cents: dict[str, Decimal] = field(default_factory=dict)
    # Holdings without a value, each with the last that NAV had counted; None where it never had.
    _unseen: dict[int, Decimal | None] = field(default_factory=dict)
    # What `_held` found last, and of what.
    _priced: tuple[int, tuple[Holding, ...], list[tuple[Holding, Decimal | None]]] = (-1, (), [])
    _may_be_unseen: bool = False
    _today: Today | None = None

    def __post_init__(self) -> None:
        """Its earlier closing values, as the desk takes them over, or else its value at the close before.

        So what is lost on the first day counts, and what was lost since an earlier peak.
        """
        self.book = self.book.changed(commission=self.assumptions.commission)
        known = self.reader.instruments
        # Otherwise nothing that is held can ever be without a price.
        self._may_be_unseen = not self.reader.is_complete or any(
            one.instrument.conid not in known for one in self.book.holdings
        )
        if self._may_be_unseen:
            self._look(self.row - 1)
        on = self.reader.history.dates[self.row - 1]
        for point in self.book.closes:
            if point.session_date <= on and point.nav > 0:
                self.navs.append(follow(self._newest, point.session_date, NavKind.BROKER, point.nav))
        if self._newest is None or self._newest.session_date < on:
            self._value(self.row - 1)

    def open(self, market: Market) -> None:
        """Another session: what was sold is settled, what happened is booked, and what was due is filled."""
        if self.book.fills:
            self.book = next_session(self.book, market.session.date).changed(fills=(), orders=())
        else:
            self.book = self.book.changed(session_date=market.session.date)
        if self.assumptions.cash_rate:
            self._earn()
        if self.row in self.reader.happened:
            self._happen(market)
        if self._owed:
            self._collect()
        due = [one for one in self.waiting if self.row - one.decided >= self.assumptions.lag]
        self.waiting = [one for one in self.waiting if self.row - one.decided < self.assumptions.lag]
        self._carry_out(due, market)
        if self._may_be_unseen:
            self._look(self.row)

    def given(self, market: Market) -> Given:
        """What the day is decided from."""
        portfolio = self.portfolio(market)
        doubt = value_doubt(portfolio) if portfolio.unmanaged else None
        if self.adoption is None:
            self.adoption = adoption_of(portfolio, market.session.date)
            self.remembered.adopt(self.adoption, self.book)
        today = Today(self.policy, portfolio, market, self._comparable(), self._memory(), doubt, bare=True)
        return Given(today, DayUse(), self.level, self.causes)

    def take(self, decided: DayDecision, market: Market) -> None:
        """The chosen plan's orders wait, or are filled at once where that is the rule."""
        self.level, self.causes = decided.level, decided.causes
        plan = decided.chosen
        planned = sorted((Waiting(order, plan.action, self.row) for order in plan.orders), key=lambda one: one.turn)
        orders = self._send(planned, decided.level, market) if planned else []
        self.before = evaluation_record(decided.evaluation)
        if self.assumptions.resume is Resume.AT_ONCE:
            self.level, self.causes = KillLevel.ACTIVE, ()
            self.resumed = Resumed(market.session.date, self.before.over or {})
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
        held = self._held(self.row)
        positions = tuple(
            Position(one.instrument, one.quantity, price, one.average_cost, one.realized_pnl)
            for one, price in held
            if price is not None
        )
        cash = tuple(
            CashBalance(one.currency, one.amount, self.book.settled_in(one.currency), one.exchange_rate)
            for one in self.book.cash
        )
        worth = Valuation(
            cash=sum((one.cash * one.exchange_rate for one in cash), ZERO),
            settled_cash=sum((one.settled_cash * one.exchange_rate for one in cash), ZERO),
            stocks=sum((one.market_value * self.book.rate(one.instrument.currency) for one in positions), ZERO),
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
            broker_net_liquidation=worth.nav if len(positions) == len(held) else None,
            unmanaged=tuple(self._without_value(one) for one, price in held if price is None),
        )

    @property
    def cash(self) -> Decimal:
        """Of all currencies, in base currency."""
        return sum((one.amount * one.exchange_rate for one in self.book.cash), ZERO)

    @property
    def unvalued(self) -> int:
        """Holdings that nobody knows the value of."""
        return len(self._unseen)

    @property
    def marked_book(self) -> PaperBook:
        """At the prices seen last."""
        seen = ((one, self.reader.last(self.row - 1, one.instrument.conid)) for one in self.book.holdings)
        return self.book.changed(
            holdings=tuple(one if last is None else one.model_copy(update={"price": last}) for one, last in seen)
        )

    def _held(self, row: int) -> list[tuple[Holding, Decimal | None]]:
        """With what a share is worth, None where nobody tells any more."""
        of_row, holdings, found = self._priced
        if of_row != row or holdings is not self.book.holdings:
            seen, holdings = self.reader.seen, self.book.holdings
            found = [(one, seen(row, one.instrument.conid)) for one in holdings if one.quantity > 0]
            self._priced = row, holdings, found
        return found

    def _without_value(self, one: Holding) -> UnmanagedHolding:
        name = one.instrument
        reason = f"it has had no price for more than {self.assumptions.carried} sessions"
        return UnmanagedHolding(name.symbol, name.asset_class.value, reason, name.conid, name.currency, one.quantity)

    def _earn(self) -> None:
        """For the night, on what was in cash at the close; debt costs as much."""
        for one in self.book.cash:
            paid, left = interest(one.amount, self.assumptions.cash_rate, self._cents.get(one.currency, ZERO))
            self._cents[one.currency] = left
            if paid:
                self.book = self.book.paid(one.currency, paid)
                self.entries.append(Entry(self.row, EntryKind.INTEREST, one.currency, paid))

    def _happen(self, market: Market) -> None:
        for one in self.reader.happened[self.row]:
            if isinstance(one, Split):
                self._split(one, market)
            elif isinstance(one, Ending):
                self._end(one)
            elif isinstance(one, Dividend) and self.assumptions.dividends and self.book.held(one.conid):
                due = max(self.row, self.reader.history.row(one.known_at))
                self._owed.append(_Owed(due, one, self.book.held(one.conid)))

    def _collect(self) -> None:
        for one in [owed for owed in self._owed if owed.due <= self.row]:
            self._owed.remove(one)
            currency = self.reader.instruments[one.dividend.conid].currency
            amount = (one.quantity * one.dividend.amount).quantize(CENT)
            self.book = self.book.paid(currency, amount)
            self.entries.append(Entry(self.row, EntryKind.DIVIDEND, currency, amount, one.dividend.conid))

    def _split(self, one: Split, market: Market) -> None:
        """Shares, their cost, what is remembered of them and what is under way are counted anew."""
        before, last = self.book, self.reader.last(self.row - 1, one.conid)
        price = None if last is None else last / one.ratio
        if price is not None:
            self.book = after_split(before, one, price, market.as_of)
            self._enter(before, EntryKind.SPLIT, one.conid)
        self.waiting = [self._in_new_shares(waiting, one) for waiting in self.waiting]
        self.remembered.split(one, before, self.book, price)

    def _in_new_shares(self, waiting: Waiting, split: Split) -> Waiting:
        order = waiting.order
        if order.instrument.conid != split.conid:
            return waiting
        quantity = (order.quantity * split.ratio).to_integral_value(ROUND_FLOOR)
        limit = None if order.limit_price is None else order.limit_price / split.ratio
        price = order.reference_price / split.ratio
        return replace(waiting, order=replace(order, quantity=quantity, reference_price=price, limit_price=limit))

    def _end(self, one: Ending) -> None:
        """Nothing is left of the name but what was paid and given for it."""
        before, into = self.book, None if one.into is None else self.reader.instruments[one.into]
        price = None
        if into is not None:
            price = self.reader.last(self.row - 1, into.conid) or self.reader.price(self.row, into.conid)
        self.book = after_ending(before, one, into, price)
        self._enter(before, EntryKind.ENDING, *((one.conid,) if one.into is None else (one.conid, one.into)))
        for waiting in [each for each in self.waiting if each.order.instrument.conid == one.conid]:
            self.waiting.remove(waiting)
            self._lapse(waiting, waiting.order.quantity, Lapse.ENDED)
        self.remembered.end(one, before, self.book, price)

    def _enter(self, before: PaperBook, kind: EntryKind, *conids: int) -> None:
        names = (self.reader.instruments[conid] for conid in conids)
        self.entries += entries(before, self.book, self.row, kind, *names)

    @property
    def _newest(self) -> NavPoint | None:
        return self.navs[-1] if self.navs else None

    def _memory(self) -> Memory:
        known = self.remembered
        return memory_of(known.names, self.before, self._since, known.profits, self.adoption, known.bases, self.resumed)

    def _since(self, day: date) -> int:
        return self.row - self.reader.rows[day]

    def _send(self, planned: Sequence[Waiting], level: KillLevel, market: Market) -> list[Waiting]:
        """As the executor does: what it refuses is not sent."""
        today = self._today or self.given(market).today
        sent = []
        for one, order in zip(
            planned, send(today, [one.order for one in planned], level, self.book.commission), strict=True
        ):
            if order is None:
                self._lapse(one, one.order.quantity, Lapse.NOT_SENT)
            else:
                sent.append(replace(one, order=order))
        return sent

    def _carry_out(self, orders: Sequence[Waiting], market: Market) -> None:
        """What is not filled now lapses as the session ends."""
        touched: dict[int, Decimal] = {}
        for one in sorted(orders, key=lambda waiting: waiting.turn):
            conid = one.order.instrument.conid
            quantity = self._fill(one, market, touched.get(conid, ZERO))
            if quantity:
                touched[conid] = touched.get(conid, ZERO) + quantity
        if touched:
            self.remembered.recall(touched, self.book)

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
            self._lapse(waiting, order.quantity - max(quantity, ZERO), reason)
        if quantity < 1:
            return ZERO
        moment = Moment(market.as_of, market.session)
        wanted = Wanted(order.instrument, order.side, quantity, None)
        book, order_id = accepted(self.book, wanted, None, moment)
        in_book = next(o for o in book.orders if o.order_id == order_id)
        self.book = filled(book, in_book, Execution(quantity, paid, market.as_of), price)
        self._remember(waiting, self.book.fills[-1], price)
        return quantity

    def _lapse(self, waiting: Waiting, quantity: Decimal, reason: Lapse) -> Decimal:
        self.lapsed.append(Lapsed(waiting.order, waiting.action, waiting.decided, self.row, quantity, reason))
        return ZERO

    def _most(self, order: Order, price: Decimal) -> tuple[Decimal, Lapse]:
        """What is held, or what the cash buys."""
        if order.side is Side.SELL:
            return self.book.held(order.instrument.conid), Lapse.NOT_HELD
        currency = order.instrument.currency
        margin = self.book.account_type == "margin"
        cash = self.book.cash_in(currency) if margin else self.book.settled_in(currency)
        quantity = min(order.quantity, (cash / price).to_integral_value(ROUND_FLOOR))
        while quantity > 0 and quantity * price + self.book.commission.charge(quantity, quantity * price) > cash:
            quantity -= 1
        return quantity, Lapse.NO_CASH

    def _remember(self, waiting: Waiting, fill: Fill, price: Decimal) -> None:
        order, action, on = waiting.order, waiting.action, self.reader.history.dates[waiting.decided]
        self.done.append(
            Done(order, action, waiting.decided, self.row, fill.quantity, price, fill.price, fill.commission)
        )
        lot = LotFill(fill.conid, on, fill.side, fill.quantity, fill.price, fill.commission)
        self.remembered.add(FilledOrder(lot, action, order.rules, order.mandatory))

    def _look(self, row: int) -> None:
        """What lost its value or got it back, as the session opens: neither is a gain or a loss."""
        back, away = dict(self._unseen), dict[int, Decimal | None]()
        for one, price in self._held(row):
            conid, rate = one.instrument.conid, self.book.rate(one.instrument.currency)
            if price is None:
                last = self.reader.last(row, conid) if self.navs else None
                away[conid] = None if last is None else one.quantity * last * rate
            elif conid in back and back[conid] is None:
                back[conid] = one.quantity * price * rate
        for conid in away.keys() & back.keys():
            away[conid] = back.pop(conid)
        left = (away[conid] for conid in away.keys() - self._unseen.keys())
        self.flow = sum((value or ZERO for value in back.values()), ZERO) - sum((value or ZERO for value in left), ZERO)
        self._unseen = away

    def _comparable(self) -> tuple[NavPoint, ...]:
        """The account's values, the newest as if it had been of what has a value now."""
        if not self.flow:
            return tuple(self.navs)
        return (*self.navs[:-1], replace(self.navs[-1], nav=self.navs[-1].nav + self.flow))

    def _value(self, row: int) -> None:
        worth = (
            one.quantity * price * self.book.rate(one.instrument.currency)
            for one, price in self._held(row)
            if price is not None
        )
        nav, on = sum(worth, self.cash), self.reader.history.dates[row]
        before = self._comparable()[-1] if self.flow else self._newest
        if before is not None and before.nav <= 0:
            # Nothing had a value, so no return can be told.
            before = replace(before, nav=nav)
        point = follow(before, on, NavKind.CLOSE, nav)
        marked = self.before.marked if self.before else None
        if on == marked or (self.adoption is not None and on == self.adoption.session_date):
            # What it fell before counts for nothing from now on.
            self.navs, point = [], replace(point, peak=point.index)
        self.navs.append(point)
        del self.navs[:-_KEPT_NAVS]
