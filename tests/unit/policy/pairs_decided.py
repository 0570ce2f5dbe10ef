"""One pair for each field that decides what is held: universe, limits, exits, targets, strategies, market."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType

import numpy as np

from app.desk.report.tax import tax_part
from app.desk.tax import TaxName, TaxView
from app.domain.adoption import adoption_of
from app.domain.lots import Fill
from app.domain.market import Market, VixReading
from app.domain.order import Side
from app.domain.plan import NO_MEMORY, Memory
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio
from app.domain.recovery import Recovery
from app.domain.tax import Name
from tests.support.worlds import (
    LENGTH,
    NAMES,
    SECTORS,
    TODAY,
    buy,
    closes,
    conid,
    even,
    market,
    navs,
    portfolio,
    series,
    with_history,
)
from tests.unit.policy.pairs import Pair, decided, let_through

_BANDS = [{"vix": 25, "max_exposure_pct": 60}]
_TARGETS = {"STK": 70, "CASH": 30}
_REDUCES = {"exits.drawdown_action": "reduce"}


def _held(weight: int) -> Portfolio:
    """AA as so many percent of NAV, four others of ten each, the rest in cash."""
    others = dict.fromkeys(("BB", "CC", "DD", "EE"), 100)
    return portfolio({"AA": weight * 10, **others}, 60000 - weight * 1000)


def _alike() -> Market:
    """AA and BB move together, though not quite: their correlation is about 0.9."""
    steps = [np.diff(np.log(closes(conid(symbol)))) for symbol in ("AA", "BB")]
    path = np.exp(np.concatenate([[0.0], np.cumsum(steps[0] + 0.45 * steps[1])]))
    return with_history(market(), {"BB": 100 * path / path[-1]})


def _index(distance: float) -> Market:
    """The index that far from its average."""
    values = np.full(LENGTH, 4000.0)
    values[-1] *= 1 + distance
    return market(index=series(1, values))


def _vix(value: float) -> Market:
    return market(vix=VixReading(value, TODAY, "test"))


def _turned() -> Market:
    """Energy led for 63 sessions and has lagged for 63; Financials the other way round."""
    paths = {}
    for symbol in NAMES:
        growth = {"Energy": -0.2, "Financials": 0.2}.get(SECTORS[symbol], 0.0)
        steps = np.zeros(LENGTH)
        steps[-63:] = np.log1p(growth) / 63
        steps[-126:-63] = -steps[-63:]
        path = closes(conid(symbol), 0.004) * np.exp(np.cumsum(steps))
        paths[symbol] = 100 * path / path[-1]
    return with_history(market(), paths)


def _growing() -> Market:
    """Two sectors that keep their places, so that only the period calls for a rotation."""
    growths = {"Energy": -0.001, "Financials": 0.001}
    return with_history(
        market(), {s: 100 * np.exp(growths.get(SECTORS[s], 0.0) * np.arange(1 - LENGTH, 1)) for s in NAMES}
    )


def _ranked() -> Market:
    """The last names rise most and swing most."""
    growths = {symbol: 0.0002 * place for place, symbol in enumerate(NAMES)}
    swings = {symbol: 0.004 + 0.001 * place for place, symbol in enumerate(NAMES)}
    return with_history(market(), {s: closes(conid(s), swings[s], growths[s]) for s in NAMES})


def _fallen(began: int, acted: int, rebased: int | None = None) -> Memory:
    """A fall that the account is on its way back from, invested as it was left; sessions ago."""
    first, last = TODAY - timedelta(days=began), TODAY - timedelta(days=acted)
    known = Recovery(first, last, acted_at=0.16, left=0.8, gap=0.2, rebased=None if rebased is None else TODAY)
    return replace(NO_MEMORY, recovery=known, since_began=began, since_acted=acted, since_rebased=rebased)


def _taken_over(ago: int) -> Memory:
    """The even account, so many sessions ago."""
    return replace(NO_MEMORY, adoption=adoption_of(even(), TODAY), adopted=ago)


def _told_gain(policy: Policy) -> object:
    """What the report says of a sale of one of two purchases."""
    paid = ((Side.BUY, 80, 200), (Side.BUY, 90, 100), (Side.SELL, 100, 10))
    fills = [Fill(1, TODAY - timedelta(days=ago), side, Decimal(1), Decimal(price)) for side, price, ago in paid]
    name = TaxName(1, "AA", "USD", Name(fills, Decimal(1)), Decimal(100), Decimal(1))
    return tax_part(TaxView("USD", TODAY, policy.tax.lot_method, (name,))).totals


_WINNER = even(costs={"AA": 80})
_ROOM = {"risk_limits.max_sector_pct": 60}
_ROTATES = {"strategies.sector_rotation.enabled": True, "strategies.rebalance.enabled": False}
_NO_CUTS = {"strategies.cut_losers.enabled": False}
_DRIFTING = {"allocation.asset_classes_pct": _TARGETS}
_FUND = {"universe.diversified_funds": ["AA"]}
_IN_ENERGY = buy("II", 50)
_BEST = {
    "allocation.selection.names": 8,
    "allocation.selection.scores": {"momentum_12_1": 1},
    "allocation.selection.keep_ranks": 0,
    "allocation.drift_threshold_pct": 1,
}

UNIVERSE: Mapping[str, Pair] = MappingProxyType(
    {
        "universe.asset_classes": Pair(["STK", "ETF"], ["ETF"], let_through(_IN_ENERGY)),
        "universe.symbols": Pair(list(NAMES), list(NAMES[:8]), let_through(_IN_ENERGY)),
        "universe.sectors": Pair([], ["Energy"], let_through(_IN_ENERGY)),
        "universe.restricted": Pair([], ["AA"], decided(even(costs={"AA": 130}))),
        "universe.diversified_funds": Pair([], ["AA"], decided(_held(25))),
        "universe.sector_of": Pair(
            {}, {"II": "Utilities"}, let_through(_IN_ENERGY), {"universe.sectors": ["Utilities"]}
        ),
        "universe.min_market_cap": Pair(0, 10**12, let_through(_IN_ENERGY)),
        "universe.min_average_volume": Pair(0, 10**8, let_through(_IN_ENERGY)),
        "universe.max_volatility_30d_pct": Pair(60, 5, let_through(_IN_ENERGY)),
    }
)

LIMITS: Mapping[str, Pair] = MappingProxyType(
    {
        "risk_limits.max_drawdown_pct": Pair(15, 25, decided(drawdown=0.2), _REDUCES),
        "risk_limits.max_position_pct": Pair(15, 10, decided(_held(14))),
        "risk_limits.max_diversified_fund_pct": Pair(40, 20, decided(_held(30)), _FUND),
        "risk_limits.max_sector_pct": Pair(40, 20, decided()),
        "risk_limits.max_annual_volatility_pct": Pair(20, 1, decided()),
        "risk_limits.max_var_95_1d_pct": Pair(3, 0.1, decided()),
        "risk_limits.max_daily_loss_pct": Pair(5, 1, let_through(_IN_ENERGY, past=navs(103000))),
        "risk_limits.max_correlated_pct": Pair(30, 10, decided(on=_alike())),
        "risk_limits.correlation": Pair(0.7, 0.99, decided(on=_alike()), {"risk_limits.max_correlated_pct": 10}),
        "risk_limits.min_cash_reserve_pct": Pair(10, 18, let_through(_IN_ENERGY)),
        "risk_limits.max_exposure_pct": Pair(90, 82, let_through(_IN_ENERGY)),
    }
)

EXITS: Mapping[str, Pair] = MappingProxyType(
    {
        "exits.stop_loss_pct": Pair(15, 25, decided(even(costs={"AA": 125})), _NO_CUTS),
        "exits.volatility_multiple": Pair(0.0, 20.0, decided(even(costs={"AA": 125})), _NO_CUTS),
        "exits.take_profit_pct": Pair(50, 100, decided(even(costs={"AA": 60})), {"exits.take_profit_sell_pct": 25}),
        "exits.take_profit_sell_pct": Pair(25, 50, decided(even(costs={"AA": 60}))),
        "exits.drawdown_action": Pair("reduce", "hold", decided(drawdown=0.2)),
        "exits.drawdown_exposure_pct": Pair(50, 30, decided(drawdown=0.2), _REDUCES),
    }
)

ALLOCATION: Mapping[str, Pair] = MappingProxyType(
    {
        "allocation.asset_classes_pct": Pair({}, _TARGETS, decided()),
        "allocation.sectors_pct": Pair({}, {"Energy": 30, "Financials": 30, "Health Care": 20}, decided()),
        "allocation.symbols_pct": Pair({}, {"II": 10}, decided()),
        "allocation.selection.names": Pair(8, 6, decided(on=_ranked()), _BEST),
        "allocation.selection.scores": Pair({"momentum_12_1": 1}, {"low_volatility": 1}, decided(on=_ranked()), _BEST),
        "allocation.selection.keep_ranks": Pair(0, 2, decided(on=_ranked()), _BEST),
        "allocation.weighting": Pair("equal", "inverse_volatility", decided(on=_ranked()), _BEST),
        "allocation.drift_threshold_pct": Pair(1, 15, decided(), _DRIFTING),
        "allocation.frequency": Pair(
            "monthly", "daily", decided(memory=replace(NO_MEMORY, last_rebalance=3)), _DRIFTING | {
                "allocation.drift_threshold_pct": 1
            },
        ),
    }
)  # fmt: skip

STRATEGIES: Mapping[str, Pair] = MappingProxyType(
    {
        "strategies.reinforce_winners.enabled": Pair(True, False, decided(_WINNER), _ROOM),
        "strategies.reinforce_winners.trigger_gain_pct": Pair(20, 30, decided(_WINNER), _ROOM),
        "strategies.reinforce_winners.add_pct": Pair(25, 10, decided(_WINNER), _ROOM),
        "strategies.reinforce_winners.max_times": Pair(
            2, 3, decided(_WINNER, memory=replace(NO_MEMORY, reinforced={conid("AA"): (60, 30)})), _ROOM
        ),
        "strategies.reinforce_winners.min_sessions_between": Pair(
            20, 5, decided(_WINNER, memory=replace(NO_MEMORY, reinforced={conid("AA"): (10,)})), _ROOM
        ),
        "strategies.reinforce_winners.require_trend": Pair("not_bear", "bull", decided(_WINNER), _ROOM),
        "strategies.reinforce_winners.min_sentiment": Pair(
            None, 0.5, decided(_WINNER, market(sentiment={conid("AA"): 0.1})), _ROOM
        ),
        "strategies.sector_rotation.enabled": Pair(True, False, decided(on=_turned()), _ROTATES),
        "strategies.sector_rotation.trigger": Pair("regime_change", "period", decided(on=_growing()), _ROTATES),
        "strategies.sector_rotation.evaluation_sessions": Pair(
            63, 40, decided(on=_growing(), memory=replace(NO_MEMORY, last_rotation=50)),
            _ROTATES | {"strategies.sector_rotation.trigger": "period"},
        ),
        "strategies.sector_rotation.move_pct": Pair(5, 2, decided(on=_turned()), _ROTATES),
        "strategies.sector_rotation.preferred_sectors": Pair([], ["Health Care"], decided(on=_turned()), _ROTATES),
        "strategies.sector_rotation.require_trend": Pair("any", "bull", decided(on=_turned()), _ROTATES),
        "strategies.cut_losers.enabled": Pair(True, False, decided(even(costs={"AA": 113}))),
        "strategies.cut_losers.trigger_loss_pct": Pair(10, 12, decided(even(costs={"AA": 113}))),
        "strategies.cut_losers.volatility_multiple": Pair(0.0, 20.0, decided(even(costs={"AA": 113}))),
        "strategies.cut_losers.sell_pct": Pair(100, 50, decided(even(costs={"AA": 113}))),
        "strategies.rebalance.enabled": Pair(
            True, False, decided(), _DRIFTING | {"allocation.drift_threshold_pct": 1}
        ),
        "strategies.min_holding_sessions": Pair(
            21, 5, decided(on=_turned(), memory=replace(NO_MEMORY, bought={conid(s): 10 for s in NAMES})), _ROTATES
        ),
        "strategies.cool_down_sessions": Pair(
            31, 10, let_through(_IN_ENERGY, memory=replace(NO_MEMORY, sold_at_loss={conid("II"): 20}))
        ),
    }
)  # fmt: skip

MARKET: Mapping[str, Pair] = MappingProxyType(
    {
        "market.vix_bands.vix": Pair(25, 35, decided(on=_vix(30)), {"market.vix_bands": _BANDS}),
        "market.vix_bands.max_exposure_pct": Pair(60, 50, decided(on=_vix(30)), {"market.vix_bands": _BANDS}),
        "market.vix_hysteresis": Pair(
            2, 0, decided(on=_vix(24), memory=replace(NO_MEMORY, previous_caps={"vix": 0.6})),
            {"market.vix_bands": _BANDS},
        ),
        "market.bull_threshold_pct": Pair(
            2, 20, decided(_WINNER, _index(0.05)),
            _ROOM | {"strategies.reinforce_winners.require_trend": "bull"},
        ),
        "market.bear_threshold_pct": Pair(5, 20, decided(on=_index(-0.1)), {"market.bear_exposure_pct": 60}),
        "market.bear_exposure_pct": Pair(60, 50, decided(on=_index(-0.1))),
    }
)  # fmt: skip

ADOPTION: Mapping[str, Pair] = MappingProxyType(
    {
        "adoption.mode": Pair("adopt", "now", decided(memory=_taken_over(5)), {"universe.symbols": list(NAMES[1:])}),
        "adoption.turnover_pct": Pair(
            5, 1, decided(memory=_taken_over(39)), {"allocation.asset_classes_pct": {"STK": 30, "CASH": 70}}
        ),
        "adoption.weeks": Pair(8, 2, decided(memory=replace(_taken_over(20), last_rebalance=3)), _DRIFTING),
    }
)

RECOVERY: Mapping[str, Pair] = MappingProxyType(
    {
        "recovery.mode": Pair("staged", "person", let_through(_IN_ENERGY, memory=_fallen(40, 40))),
        "recovery.after_sessions": Pair(21, 10, let_through(_IN_ENERGY, memory=_fallen(15, 15))),
        "recovery.most_sessions": Pair(
            63, 30, let_through(_IN_ENERGY, on=_index(-0.1), memory=_fallen(40, 40)), {"market.bear_exposure_pct": 90}
        ),
        "recovery.step_pct": Pair(5, 50, let_through(_IN_ENERGY, memory=_fallen(40, 40, 0))),
        "recovery.every_sessions": Pair(
            21, 10, let_through(_IN_ENERGY, memory=_fallen(40, 40, 20)), {"recovery.step_pct": 12.0}
        ),
    }
)

TAX: Mapping[str, Pair] = MappingProxyType(
    {
        "tax.lot_method": Pair("fifo", "lifo", _told_gain),
        "tax.prefer": Pair("none", "losses", decided(even(costs={"BB": 105})), {"risk_limits.max_sector_pct": 35}),
    }
)

DECIDED: Mapping[str, Pair] = MappingProxyType(
    {**UNIVERSE, **LIMITS, **EXITS, **ALLOCATION, **STRATEGIES, **MARKET, **RECOVERY, **ADOPTION, **TAX}
)
