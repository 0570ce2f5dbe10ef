"""One account on one day: all that it is measured, planned and ruled by, and what follows from it, worked out once.

What is kept is what is asked for again by every plan and every order; the inputs never change.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.domain.errors import InsufficientHistory
from app.domain.evaluation import Evaluation, ExposureCap, Metric
from app.domain.kept import kept_property
from app.domain.market import Market, quoted_prices
from app.domain.navs import NavKind, NavPoint, follow, since
from app.domain.plan import NO_MEMORY, Memory
from app.domain.policy import DrawdownAction, Policy
from app.domain.portfolio import Portfolio
from app.domain.price_levels import gains_of
from app.domain.totals import total_of
from app.domain.universe import blocked_names
from app.risk import limits, regime
from app.risk.arrays import Panel, PortfolioArrays, arrays_of, history
from app.risk.clusters import heaviest_group
from app.risk.inherited import Over, acting
from app.risk.metrics import group_weights
from app.risk.recovery import Course, cap_rose, course
from app.risk.statistics import Statistics


@dataclass(frozen=True)
class Today:
    """`navs` oldest first. `doubt` says why nothing may be concluded from them today; None where it may.

    `bare` leaves out what people are shown and no rule reads.
    """

    policy: Policy
    portfolio: Portfolio
    market: Market = field(repr=False)
    navs: Sequence[NavPoint] = field(default=(), repr=False)
    memory: Memory = NO_MEMORY
    doubt: str | None = None
    bare: bool = False

    @kept_property
    def arrays(self) -> PortfolioArrays:
        """Raises: DataError for a NAV that is not above zero."""
        return arrays_of(self.policy, self.portfolio, self.market)

    @kept_property
    def panel(self) -> Panel | InsufficientHistory:
        """What is held, over the past; or why that is not known."""
        return history(self.market, self.arrays)

    @kept_property
    def statistics(self) -> tuple[Statistics, int] | InsufficientHistory:
        """Of this account and those that share them, and its row there."""
        panel = self.panel
        return panel if isinstance(panel, InsufficientHistory) else (Statistics(self.arrays.weights[None, :], panel), 0)

    @kept_property
    def limited_statistics(self) -> Mapping[str, float] | InsufficientHistory:
        """By name, those that the policy limits."""
        if isinstance(self.statistics, InsufficientHistory):
            return self.statistics
        found, row = self.statistics
        sizes = np.abs(self.arrays.weights)
        groups = found.panel.groups((sizes > 0).nonzero()[0].tolist(), self.policy.risk_limits.correlation)
        return {
            "annual_volatility": float(found.annual_volatility[row]),
            "var_95_1d": float(found.var_95_1d[row]),
            "correlated_cluster": heaviest_group(sizes, groups),
        }

    @kept_property
    def regime(self) -> regime.Regime:
        """The market's state as the policy reads it."""
        return regime.regime(self.policy, self.market)

    @kept_property
    def caps(self) -> tuple[ExposureCap, ...]:
        """Every reason for a maximum exposure."""
        return regime.caps(self.policy, self.regime, self.memory, self.course.cap)

    @kept_property
    def course(self) -> Course:
        """Where the account stands on its way back from a fall."""
        memory, trend = self.memory, self.regime.trend
        return course(self.policy, memory, self.market.session.date, trend, self._drawdown.value, self._left)

    @property
    def _left(self) -> float:
        """The exposure that the drawdown action leaves."""
        exits, exposure = self.policy.exits, self.arrays.exposure
        if exits.drawdown_action is DrawdownAction.REDUCE:
            return min(exposure, exits.drawdown_exposure)
        if exits.drawdown_action is DrawdownAction.HOLD:
            return exposure
        blocked = blocked_names(self.policy, self.market, self.arrays.instruments)
        sold = (
            abs(weight)
            for name, weight, dust in zip(
                self.arrays.instruments, self.arrays.weights.tolist(), self.arrays.dust.tolist(), strict=True
            )
            if not dust and name.conid not in blocked and (self.gains[name.conid] or 0.0) < 0
        )
        return exposure - total_of(sold)

    @kept_property
    def limited(self) -> tuple[Metric, ...]:
        """Every limited metric: the seven risk metrics first, in their stable order."""
        found = self._measured
        spared = self.spared
        if not spared:
            return found
        position, sector = limits.concentration(self.policy, self.arrays, self._sector_weights, spared)
        return (position, sector, *(acting(metric, spared) for metric in found[2:]))

    @kept_property
    def inherited(self) -> Mapping[str, float]:
        """Breaches from before the account was taken over, each with how far it was over its limit then."""
        return {} if self._over is None else self._over.inherited(self.policy, self.memory)

    @kept_property
    def spared(self) -> frozenset[str]:
        """Those of them that are not acted upon."""
        return frozenset() if self._over is None else self._over.spared(self.inherited)

    @kept_property
    def _over(self) -> Over | None:
        """None where nothing can be inherited."""
        memory = self.memory
        if memory.adoption is None or (memory.adopted > 0 and not memory.inherited):
            return None
        return Over(self.policy, self.arrays, self._sector_weights, self._measured)

    @kept_property
    def _measured(self) -> tuple[Metric, ...]:
        policy, portfolio, arrays = self.policy, self.portfolio, self.arrays
        position, sector = limits.concentration(policy, arrays, self._sector_weights)
        volatility, value_at_risk, cluster = limits.risk(policy, arrays, self.limited_statistics)
        tightest = min((cap for cap in self.caps if not cap.buys_only), key=lambda cap: cap.limit)
        loss = limits.daily_loss(policy, self.market, self._past, self._now)
        return (
            position,
            sector,
            volatility,
            value_at_risk,
            loss if self.doubt is None else limits.unknown(loss.name, loss.limit, self.doubt),
            cluster,
            limits.cash_reserve(policy, portfolio, arrays),
            self._drawdown,
            limits.limited("exposure", arrays.exposure, tightest.limit, tightest.rule),
        )

    @kept_property
    def gains(self) -> Mapping[int, float | None]:
        """As `gains_of` tells them."""
        return gains_of(self.portfolio, self.memory)

    def share_weight(self, conid: int) -> float:
        """What one share of a name is of NAV; infinite where nobody has a price, or no cash in its currency."""
        portfolio, name = self.portfolio, self.market.instruments.get(conid)
        held = portfolio.position(conid)
        price = quoted_prices(self.market).get(conid, held.price if held else None)
        currency = held.instrument.currency if held else name.currency if name else None
        if price is None or currency not in {portfolio.currency, *(balance.currency for balance in portfolio.cash)}:
            return math.inf
        return float(price * portfolio.rate(currency)) / self.arrays.nav

    @kept_property
    def unlimited(self) -> tuple[Metric, ...]:
        """What is shown of the same returns."""
        if self.bare:
            return ()
        if isinstance(self.statistics, InsufficientHistory):
            return limits.shown(self.policy, self.arrays, self.statistics)
        found, row = self.statistics
        return limits.shown(self.policy, self.arrays, {name: float(v[row]) for name, v in found.unlimited.items()})

    @kept_property
    def before(self) -> Evaluation:
        """Limited metrics and caps without exits, drift and eligible names: all that an order is judged by."""
        arrays, portfolio = self.arrays, self.portfolio
        return Evaluation(
            nav=portfolio.nav,
            cash_weight=float(portfolio.total_cash / portfolio.nav),
            exposure=arrays.exposure,
            weights=dict(zip((i.conid for i in arrays.instruments), arrays.weights.tolist(), strict=True)),
            sector_weights=dict(zip(arrays.sectors, self._sector_weights, strict=True)),
            metrics=self.limited,
            drawdown=self._drawdown.value,
            exits_due=(),
            drifts=(),
            caps=self.caps,
            trend=self.regime.trend,
            vix=self.regime.vix,
            eligible=(),
            inherited=self.inherited,
            recovery=self.course.recovery,
            marked=self.course.marked,
            cap_rose=cap_rose(self.memory, self.market.session.date, self.caps),
        )

    @kept_property
    def _lived(self) -> Sequence[NavPoint]:
        """Values since the account was taken over: what it fell before counts for nothing."""
        if self.doubt is not None:
            return ()
        adoption = self.memory.adoption
        if adoption is None:
            return self.navs
        found = since(self.navs, adoption.session_date)
        if found or self.memory.adopted > 0:
            return found
        return (follow(None, self.market.session.date, NavKind.RUN, self.portfolio.nav),)

    @kept_property
    def _past(self) -> Sequence[NavPoint]:
        """Those that falls are counted from."""
        marked = self.memory.marked
        return self._lived if marked is None else since(self._lived, marked)

    @kept_property
    def _now(self) -> NavPoint | None:
        return limits.value_now(self.portfolio, self.market, self._past)

    @property
    def lifetime_drawdown(self) -> Metric:
        """Wherever falls are counted from, and however far the account has come back."""
        return self._fall("lifetime_drawdown", self._lived, limits.value_now(self.portfolio, self.market, self._lived))

    @kept_property
    def _drawdown(self) -> Metric:
        return self._fall("drawdown", self._past, self._now, self.policy.risk_limits.max_drawdown)

    def _fall(self, name: str, navs: Sequence[NavPoint], now: NavPoint | None, limit: float | None = None) -> Metric:
        found = limits.fall(name, navs, now, limit)
        return found if self.doubt is None else limits.unknown(name, limit, self.doubt)

    @kept_property
    def _sector_weights(self) -> list[float]:
        weights: list[float] = group_weights(self.arrays.weights[None, :], self.arrays.membership)[0].tolist()
        return weights


def share_statistics(accounts: Iterable[Today]) -> None:
    """Those of accounts that hold the same names in the same market are worked out at once, to the same bits."""
    alike: dict[int, list[Today]] = {}
    for one in accounts:
        if isinstance(one.panel, Panel):
            alike.setdefault(id(one.panel), []).append(one)
    for group in alike.values():
        panel = group[0].panel
        if isinstance(panel, Panel) and len(group) > 1:
            found = Statistics(np.stack([one.arrays.weights for one in group]), panel)
            for row, one in enumerate(group):
                # Where `statistics` would keep its own.
                vars(one)["statistics"] = (found, row)
