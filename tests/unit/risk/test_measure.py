"""Every metric against its limit, and what is not known stays unknown."""

import math
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from app.domain.errors import DataError
from app.domain.evaluation import Severity
from app.domain.market import Trend, VixReading
from app.domain.navs import NavKind, NavPoint
from app.domain.order import Side
from app.domain.plan import NO_MEMORY
from app.domain.portfolio import CashBalance
from app.risk import limits
from tests.support.worlds import (
    LENGTH,
    QUIET,
    TODAY,
    changed,
    closes,
    conid,
    evaluate,
    even,
    market,
    navs,
    policy,
    portfolio,
    series,
    sessions,
    with_history,
    working,
)

SEVEN = (
    "max_position",
    "max_sector",
    "annual_volatility",
    "var_95_1d",
    "daily_loss",
    "correlated_cluster",
    "cash_reserve",
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, Severity.LOW),
        (0.0799, Severity.LOW),
        (0.08, Severity.MEDIUM),
        (0.1, Severity.MEDIUM),
        (0.1 + 1e-12, Severity.MEDIUM),
        (0.1001, Severity.HIGH),
        (0.125, Severity.HIGH),
        (0.1251, Severity.CRITICAL),
        (math.nan, Severity.CRITICAL),
        (math.inf, Severity.CRITICAL),
    ],
)
def test_severity_follows_the_ratio_to_the_limit_and_nan_breaches(value: float, expected: Severity) -> None:
    assert limits.severity(value, 0.1) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.2, Severity.LOW),
        (0.12, Severity.MEDIUM),
        (0.1, Severity.MEDIUM),
        (0.09, Severity.HIGH),
        (0.079, Severity.CRITICAL),
        (0.0, Severity.CRITICAL),
        (-0.1, Severity.CRITICAL),
        (math.nan, Severity.CRITICAL),
    ],
)
def test_a_floor_is_judged_upside_down(value: float, expected: Severity) -> None:
    assert limits.severity(value, 0.1, floor=True) is expected


def test_a_limit_of_zero_is_kept_only_by_zero() -> None:
    assert limits.severity(0.0, 0.0) is Severity.LOW
    assert limits.severity(0.01, 0.0) is Severity.CRITICAL
    assert limits.severity(math.nan, 0.0, floor=True) is Severity.CRITICAL


def test_the_seven_risk_metrics_come_first_under_stable_names_and_all_have_limits() -> None:
    metrics = evaluate(policy(), even()).metrics
    assert tuple(m.name for m in metrics[:7]) == SEVEN
    assert all(m.limit is not None and m.value is not None for m in metrics[:7])


def test_weights_are_fractions_of_nav_with_the_cash_in_it() -> None:
    evaluation = evaluate(policy(), even())
    assert evaluation.weights[conid("AA")] == pytest.approx(0.1)
    assert evaluation.cash_weight + evaluation.exposure == pytest.approx(1)
    assert evaluation.sector_weights == pytest.approx({"Energy": 0.4, "Financials": 0.3, "Health Care": 0.1})


def test_a_diversified_fund_has_its_own_limit_and_is_its_own_sector() -> None:
    account = portfolio({"AA": 300, "BB": 140}, 56000)
    plain = evaluate(policy(), account).metric("max_position")
    fund = evaluate(policy(universe__diversified_funds=("AA",)), account)
    assert (plain.note, plain.severity) == ("AA", Severity.CRITICAL)
    assert (fund.metric("max_position").note, fund.metric("max_position").severity) == ("BB", Severity.MEDIUM)
    assert fund.sector_weights == pytest.approx({"AA": 0.3, "Energy": 0.14})


def test_statistics_use_todays_weights_over_the_last_252_returns_and_limited_volatility_the_last_63() -> None:
    evaluation = evaluate(policy(), even())
    paths = np.column_stack(
        [market().history[conid(s)].closes[-253:] for s in ["AA", "BB", "CC", "DD", "EE", "FF", "GG", "HH"]]
    )
    returns = (paths[1:] / paths[:-1] - 1) @ np.full(8, 0.1)
    assert evaluation.metric("annual_volatility_252").value == pytest.approx(returns.std(ddof=1) * np.sqrt(252))
    assert evaluation.metric("annual_volatility").value == pytest.approx(returns[-63:].std(ddof=1) * np.sqrt(252))
    assert evaluation.metric("var_95_historical").value == pytest.approx(-np.sort(returns)[12])


