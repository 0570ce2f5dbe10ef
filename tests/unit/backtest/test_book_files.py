"""A replay's account is what a person named: in full, or refused with the line that will not do."""

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from app.backtest.book_files import book_of
from app.backtest.history import Adjustment, History
from app.broker.paper.book import PaperBook
from app.desk.records import RunKey, RunStatus
from app.domain.errors import UsageError
from app.domain.instrument import Instrument
from app.ledger.engine import open_ledger
from app.market.calendar import ExchangeCalendar
from app.record.replay import read
from app.settings import load_settings
from tests.support.kept_days import FIRST, kept_days
from tests.support.sample import instrument, prices
from tests.unit.ledger.builders import AT, REPORT, claimed

DATES = ExchangeCalendar().sessions()[100:103]
HISTORY = History(
    name="mine",
    source="import:mine",
    adjustment=Adjustment.NONE,
    instruments=(
        Instrument(1, "AAPL", "USD"),
        Instrument(2, "MSFT", "USD"),
        Instrument(3, "GE", "USD"),
        Instrument(4, "SAP", "USD"),
    ),
    dates=DATES,
    closes=np.array([[10.0, 20.0, 5.0, 7.0], [11.0, 21.0, np.nan, 7.0], [12.0, 22.0, 6.0, 7.0]]),
)


def book(text: str, row: int = 0) -> PaperBook:
    return book_of(text, HISTORY, row, "USD")


def held(found: PaperBook) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
    return {one.instrument.symbol: (one.quantity, one.average_cost, one.price) for one in found.holdings}


def written(folder: Path, name: str, content: str) -> str:
    (folder / name).write_text(content)
    return str(folder / name)


EXPECTED = {
    "AAPL": (Decimal(100), Decimal("9.5"), Decimal("10.0000")),
    "MSFT": (Decimal("1.5"), Decimal("20.0000"), Decimal("20.0000")),
}
BOOKS = {
    "b.csv": "symbol,quantity,cost\nAAPL,100,9.5\nMSFT,1.5,\ncash,2500.25,\n",
    "b.yaml": "cash: 2500.25\ncurrency: USD\nholdings:\n- {symbol: AAPL, quantity: 100, cost: 9.5}\n"
    "- symbol: MSFT\n  quantity: 1.5\n",
    "b.json": json.dumps(
        {
            "cash": 2500.25,
            "holdings": [
                {"symbol": "AAPL", "quantity": 100, "cost": "9.5"},
                {"symbol": "MSFT", "quantity": 1.5},
            ],
        }
    ),
}


@pytest.mark.parametrize("name", BOOKS)
def test_each_kind_of_file_is_the_same_account(tmp_path: Path, name: str) -> None:
    found = book(written(tmp_path, name, BOOKS[name]))
    assert held(found) == EXPECTED
    assert found.cash_in("USD") == Decimal("2500.25")
    assert found.session_date == DATES[0]


def test_quantities_by_symbol_are_enough_and_cash_may_be_a_loan(tmp_path: Path) -> None:
    found = book(written(tmp_path, "b.yml", "holdings: {AAPL: 3}\ncash: -5\n"), row=2)
    assert held(found) == {"AAPL": (Decimal(3), Decimal("12.0000"), Decimal("12.0000"))}
    assert found.cash_in("USD") == Decimal(-5)


def test_a_runs_report_is_an_account(tmp_path: Path) -> None:
    position = {"symbol": "AAPL", "conid": 265598, "quantity": "100", "average_cost": "9.5", "price": "77"}
    report = {"run_id": "run_1", "portfolio": {"currency": "USD", "cash": "12.50", "positions": [position]}}
    found = book(written(tmp_path, "report.json", json.dumps(report)))
    assert held(found) == {"AAPL": EXPECTED["AAPL"]}
    assert found.cash_in("USD") == Decimal("12.50")


def test_amounts_are_books_too() -> None:
    assert book("cash:1000").cash_in("USD") == Decimal(1000)
    assert {one.instrument.symbol for one in book("even:1000", 1).holdings} == {"AAPL", "MSFT", "SAP"}


