"""What every strategy looks at, and how its desired buys become orders: never beyond a limit, cash or the budget."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from app.domain.adoption import mode_of
from app.domain.evaluation import Evaluation
from app.domain.instrument import UNKNOWN_SECTOR, Instrument
from app.domain.kept import kept_property
from app.domain.legs import alone, paired
from app.domain.market import Market, Trend, known, quoted_prices
from app.domain.order import Order, OrderRule, Side
from app.domain.order_size import in_legs, largest_order, smallest_order
from app.domain.plan import Memory
from app.domain.policy import AdoptionMode, Fx, Policy, TrendFilter
from app.domain.portfolio import Portfolio, Position
from app.domain.price_levels import gains_of
from app.domain.resting import resting
from app.domain.sizing import HEADROOM, ZERO, aimed_at, cash_for, is_margin, sellable, spendable
from app.domain.taking_over import PAIR, is_taking_over
from app.domain.tilts import tilted_shares
from app.domain.tolerance import TOLERANCE
from app.domain.universe import blocked_names, is_fund, is_legacy, position_limit, sector_of, sectors_of

# Sales that pay for less and less come to an end.
_ROUNDS = 4


@dataclass(frozen=True)
class Situation:
    """The day's inputs, with the orders that every plan contains.

    `buying` is False where nobody wants to see purchases that would all be refused: no plan is left that only buys.
    What every strategy asks for again and again is worked out once and kept: the inputs never change.
    """

    policy: Policy
    portfolio: Portfolio
    market: Market
    evaluation: Evaluation
    memory: Memory
    mandatory: tuple[Order, ...] = ()
    buying: bool = True

    @kept_property
    def least(self) -> Decimal:
        """What the smallest order is worth, in base currency."""
        return smallest_order(self.policy.execution, self.evaluation.nav)

    @kept_property
    def nav(self) -> float:
        """Base currency."""
        return float(self.evaluation.nav)

    @kept_property
    def holdings(self) -> tuple[Position, ...]:
        """Whole long positions that may be ordered today, by symbol."""
        whole = [position for position in self.portfolio.positions if position.quantity >= 1]
        skipped = blocked_names(self.policy, self.market, (position.instrument for position in whole))
        tradable = (position for position in whole if position.instrument.conid not in skipped)
        return tuple(sorted(tradable, key=lambda position: position.instrument.symbol))

    @kept_property
    def gains(self) -> Mapping[int, float | None]:
        """Price-only return of every position since it was taken over or bought, by conid; None without a cost."""
        return gains_of(self.portfolio, self.memory)

    @kept_property
    def mode(self) -> AdoptionMode:
        """How this account was taken over."""
        return mode_of(self.policy, self.memory.adoption)

    @kept_property
    def spared(self) -> frozenset[int]:
        """Conids that only exits sell: held from before, and not in the universe."""
        if self.mode is not AdoptionMode.ADOPT:
            return frozenset()
        names = (position.instrument for position in self.portfolio.positions)
        return frozenset(name.conid for name in names if is_legacy(self.policy, name))

    @kept_property
    def tilts(self) -> Mapping[int, Decimal]:
        """Shares beside the policy's targets that rotations and reinforcements in force bought, less those sold."""
        return tilted_shares(self.policy, self.memory, self.gains, self.evaluation.trend)

    @kept_property
    def held_in(self) -> Counter[str]:
        """How many of the holdings each sector has."""
        return Counter(self.sector(position.instrument) for position in self.holdings)

    @kept_property
    def free_to_sell(self) -> tuple[Position, ...]:
        """Holdings without a mandatory sale that are not left to exits alone."""
        kept = self.spared.union(order.instrument.conid for order in self.mandatory)
        return tuple(position for position in self.holdings if position.instrument.conid not in kept)

    @kept_property
    def without_exit(self) -> tuple[Position, ...]:
        """Those of them that were held for long enough to be sold by choice; at a loss for longer."""
        rules, gains = self.policy.strategies, self.gains
        bought = {
            conid
            for conid, ago in self.memory.bought.items()
            if ago < rules.min_holding_sessions or (ago < rules.cool_down_sessions and (gains.get(conid) or 0.0) < 0)
        }
        return tuple(position for position in self.free_to_sell if position.instrument.conid not in bought)

    @kept_property
    def most_turnover(self) -> float:
        """What a plan may trade by choice today, as a fraction of NAV: while a book is worked off, little a day.

        Money that was paid in is no part of that book.
        """
        most = self.policy.execution.max_turnover
        if not is_taking_over(self.policy, self.memory):
            return most
        return min(most, self._pace + float(self.memory.new_money) / self.nav)

    @property
    def _pace(self) -> float:
        """Days on which nothing was large enough to trade are made up for, as far as a pair of orders needs it."""
        a_day, last = self.policy.adoption.turnover, self.memory.last_rebalance
        passed = self.memory.adopted + 1 if last is None else min(last, self.memory.adopted + 1)
        pair = PAIR * float(self.least) / self.nav
        return max(a_day, min(a_day * passed, pair))

    def weight(self, instrument: Instrument) -> float:
        """Fraction of NAV before any order."""
        return self.evaluation.weights.get(instrument.conid, 0.0)

    def sector(self, instrument: Instrument) -> str:
        """The sector that limits count it in."""
        known = self._sectors.get(instrument.conid)
        return sector_of(self.policy, self.market, instrument) if known is None else known

    @kept_property
    def _sectors(self) -> dict[int, str]:
        listed = sectors_of(self.policy, self.market)
        held = (position.instrument for position in self.portfolio.positions)
        others = {one.conid: sector_of(self.policy, self.market, one) for one in held if one.conid not in listed}
        return listed | others if others else listed

    def base_value(self, order: Order) -> float:
        """The order's value in base currency."""
        currency = order.instrument.currency
        value = order.notional
        return float(value if currency == self.portfolio.currency else value * self.portfolio.rate(currency))

    def reference(self, instrument: Instrument) -> Decimal | None:
        """Mid or last of the market, else the broker's own mark; None where nobody has a price."""
        return self._references.get(instrument.conid)

    @kept_property
    def _references(self) -> Mapping[int, Decimal]:
        marks = {p.instrument.conid: p.price for p in self.portfolio.positions if p.price > 0}
        return marks | quoted_prices(self.market)

    def share_weight(self, conid: int) -> float:
        """What one share of a name in the base currency is of NAV; infinite where nobody has a price."""
        price = self._references.get(conid)
        return math.inf if price is None else float(price) / self.nav

    def traded(self, instrument: Instrument) -> Decimal | None:
        """What a day's average volume of it is worth, in base currency; None where nobody knows, or no rule asks."""
        quote, price = self.market.quotes.get(instrument.conid), self.reference(instrument)
        if self.policy.execution.max_order_volume is None or quote is None or price is None:
            return None
        volume = quote.average_volume
        return volume * price * self.portfolio.rate(instrument.currency) if known(volume) else None

    def allows(self, trends: TrendFilter) -> bool:
        """The market's trend is one of those that a strategy asks for; an unknown trend is none of them."""
        trend = self.evaluation.trend
        if trends is TrendFilter.ANY:
            return True
        return trend is Trend.BULL or (trend is Trend.NEUTRAL and trends is TrendFilter.NOT_BEAR)

    @kept_property
    def buyable(self) -> tuple[Instrument, ...]:
        """Eligible names that were not sold lately and that no mandatory order sells, by symbol."""
        kept = resting(self.policy, self.memory).union(order.instrument.conid for order in self.mandatory)
        return tuple(instrument for instrument in self.evaluation.eligible if instrument.conid not in kept)