def test_the_quick_forms_meet_the_limits_and_the_slow_ones_are_shown_beside_them() -> None:
    rules = policy(risk_limits__max_annual_volatility=0.12, risk_limits__max_var_95_1d=0.02)
    evaluation = evaluate(rules, even())
    assert [evaluation.metric(name).limit for name in ("annual_volatility", "var_95_1d")] == [0.12, 0.02]
    for name in ("annual_volatility_252", "var_95_historical", "var_95_ewma"):
        assert evaluation.metric(name).limit is None
    assert evaluation.metric("var_95_ewma").value == evaluation.metric("var_95_1d").value


def test_a_fall_of_ten_months_ago_is_not_remembered_by_what_is_limited() -> None:
    wild = {name: closes(conid(name), QUIET) for name in ("AA", "BB", "CC", "DD", "EE", "FF", "GG", "HH")}
    fallen = {name: np.concatenate([path[:-200], 0.7 * path[-200:]]) for name, path in wild.items()}
    calm, after = (evaluate(policy(), even(), with_history(market(), paths)) for paths in (wild, fallen))
    for name in ("annual_volatility", "var_95_1d"):
        assert after.metric(name).value == pytest.approx(calm.metric(name).value, rel=0.02)
    assert (after.metric("annual_volatility_252").value or 0) > 2 * (calm.metric("annual_volatility_252").value or 1)


def test_names_that_move_together_are_one_cluster() -> None:
    twin = closes(conid("AA"))
    evaluation = evaluate(policy(), even(), with_history(market(), {"AA": twin, "CC": twin, "EE": twin, "GG": twin}))
    metric = evaluation.metric("correlated_cluster")
    assert metric.value == pytest.approx(0.4)
    assert metric.severity is Severity.CRITICAL


@pytest.mark.parametrize("name", ["annual_volatility", "var_95_1d", "correlated_cluster"])
def test_a_held_name_without_history_makes_the_statistics_unknown_and_blocks_increases(name: str) -> None:
    short = market(history={c: s for c, s in market().history.items() if c != conid("CC")})
    evaluation = evaluate(policy(), even(), short)
    assert evaluation.metric(name).value is None
    assert evaluation.metric(name).severity is Severity.UNKNOWN
    assert evaluation.metric(name).note == "no price history of CC"
    assert not evaluation.risk_may_rise


def test_fewer_than_sixty_returns_are_unknown_and_not_zero() -> None:
    history = {c: series(c, s.closes[-60:]) for c, s in market().history.items()}
    metric = evaluate(policy(), even(), market(history=history)).metric("annual_volatility")
    assert (metric.value, metric.note) == (None, "59 common returns, at least 60 are needed")


def test_histories_are_aligned_on_the_dates_that_all_share() -> None:
    full = market().history[conid("AA")]
    gap = [n for n in range(LENGTH) if n != LENGTH - 10]
    holed = series(conid("AA"), full.closes[gap], [full.dates[n] for n in gap])
    evaluation = evaluate(policy(), even(), market(history={**market().history, conid("AA"): holed}))
    paths = np.column_stack(
        [market().history[conid(s)].closes[gap] for s in ["AA", "BB", "CC", "DD", "EE", "FF", "GG", "HH"]]
    )[-253:]
    returns = (paths[1:] / paths[:-1] - 1) @ np.full(8, 0.1)
    assert evaluation.metric("annual_volatility").value == pytest.approx(returns[-63:].std(ddof=1) * np.sqrt(252))
    assert evaluation.metric("annual_volatility_252").value == pytest.approx(returns.std(ddof=1) * np.sqrt(252))


def test_a_bar_of_the_session_in_progress_is_not_history() -> None:
    history = {c: series(c, np.append(s.closes, 500.0), (*s.dates, TODAY)) for c, s in market().history.items()}
    assert evaluate(policy(), even(), market(history=history)).metrics[2] == evaluate(policy(), even()).metrics[2]


