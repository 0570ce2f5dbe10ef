"""The gate's second class: limits and budgets, which bind what increases risk. Exits pass, count, and come first.

A buy is judged by the portfolio as it would be after it, with every sell and earlier buy applied. It may break no limit
and make no broken one worse. It can only shrink.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property

import numpy as np

from app.domain.errors import InsufficientHistory
from app.domain.evaluation import Evaluation
from app.domain.market import Market, QuoteKind, known
from app.domain.order import Order, Side
from app.domain.plan import Memory
from app.domain.policy import DrawdownAction, Policy
from app.domain.portfolio import Portfolio
from app.domain.ruling import DayUse, Refusal
from app.domain.sizing import cash_for, spendable
from app.domain.universe import obstacle, position_limit
from app.risk.after import after
from app.risk.book import Book, Panel, read
from app.risk.clusters import Groups
from app.risk.limits import TOLERANCE, statistic_limits, statistics
from app.risk.measure import history
from app.risk.regime import drawdown_breached


@dataclass(frozen=True, slots=True)
class Stage:
    """The account with every sell and the buys so far applied, and the day's use with them.

    `before` is the evaluation of the account as it is; `today` has no order of this ruling in it, `then` has open buys
    filled too. `proceeds` of the sells and what is `bought`, in base currency. `book` is of `today`.
    """

    policy: Policy
    market: Market
    before: Evaluation
    memory: Memory
    today: Portfolio
    then: Portfolio
    proceeds: Decimal
    bought: Decimal
    used: DayUse
    book: Book


@dataclass(frozen=True)
class Judged:
    """One buy against one stage, prices as floats in base currency; `volume` and what is `bought` today in shares."""

    stage: Stage
    order: Order
    book: Book
    panel: Panel
    column: int
    mark: float
    cost: float
    spendable: float
    funding: float
    lot: int
    volume: float | None
    bought: float

    @cached_property
    def groups(self) -> Groups:
        """Names that move as one, this one among those held."""
        return self.panel.groups(sorted({*self._held, self.column}), self.stage.policy.risk_limits.correlation)

    @cached_property
    def standing(self) -> dict[str, float]:
        """The statistics without this buy."""
        groups = self.panel.groups(self._held, self.stage.policy.risk_limits.correlation)
        return statistics(self.book.weights, self.panel, groups)

    @cached_property
    def _held(self) -> list[int]:
        return np.flatnonzero(np.abs(self.book.weights) > 0).tolist()


def counted(used: DayUse, portfolio: Portfolio, order: Order) -> DayUse:
    """The day's use with one more order."""
    value = order.notional * portfolio.rate(order.instrument.currency)
    return DayUse(used.orders + 1, used.turnover + value)


def judge(stage: Stage, order: Order) -> tuple[Order | None, Refusal | None]:
    """(what of a buy may be sent, refusal for what is cut)."""
    barred = _barred(stage, order) or _out_of_budget(stage, order)
    if barred is not None:
        return None, barred
    judged = _prepared(stage, order)
    if isinstance(judged, Refusal):
        return None, judged
    asked = int(order.quantity)
    if _broken(judged, asked) is None:
        return _large_enough(stage, order, None)
    largest = _largest(judged, asked)
    refusal = replace(_binding(judged, largest + judged.lot, asked), largest=Decimal(largest))
    if largest == 0:
        return None, refusal
    return _large_enough(stage, replace(order, quantity=Decimal(largest)), refusal)


def _refuse(order: Order, rule: str, value: str, limit: str) -> Refusal:
    return Refusal(rule, order.instrument.symbol, value, limit)


def _barred(stage: Stage, order: Order) -> Refusal | None:
    """What bars every buy of today, or of this name."""
    before, exits = stage.before, stage.policy.exits
    if not before.risk_may_rise:
        unknown = [m.name for m in before.metrics if m.value is None and m.limit is not None]
        unknown += [name for name, value in (("vix", before.vix), ("trend", before.trend)) if value is None]
        return _refuse(order, "unknown_risk", f"unknown: {', '.join(unknown)}", "every limited metric known")
    loss = before.metric("daily_loss")
    if loss.breached:
        return _refuse(order, "daily_loss", f"{loss.value:.4f}", f"{loss.limit:.4f}")
    held_down = exits.drawdown_action is not DrawdownAction.REDUCE
    if held_down and before.drawdown is not None and drawdown_breached(stage.policy, before.drawdown):
        return _refuse(order, "drawdown", f"{before.drawdown:.4f}", f"{stage.policy.risk_limits.max_drawdown:.4f}")
    found = obstacle(stage.policy, stage.market, order.instrument)
    if found is not None:
        return _refuse(order, found.rule, found.value, found.limit)
    return _cooling(stage, order) or _jumped(stage, order) or _volume_unknown(stage, order)


