"""What a replay says of fills, cash and values, held against two reckonings that share nothing with it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from app.backtest.assumptions import Assumptions, FillRule
from app.backtest.books import even_book
from app.backtest.checks.oracle import AMOUNT, equal_weight, equal_weight_led, second_engine
from app.backtest.orders import Done
from app.backtest.reader import Reader
from app.backtest.replay import WARM_UP, Replayed, graded, replay
from app.backtest.sample import sample
from app.settings import load_policy, shipped_policy
from tests.support.kept_days import POLICIES

pytestmark = [pytest.mark.real_prices, pytest.mark.slow]

HISTORY = sample()
RULES = {name: load_policy(shipped_policy().with_name(f"{name}.yaml")) for name in POLICIES}
FIRST, LAST = date(2007, 7, 9), date(2007, 8, 31)


@pytest.mark.parametrize("bps", [0, 5, 50])
def test_an_equal_weight_portfolio_is_worth_what_ten_lines_say(bps: int) -> None:
    rows = range(WARM_UP, WARM_UP + 60)
    led = equal_weight_led(RULES["default_policy"], Reader(HISTORY), rows, bps)
    told = equal_weight(HISTORY.closes[rows.start : rows.stop], bps, float(AMOUNT))
    assert np.abs(led / told - 1).max() <= 1e-12


def test_a_cost_that_is_forgotten_shows_in_the_ten_lines() -> None:
    rows = range(WARM_UP, WARM_UP + 5)
    led = equal_weight_led(RULES["default_policy"], Reader(HISTORY), rows, 0)
    told = equal_weight(HISTORY.closes[rows.start : rows.stop], 1, float(AMOUNT))
    assert np.abs(led / told - 1).max() > 1e-5


def _led(policies: Sequence[str], assumptions: Assumptions) -> tuple[Replayed, ...]:
    book = even_book(HISTORY, graded(HISTORY, FIRST, LAST).start - 1, Decimal(250_000))
    return replay([RULES[name] for name in policies], HISTORY, book, assumptions, FIRST, LAST)


@pytest.mark.parametrize(
    "assumptions",
    [Assumptions(), Assumptions(fill=FillRule.SAME_BAR, slippage_bps=Decimal(0)), Assumptions(lag=3)],
    ids=["next-close", "same-bar", "lag"],
)
def test_a_second_engine_comes_to_the_same_cash_positions_and_values(assumptions: Assumptions) -> None:
    for found in _led(POLICIES, assumptions):
        assert len(found.done) > 5
        assert list(second_engine(found)) == []


(LED,) = _led(["default_policy"], Assumptions())


def _with_first(**changes: object) -> Replayed:
    first: Done = replace(LED.done[0], **changes)  # type: ignore[arg-type]
    return replace(LED, done=(first, *LED.done[1:]))


@pytest.mark.parametrize(
    "wrong",
    [
        _with_first(paid=LED.done[0].paid + Decimal("0.001")),
        _with_first(quantity=LED.done[0].quantity + 1),
        _with_first(commission=LED.done[0].commission + Decimal("0.01")),
        _with_first(row=LED.done[0].row + 1),
        replace(LED, done=LED.done[1:]),
        replace(LED, cash=LED.cash + 0.01),
        replace(LED, nav=LED.nav + 0.01),
        replace(LED, end=LED.end.changed(holdings=LED.end.holdings[1:])),
    ],
    ids=["price", "quantity", "commission", "day", "order", "cash", "value", "holdings"],
)
def test_the_second_engine_tells_what_does_not_follow(wrong: Replayed) -> None:
    assert list(second_engine(LED)) == []
    assert list(second_engine(wrong)) != []
