"""Targets that nobody can reach are refused, and what the refusal says would work does."""

from typing import Any

import pytest

from app.domain.policy.check import Level
from tests.unit.policy import samples

FUNDS = ["VTI", "VEA", "BND", "GLD"]
# Funds alone, one of them of a fixed weight.
ALL_FUNDS: dict[str, Any] = {
    "universe__symbols": FUNDS,
    "universe__diversified_funds": FUNDS,
    "allocation__symbols_pct": {"VTI": 30},
    "allocation__asset_classes_pct": {"ETF": 85, "CASH": 15},
    "allocation__sectors_pct": {},
    "strategies__sector_rotation__enabled": False,
}
# A fund beside stocks of sectors.
BESIDE: dict[str, Any] = {
    "universe__symbols": [*samples.values()["universe"]["symbols"], "VTI"],
    "universe__diversified_funds": ["VTI"],
    "allocation__symbols_pct": {"VTI": 30, "KO": 5},
    "allocation__asset_classes_pct": {"ETF": 30, "STK": 55, "CASH": 15},
    "allocation__sectors_pct": {"Health Care": 20, "Financials": 15, "Energy": 15},
}
NO_SECTORS: dict[str, Any] = {"allocation__sectors_pct": {}}


def told(severity: Level, base: dict[str, Any], changes: dict[str, Any]) -> list[str]:
    return [str(one) for one in samples.findings(**{**base, **changes}) if one.severity is severity]


@pytest.mark.parametrize("base", [ALL_FUNDS, BESIDE, NO_SECTORS], ids=["funds", "fund beside stocks", "no sectors"])
def test_sound_targets_draw_nothing(base: dict[str, Any]) -> None:
    assert samples.findings(**base) == ()


