"""Cash rows out of a statement that a person downloads: an activity statement or a Flex query, as CSV.

Two forms are read: plain rows under one header (Flex), and the activity statement's, in which each line begins with the
name of its section and the word Header or Data. Sections that tell of no cash are passed over.
"""

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from app.domain.cash import CashKind, CashRow, CashSource
from app.domain.errors import UsageError

_HEADER, _DATA = "Header", "Data"
_MARKS = frozenset({_HEADER, _DATA, "Total", "SubTotal", "Notes"})
_REMEDY = "Give the CSV of an activity statement, or of a Flex query with its cash transactions"
# Names of one column in either form.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "day": ("date", "settledate", "datetime", "reportdate", "settle date"),
    "amount": ("amount", "total"),
    "currency": ("currency", "currencyprimary"),
    "kind": ("type",),
    "description": ("description", "activitydescription"),
    "id": ("transactionid", "tradeid"),
    "conid": ("conid",),
}
_SECTIONS: Mapping[str, CashKind | None] = {
    "DEPOSITS & WITHDRAWALS": CashKind.DEPOSIT,
    "DIVIDENDS": CashKind.DIVIDEND,
    "PAYMENT IN LIEU OF DIVIDENDS": CashKind.DIVIDEND,
    "WITHHOLDING TAX": CashKind.WITHHOLDING_TAX,
    "INTEREST": CashKind.INTEREST,
    "BOND INTEREST PAID": CashKind.INTEREST,
    "BOND INTEREST RECEIVED": CashKind.INTEREST,
    "FEES": CashKind.FEE,
    "OTHER FEES": CashKind.FEE,
    "ADVISOR FEES": CashKind.FEE,
    "COMMISSION ADJUSTMENTS": CashKind.FEE,
    "CASH TRANSACTIONS": None,
}
# The first word that a row's type contains decides.
_WORDS: tuple[tuple[str, CashKind], ...] = (
    ("WITHHOLDING", CashKind.WITHHOLDING_TAX),
    ("DIVIDEND", CashKind.DIVIDEND),
    ("LIEU", CashKind.DIVIDEND),
    ("INTEREST", CashKind.INTEREST),
    ("FEE", CashKind.FEE),
    ("COMMISSION", CashKind.FEE),
    ("DEPOSIT", CashKind.DEPOSIT),
    ("WITHDRAWAL", CashKind.DEPOSIT),
    ("TRANSFER", CashKind.TRANSFER),
)


def statement_rows(text: str) -> tuple[CashRow, ...]:
    """Raises UsageError, with the line, for a row of cash that cannot be read, and where there is none at all."""
    alike: Counter[str] = Counter()
    found = [_row(line, kind, named, alike) for line, kind, named in _named(text)]
    if not found:
        raise UsageError("the file has no row of cash", _REMEDY)
    return tuple(found)


def _named(text: str) -> Iterator[tuple[int, CashKind | None, Mapping[str, str]]]:
    """Number of the line, kind by its section, and values by column."""
    header: list[str] = []
    for number, cells in enumerate(csv.reader(text.removeprefix("\ufeff").splitlines(keepends=True)), start=1):
        section, mark = _place(cells)
        names = [_plain(cell) for cell in cells]
        if mark == _HEADER or (mark is None and _is_header(names)):
            header = names
        elif header and any(cells) and _is_data(section, mark) and not _is_total(cells):
            yield number, _SECTIONS[section] if section else None, dict(zip(header, cells, strict=False))


def _place(cells: list[str]) -> tuple[str | None, str | None]:
    """Section and mark of an activity statement's line; neither of a plain row."""
    if len(cells) > 2 and cells[1].strip() in _MARKS:
        return cells[0].strip().upper(), cells[1].strip()
    return None, None


def _is_data(section: str | None, mark: str | None) -> bool:
    return mark is None or (mark == _DATA and section in _SECTIONS)


def _is_total(cells: list[str]) -> bool:
    return any("total" in cell.lower() for cell in cells[2:4])


def _is_header(names: list[str]) -> bool:
    return all(any(name in names for name in _COLUMNS[column]) for column in ("day", "amount", "currency"))


def _plain(cell: str) -> str:
    return re.sub(r"[^a-z]", "", cell.lower())


def _row(line: int, kind: CashKind | None, named: Mapping[str, str], alike: Counter[str]) -> CashRow:
    def cell(column: str) -> str:
        names = [_plain(name) for name in _COLUMNS[column]]
        return next((named[name].strip() for name in names if named.get(name, "").strip()), "")

    try:
        amount = Decimal(cell("amount").replace(",", ""))
        day = _day(cell("day"))
        currency = cell("currency")
        if not (amount.is_finite() and re.fullmatch(r"[A-Z]{3}", currency)):
            raise ValueError(f"{currency[:10]!r} is not a currency")
    except (ValueError, InvalidOperation) as error:
        raise UsageError(f"line {line} of the file cannot be read: {error}", _REMEDY) from error
    kind = kind or _kind(cell("kind") or cell("description"))
    if kind is CashKind.DEPOSIT and amount < 0:
        kind = CashKind.WITHDRAWAL
    content = "|".join((f"{day}", kind, f"{amount.normalize():f}", currency, cell("description")))
    alike[content] += 1
    key = cell("id") or f"{hashlib.sha256(content.encode()).hexdigest()[:20]}-{alike[content]}"
    return CashRow(
        id=f"{CashSource.STATEMENT}-{key}",
        day=day,
        kind=kind,
        amount=amount,
        currency=currency,
        description=cell("description")[:200],
        source=CashSource.STATEMENT,
    )


def _kind(words: str) -> CashKind:
    return next((kind for word, kind in _WORDS if word in words.upper()), CashKind.OTHER)


def _day(text: str) -> date:
    """2022-03-14, 20220314, 03/14/2022, each with or without a time behind it."""
    head = re.split(r"[;, T]", text, maxsplit=1)[0]
    for form in ("%Y-%m-%d", "%Y%m%d", "%m/%d/%Y"):
        try:
            return datetime.strptime(head, form).date()  # noqa: DTZ007 (a day, no moment)
        except ValueError:
            continue
    raise ValueError(f"{text[:30]!r} is not a day")
