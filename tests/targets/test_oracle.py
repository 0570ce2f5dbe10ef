"""What the engine aims at, and how it comes back from a fall, beside a reckoning of its own over years of real days."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import yaml

from app.backtest.account import Account
from app.backtest.assumptions import Assumptions
from app.backtest.books import cash_book
from app.backtest.orders import Done
from app.backtest.reader import Reader
from app.backtest.sample import sample
from app.domain.evaluation import Drift, Evaluation, ExitRule
from app.domain.navs import NavKind, NavPoint, follow
from app.domain.order import OrderRule
from app.domain.plan import Action
from app.domain.ruling import KillLevel
from app.engine import DayDecision, decide_all
from app.settings import policy_of, shipped_policy
from tests.support.thinning import thin
from tests.targets.gate import Plan
from tests.targets.measures import Measures, Rows
from tests.targets.oracle import Reckoning
from tests.targets.orders import Orders
from tests.targets.told import Filled, Told

pytestmark = pytest.mark.real_prices

MONEY = 250_000
FROM, UNTIL = date(2007, 1, 3), date(2012, 12, 28)
# Days of the year on which the reckoning offers each.
FEW = {"CUT_LOSERS": 4, "ROTATE": 4, "REINFORCE": 12, "REBALANCE": 12, "HOLD": 200}
YEAR = date(2007, 1, 3), date(2007, 12, 28)
# The vector is worked out anew on every so many sessions.
EVERY = 21
SELECTED = {
    "selection": {"names": 2, "scores": {"momentum_12_1": 1, "low_volatility": 1}, "keep_ranks": 1},
    "weighting": "score",
}
# The sectors share what is left of the stocks.
FIXED = {
    "symbols_pct": {"KO": 6, "MSFT": 8},
    "sectors_pct": {
        "Health Care": 20,
        "Information Technology": 15,
        "Consumer Staples": 10,
        "Financials": 13,
        "Energy": 13,
    },
}
SECTIONS = {
    "CUT_LOSERS": "cut_losers",
    "ROTATE": "sector_rotation",
    "REINFORCE": "reinforce_winners",
    "REBALANCE": "rebalance",
}
CASES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "moderate": ("default_policy", {}),
    "conservative": ("conservative_policy", {}),
    "aggressive": ("aggressive_policy", {}),
    "equal weights": ("default_policy", {"weighting": "equal"}),
    "chosen by score": ("default_policy", SELECTED),
    "fixed weights": ("default_policy", FIXED),
}


def written(name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    found = yaml.safe_load(shipped_policy().with_name(f"{name}.yaml").read_text(encoding="utf-8"))
    found["allocation"] |= changes
    # YAML reads its field `on` as a truth.
    del found["notifications"]
    return dict(found)


def differences(
    on: date, found: Evaluation, lifetime: float | None, level: KillLevel, told: Told, names: Mapping[int, str]
) -> list[str]:
    """What the two say differently of one day."""
    way = found.recovery
    ours: dict[str, object] = {
        "drawdown": found.drawdown,
        "lifetime_drawdown": lifetime,
        "max_exposure": found.max_exposure,
        "sold_for": found.exposure_limit,
        "left": way.left if way else None,
        "gap": way.gap if way else None,
        "acted_at": way.acted_at if way else None,
    }
    own = told.way
    theirs: dict[str, object] = {
        "drawdown": told.drawdown,
        "lifetime_drawdown": told.lifetime_drawdown,
        "max_exposure": told.max_exposure,
        "sold_for": told.sold_for,
        "left": own.left if own else None,
        "gap": own.gap if own else None,
        "acted_at": own.acted_at if own else None,
    }
    if told.targets:
        targets = {names[conid]: target for conid, target in found.targets.items()}
        for symbol in targets.keys() | told.targets.keys():
            ours[symbol], theirs[symbol] = targets.get(symbol, 0.0), told.targets.get(symbol, 0.0)
    missing = [f"{on} level {level} {told.reducing}"] if (level is not KillLevel.ACTIVE) is not told.reducing else []
    unlike = [name for name in ours if ours[name] != pytest.approx(theirs[name], abs=1e-9)]
    return missing + [f"{on} {name}: {ours[name]} {theirs[name]}" for name in unlike]


def unlike_rows(on: date, found: Sequence[Drift], told: Rows) -> Iterator[str]:
    """How far each class, sector and name is from what it is to be."""
    ours = {(one.kind, one.name): (one.weight, one.target, one.attainable) for one in found}
    for key in sorted(ours.keys() | told.keys()):
        if ours.get(key, ()) != pytest.approx(told.get(key, ()), abs=1e-9):
            yield f"{on} {key}: {ours.get(key)} {told.get(key)}"


def unlike_orders(on: date, decided: DayDecision, told: Mapping[str, Plan], chosen: str) -> list[str]:
    """Each plan after the gate, and what the rules choose."""
    ours_chosen = decided.options.default_plan.action.value
    found = [] if ours_chosen == chosen else [f"{on} chooses {ours_chosen}, not {chosen}"]
    ours = {
        plan.action.value: Counter(
            {
                (order.instrument.symbol, order.mandatory, order.leg): int(order.quantity) * order.side.sign
                for order in plan.orders
            }
        )
        for plan in decided.options.feasible
    }
    for action in sorted(ours.keys() | told.keys()):
        theirs = {(wish.name, wish.must, wish.leg): wish.shares for wish in told.get(action, ())}
        if ours.get(action, {}) != theirs:
            found.append(f"{on} {action}: {dict(ours.get(action, {}))} {theirs}")
    return found


def sales(on: date, decided: DayDecision, told: Told) -> list[str]:
    """Stops and cuts to the share, in whatever legs they go."""
    due = decided.evaluation.exits_due
    stopped = {exit.symbol for exit in due if exit.rule is ExitRule.STOP_LOSS}
    plans = {plan.action: plan for plan in decided.options.candidates}
    ours: Counter[str] = Counter()
    for order in plans[Action.HOLD].orders:
        if order.instrument.symbol in stopped:
            ours[order.instrument.symbol] += int(order.quantity)
    cut: Counter[str] = Counter()
    for order in plans[Action.CUT_LOSERS].orders if Action.CUT_LOSERS in plans else ():
        if order.rules == (OrderRule.CUT_LOSERS,):
            cut[order.instrument.symbol] += int(order.quantity)
    others = {exit.symbol for exit in due} - stopped
    wanted = {symbol: shares for symbol, shares in told.cut.items() if symbol not in others}
    cut = Counter({symbol: shares for symbol, shares in cut.items() if symbol not in others})
    found = [] if ours == told.stopped else [f"{on} stops: {dict(ours)} {told.stopped}"]
    return found if dict(cut) == wanted else [*found, f"{on} cuts: {dict(cut)} {wanted}"]


@dataclass
class Walk:
    """An account led over real days; `told` each day by a reckoning under what may be another policy."""

    case: str
    first: date = FROM
    last: date = UNTIL
    every: int = EVERY
    ordered: bool = False
    other: Mapping[str, Any] = field(default_factory=dict)
    days_of: Counter[str] = field(default_factory=Counter)

    def differences(self) -> Iterator[str]:
        """What engine and reckoning say differently, day after day."""
        name, changes = CASES[self.case]
        reader = Reader(sample())
        rows = range(reader.history.row(self.first), reader.history.row(self.last))
        book = cash_book(reader.history, rows.start - 1, Decimal(MONEY))
        policy, _ = policy_of(written(name, changes), self.case)
        account = Account(policy, reader, Assumptions(), book, rows.start)
        reckoning = Reckoning(merged(written(name, changes), self.other), rows.start, MONEY)
        measures = Measures(reckoning, margin=book.account_type == "margin")
        names = {conid: one.symbol for conid, one in reader.instruments.items()}
        navs: list[NavPoint] = []
        for number, row in enumerate(rows):
            market, done = reader.market(row), len(account.done)
            account.open(market)
            given = account.given(market)
            (decided,) = decide_all([given])
            fills = [filled(one) for one in account.done[done:]]
            held = {one.instrument.symbol: float(one.quantity) for one in account.book.holdings if one.quantity > 0}
            full = self.ordered or number % self.every == 0
            told = reckoning.day(row, held, float(account.cash), fills, full=full)
            on = reader.history.dates[row]
            # A replay keeps the values since the mark, a ledger all of them.
            lifetime = replace(given.today, navs=tuple(navs)).lifetime_drawdown.value
            yield from differences(on, decided.evaluation, lifetime, decided.level, told, names)
            yield from sales(on, decided, told)
            if self.ordered:
                settled = float(sum(one.settled_cash for one in given.today.portfolio.cash))
                day = measures.day(row, told, float(account.cash), settled)
                orders = Orders(measures, day)
                plans = orders.plans()
                self.days_of.update(plans.keys())
                yield from unlike_rows(on, decided.evaluation.drifts, day.rows)
                yield from unlike_orders(on, decided, plans, orders.chosen(plans))
                measures.close(day)
            account.take(decided, market)
            account.close()
            navs.append(follow(navs[-1] if navs else None, on, NavKind.CLOSE, account.navs[-1].nav))


def filled(one: Done) -> Filled:
    """What a plan sells in any case moves no target."""
    shares = float(one.quantity) * one.order.side.sign
    action = "" if one.order.mandatory else one.action
    return Filled(one.decided, one.order.instrument.symbol, shares, float(one.paid), action)


def merged(policy: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Fields by their path."""
    for path, value in other.items():
        *sections, name = path.split(".")
        place = policy
        for section in sections:
            place = place[section]
        assert name in place
        place[name] = value
    return policy