def test_a_history_that_ends_long_ago_is_no_history() -> None:
    history = {c: series(c, s.closes[:-6], s.dates[:-6]) for c, s in market().history.items()}
    metric = evaluate(policy(), even(), market(history=history)).metric("annual_volatility")
    assert (metric.value, metric.note) == (None, "the common history ends more than 5 sessions before the newest")


def test_the_daily_loss_is_against_the_previous_sessions_close_and_a_gain_is_none() -> None:
    assert evaluate(policy(), even(), history=navs(106000)).metric("daily_loss").value == pytest.approx(6 / 106)
    assert evaluate(policy(), even(), history=navs(90000)).metric("daily_loss").value == 0


def test_without_the_previous_sessions_close_the_daily_loss_is_unknown() -> None:
    older = NavPoint(sessions()[-2], NavKind.CLOSE, Decimal(100000), 1.0, 1.0)
    intraday = NavPoint(sessions()[-1], NavKind.RUN, Decimal(100000), 1.0, 1.0)
    for history in ((), (older,), (older, intraday)):
        assert evaluate(policy(), even(), history=history).metric("daily_loss").severity is Severity.UNKNOWN


def test_drawdown_continues_the_index_from_the_newest_point_and_is_unknown_without_one() -> None:
    evaluation = evaluate(policy(), even(), history=navs(110000, drawdown=0.1))
    assert evaluation.drawdown == pytest.approx(1 - 0.9 * 100 / 110)
    unknown = evaluate(policy(), even(), history=())
    assert unknown.drawdown is None
    assert unknown.metric("drawdown").severity is Severity.UNKNOWN
    assert not unknown.risk_may_rise


def test_open_buys_lower_the_reserve_and_one_without_a_limit_makes_it_unknown() -> None:
    spoken_for = even(orders=(working("AA", Side.BUY, 50),))
    metric = evaluate(policy(), spoken_for).metric("cash_reserve")
    assert metric.value == pytest.approx(0.15)
    assert metric.floor
    unbounded = evaluate(policy(), even(orders=(working("AA", Side.BUY, 50, limit=None),)))
    assert unbounded.metric("cash_reserve").severity is Severity.UNKNOWN


def test_a_negative_balance_in_any_currency_is_a_breach() -> None:
    cash = (
        CashBalance("USD", Decimal(30000), Decimal(30000)),
        CashBalance("EUR", Decimal(-10), Decimal(-10), Decimal("1.1")),
    )
    metric = evaluate(policy(), replace(even(), cash=cash)).metric("cash_reserve")
    assert (metric.severity, metric.note) == (Severity.CRITICAL, "negative balance in EUR")


def test_an_account_without_value_cannot_be_measured() -> None:
    with pytest.raises(DataError, match="net asset value is 0"):
        evaluate(policy(), portfolio({}, 0), history=())


def test_a_portfolio_of_cash_has_no_risk_and_nothing_due() -> None:
    evaluation = evaluate(policy(), portfolio({}, 100000))
    assert [evaluation.metric(n).value for n in SEVEN] == [0, 0, 0, 0, 0, 0, 1]
    assert evaluation.exits_due == ()
    assert evaluation.risk_may_rise


@pytest.mark.parametrize(("last", "expected"), [(1.03, Trend.BULL), (1.0, Trend.NEUTRAL), (0.94, Trend.BEAR)])
def test_the_trend_is_the_index_against_its_200_session_average(last: float, expected: Trend) -> None:
    index = np.full(LENGTH, 4000.0)
    index[-1] *= last
    evaluation = evaluate(policy(), even(), market(index=series(1, index)))
    assert evaluation.trend is expected
    assert ("bear_trend" in {cap.rule for cap in evaluation.caps}) is (expected is Trend.BEAR)


def test_an_unknown_trend_blocks_increases() -> None:
    for index in (None, series(1, np.full(199, 4000.0))):
        evaluation = evaluate(policy(), even(), market(index=index))
        assert evaluation.trend is None
        assert not evaluation.risk_may_rise


