"""The gate's second class: limits and budgets, which bind what increases risk. Exits pass, count, and come first.

A buy is judged by the portfolio as it would be after it, with every sell and earlier buy applied. It may break no limit
and make no broken one worse. It can only shrink.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from app.domain.errors import InsufficientHistory
from app.domain.evaluation import Evaluation
from app.domain.instrument import UNKNOWN_SECTOR
from app.domain.kept import kept_property
from app.domain.market import Market, QuoteKind, known
from app.domain.order import Order, Side
from app.domain.order_size import largest_order, smallest_order
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio
from app.domain.ruling import DayUse, Refusal
from app.domain.sizing import cash_for, spendable
from app.domain.tolerance import TOLERANCE
from app.domain.universe import group_limit, obstacle, position_limit
from app.risk.after import after
from app.risk.arrays import Panel, PortfolioArrays, arrays_of, history
from app.risk.bisection import largest_passing
from app.risk.clusters import Groups
from app.risk.limits import STATISTIC_ROOM, statistic_limits, statistics
from app.risk.today import Today


@dataclass(frozen=True, slots=True)
class GateState:
    """The account with every sell and the buys so far applied, and the day's use with them.

    `before` is the evaluation of the account as it is; `today` has no order of this ruling in it, `then` has open buys
    filled too. `proceeds` of the sells and what is `bought`, in base currency.
    """

    today: Today
    before: Evaluation
    then: Portfolio
    proceeds: Decimal
    bought: Decimal
    used: DayUse

    @property
    def policy(self) -> Policy:
        """The investor's rules."""
        return self.today.policy

    @property
    def market(self) -> Market:
        """The day's."""
        return self.today.market


@dataclass(frozen=True)
class Purchase:
    """One buy in one state, prices as floats in base currency; `volume` and what is `bought` today in shares.

    `most` is the largest order that the policy allows, in base currency.
    """

    state: GateState
    order: Order
    arrays: PortfolioArrays
    panel: Panel
    column: int
    mark: float
    cost: float
    spendable: float
    funding: float
    lot: int
    most: float
    volume: float | None
    bought: float

    @kept_property
    def groups(self) -> Groups:
        """Names that move as one, this one among those held."""
        return self.panel.groups(sorted({*self._held, self.column}), self.state.policy.risk_limits.correlation)

    @kept_property
    def statistics_without(self) -> dict[str, float]:
        """The statistics without this buy."""
        groups = self.panel.groups(self._held, self.state.policy.risk_limits.correlation)
        return statistics(self.arrays.weights, self.panel, groups)

    @kept_property
    def _held(self) -> list[int]:
        return np.flatnonzero(np.abs(self.arrays.weights) > 0).tolist()


def used_with(used: DayUse, portfolio: Portfolio, order: Order) -> DayUse:
    """The day's use with one more order."""
    value = order.notional * portfolio.rate(order.instrument.currency)
    return DayUse(used.orders + 1, used.turnover + value)


def judge(state: GateState, order: Order) -> tuple[Order | None, Refusal | None]:
    """(what of a buy may be sent, refusal for what is cut)."""
    barred = _barred(state, order) or _out_of_budget(state, order)
    if barred is not None:
        return None, barred
    purchase = _prepared(state, order)
    if isinstance(purchase, Refusal):
        return None, purchase
    asked = int(order.quantity)
    if _broken(purchase, asked) is None:
        return _large_enough(state, order, None)
    largest = _largest(purchase, asked)
    refusal = replace(_binding(purchase, largest + purchase.lot, asked), largest=Decimal(largest))
    if largest == 0:
        return None, refusal
    return _large_enough(state, replace(order, quantity=Decimal(largest)), refusal)


def _refuse(order: Order, rule: str, value: str, limit: str) -> Refusal:
    return Refusal(rule, order.instrument.symbol, value, limit)


def _barred(state: GateState, order: Order) -> Refusal | None:
    """What bars every buy of today, or of this name."""
    before = state.before
    if not before.risk_may_rise:
        unknown = [m.name for m in before.metrics if m.value is None and m.limit is not None]
        unknown += [name for name, value in (("vix", before.vix), ("trend", before.trend)) if value is None]
        return _refuse(order, "unknown_risk", f"unknown: {', '.join(unknown)}", "every limited metric known")
    loss = before.metric("daily_loss")
    if loss.breached:
        return _refuse(order, "daily_loss", f"{loss.value:.4f}", f"{loss.limit:.4f}")
    found = obstacle(state.policy, state.market, order.instrument)
    if found is not None:
        return _refuse(order, found.rule, found.value, found.limit)
    return _cooling(state, order) or _jumped(state, order) or _volume_unknown(state, order)


