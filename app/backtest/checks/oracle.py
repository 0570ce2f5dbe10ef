"""Two other reckonings of what a replay says, in other words and with other numbers than the replay's own.

Must never use a function of the replay to reckon with: a mistake that both made would not show.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor

import numpy as np

from app.backtest.account import Account
from app.backtest.assumptions import Assumptions, FillRule
from app.backtest.books import cash_book
from app.backtest.history import History
from app.backtest.orders import Done, Waiting
from app.backtest.reader import Reader
from app.backtest.replay import Replayed
from app.broker.paper.book import CommissionPlan
from app.domain.errors import UsageError
from app.domain.market import Array, Market
from app.domain.order import Order, OrderRule, Side
from app.domain.plan import Action
from app.domain.policy import Policy

INVESTED = 0.9
# So much that whole shares and whole cents are nothing beside it.
AMOUNT = Decimal(10**15)
CENT = Fraction(1, 100)


def equal_weight(closes: Array, bps: float, amount: float) -> Array:
    """Nine tenths in equal parts: decided at each close, filled at the next, `bps` of what is traded paid.

    Shape: closes [T, N] → values at the closes [T].
    """
    cash, shares, values = amount, np.zeros(closes.shape[1]), [amount]
    wanted = INVESTED * amount / closes.shape[1] / closes[0]
    for prices in closes[1:]:
        traded = (wanted - shares) * prices
        cash -= traded.sum() + bps / 10_000 * np.abs(traded).sum()
        shares = wanted
        values.append(cash + shares @ prices)
        wanted = INVESTED * values[-1] / closes.shape[1] / prices
    return np.array(values)


def equal_weight_led(policy: Policy, reader: Reader, rows: range, bps: int) -> Array:
    """The same rule through the replay's own account and fills; the policy decides nothing. Shape: [D + 1]."""
    history = reader.history
    plan = CommissionPlan(per_share=AMOUNT, least=Decimal(0), largest_share=Decimal(bps) / 10_000)
    assumptions = Assumptions(fill=FillRule.NEXT_CLOSE, lag=1, commission=plan, slippage_bps=Decimal(0))
    book = cash_book(history, rows.start - 1, AMOUNT)
    account = Account(policy, reader, assumptions, book, rows.start)
    values = []
    for row in rows:
        market = reader.market(row)
        account.open(market)
        account.waiting += (Waiting(order, Action.REBALANCE, row) for order in _equal_orders(account, market))
        account.close()
        values.append(float(account.navs[-1].nav))
    return np.array(values)


def _equal_orders(account: Account, market: Market) -> tuple[Order, ...]:
    portfolio = account.portfolio(market)
    orders = []
    for instrument in market.instruments.values():
        price = market.quotes[instrument.conid].price
        wanted = round(Decimal(str(INVESTED)) * portfolio.nav / len(market.instruments) / price)
        change = wanted - account.book.held(instrument.conid)
        if change:
            side = Side.BUY if change > 0 else Side.SELL
            order = Order(instrument, side, abs(change), price, "equal weights", rules=(OrderRule.REBALANCE,))
            orders.append(order)
    return tuple(orders)


def second_engine(found: Replayed) -> Iterator[str]:
    """What of a replay's fills, cash and values does not follow from its own orders, a sentence each; none is well.

    Margin accounts without happenings or interest alone. Raises: UsageError for others.
    """
    _require_plain(found)
    engine = _Second(found)
    days = defaultdict(list)
    for one in found.done:
        days[one.row].append(one)
    for n, on in enumerate(found.dates):
        row = found.first + n
        for one in days.pop(row, ()):
            yield from (f"{on}: {said}" for said in engine.fill(one))
        yield from (f"{on}: {said}" for said in engine.compare(row, float(found.cash[n + 1]), float(found.nav[n + 1])))
    if days:
        yield f"{sum(map(len, days.values()))} orders were filled outside the graded days"
    ended = {one.instrument.conid: Fraction(one.quantity) for one in found.end.holdings if one.quantity}
    if ended != engine.held:
        yield f"at the end {ended} is held, reckoned {engine.held}"