ERRORS: list[tuple[dict[str, Any], dict[str, Any], str, dict[str, Any]]] = [
    (
        ALL_FUNDS,
        {"allocation__symbols_pct": {"SPY": 30}},
        "allocation.symbols_pct.SPY: is not in universe.symbols and never bought; list it there too",
        {"universe__symbols": [*FUNDS, "SPY"], "universe__diversified_funds": [*FUNDS, "SPY"]},
    ),
    (
        ALL_FUNDS,
        {
            "universe__restricted": ["VTI"],
            "universe__symbols": [*FUNDS, "TLT"],
            "universe__diversified_funds": [*FUNDS, "TLT"],
        },
        "allocation.symbols_pct.VTI: is in universe.restricted and never ordered; take it out of one of the two",
        {"universe__restricted": []},
    ),
    (
        NO_SECTORS,
        {
            "allocation__symbols_pct": {"KO": 5},
            "universe__sectors": ["Health Care", "Information Technology", "Energy"],
        },
        "allocation.symbols_pct.KO: is in no sector of universe.sectors and never bought; add its sector there",
        {"universe__sectors": ["Health Care", "Information Technology", "Energy", "Consumer Staples"]},
    ),
    (
        ALL_FUNDS,
        {"allocation__symbols_pct": {"VTI": 45}},
        "allocation.symbols_pct.VTI: 45 % is more than plans aim at under risk_limits.max_diversified_fund_pct (40 %); "
        "max_diversified_fund_pct: 48.92 or more works",
        {"risk_limits__max_diversified_fund_pct": 48.92},
    ),
    (
        ALL_FUNDS,
        {"universe__diversified_funds": ["VEA", "BND", "GLD"]},
        "allocation.symbols_pct.VTI: 30 % is more than plans aim at under risk_limits.max_position_pct (15 %); "
        "max_position_pct: 32.61 or more works, or for a fund that spreads risk itself, list it in "
        "universe.diversified_funds",
        {"universe__diversified_funds": FUNDS},
    ),
    (
        BESIDE,
        {
            "allocation__symbols_pct": {"VTI": 30, "KO": 14.5},
            "allocation__sectors_pct": {"Health Care": 25.5, "Energy": 15},
        },
        "allocation.symbols_pct.KO: 14.5 % is more than plans aim at under risk_limits.max_position_pct (15 %); "
        "max_position_pct: 15.77 or more works",
        {"risk_limits__max_position_pct": 15.77},
    ),
    (
        BESIDE,
        {
            "allocation__asset_classes_pct": {"ETF": 25, "STK": 60, "CASH": 15},
            "allocation__sectors_pct": {"Health Care": 35, "Financials": 20},
        },
        "allocation.asset_classes_pct.ETF: 25 % is less than the targets of VTI in symbols_pct; 30 or more works",
        {"allocation__asset_classes_pct": {"ETF": 30, "STK": 60, "CASH": 10}, "allocation__drift_threshold_pct": 0},
    ),
    (
        BESIDE,
        {
            "allocation__asset_classes_pct": {"ETF": 35, "STK": 50, "CASH": 15},
            "allocation__sectors_pct": {"Health Care": 30, "Energy": 15},
        },
        "allocation.asset_classes_pct.ETF: 5 % has no name beside those in symbols_pct; 30 works",
        {"allocation__asset_classes_pct": {"ETF": 30, "STK": 50, "CASH": 20}},
    ),
    (
        NO_SECTORS,
        {"allocation__asset_classes_pct": {"ETF": 20, "STK": 65, "CASH": 15}},
        "allocation.asset_classes_pct.ETF: cannot be met: no name that may be bought is a fund; list one in "
        "universe.symbols",
        {
            "universe__symbols": [*samples.values()["universe"]["symbols"], "VTI", "VEA"],
            "universe__diversified_funds": ["VTI"],
        },
    ),
    (
        ALL_FUNDS,
        {"allocation__asset_classes_pct": {"ETF": 60, "STK": 25, "CASH": 15}},
        "allocation.asset_classes_pct.STK: cannot be met: no name that may be bought is a stock; list one in "
        "universe.symbols",
        {"universe__symbols": [*FUNDS, "KO", "PG"]},
    ),
    (
        ALL_FUNDS,
        {"universe__symbols": ["VTI", "BND"], "universe__diversified_funds": ["VTI", "BND"]},
        "allocation.asset_classes_pct.ETF: cannot be met: BND may hold 40 % inside the position limits, the "
        "target leaves them 55 %; more funds in universe.symbols work, or larger limits, "
        "universe.diversified_funds among them",
        {"universe__symbols": FUNDS, "universe__diversified_funds": FUNDS},
    ),
    (
        BESIDE,
        {"allocation__sectors_pct": {"Health Care": 30, "Financials": 25, "Energy": 30}},
        "allocation.sectors_pct: the targets add up to 85 %, and they are targets of the stocks alone: "
        "asset_classes_pct.STK less the stocks in symbols_pct, 50 %, works",
        {"allocation__sectors_pct": {"Health Care": 20, "Financials": 15, "Energy": 15}},
    ),
    (
        BESIDE,
        {
            "universe__symbols": ["GE", "KO", "VTI", "JNJ", "MRK", "BAC", "JPM"],
            "allocation__symbols_pct": {"VTI": 30, "GE": 5},
            "allocation__sectors_pct": {"Health Care": 25, "Financials": 20, "Industrials": 5},
        },
        "allocation.sectors_pct.Industrials: cannot be met: no name that may be bought is in Industrials "
        "beside those in symbols_pct",
        {"allocation__sectors_pct": {"Health Care": 25, "Financials": 20, "Consumer Staples": 5}},
    ),
    (
        NO_SECTORS,
        {"allocation__selection": {"names": 5, "scores": {"trend": 1}}},
        "allocation.selection.names: 5 of AAPL, AMD, BAC, BBY, CVX and 15 more may become 69 % inside the "
        "position limits, the target of STK is 85 %; 7 works",
        {"allocation__selection": {"names": 7, "scores": {"trend": 1}}},
    ),
    (
        {},
        {"allocation__selection": {"names": 1, "scores": {"trend": 1}}},
        "allocation.selection.names: 1 of AAPL, AMD, MSFT may become 13.8 % inside the position limits, the target of "
        "Information Technology is 16 %; 2 works",
        {"allocation__selection": {"names": 2, "scores": {"trend": 1}}},
    ),
    (
        {},
        {"allocation__selection": {"names": 3, "scores": {"trend": 0}}},
        "allocation.selection.scores: no score has a weight: nothing ranks the names; {momentum_12_1: 1} works",
        {"allocation__selection": {"names": 3, "scores": {"momentum_12_1": 1}}},
    ),
    (
        {},
        {"allocation__weighting": "score"},
        "allocation.weighting: score needs allocation.selection.scores; {momentum_12_1: 1} there works",
        {"allocation__selection": {"scores": {"momentum_12_1": 1}}},
    ),
    (
        {},
        {"execution__max_turnover_pct": 5},
        "execution.max_turnover_pct: 5 %: within 10 sessions an account of cash alone is less than 80 % of "
        "its way to the targets; 8.5 or more works",
        {"execution__max_turnover_pct": 8.5},
    ),
    (
        {},
        {"execution__max_order_nav_pct": 2, "execution__min_order_nav_pct": 1, "execution__max_orders_per_day": 3},
        "execution.max_orders_per_day: 3 orders of max_order_nav_pct (2 %) at most: within 10 sessions an "
        "account of cash alone is less than 80 % of its way to the targets; 5 or more works, or "
        "max_order_nav_pct: 2.84",
        {"execution__max_orders_per_day": 5},
    ),
    (
        NO_SECTORS,
        {"allocation__selection": {"names": 20, "scores": {"trend": 1}}, "execution__max_orders_per_day": 1},
        "execution.max_orders_per_day: 1 orders a day for 20 names: within 10 sessions an account of cash "
        "alone is less than 80 % of its way to the targets; 2 or more works",
        {"execution__max_orders_per_day": 2},
    ),
]


