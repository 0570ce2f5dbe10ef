"""Policies led through a seeded history in which everything happens: what is told adds up, whatever comes."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from app.backtest.assumptions import Assumptions, FillRule
from app.backtest.books import even_book
from app.backtest.happenings import EntryKind
from app.backtest.history import Adjustment, Dividend, Ending, Happening, History, Restatement, Split
from app.backtest.reader import Reader
from app.backtest.replay import WARM_UP, Replayed, replay
from app.domain.errors import UsageError
from app.domain.policy import Frequency
from tests.support.histories import instrument, sessions
from tests.support.worlds import NAMES, policy

GRADED = 60
DAYS = sessions(WARM_UP + GRADED)


def eventful(seed: int = 5) -> History:
    """Ten names that move by two percent a day, with gaps, splits, dividends, an end in nothing and a merger."""
    random = np.random.default_rng(seed)
    moves = random.normal(0.0004, 0.02, (len(DAYS), len(NAMES)))
    closes = np.round(40 * np.exp(np.cumsum(moves, axis=0)), 2)
    opens = np.round(closes * np.exp(random.normal(0, 0.004, closes.shape)), 2)
    volumes = random.integers(2_000_000, 9_000_000, closes.shape).astype(float)
    conids = [instrument(name).conid for name in NAMES]
    happenings: list[Happening] = []
    for column, ratio in ((0, Decimal(2)), (1, Decimal("1.5")), (2, Decimal("0.1"))):
        row = WARM_UP + 10 + 7 * column
        closes[row:, column] = np.round(closes[row:, column] / float(ratio), 2)
        opens[row:, column] = np.round(opens[row:, column] / float(ratio), 2)
        happenings.append(Split(conids[column], DAYS[row], DAYS[row], ratio))
    for column in range(3, 8):
        row = WARM_UP + 5 + 9 * (column - 3)
        happenings.append(Dividend(conids[column], DAYS[row], DAYS[row - 2], Decimal("0.21")))
    closes[WARM_UP + 12 : WARM_UP + 24, 4] = closes[WARM_UP + 30 : WARM_UP + 32, 5] = np.nan
    closes[WARM_UP + 40 :, 8] = closes[WARM_UP + 25 :, 9] = np.nan
    happenings.append(Ending(conids[8], DAYS[WARM_UP + 40], DAYS[WARM_UP + 38], Decimal(3), conids[3], Decimal("0.7")))
    happenings.append(Ending(conids[9], DAYS[WARM_UP + 33], DAYS[WARM_UP + 33]))
    happenings.append(Restatement(conids[6], DAYS[WARM_UP + 1], DAYS[WARM_UP + 9], Decimal(35)))
    return History(
        "eventful", "test", Adjustment.NONE, tuple(map(instrument, NAMES)), DAYS, closes, opens, volumes,
        index=100 * np.exp(np.cumsum(moves.mean(axis=1))), happenings=tuple(happenings),
    )  # fmt: skip


def led(small: History, assumptions: Assumptions) -> tuple[Replayed, ...]:
    start = even_book(small, WARM_UP - 1, Decimal(250000))
    trading = policy(allocation__frequency=Frequency.DAILY, allocation__drift_threshold=0.01)
    return replay([policy(), trading], small, start, assumptions, DAYS[WARM_UP], DAYS[-1])


RULES = {
    "next close": Assumptions(cash_rate=0.03),
    "next open": Assumptions(fill=FillRule.NEXT_OPEN, carried=2),
    "three sessions later": Assumptions(lag=3, carried=0, participation=Decimal("0.00002")),
    "same bar": Assumptions(fill=FillRule.SAME_BAR, dividends=False),
}


@pytest.fixture(scope="module")
def small() -> History:
    return eventful()


@pytest.fixture(scope="module")
def ways(small: History) -> Mapping[str, tuple[Replayed, ...]]:
    return {name: led(small, rule) for name, rule in RULES.items()}


@pytest.mark.parametrize("name", RULES)
def test_positions_cash_and_value_follow_from_the_start_and_what_is_on_record(
    small: History, ways: Mapping[str, tuple[Replayed, ...]], name: str
) -> None:
    reader = Reader(small, RULES[name].carried)
    for one in ways[name]:
        assert one.quantities[-1].tolist() == [float(one.end.held(each.conid)) for each in small.instruments]
        cash = one.start.cash_in("USD")
        rows = range(one.first - 1, one.first + len(one.dates))
        for day, row in enumerate(rows):
            fills = [done for done in one.done if done.row == row]
            cash -= sum(done.order.side.sign * done.quantity * done.paid + done.commission for done in fills)
            cash += sum(entry.cash for entry in one.entries if entry.row == row)
            assert one.cash[day] == float(cash)
            prices = [reader.seen(row, each.conid) for each in small.instruments]
            known = zip(one.quantities[day].tolist(), prices, strict=True)
            worth = sum(Decimal(quantity) * price for quantity, price in known if price is not None)
            assert one.nav[day] == pytest.approx(float(cash + worth), abs=1e-6)
        assert one.done


def test_everything_that_can_happen_to_an_account_happened(
    small: History, ways: Mapping[str, tuple[Replayed, ...]]
) -> None:
    close, opening, later, same = (both[1] for both in ways.values())
    assert small.opens is not None
    assert {entry.kind for entry in close.entries} == set(EntryKind)
    assert close.interest > 0
    assert close.dividends > 0
    assert same.dividends == 0
    assert later.lapsed
    assert all(done.row - done.decided == 3 for done in later.done)
    assert all(done.row == done.decided for done in same.done)
    assert {done.price for done in opening.done} <= {Decimal(f"{p:.4f}") for p in np.ravel(small.opens)}
    assert [mark.startswith("NAV leaves out") for mark in later.marks] == [True]


def test_what_is_out_of_sight_moves_no_return(small: History) -> None:
    one = led(small, replace(RULES["next close"], carried=0))[0]
    assert one.flows is not None
    assert np.abs(one.flows).max() > 0.03 * one.nav[0]
    moved = one.nav[1:] / one.nav[:-1] - 1
    assert np.abs(moved).max() > np.abs(one.returns).max()
    assert np.abs(one.returns).max() < 0.15


def test_a_replay_is_the_same_a_second_time_and_with_a_reader_that_was_used_before(small: History) -> None:
    reader = Reader(small)
    start = even_book(small, WARM_UP - 1, Decimal(250000))
    ways = [
        replay([policy()], small, start, Assumptions(), DAYS[WARM_UP], DAYS[WARM_UP + 20], reader=used)[0]
        for used in (None, reader, reader)
    ]
    assert len({one.decisions_digest for one in ways}) == 1
    assert all(np.array_equal(one.nav, ways[0].nav) for one in ways)


def test_a_reader_that_carries_prices_for_another_time_is_refused(small: History) -> None:
    start = even_book(small, WARM_UP - 1, Decimal(250000))
    with pytest.raises(UsageError, match="carries prices for 1"):
        replay([policy()], small, start, Assumptions(), DAYS[WARM_UP], DAYS[-1], reader=Reader(small, 1))


def test_what_comes_later_changes_nothing_before_it(small: History, ways: Mapping[str, tuple[Replayed, ...]]) -> None:
    rows = WARM_UP + 20
    told = DAYS[rows - 1]
    assert small.opens is not None
    assert small.volumes is not None
    assert small.index is not None
    cut = replace(
        small,
        dates=DAYS[:rows],
        closes=small.closes[:rows],
        opens=small.opens[:rows],
        volumes=small.volumes[:rows],
        index=small.index[:rows],
        happenings=tuple(one for one in small.happenings if max(one.session_date, one.known_at) <= told),
    )
    start = even_book(cut, WARM_UP - 1, Decimal(250000))
    (short,) = replay([policy()], cut, start, RULES["next close"], DAYS[WARM_UP], told)
    whole = ways["next close"][0]
    assert short.days == whole.days[: len(short.days)]
    assert short.nav.tolist() == whole.nav[: len(short.nav)].tolist()
    # Names that are complete so far and not later are read another way.
    assert np.isnan(small.closes).any(axis=0).sum() > np.isnan(cut.closes).any(axis=0).sum()