@pytest.mark.parametrize(("ago", "known"), [(0, True), (1, True), (2, True), (3, False)])
def test_a_volatility_index_older_than_three_sessions_is_unknown(ago: int, known: bool) -> None:
    on = (*sessions(), TODAY)[-1 - ago]
    evaluation = evaluate(policy(), even(), market(vix=VixReading(15, on, "test")))
    assert (evaluation.vix is not None) is known
    assert evaluation.risk_may_rise is known
    assert (evaluation.metric("vix").severity is Severity.UNKNOWN) is not known


def test_no_volatility_index_and_one_of_tomorrow_are_unknown() -> None:
    for reading in (None, VixReading(15, TODAY + timedelta(days=1), "test"), VixReading(math.nan, TODAY, "test")):
        assert evaluate(policy(), even(), market(vix=reading)).vix is None


@pytest.mark.parametrize(
    ("value", "previous", "expected"),
    [
        (24.9, None, None),
        (25.0, None, 0.8),
        (36.0, None, 0.6),
        (24.0, 0.8, 0.8),
        (23.0, 0.8, None),
        (34.0, 0.6, 0.6),
        (32.9, 0.6, 0.8),
        (34.0, 0.8, 0.8),
    ],
)
def test_volatility_bands_cap_exposure_and_are_left_below_their_edge(
    value: float, previous: float | None, expected: float | None
) -> None:
    memory = replace(NO_MEMORY, previous_caps=None if previous is None else {"vix": previous})
    evaluation = evaluate(policy(), even(), market(vix=VixReading(value, TODAY, "test")), memory)
    assert {cap.rule: cap.limit for cap in evaluation.caps}.get("vix") == expected


def test_the_tightest_cap_holds_and_they_are_not_multiplied() -> None:
    index = np.full(LENGTH, 4000.0)
    index[-1] *= 0.9
    stressed = market(vix=VixReading(40, TODAY, "test"), index=series(1, index))
    evaluation = evaluate(policy(), even(), stressed, history=navs(100000, drawdown=0.2))
    assert {cap.rule: cap.limit for cap in evaluation.caps} == {
        "max_exposure": 0.9,
        "cash_reserve": 0.9,
        "vix": 0.6,
        "bear_trend": 0.7,
        "recovery": 0.5,
    }
    assert evaluation.max_exposure == 0.5
    # What only purchases are held to is no limit that an account breaks.
    assert evaluation.metric("exposure").limit == 0.6


def test_every_limit_of_the_policy_is_the_limit_of_its_metric() -> None:
    fields = {
        "max_position": "max_position",
        "max_sector": "max_sector",
        "max_annual_volatility": "annual_volatility",
        "max_var_95_1d": "var_95_1d",
        "max_daily_loss": "daily_loss",
        "max_correlated": "correlated_cluster",
        "min_cash_reserve": "cash_reserve",
        "max_drawdown": "drawdown",
    }
    for field, metric in fields.items():
        assert evaluate(changed(policy(), f"risk_limits.{field}", 0.123), even()).metric(metric).limit == 0.123


def test_the_share_of_winning_trades_is_of_closed_trades_whose_profit_is_known() -> None:
    trades = (Decimal(10), Decimal(-4), None, Decimal(0))
    metric = evaluate(policy(), even(), memory=replace(NO_MEMORY, closed_trades=trades)).metric("winning_trades")
    assert metric.value == pytest.approx(1 / 3)
    assert metric.note == "of 3 closed trades; 1 without a known cost or fee left out"
    assert metric.limit is None


@pytest.mark.parametrize("trades", [(), (None,)])
def test_without_a_closed_trade_whose_profit_is_known_their_share_of_winners_is_unknown(
    trades: tuple[Decimal | None, ...],
) -> None:
    metric = evaluate(policy(), even(), memory=replace(NO_MEMORY, closed_trades=trades)).metric("winning_trades")
    assert (metric.value, metric.severity) == (None, Severity.UNKNOWN)
    assert "no purchase on record was sold again" in (metric.note or "")
