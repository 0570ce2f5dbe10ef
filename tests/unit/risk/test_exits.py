"""What must be sold, how much of it, and how often."""

from dataclasses import replace

import pytest

from app.domain.evaluation import Evaluation, ExitDue, ExitRule
from app.domain.market import Market, QuoteKind
from app.domain.plan import NO_MEMORY, Memory
from app.domain.policy import DrawdownAction, Policy
from app.domain.portfolio import Portfolio
from app.domain.price_levels import price_levels
from tests.support.worlds import (
    NAMES,
    changed,
    closes,
    conid,
    evaluate,
    even,
    market,
    navs,
    policy,
    portfolio,
    quoted,
    with_history,
)


def due(evaluation: Evaluation, rule: ExitRule) -> dict[str, ExitDue]:
    return {found.symbol: found for found in evaluation.exits_due if found.rule is rule}


def fractions(evaluation: Evaluation, rule: ExitRule) -> dict[str, float]:
    return {symbol: found.fraction for symbol, found in due(evaluation, rule).items()}


def left(account: Portfolio, evaluation: Evaluation) -> dict[str, float]:
    """Weights after the largest fraction of each name is sold."""
    sold: dict[str, float] = {}
    for found in evaluation.exits_due:
        sold[found.symbol] = max(found.fraction, sold.get(found.symbol, 0))
    return {p.instrument.symbol: account.weight(p) * (1 - sold.get(p.instrument.symbol, 0)) for p in account.positions}


@pytest.mark.parametrize(("cost", "sold"), [(117.6, False), (100 / 0.85, True), (130, True), (100, False), (0, False)])
def test_a_stop_loss_sells_all_at_its_threshold(cost: float, sold: bool) -> None:
    evaluation = evaluate(policy(), even(costs={"AA": cost}))
    assert fractions(evaluation, ExitRule.STOP_LOSS) == ({"AA": 1.0} if sold else {})


@pytest.mark.parametrize(("gain", "taken", "sold"), [(0.49, 0, False), (0.5, 0, True), (0.9, 1, False), (1.0, 1, True)])
def test_a_profit_is_taken_once_per_level(gain: float, taken: int, sold: bool) -> None:
    memory = replace(NO_MEMORY, profit_levels_taken={conid("AA"): taken})
    found = due(evaluate(policy(), even(costs={"AA": 100 / (1 + gain)}), memory=memory), ExitRule.TAKE_PROFIT)
    assert [(e.fraction, e.threshold) for e in found.values()] == ([(0.25, 0.5 * (taken + 1))] if sold else [])


def test_profits_of_which_nothing_is_sold_are_not_taken_and_have_no_price() -> None:
    rules, account = policy(exits__take_profit_sell=0.0), even(costs={"AA": 10})
    assert not due(evaluate(rules, account), ExitRule.TAKE_PROFIT)
    assert {levels.take_profit for levels in price_levels(rules, account, market(), NO_MEMORY)} == {None}
    taking = price_levels(policy(), account, market(), NO_MEMORY)
    assert [levels.take_profit for levels in taking if levels.symbol == "AA"] == [15]


def test_dust_never_triggers() -> None:
    account = portfolio({**dict.fromkeys(NAMES[:8], 100), "JJ": "0.9"}, 20000, {"JJ": 900, "II": 1})
    evaluation = evaluate(policy(), account)
    assert evaluation.exits_due == ()
    assert evaluation.weights[conid("JJ")] > 0


@pytest.mark.parametrize("drawdown", [0.15, 0.3])
def test_a_drawdown_reduces_to_the_target_exposure(drawdown: float) -> None:
    account = even()
    evaluation = evaluate(policy(), account, history=navs(100000, drawdown))
    assert fractions(evaluation, ExitRule.DRAWDOWN) == pytest.approx(dict.fromkeys(NAMES[:8], 1 - 0.5 / 0.8))
    assert sum(left(account, evaluation).values()) == pytest.approx(0.5)


def test_below_its_limit_a_drawdown_sells_nothing() -> None:
    assert evaluate(policy(), even(), history=navs(100000, 0.149)).exits_due == ()


