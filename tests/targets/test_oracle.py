"""What the engine aims at, and how it comes back from a fall, beside a reckoning of its own over years of real days."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import yaml

from app.backtest.account import Account
from app.backtest.assumptions import Assumptions
from app.backtest.books import cash_book
from app.backtest.reader import Reader
from app.backtest.sample import sample
from app.domain.evaluation import Evaluation, ExitRule
from app.domain.navs import NavKind, NavPoint, follow
from app.domain.order import OrderRule, Side
from app.domain.plan import Action
from app.domain.ruling import KillLevel
from app.engine import DayDecision, decide_all
from app.settings import policy_of, shipped_policy
from tests.support.thinning import thin
from tests.targets.oracle import Filled, Reckoning, Told

pytestmark = pytest.mark.real_prices

MONEY = 250_000
FROM, UNTIL = date(2007, 1, 3), date(2012, 12, 28)
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


@pytest.mark.parametrize("case", thin(list(CASES), 2))
def test_targets_caps_levels_and_the_way_back_are_those_of_a_reckoning_of_their_own(case: str) -> None:
    name, changes = CASES[case]
    text = written(name, changes)
    reader = Reader(sample())
    rows = range(reader.history.row(FROM), reader.history.row(UNTIL))
    book = cash_book(reader.history, rows.start - 1, Decimal(MONEY))
    policy, _ = policy_of(text, case)
    account = Account(policy, reader, Assumptions(), book, rows.start)
    reckoning = Reckoning(text, rows.start, MONEY)
    names = {conid: one.symbol for conid, one in reader.instruments.items()}
    found: list[str] = []
    navs: list[NavPoint] = []
    for number, row in enumerate(rows):
        market, done = reader.market(row), len(account.done)
        account.open(market)
        given = account.given(market)
        (decided,) = decide_all([given])
        fills = [
            Filled(
                one.decided,
                one.order.instrument.symbol,
                float(one.quantity) * (1 if one.order.side is Side.BUY else -1),
                float(one.paid),
                # What a plan sells in any case moves no target.
                "" if one.order.mandatory else one.action,
            )
            for one in account.done[done:]
        ]
        held = {one.instrument.symbol: float(one.quantity) for one in account.book.holdings if one.quantity > 0}
        told = reckoning.day(row, held, float(account.cash), fills, full=number % EVERY == 0)
        on = reader.history.dates[row]
        # A replay keeps the values since the mark, a ledger all of them.
        lifetime = replace(given.today, navs=tuple(navs)).lifetime_drawdown.value
        found += differences(on, decided.evaluation, lifetime, decided.level, told, names)
        found += sales(on, decided, told)
        account.take(decided, market)
        account.close()
        navs.append(follow(navs[-1] if navs else None, on, NavKind.CLOSE, account.navs[-1].nav))
    assert found == []
