"""What is wrong with a file of prices is told with its line and with what to do, and nothing of it is kept."""

import gzip
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.backtest.data import importing
from app.backtest.data.importing import Wanted, read_history
from app.backtest.data.problems import FileRefused
from app.backtest.history import Adjustment
from app.domain.errors import UsageError

HEAD = "date,symbol,close\n"
BARS = "date,symbol,open,high,low,close,volume\n"
# Sessions of the first weeks of 2020.
DAYS = [f"2020-01-{day:02}" for day in (2, 3, 6, 7, 8, 9, 10, 13, 14, 15)]


def closes(symbol: str, *values: object) -> str:
    return "".join(f"{day},{symbol},{value}\n" for day, value in zip(DAYS, values, strict=False))


def problems_of(
    folder: Path, content: str | bytes, events: str | None = None, name: str = "prices.csv", **options: object
) -> tuple[str, ...]:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    told = None
    if events is not None:
        told = folder / "events.csv"
        told.write_text(events)
    wanted: Mapping[str, object] = {"adjustment": Adjustment.NONE, "events": told} | options
    with pytest.raises(FileRefused) as refused:
        read_history(Wanted(file, "mine", **wanted))  # type: ignore[arg-type]
    assert refused.value.count >= len(refused.value.problems)
    assert all("\n" not in problem for problem in refused.value.problems)
    return refused.value.problems


