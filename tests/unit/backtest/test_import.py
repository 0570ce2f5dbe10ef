"""A file of prices becomes a history with what it says and nothing else, and the history says what it cannot show."""

import gzip
import random
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backtest.data.importing import Wanted, conid_of, read_history
from app.backtest.history import Adjustment, Dividend, Ending, History, Restatement, Split
from app.domain.instrument import AssetClass
from app.market.calendar import ExchangeCalendar

HEAD = "date,symbol,close\n"
SESSIONS = ExchangeCalendar().sessions()
EVENTS = "date,symbol,kind,value,into,cash,known_at\n"
# Of the sample's years, with its holidays.
FROM_2000 = SESSIONS[SESSIONS.index(date(2000, 1, 3)) :]


def lines(symbol: str, first: int, *closes: object) -> str:
    return "".join(f"{FROM_2000[first + n]},{symbol},{close}\n" for n, close in enumerate(closes) if close is not None)


def history_of(folder: Path, content: str, events: str | None = None, **options: object) -> History:
    file = folder / "prices.csv"
    file.write_text(content)
    told = None
    if events is not None:
        told = folder / "events.csv"
        told.write_text(events)
    options.setdefault("adjustment", Adjustment.NONE)
    return read_history(Wanted(file, "mine", events=told, **options))  # type: ignore[arg-type]


def note(history: History, words: str) -> str:
    (found,) = [each for each in history.notes if words in each]
    return found


def test_every_column_arrives_where_it_belongs(tmp_path: Path) -> None:
    found = history_of(
        tmp_path,
        "Date,SYMBOL,open,high,low,close,volume,sector,class,currency\n"
        "2000-01-04,SPY,101.5,103,101,102,2000,,ETF,USD\n"
        "2000-01-03,SPY,100.5,102,100,101,1000,,ETF,USD\n"
        "2000-01-04,AAPL,3,3,3,3,,information technology,,USD\n",
    )
    assert [(one.symbol, one.sector, one.asset_class) for one in found.instruments] == [
        ("AAPL", "Information Technology", AssetClass.STOCK),
        ("SPY", "Unknown", AssetClass.ETF),
    ]
    assert [one.conid for one in found.instruments] == [conid_of("AAPL"), conid_of("SPY")]
    assert found.dates == (date(2000, 1, 3), date(2000, 1, 4))
    assert found.opens is not None
    assert found.volumes is not None
    np.testing.assert_array_equal(found.closes, [[np.nan, 101], [3, 102]])
    np.testing.assert_array_equal(found.opens, [[np.nan, 100.5], [3, 101.5]])
    np.testing.assert_array_equal(found.volumes, [[np.nan, 1000], [np.nan, 2000]])
    assert (found.name, found.source, found.adjustment) == ("mine", "import:mine", Adjustment.NONE)


