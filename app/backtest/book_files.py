"""The account that a replay begins with, as a person names it: an amount, a file, a run's report, the account itself.

Nothing is dropped to make it fit: a holding that the history cannot value is refused with its line.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

from app.backtest.books import cash_book, even_book
from app.backtest.data.files import opened
from app.backtest.data.problems import Problems, shown
from app.backtest.history import History
from app.backtest.reader import money
from app.backtest.recorded import newest_portfolio
from app.broker.paper.book import Holding, PaperBook
from app.domain.errors import UsageError
from app.domain.spelling import nearest
from app.settings import Settings
from app.text_files import text_of

ACCOUNT = "account"
FORMS = "cash:AMOUNT, even:AMOUNT, account, or a .csv, .yaml or .json with symbol, quantity and cash"
_LARGEST = Decimal(10) ** 12
_LARGEST_FILE = 16 * 2**20
_KEYS = frozenset({"symbol", "quantity", "cost"})
_CASH = "cash"


@dataclass(frozen=True, slots=True)
class _Line:
    """A holding as it was told; what is not told is None."""

    place: int
    symbol: object
    quantity: object
    cost: object = None


@dataclass(frozen=True)
class _Told:
    """An account as it was told. `currency` of its cash, None for the history's."""

    problems: Problems
    holdings: Sequence[_Line]
    cash: object
    currency: str | None = None


def book_of(text: str, history: History, row: int, currency: str, settings: Settings | None = None) -> PaperBook:
    """At the close of that row; `account` as the newest run found it, in the ledger that the settings name.

    Raises: UsageError.
    """
    _require_currency(history, currency)
    kind, colon, amount = text.partition(":")
    if colon and kind in ("cash", "even"):
        make = cash_book if kind == "cash" else even_book
        return make(history, row, _amount(text, amount), currency)
    if kind == ACCOUNT and settings is not None:
        told = _of_account(settings, amount or None)
    elif text.lower().endswith((".csv", ".csv.gz")):
        told = _of_csv(Path(text))
    elif text.lower().endswith((".yaml", ".yml", ".json")):
        told = _of_document(Path(text))
    else:
        raise UsageError(f"--book {text[:60]} is no book", f"Write {FORMS}")
    return _book(told, history, row, currency)


def _require_currency(history: History, currency: str) -> None:
    """Nothing tells what one currency was in another."""
    for one in history.instruments:
        if one.currency != currency:
            raise UsageError(
                f"{one.symbol} of {history.name} is in {one.currency}, and the account of the policy keeps {currency}",
                "Take a policy in that currency, or prices in the policy's",
            )


def _amount(text: str, amount: str) -> Decimal:
    try:
        value = Decimal(amount)
    except InvalidOperation:
        value = Decimal(0)
    if not (value.is_finite() and 0 < value <= _LARGEST):
        raise UsageError(f"--book {text}: {amount or 'nothing'} is not an amount", "Write it like cash:250000")
    return value


def _book(told: _Told, history: History, row: int, currency: str) -> PaperBook:
    problems = told.problems
    if told.currency not in (None, currency):
        problems.add(0, f"its cash is in {told.currency}, and the account of a replay keeps {currency}")
    holdings: dict[str, Holding] = {}
    for line in told.holdings:
        try:
            holding = _holding(line, history, row)
            if holding.instrument.symbol in holdings:
                raise ValueError(f"{holding.instrument.symbol} is there twice: add them up")
            holdings[holding.instrument.symbol] = holding
        except ValueError as error:
            problems.add(line.place, str(error))
    cash = Decimal(0)
    try:
        cash = _number(told.cash, "cash")
    except ValueError as error:
        problems.add(0, str(error))
    if not holdings and cash <= 0 and not problems.count:
        problems.add(0, "it holds nothing: give holdings, cash, or both")
    problems.refuse()
    return cash_book(history, row, cash, currency).changed(holdings=tuple(holdings.values()))


def _holding(line: _Line, history: History, row: int) -> Holding:
    symbol = line.symbol.strip() if isinstance(line.symbol, str) else ""
    column = history.column(symbol)
    if column is None:
        near = nearest(symbol, [one.symbol for one in history.instruments])
        raise ValueError(
            f"symbol {shown(symbol)} is not in {history.name}: "
            + (f"did you mean {near}?" if near else "take it out, or import its prices")
        )
    price, instrument = float(history.closes[row, column]), history.instruments[column]
    if price != price:
        raise ValueError(f"{symbol} has no price on {history.dates[row]}: take it out, or begin on another day")
    quantity = _number(line.quantity, "quantity")
    if quantity <= 0:
        raise ValueError(f"quantity {quantity} of {symbol} is not above zero: short positions are not replayed")
    close = money(price)
    cost = close if line.cost in (None, "") else _number(line.cost, "cost")
    if cost < 0:
        raise ValueError(f"cost {cost} of {symbol} is negative: give the price that was paid for a share")
    return Holding(instrument=instrument, quantity=quantity, average_cost=cost, price=close)


def _number(told: object, name: str) -> Decimal:
    try:
        if isinstance(told, bool) or not isinstance(told, str | int | float | Decimal):
            raise InvalidOperation
        text = str(told).strip()
        value = Decimal(text)
        # Python's own reading takes underscores and other scripts' digits, too.
        if not text.isascii() or "_" in text:
            raise InvalidOperation
    except InvalidOperation:
        raise ValueError(f"{name} {shown(told)} is not a number: write it like 1234.56") from None
    if not value.is_finite() or abs(value) > _LARGEST:
        raise ValueError(f"{name} {shown(told)} is not a number up to {_LARGEST:,}")
    return value


