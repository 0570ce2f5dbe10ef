"""The target vector: fixed weights, classes, sectors and names, tilts, and what nobody can buy."""

from dataclasses import replace
from decimal import Decimal

import pytest

from app.domain.plan import NO_MEMORY, Memory
from app.domain.policy import Policy, Score, Selection, Weighting
from app.domain.portfolio import Portfolio
from tests.support.worlds import NAMES, closes, conid, evaluate, even, market, policy, portfolio, with_history

EMPTY = portfolio({}, 100_000)
ENERGY = ("AA", "BB", "FF", "GG")


def targets(rules: Policy, account: Portfolio = EMPTY, **more: object) -> dict[str, float]:
    found = evaluate(rules, account, **more).targets  # type: ignore[arg-type]  # keyword arguments of evaluate
    return {name: round(found[conid(name)], 9) for name in NAMES if found.get(conid(name))}


def test_fixed_weights_come_first_and_the_rest_of_their_class_goes_to_the_others() -> None:
    rules = policy(allocation__symbols={"AA": 0.12, "CC": 0.03}, allocation__asset_classes={"STK": 0.55, "CASH": 0.45})
    found = targets(rules)
    assert (found["AA"], found["CC"]) == (0.12, 0.03)
    assert set(found) == set(NAMES)
    assert sum(found.values()) == pytest.approx(0.55)
    assert found["BB"] == pytest.approx(0.40 / 8)


def test_with_fixed_weights_alone_nothing_else_is_wanted_and_what_is_held_of_it_goes() -> None:
    found = evaluate(policy(allocation__symbols={"AA": 0.1, "BB": 0.1}), even()).targets
    assert {name: found[conid(name)] for name in ("AA", "BB", "CC", "DD")} == {"AA": 0.1, "BB": 0.1, "CC": 0, "DD": 0}


def test_sectors_share_what_the_stocks_are_to_be_less_the_fixed_ones() -> None:
    rules = policy(
        allocation__symbols={"EE": 0.1},
        allocation__asset_classes={"STK": 0.5, "CASH": 0.5},
        allocation__sectors={"Energy": 0.3, "Financials": 0.1},
    )
    found = targets(rules)
    assert found["EE"] == 0.1
    assert sum(found[name] for name in ENERGY) == pytest.approx(0.3)
    assert sum(found.values()) == pytest.approx(0.5)


def test_an_account_in_cash_has_every_name_of_a_sector_as_its_target_and_one_that_holds_some_those_alone() -> None:
    rules = policy(allocation__sectors={"Energy": 0.2})
    assert targets(rules) == dict.fromkeys(ENERGY, 0.05)
    assert targets(rules, portfolio({"AA": 50, "BB": 100}, 85_000)) == {"AA": 0.075, "BB": 0.125}


def test_a_sector_above_its_target_gives_pro_rata() -> None:
    rules = policy(allocation__sectors={"Energy": 0.1})
    assert targets(rules, portfolio({"AA": 50, "BB": 150}, 80_000)) == {"AA": 0.025, "BB": 0.075}


def test_targets_stay_inside_their_limits_and_above_the_reserve() -> None:
    sector = policy(allocation__sectors={"Energy": 0.5}, risk_limits__max_sector=0.4)
    assert sum(targets(sector).values()) == pytest.approx(0.92 * 0.4)
    assert targets(policy(allocation__symbols={"AA": 0.3}), EMPTY) == {"AA": pytest.approx(0.92 * 0.15)}
    full = policy(risk_limits__min_cash_reserve=0.2, risk_limits__max_exposure=1.0, risk_limits__max_position=0.3)
    assert sum(targets(full, even()).values()) == pytest.approx(1 - 0.2 - 0.02)


def test_what_may_not_be_bought_is_sold_down_to_its_share_and_never_grows() -> None:
    wild = with_history(market(), {"AA": closes(conid("AA"), 0.06)})
    rules = policy(allocation__sectors={"Energy": 0.1}, universe__max_volatility_30d=0.6)
    much = targets(rules, portfolio({"AA": 150}, 85_000), on=wild)
    assert much["AA"] == pytest.approx(0.1)
    little = targets(rules, portfolio({"AA": 20}, 98_000), on=wild)
    assert little["AA"] == pytest.approx(0.02)
    assert sum(little.values()) == pytest.approx(0.1)


def test_what_was_sold_lately_is_no_target_and_what_it_leaves_goes_to_the_others() -> None:
    memory = replace(NO_MEMORY, sold={conid("AA"): 5}, sold_at_loss={conid("BB"): 30})
    found = targets(policy(allocation__sectors={"Energy": 0.2}), memory=memory)
    assert found == {"FF": 0.1, "GG": 0.1}