def _cooling(state: GateState, order: Order) -> Refusal | None:
    sessions = state.policy.strategies.cool_down_sessions
    since = state.today.memory.sold_at_loss.get(order.instrument.conid)
    if since is None or since >= sessions:
        return None
    return _refuse(order, "cool_down", f"sold at a loss {since} sessions ago", f"{sessions} sessions")


def _jumped(state: GateState, order: Order) -> Refusal | None:
    quote = state.market.quotes[order.instrument.conid]
    limit = state.policy.execution.max_price_jump
    if not known(quote.prior_close):
        return _refuse(order, "price_jump", "no prior close", f"{limit:.3f}")
    jump = abs(float(quote.price / quote.prior_close - 1))
    return None if jump <= limit + TOLERANCE else _refuse(order, "price_jump", f"{jump:.3f}", f"{limit:.3f}")


def _volume_unknown(state: GateState, order: Order) -> Refusal | None:
    rules = state.policy.execution
    limit = min(rules.max_share_of_volume, 1 if rules.max_order_volume is None else rules.max_order_volume)
    if limit >= 1 or known(state.market.quotes[order.instrument.conid].average_volume):
        return None
    return _refuse(order, "max_share_of_volume", "average volume unknown", f"{limit:.4f} of it")


def _out_of_budget(state: GateState, order: Order) -> Refusal | None:
    most = state.policy.execution.max_orders_per_day
    if state.used.orders >= most:
        return _refuse(order, "max_orders_per_day", f"{state.used.orders + 1}", f"{most}")
    if order.instrument.currency not in {balance.currency for balance in state.then.cash}:
        return _refuse(order, "funding_currency", f"no {order.instrument.currency}", "cash in the name's currency")
    return None


def _prepared(state: GateState, order: Order) -> Purchase | Refusal:
    instrument = order.instrument
    arrays = arrays_of(state.policy, state.then, state.market, (instrument,))
    panel = history(state.market, arrays)
    if isinstance(panel, InsufficientHistory):
        return _refuse(order, "unknown_risk", panel.cause, "a common price history")
    rate = state.then.rate(instrument.currency)
    held = state.then.position(instrument.conid)
    column = [i.conid for i in arrays.instruments].index(instrument.conid)
    volume = state.market.quotes[instrument.conid].average_volume
    price = order.limit_price or order.reference_price
    traded = volume * price * rate if known(volume) else None
    return Purchase(
        state=state,
        order=order,
        arrays=arrays,
        panel=panel,
        column=column,
        mark=float((held.price if held else order.reference_price) * rate),
        cost=float(price * rate),
        spendable=float(spendable(state.today.portfolio, state.proceeds) - state.bought),
        funding=float(cash_for(state.then, instrument.currency) * rate - state.then.open_buys),
        lot=int(state.market.lot(instrument.conid) or 1),
        most=float(
            min(largest_order(state.policy.execution, state.before.nav, traded), state.market.largest_buy(rate))
        ),
        volume=float(volume) if known(volume) else None,
        bought=float(_bought_today(state, instrument.conid)),
    )


def _bought_today(state: GateState, conid: int) -> Decimal:
    """Shares filled, still open and allowed before in this ruling, whoever ordered them."""
    filled = sum(
        (o.filled_quantity for o in state.today.portfolio.orders if o.conid == conid and o.side is Side.BUY), Decimal(0)
    )
    return filled + state.then.held(conid) - state.today.portfolio.held(conid)


def _broken(purchase: Purchase, quantity: int) -> Refusal | None:
    """The first rule that this quantity breaks."""
    return next(_violations(purchase, quantity), None)


def _violations(purchase: Purchase, quantity: int) -> Iterator[Refusal]:
    """Every rule that this quantity breaks, the cheap ones first."""
    rules = (_over_order_limits, _over_weights, _over_statistics)
    return (found for rule in rules for found in rule(purchase, quantity) if found is not None)


def _over(purchase: Purchase, rule: str, value: float, limit: float, digits: int = 4) -> Refusal | None:
    """Written so that a value that is not a number is over every limit."""
    if value <= limit + TOLERANCE * max(1.0, abs(limit)):
        return None
    return _refuse(purchase.order, rule, f"{value:.{digits}f}", f"{limit:.{digits}f}")