@pytest.mark.parametrize(("base", "changes", "message", "cure"), ERRORS, ids=[one[2][:60] for one in ERRORS])
def test_targets_that_cannot_be_met_are_errors_and_the_cure_is_one(
    base: dict[str, Any], changes: dict[str, Any], message: str, cure: dict[str, Any]
) -> None:
    assert message in told(Level.ERROR, base, changes)
    assert told(Level.ERROR, base, {**changes, **cure}) == []


WARNINGS: list[tuple[dict[str, Any], dict[str, Any], str, dict[str, Any]]] = [
    (
        {},
        {"risk_limits__max_sector_pct": 22},
        "allocation.sectors_pct.Health Care: 21 % is more than plans aim at under risk_limits.max_sector_pct "
        "(22 %), the rest stays in cash; max_sector_pct: 22.83 or more works",
        {"risk_limits__max_sector_pct": 22.83},
    ),
    (
        {},
        {"allocation__sectors_pct": {"Health Care": 30, "Financials": 29, "Information Technology": 26}},
        "allocation.sectors_pct.Financials: plans aim at 27.6 % of BAC, JPM inside the position limits, the "
        "rest of 29 % stays in cash; 27.6 works, or larger limits",
        {"risk_limits__max_position_pct": 17},
    ),
    (
        {**NO_SECTORS, "universe__symbols": ["KO", "PEP", "XOM", "GE", "HD", "JNJ"]},
        {},
        "allocation: the names (6) are so few that plans aim at 82.8 % of them, the rest of 85 % stays in "
        "cash; more names work, or larger limits",
        {"risk_limits__max_position_pct": 16},
    ),
    (
        {},
        {"risk_limits__max_exposure_pct": 85},
        "allocation: the targets invest 85 %, and plans stay a point below risk_limits.max_exposure_pct (85 %); "
        "max_exposure_pct: 86 or more works",
        {"risk_limits__max_exposure_pct": 86},
    ),
    (
        {},
        {"risk_limits__min_cash_reserve_pct": 14, "allocation__drift_threshold_pct": 1},
        "allocation: the targets invest 85 %, and plans stay 2 points above risk_limits.min_cash_reserve_pct (14 %); "
        "min_cash_reserve_pct: 13 or less works",
        {"risk_limits__min_cash_reserve_pct": 13},
    ),
    (
        {},
        {"allocation__selection": {"scores": {"trend": 1}}},
        "allocation.selection.scores: rank only what is bought where the names that are held have too little room; "
        "selection.names, or weighting: score, lets them choose",
        {"allocation__weighting": "score"},
    ),
    (
        {},
        {"allocation__selection": {"names": 3}},
        "allocation.selection.names: nothing ranks the names, those that are held come first; selection.scores would",
        {"allocation__selection": {"names": 3, "scores": {"trend": 1}}},
    ),
    (
        {},
        {"allocation__selection": {"names": 3, "scores": {"trend": -1}}},
        "allocation.selection.scores.trend: -1 turns it around, the worst come first; 1 does not",
        {"allocation__selection": {"names": 3, "scores": {"trend": 1}}},
    ),
    (
        {},
        {"recovery__most_sessions": 21},
        "recovery.most_sessions: 21 is after_sessions: whether the trend is a bear's is never asked",
        {"recovery__most_sessions": 22},
    ),
    (
        {},
        {"recovery__step_pct": 5, "recovery__every_sessions": 42},
        "recovery.every_sessions: 20 steps of 5 % bring an account back in up to 861 sessions; "
        "every_sessions: 23 works, or a larger step_pct",
        {"recovery__every_sessions": 23},
    ),
]