def test_a_drawdown_counts_what_the_stops_sell_already() -> None:
    account = even(costs={"AA": 130, "BB": 130})
    evaluation = evaluate(policy(), account, history=navs(100000, 0.2))
    assert fractions(evaluation, ExitRule.DRAWDOWN) == pytest.approx(dict.fromkeys(NAMES[2:8], 1 - 0.5 / 0.6))
    assert sum(left(account, evaluation).values()) == pytest.approx(0.5)


def test_the_drawdown_action_can_cut_losers_or_hold() -> None:
    account = even(costs={"AA": 105, "BB": 95})
    cut = policy(exits__drawdown_action=DrawdownAction.CUT_LOSERS)
    assert fractions(evaluate(cut, account, history=navs(100000, 0.2)), ExitRule.DRAWDOWN) == {"AA": 1.0}
    hold = policy(exits__drawdown_action=DrawdownAction.HOLD)
    assert evaluate(hold, account, history=navs(100000, 0.2)).exits_due == ()


@pytest.mark.parametrize(
    ("acted", "before", "acts"),
    [(None, None, True), (0.2, "HIGH", False), (0.186, "HIGH", False), (0.185, "HIGH", True), (0.2, "LOW", True)],
)
def test_a_drawdown_is_acted_upon_on_entry_and_on_worsening_by_a_tenth(
    acted: float | None, before: str | None, acts: bool
) -> None:
    severities = None if before is None else {"drawdown": before}
    memory = replace(NO_MEMORY, drawdown_acted_at=acted, previous_severities=severities)
    evaluation = evaluate(policy(), even(), memory=memory, history=navs(100000, 0.2))
    assert bool(due(evaluation, ExitRule.DRAWDOWN)) is acts


def breaching(*symbols: str) -> Market:
    """The names move as one, wildly."""
    path = closes(77, 0.06)
    return with_history(market(), dict.fromkeys(symbols, path))


CASES = {
    "max_position": (portfolio({"AA": 200, "BB": 100}, 70000), market(), 0.95 * 0.15),
    "max_sector": (portfolio({"AA": 140, "BB": 140, "FF": 140, "GG": 140}, 44000), market(), 0.95 * 0.4),
    "annual_volatility": (even(), breaching("AA", "CC", "EE"), 0.95 * 0.2),
    "var_95_1d": (even(), breaching("AA", "CC", "EE", "GG", "HH"), 0.95 * 0.03),
    "correlated_cluster": (
        even(),
        with_history(market(), dict.fromkeys(["AA", "BB", "CC", "DD"], closes(5))),
        0.95 * 0.3,
    ),
    "cash_reserve": (portfolio(dict.fromkeys(NAMES, 96), 4000), market(), 0.1 / 0.95),
}
LOOSE = {
    "risk_limits__max_position": 1.0,
    "risk_limits__max_sector": 1.0,
    "risk_limits__max_annual_volatility": 1.0,
    "risk_limits__max_var_95_1d": 1.0,
    "risk_limits__max_correlated": 1.0,
    "risk_limits__min_cash_reserve": 0.0,
}
FIELDS = {
    "max_position": 0.15,
    "max_sector": 0.4,
    "max_annual_volatility": 0.2,
    "max_var_95_1d": 0.03,
    "max_correlated": 0.3,
    "min_cash_reserve": 0.1,
}


def only(metric: str) -> Policy:
    """The default limit of one metric, everything else loose."""
    field = {"annual_volatility": "max_annual_volatility", "var_95_1d": "max_var_95_1d"}.get(metric, metric)
    field = {"correlated_cluster": "max_correlated", "cash_reserve": "min_cash_reserve"}.get(field, field)
    return policy(**{**LOOSE, f"risk_limits__{field}": FIELDS[field]})


@pytest.mark.parametrize("metric", CASES)
def test_a_critical_breach_sells_to_a_little_inside_the_limit(metric: str) -> None:
    account, prices, goal = CASES[metric]
    evaluation = evaluate(only(metric), account, prices)
    assert evaluation.metric(metric).severity == "CRITICAL"
    found = due(evaluation, ExitRule.LIMIT_BREACH)
    assert {e.metric for e in found.values()} == {metric}
    weights = left(account, evaluation)
    assert reached(metric, weights, evaluation) == pytest.approx(goal)