LINES = {
    "a number that cannot be read": (HEAD + "2020-01-02,AAPL,12;5\n", "line 2: close '12;5' is not a number"),
    "a decimal comma": (HEAD + '2020-01-02,AAPL,"12,5"\n', "line 2: close '12,5' is not a number"),
    "a number of Python's own": (HEAD + "2020-01-02,AAPL,1_000\n", "line 2: close '1_000' is not a number"),
    "another script's digits": (HEAD + "2020-01-02,AAPL,١٢\n", "line 2: close '١٢' is not a number"),
    "not a number at all": (HEAD + "2020-01-02,AAPL,nan\n", "line 2: close 'nan' is not a finite number"),
    "an infinite price": (HEAD + "2020-01-02,AAPL,inf\n", "line 2: close 'inf' is not a finite number"),
    "a price too large to be a float": (HEAD + "2020-01-02,AAPL,1e999\n", "line 2: close '1e999' is not a finite"),
    "nothing for a price": (HEAD + "2020-01-02,AAPL,\n", "line 2: close is blank: leave the line out"),
    "a price of nothing": (HEAD + "2020-01-02,AAPL,0\n", "line 2: close '0' is not above zero"),
    "a price below nothing": (HEAD + "2020-01-02,AAPL,-5\n", "line 2: close '-5' is not above zero"),
    "a price finer than money": (HEAD + "2020-01-02,AAPL,0.00001\n", "line 2: close '0.00001' is not from 0.0001"),
    "a date of another form": (HEAD + "01/02/2020,AAPL,10\n", "line 2: date '01/02/2020' is not a date: write it as"),
    "a date without hyphens": (HEAD + "20200102,AAPL,10\n", "line 2: date '20200102' is not a date"),
    "a day that no month has": (HEAD + "2020-02-30,AAPL,10\n", "line 2: date '2020-02-30' is not a date"),
    "a weekend": (HEAD + "2020-01-04,AAPL,10\n", "line 2: 2020-01-04 is not a session of the exchange (Saturday)"),
    "a holiday": (HEAD + "2020-01-01,AAPL,10\n", "line 2: 2020-01-01 is not a session of the exchange (Wednesday)"),
    "a year before the calendar": (HEAD + "1985-01-02,AAPL,10\n", "line 2: 1985-01-02 is outside the exchange's"),
    "a day told twice": (
        HEAD + closes("AAPL", 10, 11) + "2020-01-02,AAPL,10\n",
        "line 4: AAPL has 2020-01-02 twice, before in line 2: keep one",
    ),
    "a formula for a symbol": (HEAD + "2020-01-02,=1+1,10\n", "line 2: symbol '=1+1' is not a ticker"),
    "markup for a symbol": (HEAD + "2020-01-02,<b>,10\n", "line 2: symbol '<b>' is not a ticker"),
    "a symbol of control characters": (HEAD + "2020-01-02,A\x1b[2J,10\n", "line 2: symbol 'A?[2J' is not a ticker"),
    "a symbol that is too long": (HEAD + f"2020-01-02,{'A' * 25},10\n", "line 2: symbol 'AAAAAAAAAAAAAAAAAAAAAAAAA'"),
    "no symbol": (HEAD + "2020-01-02,,10\n", "line 2: symbol '' is not a ticker"),
    "two symbols that look alike": (
        HEAD + closes("AAPL", 10) + closes("aapl", 10),
        "line 3: symbol aapl differs from AAPL in its case alone",
    ),
    "too few fields": (HEAD + "2020-01-02,AAPL\n", "line 2: 2 fields, and the header has 3"),
    "too many fields": (HEAD + "2020-01-02,AAPL,1,2\n", "line 2: 4 fields, and the header has 3"),
    "a quotation mark that is never closed": (
        HEAD + '2020-01-02,"AAPL,1\n2020-01-03,AAPL,1\n',
        "line 3: unexpected end",
    ),
    "a high below the low": (BARS + "2020-01-02,AAPL,10,9,11,10,5\n", "line 2: high 9 is below low 11"),
    "a close above the high": (BARS + "2020-01-02,AAPL,10,11,9,12,5\n", "line 2: close 12 is above high 11"),
    "a close below the low": (BARS + "2020-01-02,AAPL,10,11,9,8,5\n", "line 2: close 8 is below low 9"),
    "an open outside": (BARS + "2020-01-02,AAPL,8,11,9,10,5\n", "line 2: open 8 is below low 9"),
    "a negative volume": (BARS + "2020-01-02,AAPL,10,11,9,10,-1\n", "line 2: volume '-1' is negative"),
    "another currency": (
        "date,symbol,close,currency\n2020-01-02,AAPL,10,USD\n2020-01-02,SAP,10,EUR\n",
        "line 3: currency 'EUR' of SAP in a history of USD: import each currency by itself",
    ),
    "a sector of nobody": (
        "date,symbol,close,sector\n2020-01-02,AAPL,10,Energie\n",
        "line 2: sector 'Energie' is none of GICS: did you mean Energy?",
    ),
    "a class that is not traded": ("date,symbol,close,class\n2020-01-02,ES,10,FUT\n", "line 2: class 'FUT' is neither"),
    "two classes of one name": (
        "date,symbol,close,class\n2020-01-02,SPY,10,ETF\n2020-01-03,SPY,10,STK\n",
        "line 3: class STK of SPY, and before it was ETF",
    ),
    "a jump like a split": (
        HEAD + closes("AAPL", 500, 501, 125.9),
        "line 4: AAPL goes from 501 to 125.9 on 2020-01-06, which looks like a split of 4:1: tell it with --events",
    ),
    "a jump like a reverse split": (
        HEAD + closes("GE", 13, 13, 104),
        "line 4: GE goes from 13 to 104 on 2020-01-06, which",
    ),
    "a split on a day on which the market fell": (
        HEAD + closes("MSFT", 49.3, 49.3, 23.4),
        "line 4: MSFT goes from 49.3 to 23.4 on 2020-01-06, which looks like a split of 2:1",
    ),
    "weekly prices": (
        HEAD + "2020-01-03,A,1\n2020-01-10,A,1\n2020-01-17,A,1\n",
        "3 of the exchange's 11 sessions: these are not daily closes",
    ),
    "nothing at all": ("", "it is empty: give the columns date, symbol, close"),
    "blank lines alone": ("\n\n\n", "it is empty: give the columns date, symbol, close"),
    "a header alone": (HEAD, "it has a header and nothing below it"),
    "a column with another name": (
        "date,symbol,closing\n2020-01-02,AAPL,10\n",
        "line 1: there is no column close: did you mean 'closing'? Rename it",
    ),
    "tickers in a column of that name": (
        "date,ticker,close\n2020-01-02,AAPL,10\n",
        "line 1: there is no column symbol: did you mean 'ticker'? Rename it",
    ),
    "an optional column that is misspelt": (
        "date,symbol,close,volum\n2020-01-02,AAPL,10,1\n",
        "line 1: column 'volum' is not known: did you mean volume?",
    ),
    "a column that is there twice": ("date,symbol,close,Close\n", "line 1: column 'Close' is there twice: keep one"),
    "no dates": ("symbol,close\nAAPL,10\n", "line 1: there is no column date: it has 'symbol', 'close'"),
    "bars without a symbol": ("Date,Open,Close\n2020-01-02,1,1\n", "line 1: there is no column symbol"),
    "a blank line counts": (HEAD + "\n\n2020-01-02,AAPL,x\n", "line 4: close 'x' is not a number"),
    "a blank line above counts": ("\n" + HEAD + "2020-01-02,AAPL,x\n", "line 3: close 'x' is not a number"),
    "a wide file of too many columns": (
        "date," + ",".join(f"S{n}" for n in range(10_001)) + "\n2020-01-02,1\n",
        "line 1: more than 10,000 columns",
    ),
    "a wide file's price": ("date,AAPL,MSFT\n2020-01-02,10,x\n", "line 2: MSFT 'x' is not a number"),
    "a wide file's header": ("date,AAPL,MS FT\n2020-01-02,10,1\n", "line 1: symbol 'MS FT' is not a ticker"),
}