@pytest.mark.parametrize(("names", "expected"), [(1, {"AA"}), (2, {"AA", "FF"}), (4, set(ENERGY))])
def test_a_selection_holds_so_many_of_each_sector_the_best_by_score(names: int, expected: set[str]) -> None:
    growth = {"AA": 0.002, "FF": 0.001, "BB": 0.0, "GG": -0.001}
    on = with_history(market(), {name: closes(conid(name), 0.001, rate) for name, rate in growth.items()})
    rules = policy(
        allocation__sectors={"Energy": 0.2},
        allocation__selection=Selection(names=names, scores={Score.MOMENTUM_12_1: 1.0}, keep_ranks=0),
        allocation__weighting=Weighting.EQUAL,
        risk_limits__max_position=0.5,
        risk_limits__max_sector=0.6,
    )
    found = targets(rules, on=on)
    assert set(found) == expected
    assert list(found.values()) == pytest.approx([0.2 / names] * names)


@pytest.mark.parametrize(("keep", "stays"), [(0, False), (1, False), (2, True)])
def test_a_name_that_is_held_stays_until_it_is_so_many_ranks_behind(keep: int, stays: bool) -> None:
    growth = {"AA": 0.002, "FF": 0.001, "BB": 0.0, "GG": -0.001}
    on = with_history(market(), {name: closes(conid(name), 0.001, rate) for name, rate in growth.items()})
    rules = policy(
        allocation__sectors={"Energy": 0.1},
        allocation__selection=Selection(names=1, scores={Score.MOMENTUM_12_1: 1.0}, keep_ranks=keep),
    )
    assert (set(targets(rules, portfolio({"BB": 100}, 90_000), on=on)) == {"BB"}) is stays


def test_inverse_volatility_gives_the_calm_name_more() -> None:
    on = with_history(market(), {"AA": closes(1, 0.005), "BB": closes(2, 0.02)})
    rules = policy(
        universe__symbols=("AA", "BB"),
        allocation__sectors={"Energy": 0.2},
        allocation__weighting=Weighting.INVERSE_VOLATILITY,
        risk_limits__max_position=0.5,
    )
    found = targets(rules, on=on)
    spread = {
        name: (on.history[conid(name)].closes[-63:] / on.history[conid(name)].closes[-64:-1] - 1).std(ddof=1)
        for name in ("AA", "BB")
    }
    assert found["AA"] / found["BB"] == pytest.approx(spread["BB"] / spread["AA"])


def test_a_rotation_in_force_moves_the_targets_of_its_sectors_and_one_whose_period_is_over_does_not() -> None:
    rules = policy(allocation__sectors={"Energy": 0.2, "Financials": 0.2})
    moved = {conid("AA"): Decimal(-50), conid("CC"): Decimal(50)}

    def sectors(last: int) -> dict[str, float]:
        found = evaluate(rules, even(), memory=replace(NO_MEMORY, rotated=moved, last_rotation=last)).drifts
        return {drift.name: drift.attainable for drift in found if drift.kind == "sector"}

    assert sectors(62)["Energy"] == pytest.approx(0.15)
    assert sectors(62)["Financials"] == pytest.approx(0.25)
    assert sectors(63)["Energy"] == sectors(63)["Financials"] == pytest.approx(0.2)


def test_a_reinforcement_stays_in_the_target_while_its_name_is_a_winner() -> None:
    rules = policy(allocation__sectors={"Energy": 0.2})
    memory = Memory(reinforced={}, sold_at_loss={}, profit_levels_taken={}, added={conid("AA"): Decimal(20)})

    def energy(cost: float) -> float:
        account = portfolio({"AA": 120, "BB": 100}, 78_000, costs={"AA": cost})
        return next(d.attainable for d in evaluate(rules, account, memory=memory).drifts if d.name == "Energy")

    assert energy(80) == pytest.approx(0.22)
    assert energy(95) == pytest.approx(0.2)


def test_a_small_account_aims_at_so_few_names_that_each_is_worth_an_order() -> None:
    rules = policy(allocation__sectors={"Energy": 0.2}, execution__min_order_nav=None)
    assert targets(rules, portfolio({}, 5_000)) == {"AA": 0.1, "BB": 0.1}
    assert len(targets(rules, portfolio({}, 10_000))) == 4


def test_what_the_statistics_admit_is_shared_by_all_names_and_sells_nothing() -> None:
    sectors = {"Energy": 0.3, "Financials": 0.2}
    free = targets(policy(allocation__sectors=sectors))
    few = evaluate(policy(allocation__sectors=sectors), portfolio(dict.fromkeys(free, 20), 80_000))
    volatility = few.metric("annual_volatility").value
    assert volatility is not None
    tight = policy(allocation__sectors=sectors, risk_limits__max_annual_volatility=volatility)
    bound = targets(tight)
    assert bound.keys() == free.keys()
    parts = {name: bound[name] / free[name] for name in free}
    assert max(parts.values()) == pytest.approx(min(parts.values()))
    assert 0.1 < min(parts.values()) < 0.9
    full = evaluate(tight, portfolio(dict.fromkeys(free, 40), 80_000))
    assert full.metric("annual_volatility").breached
    assert all(full.targets[conid(name)] == pytest.approx(full.weights[conid(name)]) for name in free)
