"""Decodes what the gateway sends: one number has many spellings and one failure has many envelopes.

Nothing here gives a default: an unreadable value raises Malformed, an absent one is None and is told apart from zero.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, NoReturn, TypeVar

from api_gateway.clientportal.errors import Malformed

_DIGITS: Final = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+"
_NUMBER: Final = re.compile(rf"([+-]?)({_DIGITS})(?:([eE][+-]?\d{{1,3}})|([KMB]))?", re.ASCII)
_PLAIN: Final = re.compile(rf"[+-]?(?:{_DIGITS})(?:[eE][+-]?\d{{1,3}})?", re.ASCII)
_MONEY: Final = re.compile(r"(?P<amount>[^\s]+)(?:\s+(?P<currency>[A-Z]{3}))?(?:\s+\(.*\))?")
_SCALE: Final = {None: Decimal(1), "K": Decimal(1_000), "M": Decimal(1_000_000), "B": Decimal(1_000_000_000)}
# No price, quantity or amount is as large, and arithmetic keeps as many digits exactly.
_LARGEST: Final = Decimal(10) ** 18
_MOST_DIGITS: Final = 28
_FINEST_EXPONENT: Final = -28
_CONID: Final = re.compile(r"[1-9]\d{0,11}", re.ASCII)
# What follows the contract id of a combination; other programs write one semicolon less or more.
_COMBINATION: Final = re.compile(r";.*/")
_LEG: Final = re.compile(r"([1-9]\d{0,11})(?:@[A-Z0-9.]+)?/([+-]?\d{1,6})", re.ASCII)
_ACCOUNT: Final = re.compile(r"[A-Z]{1,3}\d{4,10}[A-Z]?", re.ASCII)
# Times before 1980 or after 2199 are none. Seconds and milliseconds of the years between do not overlap.
_SECONDS: Final = (315_532_800, 7_258_118_400)
_COMPACT_TIMES: Final = (
    re.compile(r"(\d{4})(\d\d)(\d\d)-(\d\d):(\d\d):(\d\d)", re.ASCII),
    re.compile(r"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", re.ASCII),
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Row = Mapping[str, object]
Found = TypeVar("Found")


@dataclass(frozen=True)
class Money:
    amount: Decimal
    currency: str | None


def decode(body: bytes) -> object:
    """JSON with exact decimals.

    Raises: Malformed for truncated text, HTML, NaN, two values under one key, and bytes that are not Unicode.
    """
    try:
        return json.loads(
            body, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_object_of_pairs
        )
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the gateway's answer is not JSON: {snippet(body)}") from error


def snippet(body: bytes) -> str:
    """The answer's beginning on one line, tags removed, for messages."""
    text = re.sub(r"<[^>]*>", " ", body[:400].decode("utf-8", "replace"))
    return masked(" ".join(text.split())[:160]) or "empty answer"


def masked(message: str) -> str:
    """The message without whole account ids."""
    return re.sub(r"\b(D?[UFI][A-Z]?)\d{4,10}[A-Z]?\b", r"\1***", message)


def mapping(value: object, what: str) -> Row:
    if not isinstance(value, dict):
        raise Malformed(f"{what}: expected an object, found {type(value).__name__}")
    return value


def rows(value: object, what: str) -> list[Row]:
    if not isinstance(value, list):
        raise Malformed(f"{what}: expected a list, found {type(value).__name__}")
    return [mapping(row, what) for row in value]


def text(row: Row, *keys: str) -> str | None:
    """First non-blank text among `keys`; None when all are absent, null or blank. Raises: Malformed for a number."""
    for key in keys:
        value = row.get(key)
        if value is not None and not isinstance(value, str):
            raise Malformed(f"{key} is not text")
        if value is not None and value.strip():
            return value.strip()
    return None


def required_text(row: Row, *keys: str) -> str:
    return _present(text(row, *keys), keys)


def identity(row: Row, *keys: str) -> str | None:
    """First id among `keys`, which the gateway writes as a number or as text; None when there is none."""
    for key in keys:
        value = row.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if value is not None and text(row, key) is not None:
            return text(row, key)
    return None