@pytest.mark.parametrize("case", thin(list(CASES), 3))
def test_targets_caps_levels_and_the_way_back_are_those_of_a_reckoning_of_their_own(case: str) -> None:
    assert list(Walk(case).differences()) == []


def test_each_order_of_each_plan_of_a_year_is_that_of_the_reckoning_to_the_share() -> None:
    walk = Walk("moderate", *YEAR, ordered=True)
    assert list(walk.differences()) == []
    assert all(walk.days_of[action] >= few for action, few in FEW.items())


@pytest.mark.long
@pytest.mark.parametrize("case", list(CASES))
def test_each_order_of_each_plan_of_six_years_is_that_of_the_reckoning_to_the_share(case: str) -> None:
    walk = Walk(case, ordered=True)
    assert list(walk.differences()) == []
    offered = written(*CASES[case])["strategies"]
    asked = [action for action, section in SECTIONS.items() if offered[section]["enabled"]]
    assert all(walk.days_of[action] >= 6 for action in asked)


# Cheap ones first: a difference ends the walk.
OTHERS = {
    "execution.limit_offset_pct": 0.2,
    "execution.max_turnover_pct": 29,
    "execution.min_order_value": 1_500,
    "strategies.sector_rotation.move_pct": 9.5,
    "strategies.min_holding_sessions": 22,
    "strategies.reinforce_winners.add_pct": 24,
    "risk_limits.max_position_pct": 14.5,
    "allocation.drift_threshold_pct": 4.9,
}


@pytest.mark.parametrize("field", thin(list(OTHERS), 3))
def test_a_reckoning_under_another_number_differs_and_is_seen_to(field: str) -> None:
    assert next(Walk("moderate", *YEAR, ordered=True, other={field: OTHERS[field]}).differences(), None)
