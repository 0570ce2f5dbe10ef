"""What a policy aims at, whatever its rules did on the way."""

from dataclasses import replace
from decimal import Decimal

import pytest

from app.backtest.assumptions import Assumptions
from app.backtest.books import cash_book, even_book
from app.backtest.plain_targets import plain_targets
from app.backtest.reader import Reader
from app.backtest.replay import replay
from app.backtest.synthetic.draw import draw
from tests.support.sample import default_policy

HISTORY = draw("slow_bear", 1)
READER = Reader(HISTORY)
FIRST, LAST = HISTORY.dates[262], HISTORY.dates[262 + 62]
AMOUNT = Decimal(250_000)


def test_the_targets_are_the_policys_own_month_by_month_whatever_was_held() -> None:
    policy = default_policy()
    books = (even_book(HISTORY, 261, AMOUNT), cash_book(HISTORY, 261, AMOUNT))
    found = []
    for book in books:
        way = replay([policy], HISTORY, book, Assumptions(), FIRST, LAST, reader=READER)[0]
        # Of the same money, or the smallest order is another.
        found.append(plain_targets(replace(way, nav=way.nav * 0 + 250_000), READER))
    assert list(found[0]) == [1, 22, 43]
    for day, weights in found[0].items():
        assert (weights == found[1][day]).all()
        for sector, target in policy.allocation.sectors.items():
            inside = [one.sector == sector for one in HISTORY.instruments]
            assert float(weights[inside].sum()) == pytest.approx(target, abs=1e-9)


def test_a_bear_market_lowers_the_policy_and_not_its_targets() -> None:
    policy = default_policy()
    barred = policy.model_copy(
        update={"market": policy.market.model_copy(update={"vix_bands": (), "bear_exposure": 0.2})}
    )
    ways = replay(
        [policy, barred],
        HISTORY,
        cash_book(HISTORY, 500, AMOUNT),
        Assumptions(),
        HISTORY.dates[501],
        HISTORY.dates[520],
        reader=READER,
    )
    assert ways[1].exposure.mean() < ways[0].exposure.mean() - 0.1
    weights = [plain_targets(replace(way, nav=way.nav * 0 + 250_000), READER)[1] for way in ways]
    assert (weights[0] == weights[1]).all()