def order_id(row: Row, key: str) -> str:
    """Digits, behind a minus for an order that is none."""
    found = _present(identity(row, key), (key,))
    if re.fullmatch(r"-?\d{1,18}", found, re.ASCII) is None:
        raise Malformed(f"{key} is not an order's id")
    return found


def currency(row: Row, key: str) -> str:
    """Three capital letters."""
    found = required_text(row, key)
    if re.fullmatch(r"[A-Z]{3}", found, re.ASCII) is None:
        raise Malformed(f"{key} is not a currency")
    return found


def account(value: object) -> str:
    """An account id, fit to stand in a path."""
    if not isinstance(value, str) or _ACCOUNT.fullmatch(value) is None:
        raise Malformed("not an account id")
    return value


def same_account(row: Row, *keys: str, expected: str) -> None:
    """Raises: Malformed when the row says that it is another account's. A row that names none passes."""
    if identity(row, *keys) not in (expected, None):
        raise Malformed("the answer is another account's")


def flag(row: Row, key: str) -> bool:
    value = row.get(key)
    if not isinstance(value, bool):
        raise Malformed(f"{key} is not true or false")
    return value


def number(value: object) -> Decimal:
    """`1300`, `"1,300"`, `"12.5K"`, `"1.2M"`, `1.0E7` as an exact decimal without exponent."""
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value.strip())
        if match is None:
            raise Malformed(f"not a number: {value[:40]!r}")
        sign, digits, exponent, suffix = match.groups()
        return _plain(Decimal(f"{sign}{digits.replace(',', '')}{exponent or ''}"), _SCALE[suffix])
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Malformed(f"not a number: {type(value).__name__}")
    return _plain(Decimal(value))


def plain(value: object) -> Decimal:
    """A number that is not in thousands or millions, as no price is."""
    if isinstance(value, str) and _PLAIN.fullmatch(value.strip()) is None:
        raise Malformed(f"not a price: {value[:40]!r}")
    return number(value)


def price(value: object) -> Decimal:
    """A plain number above zero."""
    found = plain(value)
    if found <= 0:
        raise Malformed(f"not a price: {found}")
    return found


def whole(value: object) -> int:
    found = number(value)
    if found != found.to_integral_value():
        raise Malformed(f"not a whole number: {found}")
    return int(found)


def optional_number(row: Row, *keys: str) -> Decimal | None:
    """First present value among `keys`; None when all are absent, null or blank."""
    for key in keys:
        value = row.get(key)
        if value is not None and not (isinstance(value, str) and not value.strip()):
            return number(value)
    return None


def named_number(row: Row, key: str) -> Decimal | None:
    """As `optional_number`. Raises: Malformed with the field's name, for messages about one row among many."""
    try:
        return optional_number(row, key)
    except Malformed as error:
        raise Malformed(f"{key}: {error}") from None


def required_number(row: Row, *keys: str) -> Decimal:
    return _present(optional_number(row, *keys), keys)


def percent(value: str) -> Decimal:
    """`"0.54%"` as the fraction 0.0054."""
    digits = value.strip().removesuffix("%")
    if digits == value.strip() or _PLAIN.fullmatch(digits) is None:
        raise Malformed(f"not a percentage: {value[:40]!r}")
    return _plain(number(digits).scaleb(-2))