@dataclass(frozen=True, slots=True)
class DesiredBuy:
    """A buy that a strategy would like: `value` in base currency, up to the weight `ceiling`."""

    instrument: Instrument
    value: float
    ceiling: float
    rule: OrderRule
    reason: str


class Placed:
    """Sales, and the buys after them, added up: what each of the next buys is measured by. Base currency.

    What was bought less what was sold is by conid, by sector and by currency, there without sales that do not pay at
    once. `cash` is what there was before, less
    what is on order, `spendable` what the sales leave to be spent today.
    """

    def __init__(self, situation: Situation, sells: Iterable[Order]) -> None:
        portfolio = situation.portfolio
        self._situation = situation
        self.sold = self.bought = 0.0
        self.by_name: defaultdict[int, float] = defaultdict(float)
        self.by_sector: defaultdict[str, float] = defaultdict(float)
        self.by_currency: defaultdict[str, float] = defaultdict(float)
        for order in sells:
            self.add(order, situation.base_value(order))
        self.cash = float(portfolio.total_cash - portfolio.open_buys)
        self.spendable = float(spendable(portfolio, Decimal(str(self.sold))))
        self._funds: dict[str, float] = {}

    def add(self, order: Order, value: float) -> None:
        """One more order."""
        if order.side is Side.SELL:
            self.sold += value
        else:
            self.bought += value
        instrument, signed = order.instrument, order.side.sign * value
        self.by_name[instrument.conid] += signed
        self.by_sector[self._situation.sector(instrument)] += signed
        if order.side is Side.BUY or is_margin(self._situation.portfolio):
            self.by_currency[instrument.currency] += signed

    def funds(self, currency: str) -> float:
        """Cash of that currency after those orders, in base currency; what is on order ties it up."""
        if currency not in self._funds:
            portfolio = self._situation.portfolio
            cash = cash_for(portfolio, currency) * portfolio.rate(currency)
            self._funds[currency] = float(cash - portfolio.open_buys)
        return self._funds[currency] - self.by_currency[currency]