def _require_plain(found: Replayed) -> None:
    book, assumptions = found.start, found.assumptions
    if found.history.happenings or assumptions.cash_rate or book.account_type != "margin" or len(book.cash) > 1:
        raise UsageError("the second engine knows no happenings, no interest, no cash account and one currency alone")


class _Second:
    """Cash and shares in fractions."""

    def __init__(self, found: Replayed) -> None:
        self.history: History = found.history
        self.rules = found.assumptions
        self.columns = {one.conid: n for n, one in enumerate(found.history.instruments)}
        self.cash = Fraction(found.start.cash[0].amount)
        self.held = {one.instrument.conid: Fraction(one.quantity) for one in found.start.holdings if one.quantity}

    def price(self, row: int, conid: int) -> Fraction:
        """The last known close, to four decimals."""
        closes: Sequence[float] = self.history.closes[: row + 1, self.columns[conid]].tolist()
        return round(Fraction(next(close for close in reversed(closes) if close == close)), 4)

    def fill(self, one: Done) -> Iterator[str]:
        """The account after it, and what was wrong with it."""
        order, conid, bought = one.order, one.order.instrument.conid, one.order.side is Side.BUY
        waited = 0 if self.rules.fill is FillRule.SAME_BAR else self.rules.lag
        if one.row - one.decided != waited:
            yield f"{order.instrument.symbol} filled {one.row - one.decided} sessions after its decision, not {waited}"
        slipped = 1 + (1 if bought else -1) * Fraction(self.rules.slippage_bps) / 10_000
        paid, quantity = Fraction(one.paid), Fraction(one.quantity)
        if self.rules.fill is not FillRule.NEXT_OPEN and abs(self.price(one.row, conid) * slipped - paid) > CENT / 200:
            yield f"{order.instrument.symbol} filled at {one.paid}, its close was {float(self.price(one.row, conid))}"
        most = self.affordable(paid) if bought else floor(self.held.get(conid, Fraction(0)))
        fits = min(Fraction(order.quantity), Fraction(most))
        if quantity > fits or (quantity < fits and self.history.volumes is None):
            yield f"{quantity} {order.instrument.symbol} filled of {order.quantity}, {fits} were possible"
        fee = self.commission(quantity, quantity * paid)
        if fee != Fraction(one.commission):
            yield f"{order.instrument.symbol}: {one.commission} of commission, reckoned {float(fee)}"
        self.cash -= (quantity * paid if bought else -quantity * paid) + fee
        left = self.held.pop(conid, Fraction(0)) + (quantity if bought else -quantity)
        if left:
            self.held[conid] = left

    def compare(self, row: int, cash: float, nav: float) -> Iterator[str]:
        """Cash and value at the close, to the cent."""
        value = self.cash + sum((shares * self.price(row, conid) for conid, shares in self.held.items()), Fraction(0))
        for what, told, reckoned in (("cash", cash, self.cash), ("value", nav, value)):
            if abs(Fraction(told) - reckoned) > CENT / 2:
                yield f"{what} of {told:.4f}, reckoned {float(reckoned):.4f}"

    def commission(self, quantity: Fraction, value: Fraction) -> Fraction:
        """Half a cent goes up."""
        plan = self.rules.commission
        wanted = max(quantity * Fraction(plan.per_share), Fraction(plan.least))
        return floor(min(wanted, value * Fraction(plan.largest_share)) * 100 + Fraction(1, 2)) * CENT

    def affordable(self, price: Fraction) -> int:
        """Whole shares that the cash pays for with their commission; what they cost rises with their number."""
        low, high = 0, max(0, floor(self.cash / price))
        while low < high:
            middle = (low + high + 1) // 2
            fits = middle * price + self.commission(Fraction(middle), middle * price) <= self.cash
            low, high = (middle, high) if fits else (low, middle - 1)
        return low