@pytest.mark.parametrize(("base", "changes", "message", "cure"), WARNINGS, ids=[one[2][:60] for one in WARNINGS])
def test_what_does_less_than_it_says_is_a_warning_and_the_cure_is_one(
    base: dict[str, Any], changes: dict[str, Any], message: str, cure: dict[str, Any]
) -> None:
    assert told(Level.ERROR, base, changes) == []
    assert message in told(Level.WARNING, base, changes)
    assert message.split(":")[0] not in [line.split(":")[0] for line in told(Level.WARNING, base, {**changes, **cure})]


def test_sectors_of_a_file_without_funds_are_targets_of_all_that_is_invested() -> None:
    assert told(Level.ERROR, {}, {"allocation__asset_classes_pct": {"STK": 85, "ETF": 0, "CASH": 15}}) == []


def test_a_fixed_name_of_which_only_the_broker_can_tell_the_class_may_be_either() -> None:
    base = {**BESIDE, "universe__diversified_funds": [], "risk_limits__max_position_pct": 40}
    assert told(Level.ERROR, base, {}) == []
    as_stock = {"allocation__asset_classes_pct": {"STK": 85, "CASH": 15}}
    assert told(Level.ERROR, base, as_stock) == []
    assert told(Level.ERROR, BESIDE, as_stock) != []


def test_a_fixed_weight_that_no_limit_allows_says_how_much_any_would() -> None:
    funds = {"allocation__symbols_pct": {"VTI": 95}, "allocation__asset_classes_pct": {"ETF": 97, "CASH": 3}}
    limits = {
        "risk_limits__max_diversified_fund_pct": 100,
        "risk_limits__max_exposure_pct": 100,
        "risk_limits__min_cash_reserve_pct": 0,
        "allocation__drift_threshold_pct": 3,
    }
    assert told(Level.ERROR, ALL_FUNDS, {**funds, **limits}) == [
        "allocation.symbols_pct.VTI: 95 % is more than plans aim at under "
        "risk_limits.max_diversified_fund_pct (100 %); at most 92 works"
    ]


def test_an_account_that_comes_back_by_a_person_has_no_waits_to_judge() -> None:
    assert told(Level.WARNING, {}, {"recovery__mode": "person", "recovery__most_sessions": 21}) == []