def _of_csv(file: Path) -> _Told:
    """Columns symbol, quantity and perhaps cost; the line of `cash` has its amount for a quantity."""
    with opened(file) as table:
        at = {name.strip().lower(): column for column, name in enumerate(table.header)}
        for name in ("symbol", "quantity"):
            if name not in at:
                near = nearest(name, at)
                table.problems.add(1, f"there is no column {name}" + (f": did you mean {shown(near)}?" if near else ""))
        table.problems.refuse()
        lines = [
            _Line(place, cells[at["symbol"]], cells[at["quantity"]], cells[at["cost"]] if "cost" in at else None)
            for place, cells in table.rows
        ]
    cash = [line for line in lines if line.symbol == _CASH]
    for line in cash[1:]:
        table.problems.add(line.place, "cash is there twice: add it up")
    holdings = [line for line in lines if line.symbol != _CASH]
    return _Told(table.problems, holdings, cash[0].quantity if cash else Decimal(0))


def _of_document(file: Path) -> _Told:
    """YAML or JSON: `cash`, `currency` and `holdings`, a list or quantities by symbol; or a run's report."""
    json_file = file.suffix.lower() == ".json"
    plain, places = (_json if json_file else _yaml)(file, _text(file))
    problems = Problems(file, "holding" if json_file else "line")
    if not isinstance(plain, dict):
        raise UsageError(f"{file.name} is no book", f"Write {FORMS}")
    if isinstance(plain.get("portfolio"), dict):
        return _of_report(plain["portfolio"], problems)
    for name in plain:
        if name not in ("cash", "currency", "holdings"):
            near = nearest(str(name), ("cash", "currency", "holdings"))
            problems.add(0, f"{shown(name)} is not known: " + (f"did you mean {near}?" if near else "take it out"))
    found = list(_lines(plain.get("holdings") or [], places, problems))
    currency = plain.get("currency")
    return _Told(problems, found, plain.get("cash", Decimal(0)), None if currency is None else shown(currency)[1:-1])


def _lines(holdings: object, places: Sequence[int], problems: Problems) -> Iterator[_Line]:
    if isinstance(holdings, dict):
        for place, (symbol, quantity) in zip(places, holdings.items(), strict=True):
            yield _Line(place, symbol, quantity)
    elif isinstance(holdings, list):
        for place, one in zip(places, holdings, strict=True):
            if isinstance(one, dict) and {"symbol", "quantity"} <= one.keys() <= _KEYS:
                yield _Line(place, one["symbol"], one["quantity"], one.get("cost"))
            else:
                problems.add(place, "a holding has symbol and quantity, perhaps cost, and nothing else")
    else:
        problems.add(0, "holdings is neither a list nor quantities by symbol")


def _of_report(portfolio: Mapping[str, Any], problems: Problems) -> _Told:
    """As `portfolio show --json` gives it."""
    problems.unit = "position"
    if portfolio.get("unmanaged"):
        problems.add(
            0, f"the account holds {len(portfolio['unmanaged'])} lines that no policy manages, which no replay has"
        )
    lines = [
        _Line(place, one.get("symbol"), one.get("quantity"), one.get("average_cost"))
        for place, one in enumerate(portfolio.get("positions", ()), 1)
    ]
    return _Told(problems, lines, portfolio.get("cash"), portfolio.get("currency"))


def _of_account(settings: Settings, book: str | None) -> _Told:
    found = newest_portfolio(settings, book)
    problems = Problems(Path(f"the account of {found.as_of:%Y-%m-%d}"), "position")
    if found.unmanaged:
        problems.add(0, f"it holds {len(found.unmanaged)} lines that no policy manages, which no replay has")
    lines = [
        _Line(place, one.instrument.symbol, one.quantity, one.average_cost)
        for place, one in enumerate(found.positions, 1)
    ]
    return _Told(problems, lines, found.total_cash, found.currency)


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise UsageError(f"{file.name} is too large for a book", f"Write {FORMS}")
        return text_of(file)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", f"Write {FORMS}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file.name} is no UTF-8", "Save it as UTF-8") from None


def _json(file: Path, text: str) -> tuple[object, Sequence[int]]:
    """The document, every number as it is written; and its holdings' numbers."""
    try:
        plain: object = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file.name} is no JSON: {shown(error)}", f"Write {FORMS}") from None
    holdings = plain.get("holdings") if isinstance(plain, dict) else None
    return plain, range(1, len(holdings) + 1) if isinstance(holdings, dict | list) else ()


def _yaml(file: Path, text: str) -> tuple[object, Sequence[int]]:
    """The document, every scalar as it is written; and in which lines its holdings are."""
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        # The base loader leaves numbers as their text, and makes nothing but text, lists and mappings.
        plain = yaml.load(text, yaml.BaseLoader)  # noqa: S506
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"{file.name} is no YAML: {' '.join(str(error).split())}", f"Write {FORMS}") from None
    return plain, _places(root)


def _places(root: yaml.Node | None) -> Sequence[int]:
    if not isinstance(root, yaml.MappingNode):
        return ()
    node = next((value for key, value in root.value if key.value == "holdings"), None)
    match node:
        case yaml.MappingNode():
            return [key.start_mark.line + 1 for key, _ in node.value]
        case yaml.SequenceNode():
            return [one.start_mark.line + 1 for one in node.value]
        case _:
            return ()