def money(value: object) -> Money | None:
    """`"994,831 USD"` or `"1,977.60 USD (10 Shares)"`; None for absent or blank."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str):
        return Money(number(value), None)
    match = _MONEY.fullmatch(value.strip())
    if match is None:
        raise Malformed(f"not an amount: {value[:40]!r}")
    return Money(number(match["amount"]), match["currency"])


def marked_price(value: object) -> tuple[str, Decimal]:
    """A last price and its marker: `"C168.42"` is a previous close, `"H12.3"` a halted name, `""` an ordinary trade."""
    if isinstance(value, str) and value[:1] in ("C", "H"):
        return value[0], plain(value[1:])
    return "", plain(value)


def conid(value: object) -> int:
    """Contract id, which the gateway writes as a number or as text."""
    written = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(written, Decimal) and written.is_finite() and written == written.to_integral_value():
        written = f"{written:.0f}"
    if not isinstance(written, str) or _CONID.fullmatch(written) is None:
        raise Malformed("not a contract id")
    return int(written)


def contract(row: Row) -> int:
    """The row's contract id, a combination's own where it has legs. Raises: Malformed where two spellings differ."""
    extended = identity(row, "conidEx", "conidex")
    head = extended.partition(";")[0].partition("@")[0] if extended is not None else None
    # Rows that have the longer spelling alone leave the other out, or write 0 or -1.
    if head and _COMBINATION.search(extended or "") and row.get("conid") in (None, "", 0, -1, "0", "-1"):
        return conid(head)
    found = conid(row.get("conid"))
    if head and conid(head) != found:
        raise Malformed("conidex: a row with two contract ids")
    return found


def legs(row: Row) -> tuple[tuple[int, int], ...]:
    """Conid and signed ratio of each leg of a combination; none for a single contract, or where one is unreadable."""
    extended = identity(row, "conidEx", "conidex")
    if extended is None or _COMBINATION.search(extended) is None:
        return ()
    parts = [_LEG.fullmatch(part.strip()) for part in extended.rpartition(";")[2].split(",")]
    found = [(int(part[1]), int(part[2])) for part in parts if part is not None and int(part[2])]
    return tuple(found) if len(found) == len(parts) else ()


def instant(value: object) -> datetime:
    """Epoch seconds or milliseconds as aware UTC."""
    if isinstance(value, str) and not value.isdecimal():
        raise Malformed(f"not a time: {value[:40]!r}")
    found = number(value)
    first, last = _SECONDS
    if first <= found < last:
        return _EPOCH + timedelta(microseconds=int(found * 1_000_000))
    if first * 1_000 <= found < last * 1_000:
        return _EPOCH + timedelta(microseconds=int(found * 1_000))
    raise Malformed(f"not a time: {found}")


def compact_time(value: str) -> datetime:
    """`"20260709-17:28:31"` or `"260709172831"`, both UTC."""
    for pattern in _COMPACT_TIMES:
        match = pattern.fullmatch(value.strip())
        if match is not None:
            year, month, day, hour, minute, second = (int(part) for part in match.groups())
            century = 2_000 if year < 100 else 0
            try:
                return datetime(century + year, month, day, hour, minute, second, tzinfo=UTC)
            except ValueError as error:
                raise Malformed(f"not a time: {value!r}") from error
    raise Malformed(f"not a time: {value[:40]!r}")


def side(value: str) -> str:
    """BUY or SELL out of `BUY`, `B`, `BOT`, `BOUGHT`, `SELL`, `S`, `SLD`, `SOLD`, `SSHORT`."""
    upper = value.upper()
    if upper in ("BUY", "B", "BOT", "BOUGHT"):
        return "BUY"
    if upper in ("SELL", "S", "SLD", "SOLD", "SSHORT"):
        return "SELL"
    if upper == "X":
        raise Malformed("side: X, the exercise, assignment or expiration of an option")
    raise Malformed(f"side: not a side: {value[:40]!r}")


def _plain(value: Decimal, scale: Decimal = Decimal(1)) -> Decimal:
    """The product without an exponent. Raises: Malformed for what is not finite, too large or too long to be exact."""
    if not value.is_finite():
        raise Malformed(f"not a finite number: {value}")
    _, digits, exponent = value.as_tuple()
    if len(digits) > _MOST_DIGITS or abs(value) >= _LARGEST or not _FINEST_EXPONENT <= int(exponent) <= _MOST_DIGITS:
        raise Malformed("a number larger or longer than any that is meant")
    product = value * scale
    if abs(product) >= _LARGEST:
        raise Malformed("a number larger than any that is meant")
    exponent = product.as_tuple().exponent
    return product.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else product


def _present(value: Found | None, keys: tuple[str, ...]) -> Found:
    if value is None:
        raise Malformed(f"{keys[0]} is missing")
    return value


def _object_of_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs) and any(found[key] != value for key, value in pairs):
        raise ValueError("two values under one key")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
