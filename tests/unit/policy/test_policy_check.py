"""Contradictions between valid fields: each is found, and the shipped policies have none."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.domain.policy import Policy
from app.domain.policy.check import Level, invested_target
from app.domain.policy.problems import problems
from app.domain.sizing import ABOVE_RESERVE, aimed_at
from app.domain.universe import position_limit
from app.settings import read_policy, shipped_policies
from tests.unit.policy import samples


def messages(severity: Level, **changes: object) -> list[str]:
    """Findings of that severity as lines."""
    return [str(finding) for finding in samples.findings(**changes) if finding.severity is severity]


@pytest.mark.parametrize("path", samples.SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_policy_has_neither_errors_nor_warnings(path: Path) -> None:
    policy, findings = read_policy(path)
    assert findings == ()
    assert (
        policy.risk_limits.min_cash_reserve + policy.allocation.drift_threshold
        <= policy.allocation.asset_classes["CASH"] + 1e-9
    )


def test_a_shipped_policy_bears_the_name_that_stands_for_its_file() -> None:
    assert {name: read_policy(Path(name))[0].name for name in shipped_policies()} == dict(
        zip(shipped_policies(), shipped_policies(), strict=True)
    )
    assert len(samples.SHIPPED) == len(shipped_policies()) == 6


@pytest.mark.parametrize("path", samples.SHIPPED, ids=lambda path: path.stem)
def test_the_targets_of_a_shipped_policy_stay_inside_its_limits(path: Path) -> None:
    policy = read_policy(path)[0]
    limits, allocation = policy.risk_limits, policy.allocation
    for symbol, target in allocation.symbols.items():
        assert target <= aimed_at(position_limit(policy, symbol)), symbol
    for sector, target in allocation.sectors.items():
        assert target <= aimed_at(limits.max_sector), sector
    if allocation.selection.names is not None:
        free = allocation.asset_classes["STK"]
        assert free <= allocation.selection.names * aimed_at(limits.max_position)
    assert allocation.asset_classes["CASH"] >= limits.min_cash_reserve + ABOVE_RESERVE


def test_an_error_comes_before_every_warning() -> None:
    found = samples.findings(risk_limits__max_position_pct=0.15)
    assert found[0].severity is Level.ERROR
    assert found[-1].severity is Level.WARNING
    assert [finding.severity for finding in found] == sorted(finding.severity for finding in found)


def test_a_cash_target_less_the_band_below_the_reserve_is_an_error() -> None:
    assert messages(Level.ERROR, risk_limits__min_cash_reserve_pct=10.5) == [
        "allocation: the cash target of 15 % less the drift threshold of 5 % is below "
        "risk_limits.min_cash_reserve_pct (10.5 %)"
    ]
    assert messages(Level.ERROR, allocation__drift_threshold_pct=4, risk_limits__min_cash_reserve_pct=11) == []


def test_class_targets_that_do_not_add_up_to_a_hundred_are_an_error() -> None:
    assert "allocation.asset_classes_pct: the targets add up to 99 %, not to 100 %" in messages(
        Level.ERROR, allocation__asset_classes_pct={"STK": 84, "CASH": 15}
    )


def test_sector_targets_that_are_not_what_is_invested_are_an_error() -> None:
    assert messages(Level.ERROR, allocation__sectors_pct={"Energy": 40, "Health Care": 40}) == [
        "allocation.sectors_pct: the targets add up to 80 %, what is invested to 85 %"
    ]


def test_too_few_names_for_the_position_limit_are_an_error() -> None:
    found = messages(Level.ERROR, universe__symbols=["KO", "PEP", "XOM", "GE", "HD"], allocation__sectors_pct={})
    assert found == [
        "allocation: too few names (5): they may hold 75 % inside risk_limits.max_position_pct, the targets invest 85 %"
    ]


def test_without_targets_too_few_names_are_a_warning() -> None:
    changes = {"universe__symbols": ["KO"], "allocation__sectors_pct": {}, "allocation__asset_classes_pct": {}}
    assert messages(Level.ERROR, **changes) == []
    assert messages(Level.WARNING, **changes) == [
        "risk_limits.max_position_pct: too few names (1): they may hold 15 %, the rest of 90 % stays in cash"
    ]


def test_a_diversified_fund_has_the_room_of_its_own_limit() -> None:
    changes: dict[str, object] = {"universe__symbols": ["KO", "PEP", "XOM", "GE", "HD"], "allocation__sectors_pct": {}}
    assert messages(Level.ERROR, universe__diversified_funds=["KO"], **changes) == []


def test_a_sector_target_above_the_sector_limit_is_an_error() -> None:
    assert "allocation.sectors_pct.Health Care: 45 % is above risk_limits.max_sector_pct (40 %)" in messages(
        Level.ERROR, allocation__sectors_pct={"Health Care": 45, "Consumer Staples": 40}
    )


def test_a_sector_target_beyond_what_its_names_may_hold_is_an_error() -> None:
    assert (
        "allocation.sectors_pct.Industrials: cannot be met: GE may hold 15 % inside the position limits, "
        "the target is 20 %" in messages(Level.ERROR, allocation__sectors_pct={"Industrials": 20, "Health Care": 65})
    )


def test_a_sector_target_whose_only_name_is_restricted_is_an_error() -> None:
    assert messages(Level.ERROR, universe__restricted=["GE"]) == [
        "allocation.sectors_pct.Industrials: cannot be met: no name that may be bought is in Industrials"
    ]


def test_a_sector_target_outside_the_universe_is_an_error() -> None:
    found = messages(Level.ERROR, universe__sectors=["Energy", "Health Care", "Information Technology"])
    assert "allocation.sectors_pct.Financials: cannot be met: no name that may be bought is in Financials" in found


def test_targets_above_the_largest_exposure_are_an_error() -> None:
    assert "allocation: the targets invest 85 %, above risk_limits.max_exposure_pct (80 %)" in messages(
        Level.ERROR, risk_limits__max_exposure_pct=80
    )


def test_a_class_target_outside_the_universe_is_an_error() -> None:
    assert messages(Level.ERROR, allocation__asset_classes_pct={"STK": 80, "BOND": 5, "CASH": 15}) == [
        "allocation.asset_classes_pct.BOND: not a class of universe.asset_classes (CASH, ETF, STK)"
    ]


@pytest.mark.parametrize("field", ["universe__sectors", "strategies__sector_rotation__preferred_sectors"])
def test_a_sector_that_gics_does_not_know_is_an_error(field: str) -> None:
    assert f"{field.replace('__', '.')}: Healthcare is not a GICS sector; did you mean Health Care?" in messages(
        Level.ERROR, **{field: ["Healthcare", "Energy"]}
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"execution__max_order_value": 400}, "execution.min_order_value: 500 is above max_order_value (400)"),
        (
            {"execution__min_order_nav_pct": 21},
            "execution.min_order_nav_pct: 21 % is above max_order_nav_pct (20 %)",
        ),
        ({"execution__max_order_nav_pct": 0}, "execution.max_order_nav_pct: 0 allows no order"),
        ({"execution__max_order_volume_pct": 0}, "execution.max_order_volume_pct: 0 allows no order"),
        (
            {"execution__limit_offset_pct": 4},
            "execution.limit_offset_pct: 4 % puts every limit price outside price_collar_pct (3 %)",
        ),
        ({"execution__max_turnover_pct": 0}, "execution.max_turnover_pct: 0 allows no order that is not an exit"),
        (
            {"execution__trade_from": "15:50"},
            "execution: no minute of the day is left between trade_from, trade_until, avoid_open_minutes and "
            "avoid_close_minutes",
        ),
        ({"risk_limits__max_var_95_1d_pct": 0}, "risk_limits.max_var_95_1d_pct: 0 leaves no room for any position"),
        ({"exits__stop_loss_pct": 0}, "exits.stop_loss_pct: 0 sells every position that has not risen"),
        ({"universe__restricted": ["KO", "KO"]}, "universe.restricted: KO is listed twice"),
        ({"universe__asset_classes": ["STK", "IND"]}, "universe.asset_classes: an index (IND) cannot be held"),
    ],
)
def test_limits_that_contradict_each_other_are_errors(changes: dict[str, object], message: str) -> None:
    assert message in messages(Level.ERROR, **changes)


def test_a_universe_that_is_restricted_altogether_is_an_error() -> None:
    found = messages(Level.ERROR, universe__symbols=["KO"], universe__restricted=["KO"], allocation__sectors_pct={})
    assert found == ["universe.symbols: every name is restricted or outside universe.sectors; nothing could be bought"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"strategies__cut_losers__trigger_loss_pct": 20},
            "strategies.cut_losers.trigger_loss_pct: 20 % adds nothing: exits.stop_loss_pct sells at 20 %",
        ),
        (
            {"strategies__reinforce_winners__trigger_gain_pct": 50, "exits__take_profit_sell_pct": 25},
            "strategies.reinforce_winners.trigger_gain_pct: 50 % is not reached before exits.take_profit_pct (50 %) "
            "sells",
        ),
        (
            {"risk_limits__max_exposure_pct": 95},
            "risk_limits.max_exposure_pct: 95 % is never reached: min_cash_reserve_pct leaves 90 %",
        ),
        (
            {"exits__drawdown_action": "reduce", "exits__drawdown_exposure_pct": 90},
            "exits.drawdown_exposure_pct: is not below risk_limits.max_exposure_pct: it reduces nothing",
        ),
        (
            {"market__bear_exposure_pct": 95},
            "market.bear_exposure_pct: is above risk_limits.max_exposure_pct: it adds nothing",
        ),
        (
            {"market__vix_bands": [{"vix": 20, "max_exposure_pct": 90}]},
            "market.vix_bands.0.max_exposure_pct: is not below risk_limits.max_exposure_pct: it adds nothing",
        ),
        (
            {"risk_limits__max_daily_loss_pct": 21},
            "risk_limits.max_daily_loss_pct: is above max_drawdown_pct, which binds first",
        ),
        ({"execution__trade_from": "13:00"}, "execution: no minute is left on half days, which close at 13:00"),
        ({"universe__restricted": ["KO"]}, "universe.restricted: KO is also in universe.symbols; it is never ordered"),
        (
            {"universe__diversified_funds": ["SPY"]},
            "universe.diversified_funds: SPY is not in universe.symbols; it is never bought",
        ),
        (
            {"investor__risk_tolerance": "conservative"},
            "risk_limits.max_annual_volatility_pct: 20 % is much for a conservative investor; up to 15 % fits",
        ),
        ({"investor__horizon_years": 2}, "investor.horizon_years: 2 is short for an exposure of up to 90 %"),
        (
            {"strategies__sector_rotation__preferred_sectors": ["Utilities"]},
            "strategies.sector_rotation.preferred_sectors: no name that may be bought is in Utilities",
        ),
    ],
)
def test_a_rule_that_does_nothing_or_looks_like_a_slip_is_a_warning(changes: dict[str, object], message: str) -> None:
    assert messages(Level.ERROR, **changes) == []
    assert message in messages(Level.WARNING, **changes)


def test_a_position_limit_above_the_sector_limit_is_a_warning() -> None:
    assert "risk_limits.max_position_pct: is above max_sector_pct, which binds first" in messages(
        Level.WARNING, risk_limits__max_position_pct=45
    )


def test_a_name_of_which_only_the_broker_can_tell_the_sector_may_be_in_any() -> None:
    symbols = [*samples.values()["universe"]["symbols"], "NVDA"]
    assert messages(Level.WARNING, universe__symbols=symbols) == []
    assert (
        messages(Level.WARNING, universe__symbols=symbols, universe__sectors=["Energy"]).count(
            "universe.symbols: NVDA is in no sector of universe.sectors; it is never bought"
        )
        == 0
    )


def test_the_policys_word_of_a_sector_comes_before_the_table() -> None:
    found = messages(
        Level.WARNING,
        universe__symbols=["KO", "NVDA"],
        universe__sectors=["Energy"],
        universe__sector_of={"KO": "Energy", "NVDA": "Materials"},
    )
    assert [each for each in found if each.endswith("it is never bought")] == [
        "universe.symbols: NVDA is in no sector of universe.sectors; it is never bought"
    ]


def test_a_name_outside_the_sectors_of_the_universe_is_a_warning() -> None:
    assert "universe.symbols: KO is in no sector of universe.sectors; it is never bought" in messages(
        Level.WARNING, universe__sectors=["Energy"]
    )


def test_a_fraction_written_for_a_percentage_is_a_warning() -> None:
    assert messages(Level.WARNING, risk_limits__max_daily_loss_pct=0.05) == [
        "risk_limits.max_daily_loss_pct: 0.05 means 0.05 %; was 5 meant?"
    ]
    assert "allocation.sectors_pct.Energy: 0.07 means 0.07 %; was 7 meant?" in messages(
        Level.WARNING, allocation__sectors_pct={"Energy": 0.07, "Health Care": 84.93}
    )
    assert "market.vix_bands.0.max_exposure_pct: 0.8 means 0.8 %; was 80 meant?" in messages(
        Level.WARNING, market__vix_bands=[{"vix": 25, "max_exposure_pct": 0.8}]
    )


@pytest.mark.parametrize(
    ("field", "usual", "slip"),
    [
        ("execution__limit_offset_pct", 0.1, 0.001),
        ("execution__price_collar_pct", 0.5, 0.03),
        ("risk_limits__max_var_95_1d_pct", 0.8, 0.03),
    ],
)
def test_less_than_one_percent_is_usual_for_some_fields(field: str, usual: float, slip: float) -> None:
    path = field.replace("__", ".")
    assert not [line for line in messages(Level.WARNING, **{field: usual}) if line.startswith(path)]
    assert [line for line in messages(Level.WARNING, **{field: slip}) if line.startswith(path)]


def test_a_disabled_strategy_is_not_judged() -> None:
    cut = samples.values()["strategies"]["cut_losers"] | {"enabled": False, "trigger_loss_pct": 20}
    assert messages(Level.WARNING, strategies__cut_losers=cut) == []


def test_the_invested_target_is_that_of_the_classes_else_of_the_sectors_else_unknown() -> None:
    policy = read_policy(samples.SHIPPED[0])[0]
    by_sector = policy.allocation.model_copy(update={"asset_classes": {}})
    neither = policy.allocation.model_copy(update={"asset_classes": {}, "sectors": {}})
    assert invested_target(policy) == pytest.approx(1 - policy.allocation.asset_classes["CASH"])
    assert invested_target(policy.model_copy(update={"allocation": by_sector})) == pytest.approx(
        sum(policy.allocation.sectors.values())
    )
    assert invested_target(policy.model_copy(update={"allocation": neither})) is None


def test_money_that_would_have_to_be_exchanged_first_is_refused() -> None:
    assert messages(Level.ERROR, execution__fx="convert") == [
        "execution.fx: convert needs orders that exchange currencies, and none are sent; refuse or hold"
    ]


def test_an_address_that_is_none_is_refused_without_being_repeated() -> None:
    (line,) = messages(Level.ERROR, notifications__urls=["json://localhost", "s3cret@example.com"])
    assert line.startswith("notifications.urls.1: is not an address")
    assert "s3cret" not in line


@pytest.mark.parametrize(
    ("urls", "on", "told"),
    [
        (
            [],
            ["approval_needed"],
            ["notifications.urls: approval.mode is approve, and nobody is told that orders wait"],
        ),
        (["json://a"], ["halted"], ["notifications.on: approval.mode is approve, and approval_needed is not told"]),
        (["json://a"], ["approval_needed"], []),
    ],
)
def test_orders_that_wait_for_nobody_draw_a_warning(urls: list[str], on: list[str], told: list[str]) -> None:
    changes = {"approval__mode": "approve", "notifications__urls": urls, "notifications__on": on}
    assert messages(Level.WARNING, **changes) == told


def test_addresses_without_an_occasion_draw_a_warning() -> None:
    lines = messages(Level.WARNING, notifications__urls=["json://a"], notifications__on=[])
    assert lines == ["notifications.on: is empty: the addresses are never written to"]


def test_fees_that_could_eat_the_room_that_plans_keep_are_told() -> None:
    assert messages(Level.WARNING, execution__max_commission_pct=4) == [
        "execution.max_commission_pct: of a day's turnover of 30 % it may be 1.2 % of net asset value, "
        "more than the 1 % that plans keep inside every limit"
    ]
    assert messages(Level.WARNING, execution__max_commission_pct=3) == []


SLOTS = {
    "daily": ("15:00", "daily is there already; the policy names other slots"),
    "close": ("15:00", "close is there already; the policy names other slots"),
    "reconcile": ("15:00", "reconcile is there already; the policy names other slots"),
    "preview": ("15:00", "preview is there already; the policy names other slots"),
    "exit-ko-1": ("15:00", "exit is what exits by hand are kept under; choose another name"),
    "Afternoon": ("15:00", "a slot is named in lower-case letters, digits, - and _, a letter first, at most 32"),
    "after noon": ("15:00", "a slot is named in lower-case letters, digits, - and _, a letter first, at most 32"),
    "": ("15:00", "a slot is named in lower-case letters, digits, - and _, a letter first, at most 32"),
    "x" * 33: ("15:00", "a slot is named in lower-case letters, digits, - and _, a letter first, at most 32"),
    "evening": ("16:00", "16:00 is not before the exchange's close (16:00); nothing could be ordered"),
    "night": ("23:59", "23:59 is not before the exchange's close (16:00); nothing could be ordered"),
    "dawn": ("09:29", "09:29 is before the exchange opens (09:30); nothing could be ordered"),
}


@pytest.mark.parametrize("slot", SLOTS)
def test_a_slot_that_could_not_be_asked_for_or_not_trade_is_an_error(slot: str) -> None:
    latest, message = SLOTS[slot]
    assert f"execution.slots.{slot}: {message}" in messages(Level.ERROR, execution__slots={slot: latest})


def test_slots_with_names_of_their_own_and_hours_of_the_session_are_fine() -> None:
    slots = {"morning": "09:30", "afternoon": "15:59", "second-look": "12:00", "exits": "12:00"}
    assert samples.findings(execution__slots=slots) == ()


@pytest.mark.parametrize("latest", ["9:30", "25:00", 960, True, None, "noon", ["14:30"]])
def test_the_latest_start_of_a_slot_is_a_time_of_day(latest: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Policy.model_validate(samples.changed(execution__slots={"afternoon": latest}))
    (line,) = problems(caught.value)
    assert line == f"execution.slots.afternoon: {latest!r} is not a time of day like 09:30"
