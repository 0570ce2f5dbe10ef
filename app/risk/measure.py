"""A portfolio measured against a policy: every metric with its limit, exits due, drift and exposure caps.

Must never fill a gap: what cannot be computed is UNKNOWN and says why.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.domain.errors import InsufficientHistory
from app.domain.evaluation import Evaluation, ExposureCap, Metric, Severity
from app.domain.market import Market
from app.domain.navs import NavPoint
from app.domain.plan import Memory
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio
from app.domain.universe import blocked, eligible
from app.risk import limits, regime
from app.risk.book import Book, Panel, align, read
from app.risk.drift import drifts
from app.risk.exits import Holdings, exits_due
from app.risk.metrics import group_weights


def measure(
    policy: Policy, portfolio: Portfolio, market: Market, navs: Sequence[NavPoint], memory: Memory
) -> Evaluation:
    """`navs` oldest first.

    Raises: DataError for a NAV that is not above zero, or returns that are not finite.
    """
    book = read(policy, portfolio, market)
    panel = history(market, book)
    found = standing(policy, portfolio, market, navs, memory, book, panel)
    holdings = _holdings(policy, portfolio, market, memory, book, panel, found.metrics)
    buyable = eligible(policy, market)
    return replace(
        found,
        metrics=(*found.metrics, *limits.shown(policy, book, panel), limits.winning_trades(memory), _vix(found.vix)),
        exits_due=exits_due(holdings),
        drifts=drifts(policy, market, book, buyable, found.max_exposure),
        eligible=buyable,
    )


def standing(
    policy: Policy,
    portfolio: Portfolio,
    market: Market,
    navs: Sequence[NavPoint],
    memory: Memory,
    book: Book,
    panel: Panel | InsufficientHistory,
) -> Evaluation:
    """Limited metrics and caps without exits, drift and eligible names: all that an order is judged by."""
    drawdown = limits.drawdown(policy, portfolio, market, navs)
    state = regime.regime(policy, market)
    caps = regime.caps(policy, state, memory, drawdown.value)
    sectors = group_weights(book.weights[None, :], book.membership)[0].tolist()
    return Evaluation(
        nav=portfolio.nav,
        cash_weight=float(portfolio.total_cash / portfolio.nav),
        exposure=book.exposure,
        weights={i.conid: float(w) for i, w in zip(book.instruments, book.weights, strict=True)},
        sector_weights=dict(zip(book.sectors, sectors, strict=True)),
        metrics=measured(policy, portfolio, market, navs, book, panel, drawdown, caps),
        drawdown=drawdown.value,
        exits_due=(),
        drifts=(),
        caps=caps,
        trend=state.trend,
        vix=state.vix,
        eligible=(),
    )


def history(market: Market, book: Book) -> Panel | InsufficientHistory:
    """The book's price history, or why there is none; kept with the market, for the same names are asked for again."""
    names = (tuple(i.conid for i in book.instruments), book.dust.tobytes())
    found = market.aligned.get(names)
    if not isinstance(found, Panel | InsufficientHistory):
        try:
            found = align(market, book)
        except InsufficientHistory as missing:
            found = missing
        market.aligned[names] = found
    return found


def measured(
    policy: Policy,
    portfolio: Portfolio,
    market: Market,
    navs: Sequence[NavPoint],
    book: Book,
    panel: Panel | InsufficientHistory,
    drawdown: Metric,
    caps: Sequence[ExposureCap],
) -> tuple[Metric, ...]:
    """Every limited metric: the seven risk metrics first, in their stable order."""
    position, sector = limits.concentration(policy, book)
    volatility, value_at_risk, cluster = limits.risk(policy, book, panel)
    tightest = min(caps, key=lambda cap: cap.limit)
    return (
        position,
        sector,
        volatility,
        value_at_risk,
        limits.daily_loss(policy, portfolio, market, navs),
        cluster,
        limits.cash_reserve(policy, portfolio, book),
        drawdown,
        limits.limited("exposure", book.exposure, tightest.limit, tightest.rule),
    )


def _vix(value: float | None) -> Metric:
    if value is None:
        return limits.unknown("vix", None, "no reading of the last three sessions")
    return Metric("vix", value, None, Severity.LOW)


def _holdings(
    policy: Policy,
    portfolio: Portfolio,
    market: Market,
    memory: Memory,
    book: Book,
    panel: Panel | InsufficientHistory,
    metrics: Sequence[Metric],
) -> Holdings:
    by_conid = {position.instrument.conid: position for position in portfolio.positions}
    positions = [by_conid[instrument.conid] for instrument in book.instruments]
    gains = [np.nan if p.unrealized_return is None else p.unrealized_return for p in positions]
    whole = np.array([p.quantity >= 1 for p in positions], dtype=bool)
    tradable = np.array([blocked(policy, market, i) is None for i in book.instruments], dtype=bool)
    return Holdings(
        policy=policy,
        book=book,
        panel=panel,
        measured={metric.name: metric for metric in metrics},
        memory=memory,
        gains=np.array(gains, dtype=np.float64),
        whole=whole,
        free=whole & tradable,
    )