def _over_order_limits(purchase: Purchase, quantity: int) -> Iterator[Refusal | None]:
    rules, value = purchase.state.policy.execution, quantity * purchase.cost
    turnover, size = float(purchase.state.used.turnover), _size(purchase.state, purchase.order)
    yield _over(purchase, "max_order_value", value, size * purchase.most, 2)
    if purchase.volume is not None:
        share = (purchase.bought + quantity) / purchase.volume
        yield _over(purchase, "max_share_of_volume", share, size * rules.max_share_of_volume)
    yield _over(purchase, "max_turnover", turnover + value, rules.max_turnover * float(purchase.state.before.nav), 2)
    yield _over(purchase, "available_cash", value, purchase.spendable, 2)
    yield _over(purchase, "funding_currency", value, purchase.funding, 2)


def _size(state: GateState, order: Order) -> float:
    """Real money follows delayed prices at half the size."""
    return 0.5 if state.market.live and state.market.quotes[order.instrument.conid].kind is QuoteKind.DELAYED else 1.0


def _after(purchase: Purchase, quantity: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], float]:
    """(weights by column, cash weight) with `quantity` bought."""
    arrays = purchase.arrays
    values = arrays.weights * arrays.nav
    values[purchase.column] += quantity * purchase.mark
    nav = arrays.nav + quantity * (purchase.mark - purchase.cost)
    return values / nav, (arrays.cash_weight * arrays.nav - quantity * purchase.cost) / nav


def _over_weights(purchase: Purchase, quantity: int) -> Iterator[Refusal | None]:
    policy, symbol = purchase.state.policy, purchase.order.instrument.symbol
    weights, cash = _after(purchase, quantity)
    sizes, beside = np.abs(weights), purchase.arrays.beside[purchase.column]
    yield _over(purchase, "max_position", float(sizes[purchase.column] + beside), position_limit(policy, symbol))
    sector = purchase.arrays.sector_of[purchase.column]
    if sector != UNKNOWN_SECTOR:
        inside = purchase.arrays.membership[purchase.arrays.sectors.index(sector)]
        ceiling = group_limit(policy, sector, purchase.arrays.funds)
        yield _over(purchase, "max_sector", float((sizes * inside).sum()), ceiling)
    floor = policy.risk_limits.min_cash_reserve
    if not cash >= floor - TOLERANCE:
        yield _refuse(purchase.order, "cash_reserve", f"{cash:.4f}", f"at least {floor:.4f}")
    yield _over(
        purchase, "exposure", float(sizes.sum()) + purchase.arrays.unmanaged, purchase.state.before.max_exposure
    )


def _over_statistics(purchase: Purchase, quantity: int) -> Iterator[Refusal | None]:
    policy = purchase.state.policy
    weights, _ = _after(purchase, quantity)
    values = statistics(weights, purchase.panel, purchase.groups)
    # What the purchase costs beyond its worth makes every weight larger, and nothing riskier.
    without = purchase.arrays.nav / (purchase.arrays.nav + quantity * (purchase.mark - purchase.cost))
    for name, limit in statistic_limits(policy).items():
        refusal = _over(purchase, name, values[name], STATISTIC_ROOM * limit)
        if refusal is None:
            continue
        # What is beyond it already must not go farther.
        worse = _over(purchase, name, values[name], without * purchase.statistics_without[name])
        words = f"{refusal.limit}, {STATISTIC_ROOM:.0%} of {limit:.4f}"
        yield None if worse is None else replace(refusal, limit=words)


def _largest(purchase: Purchase, quantity: int) -> int:
    """The largest quantity in whole lots below `quantity` that breaks nothing; 0 where none does."""
    lot = purchase.lot
    return lot * largest_passing(quantity // lot, lambda lots: _broken(purchase, lots * lot) is None)


def _binding(purchase: Purchase, first: int, asked: int) -> Refusal:
    """The rule that the first quantity too many breaks, with the value that all that was asked for would have."""
    binding = next(_violations(purchase, first))
    return next((found for found in _violations(purchase, asked) if found.rule == binding.rule), binding)


def _large_enough(state: GateState, order: Order, cut: Refusal | None) -> tuple[Order | None, Refusal | None]:
    """Drop a buy that is not worth its order."""
    least = smallest_order(state.policy.execution, state.before.nav)
    value = order.notional * state.then.rate(order.instrument.currency)
    if value >= least:
        return order, cut
    small = _refuse(order, "min_order_value", f"{value:.2f}", f"at least {least}")
    return None, replace(cut, largest=Decimal(0)) if cut is not None else small


def with_buy(state: GateState, order: Order) -> GateState:
    """The state with one more buy."""
    value = order.notional * state.then.rate(order.instrument.currency)
    return replace(
        state,
        then=after(state.then, (order,)),
        bought=state.bought + value,
        used=used_with(state.used, state.then, order),
    )