@pytest.mark.parametrize("case", LINES, ids=str)
def test_a_line_that_is_wrong_is_named_and_says_what_to_do(tmp_path: Path, case: str) -> None:
    content, expected = LINES[case]
    (first, *_) = problems_of(tmp_path, content)
    assert first.startswith(expected)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (HEAD.encode() + b"2020-01-02,AAPL,10\n2020-01-03,Z\xfcRN,10\n", "line 3: byte 13 is 0xfc, which is no UTF-8"),
        ("date,symbol,close\n".encode("utf-16"), "line 1: it is in UTF-16: save it as UTF-8"),
        (HEAD.encode() + b"a" * 2**20, "line 2: it is longer than 1048576 bytes"),
    ],
)
def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path: Path, content: bytes, expected: str) -> None:
    assert problems_of(tmp_path, content)[0].startswith(expected)


def test_a_gzipped_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress((HEAD + "".join(closes(f"N{n}", *range(10, 20)) for n in range(50))).encode())
    (problem,) = problems_of(tmp_path, whole[:-9], name="prices.csv.gz")
    assert "it cannot be read on from here" in problem


def test_the_first_twenty_problems_are_told_in_order_and_the_others_counted(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(HEAD + "".join(f"2020-01-02,AAPL,x{n}\n" for n in range(3000)))
    with pytest.raises(FileRefused, match=r"line 2: .*the first of 3000 problems") as refused:
        read_history(Wanted(file, "mine", Adjustment.NONE))
    assert [problem.split(":")[0] for problem in refused.value.problems] == [f"line {n}" for n in range(2, 22)]


EVENTS = "date,symbol,kind,value,into,cash,known_at\n"
HAPPENINGS = {
    "a kind that is misspelt": (
        "2020-01-06,AAPL,divident,1,,,\n",
        "line 2: kind 'divident' is not known: did you mean",
    ),
    "a name without prices": (
        "2020-01-06,AAPLE,dividend,1,,,\n",
        "line 2: symbol AAPLE has no price: did you mean AAPL?",
    ),
    "a dividend of nothing": ("2020-01-06,AAPL,dividend,0,,,\n", "line 2: a dividend of 0: take the line out"),
    "a dividend without an amount": (
        "2020-01-06,AAPL,dividend,,,,\n",
        "line 2: a dividend without a value: give the amount",
    ),
    "a dividend beyond the price": (
        "2020-01-06,AAPL,dividend,99,,,\n",
        "line 2: AAPL pays 99, and its close before is 10",
    ),
    "a negative amount": ("2020-01-06,AAPL,dividend,-1,,,\n", "line 2: value '-1' is not an amount"),
    "no session": ("2020-01-05,AAPL,dividend,1,,,\n", "line 2: 2020-01-05 is not a session"),
    "known too late": (
        "2020-01-09,AAPL,delisted,1,,,2020-01-10\n",
        "line 2: known_at 2020-01-10 is after the delisted",
    ),
    "restated at once": ("2020-01-06,AAPL,restated,11,,,\n", "line 2: a restated close without a later known_at"),
    "a ratio of nothing": ("2020-01-06,AAPL,split,4:0,,,\n", "line 2: value '4:0' is not a ratio"),
    "a split that no price shows": (
        "2020-01-06,AAPL,split,4:1,,,\n",
        "line 2: AAPL goes from 10 to 10 on 2020-01-06, which shows no split of 4: correct",
    ),
    "an ending before the end": (
        "2020-01-06,AAPL,delisted,0,,,\n",
        "line 2: AAPL still has a price on 2020-01-08, and",
    ),
    "two endings": (
        "2020-01-09,AAPL,delisted,0,,,\n2020-01-10,AAPL,delisted,0,,,\n",
        "line 3: AAPL ends a second time: keep one",
    ),
    "the same twice": (
        "2020-01-06,AAPL,dividend,1,,,\n2020-01-06,AAPL,dividend,2,,,\n",
        "line 3: AAPL has a dividend on 2020-01-06 twice: add them up",
    ),
    "into nobody": ("2020-01-09,AAPL,merger,2,MSTF,,\n", "line 2: symbol MSTF has no price: did you mean MSFT?"),
    "into itself": ("2020-01-09,AAPL,merger,2,AAPL,,\n", "line 2: AAPL cannot merge into itself"),
    "into one that ended": ("2020-01-09,AAPL,merger,2,MSFT,,\n", "line 2: MSFT has no price on or after 2020-01-09"),
    "into, of a dividend": ("2020-01-06,AAPL,dividend,1,MSFT,,\n", "line 2: into and cash are a merger's"),
    "a move with a value": ("2020-01-06,AAPL,move,1,,,\n", "line 2: a move has no value: leave it blank"),
}


@pytest.mark.parametrize("case", HAPPENINGS, ids=str)
def test_a_happening_that_cannot_be_is_named_with_its_line(tmp_path: Path, case: str) -> None:
    line, expected = HAPPENINGS[case]
    prices = HEAD + closes("AAPL", 10, 10, 10, 10, 10) + closes("MSFT", 10, 10, 10)
    assert problems_of(tmp_path, prices, EVENTS + line)[0].startswith(
        expected.replace(" on 2020-01-06, which", ", which")
    )


@pytest.mark.parametrize(
    ("adjustment", "line"),
    [
        (Adjustment.TOTAL, "2020-01-06,AAPL,dividend,1,,,\n"),
        (Adjustment.TOTAL, "2020-01-06,AAPL,split,4:1,,,\n"),
        (Adjustment.SPLIT, "2020-01-06,AAPL,split,4:1,,,\n"),
    ],
)
def test_what_is_in_the_prices_is_not_taken_a_second_time(tmp_path: Path, adjustment: Adjustment, line: str) -> None:
    prices = HEAD + closes("AAPL", 40, 40, 10, 10)
    found = problems_of(tmp_path, prices, EVENTS + line, adjustment=adjustment)
    assert found[0].startswith("line 2: a ")
    assert "in the prices: take the line out" in found[0]


def test_a_happening_that_cannot_be_read_is_told_before_the_jump_that_it_explains(tmp_path: Path) -> None:
    prices = HEAD + closes("AAPL", 40, 40, 10, 10)
    (told,) = problems_of(tmp_path, prices, EVENTS + "2020-01-06,AAPL,split,four,,,\n")
    assert told.startswith("line 2: value 'four' is not a number")
    (told,) = problems_of(
        tmp_path, HEAD + "2020-01-02,AAPL,x\n" + closes("GE", 1), EVENTS + "2020-01-06,AAPL,move,,,,\n"
    )
    assert told.startswith("line 2: close 'x' is not a number")


def test_a_header_of_happenings_names_the_nearest(tmp_path: Path) -> None:
    found = problems_of(tmp_path, HEAD + closes("AAPL", 10, 10), "date,symbol,kinds,valeu\n")
    assert found == (
        "line 1: there is no column kind: did you mean 'kinds'?",
        "line 1: column 'kinds' is not known: there are date, symbol, kind, value, into, cash, known_at",
        "line 1: column 'valeu' is not known: did you mean value?",
    )


def test_an_index_with_a_hole_is_refused(tmp_path: Path) -> None:
    content = HEAD + closes("AAPL", 10, 10, 10) + closes("SPX", 1000, 1001)
    assert problems_of(tmp_path, content, index="SPX") == (
        "the index SPX has no close on 1 sessions of the names, the first on 2020-01-06: add them, begin the names "
        "with it, or leave --index away",
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"index": "SPXX"}, "--index SPXX has no price in the file. Did you mean SPX"),
        ({"vix": "NOBODY"}, "--vix NOBODY has no price in the file"),
        ({"currency": "Dollar"}, "currency Dollar is not a code of three letters"),
        ({"events": Path("nowhere.csv")}, "there is no file nowhere.csv"),
    ],
)
def test_a_request_that_cannot_be_served_says_so(tmp_path: Path, options: dict[str, object], expected: str) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(HEAD + closes("AAPL", 10, 10) + closes("SPX", 1000, 1001))
    with pytest.raises(UsageError, match=expected):
        read_history(Wanted(file, "mine", Adjustment.NONE, **options))  # type: ignore[arg-type]


def test_a_file_of_another_kind_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "prices.xlsx").write_bytes(b"PK")
    with pytest.raises(UsageError, match=r"prices\.xlsx is of no kind that can be read"):
        read_history(Wanted(tmp_path / "prices.xlsx", "mine", Adjustment.NONE))


def test_the_number_of_a_name_follows_from_its_symbol_alone() -> None:
    assert importing.conid_of("AAPL") == importing.conid_of("AAPL") != importing.conid_of("AAPL.B")
    # Above every number that a broker gives.
    assert importing.conid_of("AAPL") >= 2**31
