"""What a day is told of the past: only what was known by then, in the shares of then."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from app.backtest.history import Adjustment, Dividend, Ending, Happening, Restatement, Split
from app.backtest.reader import Reader
from app.domain.errors import DataError
from app.domain.market import QuoteKind
from tests.support.histories import history, instrument, sessions

AA, BB = instrument("AA").conid, instrument("BB").conid
DAYS = sessions(10)


def split(row: int, ratio: int = 2, known: int | None = None) -> Split:
    return Split(AA, DAYS[row], DAYS[row if known is None else known], Decimal(ratio))


def test_a_day_reads_closes_before_it_and_its_own_as_the_quote() -> None:
    read = Reader(history({"AA": (10, 11, 12, 13)})).market(2)
    assert read.history[AA].closes.tolist() == [10, 11]
    quote = read.quotes[AA]
    assert [quote.bid, quote.ask, quote.prior_close] == [12, 12, 11]
    assert quote.kind is QuoteKind.LIVE


def test_a_name_without_a_price_is_halted_with_its_last_one_and_unknown_when_that_is_old() -> None:
    reader = Reader(history({"AA": (10, 11, None, None, None, 20), "BB": (5,) * 6}), carried=2)
    halted = reader.market(3)
    assert halted.quotes[AA].kind is QuoteKind.HALTED
    assert halted.quotes[AA].last == 11
    assert not halted.quotes[AA].two_sided
    unknown = reader.market(4)
    assert AA not in unknown.quotes
    assert unknown.untradable == {AA: "no price for more than 2 sessions"}
    assert unknown.quotes[BB].kind is QuoteKind.LIVE


def test_the_return_across_a_gap_is_the_real_move() -> None:
    small = history({"AA": (10, 11, None, None, 22, 22)})
    read = Reader(small).market(5).history[AA]
    assert read.dates == (DAYS[0], DAYS[1], DAYS[4])
    assert (read.closes[1:] / read.closes[:-1] - 1).tolist() == pytest.approx([0.1, 1.0])
    assert Reader(small).market(4).quotes[AA].prior_close == 11


def test_no_return_shows_a_split_and_nothing_is_adjusted_before_it() -> None:
    small = history({"AA": (10, 11, 12, 6, 6.5, 7)}, adjustment=Adjustment.NONE, happenings=[split(3)])
    reader = Reader(small)
    assert reader.market(2).history[AA].closes.tolist() == [10, 11]
    on_the_day = reader.market(3)
    assert on_the_day.history[AA].closes.tolist() == [5, 5.5, 6]
    assert on_the_day.quotes[AA].last == 6
    assert on_the_day.quotes[AA].prior_close == 6
    assert reader.market(5).history[AA].closes.tolist() == [5, 5.5, 6, 6, 6.5]


def test_a_split_that_is_told_later_adjusts_from_then_on() -> None:
    small = history({"AA": (10, 11, 12, 6, 6.5, 7)}, adjustment=Adjustment.NONE, happenings=[split(3, known=4)])
    assert Reader(small).market(3).history[AA].closes.tolist() == [10, 11, 12]
    assert Reader(small).market(4).history[AA].closes.tolist() == [5, 5.5, 6, 6]


def test_two_splits_multiply_and_the_price_carried_over_one_is_in_new_shares() -> None:
    happenings = [split(1), split(3, 5)]
    small = history({"AA": (100, 50, 50, None, None)}, adjustment=Adjustment.NONE, happenings=happenings)
    reader = Reader(small)
    assert reader.market(4).history[AA].closes.tolist() == [10, 10, 10]
    assert reader.seen(3, AA) == 10
    assert reader.market(3).quotes[AA].last == 10


def test_a_close_told_anew_is_read_from_then_on() -> None:
    told = Restatement(AA, DAYS[1], DAYS[3], Decimal("11.5"))
    reader = Reader(history({"AA": (10, 11, 12, 13, 14)}, happenings=[told]))
    assert reader.market(2).history[AA].closes.tolist() == [10, 11]
    assert reader.market(3).history[AA].closes.tolist() == [10, 11.5, 12]
    before, after = (reader.datum("closes", 1, at, AA) for at in (2, 3))
    assert before is not None
    assert after is not None
    assert (before.value, before.known_at) == (11, DAYS[1])
    assert (after.value, after.known_at, after.as_of) == (11.5, DAYS[3], DAYS[1])


def test_a_close_that_came_late_is_missing_until_then() -> None:
    told = Restatement(AA, DAYS[1], DAYS[3], Decimal("11.5"))
    reader = Reader(history({"AA": (10, None, 12, 13, 14)}, happenings=[told]))
    assert reader.market(1).quotes[AA].kind is QuoteKind.HALTED
    assert reader.market(2).history[AA].closes.tolist() == [10]
    assert reader.market(4).history[AA].closes.tolist() == [10, 11.5, 12, 13]


def test_a_name_is_known_from_its_first_price_until_it_ends() -> None:
    ending = Ending(AA, DAYS[4], DAYS[4], cash=Decimal(1))
    reader = Reader(history({"AA": (None, None, 12, 13, None), "BB": (1,) * 5}, happenings=[ending]))
    assert [AA in reader.market(row).instruments for row in range(5)] == [False, False, True, True, False]
    assert all(BB in reader.market(row).instruments for row in range(5))
    assert reader.market(2).untradable == {AA: "no price history"}


def test_the_average_volume_is_of_sessions_before_in_the_shares_of_then() -> None:
    small = history(
        {"AA": (10, 10, 5, 5)}, volumes={"AA": (100, 300, 800, None)},
        adjustment=Adjustment.NONE, happenings=[split(2)],
    )  # fmt: skip
    assert Reader(small).market(1).quotes[AA].average_volume == 100
    assert Reader(small).market(2).quotes[AA].average_volume == 400
    assert Reader(replace(small, late={"volumes": 1})).market(2).quotes[AA].average_volume == 200


def test_a_part_that_is_told_late_is_read_late() -> None:
    numbers = np.array([1.0, 2, 3, 4])
    small = history({"AA": (10, 11, 12, 13)}, index=numbers, vix=10 * numbers)
    slow = replace(small, late={"index": 1, "vix": 2})
    prompt, behind = Reader(small).market(3), Reader(slow).market(3)
    assert prompt.index is not None
    assert behind.index is not None
    assert (prompt.index.closes.tolist(), behind.index.closes.tolist()) == ([1, 2, 3], [1, 2])
    assert prompt.vix is not None
    assert behind.vix is not None
    assert (prompt.vix.value, behind.vix.value, behind.vix.session_date) == (40, 20, DAYS[1])
    assert Reader(slow).market(1).vix is None
    assert Reader(slow).datum("vix", 2, 3) is None


def test_a_volatility_that_is_worked_out_is_as_late_as_the_index() -> None:
    index = 100 + np.cumsum(np.random.default_rng(3).normal(0, 1, 30))
    reader = Reader(history({"AA": [10.0] * 30}, index=index, late={"index": 2}))
    assert reader.datum("vix", 25, 26) is None
    told, read = reader.datum("vix", 25, 27), reader.market(27).vix
    assert told is not None
    assert read is not None
    assert (told.value, told.source, told.as_of) == (read.value, "derived", read.session_date)


def test_every_datum_says_what_it_counts_and_none_is_told_before_it_was_known() -> None:
    small = history(
        {"AA": (10, 11, 12, 6, 7), "BB": (3, None, 4, 5, 6)},
        opens={"AA": (9, 10, 11, 5, 6), "BB": (3, 3, 3, 3, 3)},
        volumes={"AA": (100, 200, 300, 400, 500), "BB": (1, 2, 3, 4, 5)},
        adjustment=Adjustment.NONE,
        happenings=[split(3), Restatement(BB, DAYS[1], DAYS[4], Decimal(7))],
        index=np.arange(1.0, 6),
        late={"volumes": 1, "index": 2},
        adjustments={"index": Adjustment.SPLIT},
    )
    reader, found = Reader(small), 0
    for at in range(5):
        for part in ("closes", "opens", "volumes", "index", "vix"):
            for row in range(5):
                for conid in (AA, BB) if part in {"closes", "opens", "volumes"} else (None,):
                    datum = reader.datum(part, row, at, conid)
                    if datum is not None:
                        found += 1
                        assert datum.as_of == DAYS[row]
                        assert DAYS[row] <= datum.known_at <= DAYS[at]
                        assert datum.value == datum.value
    assert found > 60
    close = reader.datum("closes", 2, 4, AA)
    assert close is not None
    assert (close.value, close.unit, close.source) == (6, "USD a share", "test")
    assert (close.known_at, close.adjustment) == (DAYS[3], Adjustment.SPLIT)
    before = reader.datum("closes", 2, 2, AA)
    assert before is not None
    assert (before.value, before.known_at, before.adjustment) == (12, DAYS[2], Adjustment.NONE)
    volume, index = reader.datum("volumes", 2, 4, AA), reader.datum("index", 2, 4)
    assert volume is not None
    assert index is not None
    assert (volume.unit, volume.known_at, volume.adjustment) == ("shares", DAYS[3], Adjustment.NONE)
    assert (index.unit, index.adjustment) == ("points", Adjustment.SPLIT)
    assert reader.datum("closes", 1, 3, BB) is None
    assert reader.datum("closes", 1, 4, BB) is not None


MIXED: Mapping[str, tuple[Adjustment, Mapping[str, object], str]] = {
    "a dividend in adjusted prices": (
        Adjustment.TOTAL, {"happenings": [Dividend(AA, DAYS[1], DAYS[1], Decimal(1))]}, "dividends .* count twice",
    ),
    "a split in split prices": (Adjustment.SPLIT, {"happenings": [split(1)]}, "splits .* count twice"),
    "a split in adjusted prices": (Adjustment.TOTAL, {"happenings": [split(1)]}, "splits .* count twice"),
    "opens of another kind": (
        Adjustment.TOTAL, {"opens": {"AA": (1, 1, 1)}, "adjustments": {"opens": Adjustment.NONE}}, "opens and closes",
    ),
    "volumes of other shares": (
        Adjustment.NONE, {"volumes": {"AA": (1, 1, 1)}, "adjustments": {"volumes": Adjustment.SPLIT}},
        "different shares",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MIXED)
def test_kinds_of_adjustment_never_mix(name: str) -> None:
    adjustment, parts, said = MIXED[name]
    with pytest.raises(DataError, match=said):
        history({"AA": (10, 11, 12)}, adjustment=adjustment, **parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        Dividend(7, DAYS[1], DAYS[1], Decimal(1)),
        Dividend(AA, DAYS[1], DAYS[1], Decimal(0)),
        split(1, 0),
        Ending(AA, DAYS[1], DAYS[1]),
        Ending(AA, DAYS[3], DAYS[3], into=7, ratio=Decimal(1)),
        Ending(AA, DAYS[3], DAYS[3], ratio=Decimal(1)),
        Ending(AA, DAYS[3], DAYS[3], cash=Decimal(-1)),
        Restatement(AA, DAYS[1], DAYS[1], Decimal(1)),
        Restatement(AA, date(2020, 1, 4), DAYS[3], Decimal(1)),
        Restatement(AA, DAYS[1], DAYS[2], Decimal(0)),
    ],
)
def test_a_happening_that_makes_no_sense_is_refused(wrong: Happening) -> None:
    with pytest.raises(DataError):
        history({"AA": (10, 11, 12)}, adjustment=Adjustment.NONE, happenings=[wrong])


@pytest.mark.parametrize("late", [{"closes": 1}, {"vix": -1}])
def test_closes_are_known_when_their_session_closes_and_nothing_before_its_own(late: Mapping[str, int]) -> None:
    with pytest.raises(DataError, match="late"):
        history({"AA": (10, 11, 12)}, late=late)