def _cooling(stage: Stage, order: Order) -> Refusal | None:
    sessions = stage.policy.strategies.cool_down_sessions
    since = stage.memory.sold_at_loss.get(order.instrument.conid)
    if since is None or since >= sessions:
        return None
    return _refuse(order, "cool_down", f"sold at a loss {since} sessions ago", f"{sessions} sessions")


def _jumped(stage: Stage, order: Order) -> Refusal | None:
    quote = stage.market.quotes[order.instrument.conid]
    limit = stage.policy.execution.max_price_jump
    if not known(quote.prior_close):
        return _refuse(order, "price_jump", "no prior close", f"{limit:.3f}")
    jump = abs(float(quote.price / quote.prior_close - 1))
    return None if jump <= limit + TOLERANCE else _refuse(order, "price_jump", f"{jump:.3f}", f"{limit:.3f}")


def _volume_unknown(stage: Stage, order: Order) -> Refusal | None:
    limit = stage.policy.execution.max_share_of_volume
    if limit >= 1 or known(stage.market.quotes[order.instrument.conid].average_volume):
        return None
    return _refuse(order, "max_share_of_volume", "average volume unknown", f"{limit:.4f} of it")


def _out_of_budget(stage: Stage, order: Order) -> Refusal | None:
    most = stage.policy.execution.max_orders_per_day
    if stage.used.orders >= most:
        return _refuse(order, "max_orders_per_day", f"{stage.used.orders + 1}", f"{most}")
    if order.instrument.currency not in {balance.currency for balance in stage.then.cash}:
        return _refuse(order, "funding_currency", f"no {order.instrument.currency}", "cash in the name's currency")
    return None


def _prepared(stage: Stage, order: Order) -> Judged | Refusal:
    instrument = order.instrument
    book = read(stage.policy, stage.then, stage.market, (instrument,), like=stage.book)
    panel = history(stage.market, book)
    if isinstance(panel, InsufficientHistory):
        return _refuse(order, "unknown_risk", panel.cause, "a common price history")
    rate = stage.then.rate(instrument.currency)
    held = stage.then.position(instrument.conid)
    column = [i.conid for i in book.instruments].index(instrument.conid)
    volume = stage.market.quotes[instrument.conid].average_volume
    return Judged(
        stage=stage,
        order=order,
        book=book,
        panel=panel,
        column=column,
        mark=float((held.price if held else order.reference_price) * rate),
        cost=float((order.limit_price or order.reference_price) * rate),
        spendable=float(spendable(stage.today, stage.proceeds) - stage.bought),
        funding=float(cash_for(stage.then, instrument.currency) * rate - stage.then.open_buys),
        lot=int(stage.market.lot(instrument.conid) or 1),
        volume=float(volume) if known(volume) else None,
        bought=float(_bought_today(stage, instrument.conid)),
    )


def _bought_today(stage: Stage, conid: int) -> Decimal:
    """Shares filled, still open and allowed before in this ruling, whoever ordered them."""
    filled = sum((o.filled_quantity for o in stage.today.orders if o.conid == conid and o.side is Side.BUY), Decimal(0))
    return filled + stage.then.held(conid) - stage.today.held(conid)


def _broken(judged: Judged, quantity: int) -> Refusal | None:
    """The first rule that this quantity breaks."""
    return next(_violations(judged, quantity), None)


def _violations(judged: Judged, quantity: int) -> Iterator[Refusal]:
    """Every rule that this quantity breaks, the cheap ones first."""
    rules = (_over_order_limits, _over_weights, _over_statistics)
    return (found for rule in rules for found in rule(judged, quantity) if found is not None)


def _over(judged: Judged, rule: str, value: float, limit: float, digits: int = 4) -> Refusal | None:
    """Written so that a value that is not a number is over every limit."""
    if value <= limit + TOLERANCE * max(1.0, abs(limit)):
        return None
    return _refuse(judged.order, rule, f"{value:.{digits}f}", f"{limit:.{digits}f}")