REFUSED = {
    "an unknown name": (
        "b.csv",
        "symbol,quantity\nAAPLE,1\n",
        "line 2: symbol 'AAPLE' is not in mine: did you mean AAPL?",
    ),
    "no price": ("b.csv", "symbol,quantity\nAAPL,1\nGE,1\n", f"line 3: GE has no price on {DATES[1]}"),
    "twice": ("b.csv", "symbol,quantity\nAAPL,1\nAAPL,1\n", "line 3: AAPL is there twice: add them up"),
    "short": ("b.csv", "symbol,quantity\nAAPL,-1\n", "line 2: quantity -1 of AAPL is not above zero"),
    "no number": ("b.csv", "symbol,quantity\nAAPL,1_0\n", "line 2: quantity '1_0' is not a number"),
    "infinite": ("b.csv", "symbol,quantity\nAAPL,Infinity\n", "line 2: quantity 'Infinity' is not a number up to"),
    "a negative cost": ("b.csv", "symbol,quantity,cost\nAAPL,1,-1\n", "line 2: cost -1 of AAPL is negative"),
    "cash twice": ("b.csv", "symbol,quantity\ncash,1\ncash,1\n", "line 3: cash is there twice"),
    "a column that is missing": (
        "b.csv",
        "symbol,quantities\nAAPL,1\n",
        "line 1: there is no column quantity: did you",
    ),
    "nothing held": ("b.csv", "symbol,quantity\n", "it holds nothing"),
    "a line of YAML": (
        "b.yaml",
        "holdings:\n- {symbol: AAPL, quantity: 1}\n- {symbol: GE, quantity: 1}\n",
        "line 3: GE has",
    ),
    "a mapping of YAML": ("b.yaml", "cash: 1\nholdings:\n  AAPL: 1\n  GE: 1\n", "line 4: GE has no price"),
    "a holding of JSON": ("b.json", '{"holdings": {"AAPL": 1, "GE": 1}}', "holding 2: GE has no price"),
    "a key that is misspelt": ("b.yaml", "csah: 1\n", "'csah' is not known: did you mean cash?"),
    "a holding with more": (
        "b.yaml",
        "holdings:\n- {symbol: AAPL, quantity: 1, side: short}\n",
        "line 2: a holding has",
    ),
    "holdings of nothing": ("b.yaml", "holdings: 7\n", "holdings is neither a list nor quantities by symbol"),
    "cash that is a list": ("b.yaml", "cash: [1]\n", "cash 'list' is not a number"),
    "cash that is true": ("b.json", '{"cash": true}', "cash 'True' is not a number"),
    "cash of another currency": (
        "b.yaml",
        "cash: 1\ncurrency: EUR\n",
        "its cash is in EUR, and the account of a replay",
    ),
    "what nobody manages": (
        "b.json",
        '{"portfolio": {"currency": "USD", "cash": "1", "positions": [], "unmanaged": [{}]}}',
        "the account holds 1 lines that no policy manages",
    ),
}


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_will_not_do_is_refused_with_its_line(tmp_path: Path, case: str) -> None:
    name, content, expected = REFUSED[case]
    with pytest.raises(UsageError) as refused:
        book(written(tmp_path, name, content), row=1)
    assert expected in str(refused.value)
    assert "\n" not in str(refused.value)


def test_prices_in_another_currency_are_no_account_of_the_policys() -> None:
    with pytest.raises(UsageError, match="AAPL of mine is in USD, and the account of the policy keeps EUR"):
        book_of("even:1000", HISTORY, 0, "EUR")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("b.yaml", "holdings: [", r"b\.yaml is no YAML"),
        ("b.json", "{", r"b\.json is no JSON"),
        ("b.json", "[" * 100_000, r"b\.json is no JSON"),
        ("b.yaml", "- a\n", r"b\.yaml is no book"),
        ("b.txt", "", "is no book. Write cash:AMOUNT"),
    ],
)
def test_what_is_no_book_says_what_is(tmp_path: Path, name: str, content: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        book(written(tmp_path, name, content))


@pytest.mark.parametrize(
    "text", ["cash:", "cash:x", "even:-1", "cash:NaN", "nowhere.yaml", "nowhere.csv", "money", "account"]
)
def test_what_cannot_be_an_account_is_one_line(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        book(text)
    assert "\n" not in str(refused.value)


def test_a_document_that_holds_itself_many_times_over_is_not_written_out(tmp_path: Path) -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 40))
    content = "l0: &l0 [x]\n" + levels + "cash: *l39\n"
    with pytest.raises(UsageError, match="the first of 41 problems"):
        book(written(tmp_path, "b.yaml", content))


@pytest.mark.real_prices
def test_the_account_is_the_newest_runs(tmp_path: Path) -> None:
    (kept,) = kept_days("default_policy", 1)
    ledger = open_ledger(f"sqlite:///{tmp_path}/portfolio.db")
    key = RunKey("DU1234567", "DU1234567", FIRST, "daily", dry_run=True)
    ledger.close(claimed(ledger, key), RunStatus.DRY_RUN, REPORT, [], AT, inputs=kept)
    ledger.dispose()
    portfolio = read(kept).inputs.today.portfolio
    sample = prices()
    history = History(
        name="sample",
        source="sample",
        adjustment=Adjustment.TOTAL,
        instruments=tuple(instrument(symbol) for symbol in sample.symbols),
        dates=sample.dates,
        closes=sample.closes,
    )
    found = book_of("account", history, 5000, "USD", load_settings(state_dir=tmp_path))
    assert {one.instrument.symbol: (one.quantity, one.average_cost) for one in found.holdings} == {
        one.instrument.symbol: (one.quantity, one.average_cost) for one in portfolio.positions
    }
    assert found.cash_in("USD") == portfolio.total_cash
