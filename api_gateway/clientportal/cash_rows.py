"""Cash that no trade explains, row by row: what the list of transactions tells, and what the performance implies.

The broker documents dividends and transfers among the transactions of a contract; whether cash without a contract is
listed there it does not say. What the account gained without its return is, to the rounding, what was paid in or out.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import Final

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Malformed
from api_gateway.clientportal.records import CashKind, CashRow, NavHistory, StrangeRow
from api_gateway.clientportal.row_reader import RowReader

_TRADES: Final = frozenset({"BUY", "SELL", "SLD", "BOT", "ASSIGNMENT", "EXERCISE", "EXPIRATION"})
# The first that is found in a row's type decides; words of the list of transactions and of the statements.
_KINDS: Final[tuple[tuple[str, CashKind], ...]] = (
    ("WITHHOLD", "withholding_tax"),
    ("LIEU", "dividend"),
    ("DIVIDEND", "dividend"),
    ("INTEREST", "interest"),
    ("COUPON", "interest"),
    ("FEE", "fee"),
    ("COMMISSION", "fee"),
    ("TRANSFER", "transfer"),
    ("DEPOSIT", "deposit"),
    ("WITHDRAWAL", "withdrawal"),
    ("DISBURSEMENT", "withdrawal"),
    ("RECEIPT", "deposit"),
)
_IDS: Final = ("transactionId", "transactionID", "tradeID", "id")
# What six decimals of a cumulative return leave open, as a fraction of the account's value; twice, for two of them.
_ROUNDING: Final = Decimal("0.000002")
_CENT: Final = Decimal("0.01")


def cash_rows(content: object, account: str) -> tuple[tuple[CashRow, ...], tuple[StrangeRow, ...]]:
    """Parses the answer of `/pa/transactions`; trades are left out, and what is no row is told.

    Rows that are alike are told apart by their number; a row keeps its id however often the list is read.
    """
    listed = wire.mapping(content, "transactions").get("transactions")
    if not isinstance(listed, list):
        raise Malformed("transactions: there is no list of them")
    found: list[CashRow] = []
    strange: list[StrangeRow] = []
    alike: Counter[str] = Counter()
    for each in listed:
        try:
            row = wire.mapping(each, "transactions")
            wire.same_account(row, "acctid", expected=account)
            word = wire.text(row, "type") or ""
            if word.upper() not in _TRADES:
                found.append(_row(row, word, alike))
        except Malformed as error:
            strange.append(StrangeRow(what="transaction", conid=None, symbol=None, reason=wire.masked(str(error))))
    return tuple(found), tuple(strange)


def _row(row: wire.Row, word: str, alike: Counter[str]) -> CashRow:
    day, amount, currency = _day(row), wire.required_number(row, "amt"), wire.currency(row, "cur")
    told = RowReader().read("conid", partial(wire.conid, row.get("conid")))
    conid = told if told else None
    rate = RowReader().read("fxRate", partial(wire.optional_number, row, "fxRate"))
    description = (RowReader().text(row, "desc") or word)[:200]
    content = "|".join((f"{day}", word, f"{amount.normalize():f}", currency, f"{conid or ''}", description))
    alike[content] += 1
    key = wire.identity(row, *_IDS)
    if key is None:
        key = f"{hashlib.sha256(content.encode()).hexdigest()[:20]}-{alike[content]}"
    return CashRow(
        id=key,
        date=day,
        kind=kind_of(word, amount),
        amount=amount,
        currency=currency,
        description=description,
        conid=conid,
        exchange_rate=rate,
        source="transactions",
    )


def kind_of(word: str, amount: Decimal) -> CashKind:
    """Of a row, by its type; a word that says both ways goes by the sign."""
    upper = word.upper()
    kind: CashKind = next((kind for part, kind in _KINDS if part in upper), "other")
    if kind in ("deposit", "withdrawal"):
        return "deposit" if amount > 0 else "withdrawal"
    return kind


def _day(row: wire.Row) -> date:
    """`rawDate` where it is there; the documentation has a date in words and one in milliseconds."""
    raw = wire.identity(row, "rawDate")
    if raw is not None and re.fullmatch(r"\d{8}", raw, re.ASCII):
        return _parsed(raw, "%Y%m%d")
    told = row.get("date")
    words = re.fullmatch(r"\w{3} (\w{3} \d{1,2}) [\d:]{8} \S+ (\d{4})", told) if isinstance(told, str) else None
    if words is not None:
        return _parsed(f"{words[1]} {words[2]}", "%b %d %Y")
    return wire.instant(told).date()


def _parsed(text: str, form: str) -> date:
    try:
        return datetime.strptime(text, form).date()  # noqa: DTZ007 (a day, no moment)
    except ValueError as error:
        raise Malformed(f"not a date: {text!r}") from error


def implied_flows(history: NavHistory) -> Iterator[CashRow]:
    """Deposits and withdrawals as the broker's own time-weighted returns imply them, with what rounding leaves open."""
    if history.currency is None:
        return
    for before, point in pairwise(history.points):
        if before.cumulative is None or point.cumulative is None or before.cumulative <= -1:
            continue
        grown = before.nav * (1 + point.cumulative) / (1 + before.cumulative)
        amount = (point.nav - grown).quantize(_CENT)
        margin = (_ROUNDING * point.nav).quantize(_CENT) + _CENT
        if abs(amount) > 5 * margin:
            yield CashRow(
                id=f"performance-{point.date:%Y%m%d}",
                date=point.date,
                kind="deposit" if amount > 0 else "withdrawal",
                amount=amount,
                currency=history.currency,
                description="by the broker's own performance",
                margin=margin,
                source="performance",
            )