def sell(
    situation: Situation,
    position: Position,
    quantity: Decimal,
    rules: tuple[OrderRule, ...],
    reason: str,
    *,
    mandatory: bool = False,
) -> tuple[Order, ...]:
    """A sell beyond the mandatory ones of that name, in legs; nothing where nothing is left."""
    order = _sale(situation, position, quantity, rules, reason, mandatory)
    if order is None:
        return ()
    execution, nav = situation.policy.execution, situation.evaluation.nav
    # An exit that is itself too small for an order goes anyway, and takes nothing more with it.
    if not mandatory or situation.base_value(order) >= situation.least:
        order = _with_remainder(situation, order)
    rate, traded = situation.portfolio.rate(order.instrument.currency), situation.traded(order.instrument)
    return in_legs(order, execution, nav, rate, traded)


def _sale(
    situation: Situation,
    position: Position,
    quantity: Decimal,
    rules: tuple[OrderRule, ...],
    reason: str,
    mandatory: bool = False,
) -> Order | None:
    instrument = position.instrument
    price = situation.reference(instrument)
    before = [order for order in situation.mandatory if order.instrument.conid == instrument.conid]
    left = sellable(situation.portfolio, instrument.conid) - sum((order.quantity for order in before), ZERO)
    fits = min(quantity, left)
    if price is None or fits <= 0:
        return None
    leg = len(before) + 1
    return Order(instrument, Side.SELL, fits, price, reason, exit=True, mandatory=mandatory, leg=leg, rules=rules)


def _with_remainder(situation: Situation, order: Order) -> Order:
    """All that is left of the name where the sale would leave less than an order's worth."""
    conid = order.instrument.conid
    sold = sum((one.quantity for one in situation.mandatory if one.instrument.conid == conid), ZERO)
    everything = replace(order, quantity=sellable(situation.portfolio, conid) - sold)
    left = replace(order, quantity=everything.quantity - order.quantity)
    return everything if 0 < situation.base_value(left) < situation.least else order


def shares(fraction: float, quantity: Decimal) -> Decimal:
    """That part of a holding in whole shares, rounded up: a reduction must reach its goal."""
    return Decimal(math.ceil(fraction * float(quantity) - TOLERANCE))


def trim(situation: Situation, position: Position, value: float, rule: OrderRule, reason: str) -> tuple[Order, ...]:
    """A discretionary sell of about `value`: at most one order's worth, and none that is too small to send."""
    price = situation.reference(position.instrument)
    if price is None:
        return ()
    each = float(price * situation.portfolio.rate(position.instrument.currency))
    rules = situation.policy.execution
    nav, traded = situation.evaluation.nav, situation.traded(position.instrument)
    count = Decimal(math.floor(min(value, float(largest_order(rules, nav, traded))) / each + TOLERANCE))
    order = _sale(situation, position, count, (rule,), reason)
    if order is None:
        return ()
    if situation.base_value(order) >= situation.least:
        return (_with_remainder(situation, order),)
    return (order,) if count >= sellable(situation.portfolio, position.instrument.conid) else ()