def _over_order_limits(judged: Judged, quantity: int) -> Iterator[Refusal | None]:
    rules, value = judged.stage.policy.execution, quantity * judged.cost
    turnover, size = float(judged.stage.used.turnover), _size(judged.stage, judged.order)
    yield _over(judged, "max_order_value", value, size * float(rules.max_order_value), 2)
    if judged.volume is not None:
        share = (judged.bought + quantity) / judged.volume
        yield _over(judged, "max_share_of_volume", share, size * rules.max_share_of_volume)
    yield _over(judged, "max_turnover", turnover + value, rules.max_turnover * float(judged.stage.before.nav), 2)
    yield _over(judged, "available_cash", value, judged.spendable, 2)
    yield _over(judged, "funding_currency", value, judged.funding, 2)


def _size(stage: Stage, order: Order) -> float:
    """Real money follows delayed prices at half the size."""
    return 0.5 if stage.market.live and stage.market.quotes[order.instrument.conid].kind is QuoteKind.DELAYED else 1.0


def _after(judged: Judged, quantity: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], float]:
    """(weights by column, cash weight) with `quantity` bought."""
    book = judged.book
    values = book.weights * book.nav
    values[judged.column] += quantity * judged.mark
    nav = book.nav + quantity * (judged.mark - judged.cost)
    return values / nav, (book.cash_weight * book.nav - quantity * judged.cost) / nav


def _over_weights(judged: Judged, quantity: int) -> Iterator[Refusal | None]:
    policy, symbol = judged.stage.policy, judged.order.instrument.symbol
    weights, cash = _after(judged, quantity)
    sizes, beside = np.abs(weights), judged.book.beside[judged.column]
    yield _over(judged, "max_position", float(sizes[judged.column] + beside), position_limit(policy, symbol))
    sector = judged.book.sector_of[judged.column]
    fund = sector in policy.universe.diversified_funds
    ceiling = position_limit(policy, sector) if fund else policy.risk_limits.max_sector
    inside = judged.book.membership[judged.book.sectors.index(sector)]
    yield _over(judged, "max_sector", float((sizes * inside).sum()), ceiling)
    floor = policy.risk_limits.min_cash_reserve
    if not cash >= floor - TOLERANCE:
        yield _refuse(judged.order, "cash_reserve", f"{cash:.4f}", f"at least {floor:.4f}")
    yield _over(judged, "exposure", float(sizes.sum()) + judged.book.unmanaged, judged.stage.before.max_exposure)


def _over_statistics(judged: Judged, quantity: int) -> Iterator[Refusal | None]:
    policy = judged.stage.policy
    weights, _ = _after(judged, quantity)
    values = statistics(weights, judged.panel, judged.groups)
    for name, limit in statistic_limits(policy).items():
        refusal = _over(judged, name, values[name], limit)
        if refusal is not None:
            # A limit that is broken already must not be broken further.
            worse = _over(judged, name, values[name], judged.standing[name])
            yield refusal if worse is not None else None


def _largest(judged: Judged, quantity: int) -> int:
    """The largest quantity in whole lots below `quantity` that breaks nothing, by bisection; 0 where none does."""
    passes, fails = 0, quantity // judged.lot
    while fails - passes > 1:
        middle = (passes + fails) // 2
        if _broken(judged, middle * judged.lot) is None:
            passes = middle
        else:
            fails = middle
    return passes * judged.lot


def _binding(judged: Judged, first: int, asked: int) -> Refusal:
    """The rule that the first quantity too many breaks, with the value that all that was asked for would have."""
    binding = next(_violations(judged, first))
    return next((found for found in _violations(judged, asked) if found.rule == binding.rule), binding)


def _large_enough(stage: Stage, order: Order, cut: Refusal | None) -> tuple[Order | None, Refusal | None]:
    """Drop a buy that is not worth its order."""
    least = stage.policy.execution.min_order_value
    value = order.notional * stage.then.rate(order.instrument.currency)
    if value >= least:
        return order, cut
    small = _refuse(order, "min_order_value", f"{value:.2f}", f"at least {least}")
    return None, replace(cut, largest=Decimal(0)) if cut is not None else small


def bought(stage: Stage, order: Order) -> Stage:
    """The stage with one more buy."""
    value = order.notional * stage.then.rate(order.instrument.currency)
    return replace(
        stage,
        then=after(stage.then, (order,)),
        bought=stage.bought + value,
        used=counted(stage.used, stage.then, order),
    )
