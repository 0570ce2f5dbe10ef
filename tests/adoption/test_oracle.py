"""The first weeks with an account, held against pandas and the raw prices: levels, gains, falls, what is inherited."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import pytest

from app.backtest.account import Account
from app.backtest.assumptions import Assumptions
from app.domain.price_levels import price_levels
from app.engine import decide_all
from app.settings import shipped_policy
from tests.adoption.books import VARIANTS, book_of
from tests.adoption.oracle import Filled, Reckoning, Told
from tests.adoption.starts import FILES, POLICIES, policy_named, reader, starts
from tests.support.thinning import thin

pytestmark = [pytest.mark.real_prices, pytest.mark.oracles]

# Some weeks beyond those of the adoption.
SESSIONS = 48
LOOKED_AT = (0, 1, 2, 9, 20, 39, *range(40, SESSIONS))
DATES = (*starts(12), date(2008, 9, 2), date(2008, 10, 10), date(2020, 3, 16))
CASES = [(on, name, "twelve") for on in DATES for name in POLICIES]
CASES += [
    (date(2017, 6, 1), name, book) for book in ("one_name", "margin_loan", "losses", "all_in") for name in POLICIES
]
CLOSE = 1e-7
WHOLE = ("annual_volatility", "var_95_1d", "correlated_cluster", "cash_reserve", "exposure")


@dataclass(frozen=True)
class Led:
    """What the engine told on each day, and the facts that a reckoning needs."""

    days: list[Told]
    fills: list[Filled]


def _led(on: date, name: str, book: str) -> tuple[Led, Reckoning]:
    past, row = reader(), reader().history.row(on)
    policy, brought = policy_named(name), book_of(VARIANTS[book], reader(), row - 1)
    account, days = Account(policy, past, Assumptions(), brought, row), []
    for at in range(row, min(row + SESSIONS, len(past.history.dates))):
        market = past.market(at)
        account.open(market)
        given = account.given(market)
        (decided,) = decide_all([given])
        days.append(Told(drawdown=decided.evaluation.drawdown or 0.0))
        for levels in price_levels(policy, given.today.portfolio, market, given.today.memory):
            days[-1].stops[levels.symbol] = float(levels.stop)
            days[-1].cuts[levels.symbol] = float(levels.cut) if levels.cut is not None else 0.0
            days[-1].gains[levels.symbol] = given.today.gains[levels.conid] or 0.0
        symbols = {one.conid: one.symbol for one in past.history.instruments}
        days[-1].inherited = dict(_named(decided.evaluation.inherited, symbols))
        days[-1].acts = {metric.name for metric in decided.evaluation.metrics if metric.acts}
        account.take(decided, market)
        account.close()
    fills = [
        Filled(
            one.row,
            one.order.instrument.symbol,
            one.order.side.sign * float(one.quantity),
            float(one.paid),
            float(one.commission),
        )
        for one in account.done
    ]
    shares = {one.instrument.symbol: float(one.quantity) for one in brought.holdings}
    told = Reckoning(shipped_policy().with_name(f"{FILES[name]}.yaml"), row, shares, float(brought.cash[0].amount))
    return Led(days, fills), told


def _named(inherited: Mapping[str, float], symbols: dict[int, str]) -> Iterator[tuple[str, float]]:
    for key, excess in inherited.items():
        kind, _, what = key.partition(":")
        yield (f"{kind}:{symbols[int(what)]}" if kind == "max_position" else key), excess


def _mismatches(found: Led, told: Reckoning) -> Iterator[str]:
    for number, theirs in told.days(found.fills, len(found.days), LOOKED_AT).items():
        ours = found.days[number]
        for what in ("gains", "stops", "cuts", "inherited"):
            mine, other = getattr(ours, what), getattr(theirs, what)
            room = 1e-4 if what in {"stops", "cuts"} else CLOSE
            if mine.keys() != other.keys():
                yield f"day {number}: {what} of {sorted(mine.keys() ^ other.keys())}"
            for key in mine.keys() & other.keys():
                if not abs(mine[key] - max(other[key], 0.0 if what in {"stops", "cuts"} else -10.0)) <= room:
                    yield f"day {number}: {what} of {key} {mine[key]} and {other[key]}"
        if not abs(ours.drawdown - theirs.drawdown) <= CLOSE:
            yield f"day {number}: drawdown {ours.drawdown} and {theirs.drawdown}"
        acts = {key.partition(":")[0] for key in theirs.acts}
        if (ours.acts - {"drawdown", "daily_loss"}) != acts:
            yield f"day {number}: {sorted(ours.acts)} act, and {sorted(theirs.acts)}"


@pytest.mark.parametrize(("on", "name", "book"), thin(CASES, every=14))
def test_what_an_account_is_judged_by_is_what_pandas_says(on: date, name: str, book: str) -> None:
    found, told = _led(on, name, book)
    assert list(_mismatches(found, told)) == []


def test_a_fill_that_is_forgotten_shows() -> None:
    found, told = _led(date(2008, 10, 10), "moderate", "twelve")
    assert found.fills
    assert list(_mismatches(Led(found.days, found.fills[1:]), told)) != []