def buys(situation: Situation, sells: Sequence[Order], desired: Iterable[DesiredBuy]) -> tuple[Order, ...]:
    """Wishes as orders, in their order, as far as limits, cash and the day's turnover carry them less one point."""
    if not situation.evaluation.risk_may_rise:
        return ()
    orders: list[Order] = []
    placed = Placed(situation, sells)
    allowed = {instrument.conid for instrument in situation.buyable}
    taken = {order.instrument.conid for order in sells}
    for one in desired:
        conid = one.instrument.conid
        price = situation.reference(one.instrument)
        if conid not in allowed or conid in taken or price is None:
            continue
        quantity = _affordable(situation, placed, one, price)
        if quantity <= 0:
            continue
        order = Order(one.instrument, Side.BUY, quantity, price, one.reason, rules=(one.rule,))
        value = situation.base_value(order)
        if value >= situation.least:
            orders.append(order)
            placed.add(order, value)
            taken.add(conid)
    return tuple(orders)


def _affordable(situation: Situation, placed: Placed, one: DesiredBuy, price: Decimal) -> Decimal:
    """Whole shares inside every room, at the worst price that the limit order may pay.

    What the cash in the name's own currency does not cover is cut off under `fx: hold`, and ends the buy otherwise.
    """
    rules, currency = situation.policy.execution, one.instrument.currency
    base = price if currency == situation.portfolio.currency else price * situation.portfolio.rate(currency)
    each = float(base) * (1 + rules.limit_offset)
    most = min(
        largest_order(rules, situation.evaluation.nav, situation.traded(one.instrument)),
        situation.market.largest_buy(situation.portfolio.rate(currency)),
    )
    value = min(one.value, _room(situation, placed, one), _money(situation, placed), float(most))
    fits, funded = max(0, math.floor(value / each)), max(0, math.floor(placed.funds(currency) / each))
    if fits <= funded:
        return Decimal(fits)
    return Decimal(funded) if rules.fx is Fx.HOLD else ZERO


def _room(situation: Situation, placed: Placed, one: DesiredBuy) -> float:
    """What position, sector and exposure limits leave, in base currency."""
    policy, evaluation, own, nav = situation.policy, situation.evaluation, one.instrument, situation.nav
    sector = situation.sector(own)
    position = min(one.ceiling, aimed_at(position_limit(policy, own.symbol))) - (
        situation.weight(own) + placed.by_name[own.conid] / nav
    )
    invested = evaluation.exposure + (placed.bought - placed.sold) / nav
    exposure = evaluation.max_exposure - HEADROOM - invested
    group = aimed_at(policy.risk_limits.max_sector) - (
        evaluation.sector_weights.get(sector, 0.0) + placed.by_sector[sector] / nav
    )
    if sector == UNKNOWN_SECTOR or is_fund(policy, own):
        group = position
    return min(position, exposure, group) * nav


def _money(situation: Situation, placed: Placed) -> float:
    """What cash, reserve and turnover leave, in base currency."""
    policy = situation.policy
    reserve = (policy.risk_limits.min_cash_reserve + HEADROOM) * situation.nav
    reserve += float(situation.memory.planned_withdrawal)
    return min(
        placed.cash + placed.sold - placed.bought - reserve,
        placed.spendable - placed.bought,
        situation.most_turnover * situation.nav - placed.sold - placed.bought,
    )


def two_legged(
    situation: Situation, sells: Sequence[Order], desired: Sequence[DesiredBuy], own: Decimal = ZERO
) -> tuple[Order, ...]:
    """Sales and the buys that they pay for, neither without the other; `own` of the sales stand alone."""
    portfolio, least, left = situation.portfolio, situation.least, tuple(sells)
    for _ in range(_ROUNDS):
        bought = buys(situation, (*situation.mandatory, *left), desired)
        orders = paired((*left, *bought), own, portfolio, least)
        if orders == (*left, *bought):
            return orders
        left = tuple(order for order in orders if order.side is Side.SELL)
    left = alone(left, own, portfolio, least)
    return (*left, *buys(situation, (*situation.mandatory, *left), desired))