def test_a_wide_file_is_read_by_its_tickers_and_a_blank_is_no_price(tmp_path: Path) -> None:
    found = history_of(tmp_path, "date,MSFT,AAPL\n2000-01-03,50,\n2000-01-04,51,100\n")
    assert [one.symbol for one in found.instruments] == ["AAPL", "MSFT"]
    np.testing.assert_array_equal(found.closes, [[np.nan, 50], [100, 51]])


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_a_byte_order_mark_and_other_line_ends_are_read(tmp_path: Path, delimiter: str) -> None:
    text = (HEAD + lines("AAPL", 0, 10, 11)).replace(",", delimiter).replace("\n", "\r\n")
    (tmp_path / "prices.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    found = read_history(Wanted(tmp_path / "prices.csv", "mine", Adjustment.NONE))
    assert found.closes.tolist() == [[10], [11]]


def test_a_gzipped_file_is_the_same_history(tmp_path: Path) -> None:
    text = HEAD + lines("AAPL", 0, 10, 11, 12)
    (tmp_path / "prices.csv.gz").write_bytes(gzip.compress(text.encode()))
    packed = read_history(Wanted(tmp_path / "prices.csv.gz", "mine", Adjustment.NONE))
    assert packed.digest == history_of(tmp_path, text).digest


def test_happenings_are_what_the_second_file_tells(tmp_path: Path) -> None:
    prices = HEAD + lines("AAPL", 0, 40, 40, 10, 10, 10) + lines("MSFT", 0, 50, 50) + lines("GE", 0, 7, 7, 7)
    day = FROM_2000
    found = history_of(
        tmp_path,
        prices,
        EVENTS
        + f"{day[2]},AAPL,split,4:1,,,{day[1]}\n{day[3]},AAPL,dividend,0.25,,,\n"
        + f"{day[3]},AAPL,restated,10.5,,,{day[4]}\n"
        + f"{day[2]},MSFT,merger,1.5,AAPL,2.75,\n{day[3]},GE,delisted,0,,,\n",
    )
    apple, microsoft, electric = map(conid_of, ("AAPL", "MSFT", "GE"))
    assert set(found.happenings) == {
        Split(apple, day[2], day[1], Decimal(4)),
        Dividend(apple, day[3], day[3], Decimal("0.25")),
        Restatement(apple, day[3], day[4], Decimal("10.5")),
        Ending(microsoft, day[2], day[2], Decimal("2.75"), apple, Decimal("1.5")),
        Ending(electric, day[3], day[3]),
    }
    assert "1 of 3 names live to the end (AAPL)" in found.notes
    assert not [each for each in found.notes if "no ending is told" in each]


def test_a_jump_that_is_told_to_be_a_move_is_one(tmp_path: Path) -> None:
    found = history_of(tmp_path, HEAD + lines("AAPL", 0, 40, 40, 20), EVENTS + f"{FROM_2000[2]},AAPL,move,,,,\n")
    assert found.happenings == ()
    assert found.closes[:, 0].tolist() == [40, 40, 20]


def test_a_jump_in_adjusted_prices_is_a_warning(tmp_path: Path) -> None:
    found = history_of(tmp_path, HEAD + lines("AAPL", 0, 40, 40, 20), adjustment=Adjustment.SPLIT)
    assert f"AAPL goes from 40 to 20 on {FROM_2000[2]}" in note(found, "jump as a split")


def test_gaps_are_counted_with_the_longest(tmp_path: Path) -> None:
    content = (
        HEAD
        + lines("AAPL", 0, *[10] * 20)
        + lines("GE", 0, 7, None, 7, *[None] * 6, *[7] * 11)
        + lines("MSFT", 0, 5, None, *[5] * 18)
    )
    assert note(history_of(tmp_path, content), "gaps:") == (
        f"gaps: 2 names have no price on 8 sessions of their lives: GE 7 (at most 6 in a row, from {FROM_2000[3]}), "
        f"MSFT 1 (at most 1 in a row, from {FROM_2000[1]})"
    )


def test_a_session_that_is_in_no_line_is_told(tmp_path: Path) -> None:
    found = history_of(tmp_path, HEAD + lines("AAPL", 0, *[10] * 7, None, *[10] * 4))
    assert f"1 sessions of the exchange are in no line: {FROM_2000[7]}" in found.notes


def test_a_name_that_ends_without_a_word_is_told_and_survivors_are_named(tmp_path: Path) -> None:
    ends = history_of(tmp_path, HEAD + lines("AAPL", 0, 10, 10, 10) + lines("ENRN", 0, 90, 80))
    assert f"ENRN on {FROM_2000[1]}" in note(ends, "1 names end and no ending is told")
    alive = history_of(tmp_path, HEAD + lines("AAPL", 0, 10, 10) + lines("GE", 0, 90, 90))
    assert note(alive, "live to the end") == "2 of 2 names live to the end: survivors, so results flatter (AAPL, GE)"


def test_happenings_outside_a_names_life_are_left_out_and_counted(tmp_path: Path) -> None:
    prices = HEAD + lines("AAPL", 0, *[10] * 5) + lines("GE", 2, 7, 7, 7)
    early, late = f"{FROM_2000[1]},GE,dividend,1,,,\n", f"{FROM_2000[9]},GE,dividend,1,,,\n"
    found = history_of(tmp_path, prices, EVENTS + early + late)
    assert found.happenings == ()
    assert note(found, "2 happenings are before")


def test_the_index_and_the_volatility_index_are_read_and_not_traded(tmp_path: Path) -> None:
    content = HEAD + lines("AAPL", 1, 10, 10, 10) + lines("SPX", 0, 999, 1000, 1001, 1002, 9) + lines("VIX", 2, 20, 21)
    found = history_of(tmp_path, content, index="SPX", vix="VIX")
    assert [one.symbol for one in found.instruments] == ["AAPL"]
    assert found.index is not None
    assert found.vix is not None
    assert found.index.tolist() == [1000, 1001, 1002]
    np.testing.assert_array_equal(found.vix, [np.nan, 20, 21])


def test_a_sector_that_changes_is_the_newest(tmp_path: Path) -> None:
    found = history_of(
        tmp_path,
        "date,symbol,close,sector\n2000-01-04,X,1,Energy\n2000-01-03,X,1,Materials\n",
    )
    assert found.instruments[0].sector == "Energy"


def test_columns_that_are_not_known_are_not_read(tmp_path: Path) -> None:
    found = history_of(tmp_path, "date,symbol,close,adj_close,notes\n2000-01-03,AAPL,10,9.5,<script>\n")
    assert found.closes.tolist() == [[10]]


MATRICES = st.integers(1, 4).flatmap(
    lambda names: st.lists(
        st.lists(
            st.none() | st.floats(50, 100).map(lambda price: round(price, 4)), min_size=names, max_size=names
        ).filter(any),
        min_size=1,
        max_size=25,
    )
)


@given(MATRICES, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_what_is_read_in_whatever_order(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[float | None]], order: random.Random
) -> None:
    symbols = [f"S{n}" for n in range(len(table[0]))]
    rows = [
        f"{FROM_2000[row]},{symbol},{close!r}\n"
        for row, closes in enumerate(table)
        for symbol, close in zip(symbols, closes, strict=True)
        if close is not None
    ]
    order.shuffle(rows)
    found = history_of(tmp_path_factory.mktemp("written"), HEAD + "".join(rows), adjustment=Adjustment.SPLIT)
    expected = np.array([[np.nan if close is None else close for close in closes] for closes in table])
    lived = ~np.isnan(expected).all(axis=0)
    assert [one.symbol for one in found.instruments] == [s for s, alive in zip(symbols, lived, strict=True) if alive]
    np.testing.assert_array_equal(found.closes, expected[:, lived])
    assert found.dates == FROM_2000[: len(table)]
    # What does not look plainly right at once is looked at line by line, and comes to the same.
    padded = "".join(row.replace("S", " S").replace("\n", " \n") for row in rows)
    again = history_of(tmp_path_factory.mktemp("padded"), HEAD + padded, adjustment=Adjustment.SPLIT)
    assert again.digest == found.digest
