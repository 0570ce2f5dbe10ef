"""Many policies at once come to what each comes to alone, to the bit; what only people read changes nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache

import numpy as np
import pytest

from app.backtest.account import Account
from app.backtest.assumptions import Assumptions
from app.backtest.books import even_book
from app.backtest.reader import Reader
from app.backtest.replay import Replayed, graded, replay
from app.backtest.sample import sample
from app.domain.errors import InsufficientHistory
from app.domain.policy import Policy
from app.domain.ruling import KillLevel
from app.domain.universe import realised_volatilities, volatilities_of
from app.engine import DayDecision, decide, decide_all
from app.risk.arrays import Panel, Shared, align, arrays_of, history
from app.settings import load_policy, shipped_policy
from tests.support.thinning import thin

pytestmark = [pytest.mark.real_prices, pytest.mark.slow]

SHIPPED = tuple(
    load_policy(shipped_policy().with_name(f"{name}.yaml"))
    for name in ("conservative_policy", "default_policy", "aggressive_policy")
)
Past = Callable[[], Reader]
# A fall in which exits, levels and purchases take turns.
FIRST = date(2008, 9, 2)


def varied() -> tuple[Policy, ...]:
    """Beside the shipped ones two that hold the same names for long."""
    default = SHIPPED[1]
    return (
        *SHIPPED,
        default.model_copy(update={"exits": default.exits.model_copy(update={"stop_loss": 0.11})}),
        default.model_copy(
            update={"allocation": default.allocation.model_copy(update={"drift_threshold": 0.021})}
        ),
    )  # fmt: skip


def led(policies: tuple[Policy, ...], reader: Reader, days: int) -> tuple[Replayed, ...]:
    past, last = reader.history, FIRST + timedelta(days=days)
    book = even_book(past, graded(past, FIRST, last).start - 1, Decimal(250_000))
    return replay(policies, past, book, Assumptions(), FIRST, last, keep_metrics=True, reader=reader)


def told(one: Replayed) -> tuple[object, ...]:
    metrics = None if one.metrics is None else one.metrics.tobytes()
    return one.nav.tobytes(), one.cash.tobytes(), metrics, one.days, one.done, one.end


@cache
def whole() -> Reader:
    """The sample."""
    return Reader(sample())


@cache
def gapped() -> Reader:
    """With names that begin late, end early and pause."""
    past = whole().history
    closes = past.closes.copy()
    row = past.row(FIRST)
    closes[: row - 100, 0] = closes[row + 30 :, 1] = closes[row + 5 : row + 7, 2] = np.nan
    closes[row - 90, 3] = np.nan
    return Reader(replace(past, closes=closes))


@pytest.mark.parametrize(("past", "days"), thin([(gapped, 50), (whole, 50), (gapped, 400), (whole, 400)], 4))
def test_policies_led_together_come_to_what_each_comes_to_alone_to_the_bit(past: Past, days: int) -> None:
    together = led(varied(), past(), days)
    alone = [led((each,), past(), days)[0] for each in varied()]
    assert [told(one) for one in together] == [told(one) for one in alone]
    assert len({one.decisions_digest for one in together}) >= len(SHIPPED)


@pytest.mark.parametrize("days", thin([25, 250], 2))
def test_what_no_rule_reads_changes_no_decision(days: int) -> None:
    reader, past = whole(), whole().history
    start = past.row(date(2009, 3, 2))
    accounts = [
        Account(each, reader, Assumptions(), even_book(past, start - 1, Decimal(250_000)), start) for each in SHIPPED
    ]
    fewer = 0
    for row in range(start, start + days):
        market = reader.market(row)
        for account in accounts:
            account.open(market)
        given = [account.given(market) for account in accounts]
        assert all(one.today.bare for one in given)
        found = decide_all(given)
        for account, one, bare in zip(accounts, given, found, strict=True):
            today = replace(one.today, bare=False, market=replace(market, history=dict(market.history)))
            full = decide(today, one.use, one.level, one.causes)
            assert essence(bare) == essence(full)
            assert bare.evaluation.metrics == full.evaluation.metrics[: len(bare.evaluation.metrics)]
            refused, shown = (decide(of, one.use, KillLevel.REDUCING) for of in (one.today, today))
            assert essence(refused) == essence(shown)
            fewer += len(refused.options.candidates) < len(shown.options.candidates)
            account.take(bare, market)
            account.close()
    assert fewer > 0


def bits(panel: Panel | InsufficientHistory) -> tuple[bytes, bytes]:
    assert isinstance(panel, Panel)
    assert panel.index is not None
    return panel.returns.tobytes(), panel.index.tobytes()


def essence(day: DayDecision) -> tuple[object, ...]:
    measured, chosen = day.evaluation, day.chosen
    return (
        day.level, chosen.id, chosen.orders, chosen.reason, [plan.id for plan in day.options.feasible],
        measured.exits_due, measured.drifts, measured.caps, measured.eligible,
    )  # fmt: skip


@pytest.mark.parametrize("past", [whole, gapped])
def test_what_is_worked_out_ahead_is_what_the_day_itself_gives_to_the_bit(past: Past) -> None:
    reader = past()
    of, start = reader.history, reader.history.row(FIRST)
    handed_on = 0
    for row in (252, 253, 254, 255, *range(start - 3, start + 40, 4)):
        market = reader.market(row)
        fresh = replace(market, history=dict(market.history))
        assert not fresh.derived
        assert volatilities_of(market) == realised_volatilities(fresh.history)
        handed_on += Shared in market.derived
        book = even_book(of, row - 1, Decimal(250_000))
        names = [one.instrument for one in book.holdings if one.instrument.conid in market.quotes]
        portfolio = Account(SHIPPED[1], reader, Assumptions(), book, row).portfolio(market)
        arrays = arrays_of(SHIPPED[1], portfolio, market, names)
        ahead, own = history(market, arrays), align(fresh, arrays)
        assert bits(ahead) == bits(own)
    assert handed_on > 4