def reached(metric: str, weights: dict[str, float], evaluation: Evaluation) -> float:
    """The metric with these weights; statistics here are in proportion to an even scale."""
    if metric == "max_position":
        return max(weights.values())
    if metric == "max_sector":
        return weights["AA"] + weights["BB"] + weights["FF"] + weights["GG"]
    if metric == "correlated_cluster":
        return sum(weights[s] for s in ("AA", "BB", "CC", "DD"))
    if metric == "cash_reserve":
        return 1 - sum(weights.values())
    return (evaluation.metric(metric).value or 0.0) * sum(weights.values()) / evaluation.exposure


@pytest.mark.parametrize(("before", "acts"), [(None, False), ("MEDIUM", False), ("HIGH", True), ("CRITICAL", False)])
def test_a_high_breach_is_reduced_in_its_second_session(before: str | None, acts: bool) -> None:
    account = portfolio({"AA": 160, "BB": 100}, 74000)
    memory: Memory = replace(NO_MEMORY, previous_severities=None if before is None else {"max_position": before})
    evaluation = evaluate(policy(), account, memory=memory)
    assert evaluation.metric("max_position").severity == "HIGH"
    assert fractions(evaluation, ExitRule.LIMIT_BREACH) == (
        pytest.approx({"AA": 1 - 0.95 * 0.15 / 0.16}) if acts else {}
    )


@pytest.mark.parametrize(
    ("cap", "before", "sells"),
    [(0.5, "MEDIUM", False), (0.5, "HIGH", True), (0.5, "CRITICAL", True), (0.7, "CRITICAL", False)],
)
def test_far_more_than_may_be_invested_is_sold_in_its_second_session(cap: float, before: str, sells: bool) -> None:
    memory = replace(NO_MEMORY, previous_severities={"exposure": before})
    rules = policy(risk_limits__max_exposure=cap)
    evaluation = evaluate(rules, even(), memory=memory)
    assert evaluation.metric("exposure").value == pytest.approx(0.8)
    found = due(evaluation, ExitRule.LIMIT_BREACH)
    assert {e.metric for e in found.values()} == ({"exposure"} if sells else set())
    assert sum(left(even(), evaluation).values()) == pytest.approx(0.95 * cap if sells else 0.8)


@pytest.mark.parametrize("metric", ["annual_volatility", "var_95_1d", "correlated_cluster"])
def test_a_statistic_a_little_over_its_limit_sells_nothing_however_long_it_lasts(metric: str) -> None:
    account, prices, _ = CASES[metric]
    value = evaluate(only(metric), account, prices).metric(metric).value or 0.0
    field = {"annual_volatility": "max_annual_volatility", "var_95_1d": "max_var_95_1d"}.get(metric, "max_correlated")
    rules = changed(only(metric), f"risk_limits.{field}", value / 1.2)
    evaluation = evaluate(rules, account, prices, replace(NO_MEMORY, previous_severities={metric: "HIGH"}))
    assert evaluation.metric(metric).severity == "HIGH"
    assert fractions(evaluation, ExitRule.LIMIT_BREACH) == {}


@pytest.mark.parametrize("how", ["untradable", "restricted", "halted"])
def test_a_name_that_must_not_be_ordered_is_not_scaled_and_the_others_carry_the_reduction(how: str) -> None:
    rules, prices = policy(), market()
    if how == "untradable":
        prices = market(untradable={conid("AA"): "disputed price"})
    elif how == "halted":
        prices = quoted(prices, "AA", kind=QuoteKind.HALTED)
    else:
        rules = policy(universe__restricted=("AA",))
    account = even(costs={"AA": 130})
    evaluation = evaluate(rules, account, prices, history=navs(100000, 0.2))
    assert set(due(evaluation, ExitRule.STOP_LOSS)) == {"AA"}
    reduced = fractions(evaluation, ExitRule.DRAWDOWN)
    assert set(reduced) == set(NAMES[1:8])
    exposure = 0.1 + sum(0.1 * (1 - fraction) for fraction in reduced.values())
    assert exposure == pytest.approx(0.5, abs=0.005)
    assert exposure <= 0.5 + 1e-9


def test_what_cannot_be_computed_sells_nothing() -> None:
    evaluation = evaluate(policy(), even(), market(history={}), history=())
    assert evaluation.exits_due == ()
