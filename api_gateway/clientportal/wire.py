"""Decodes what the gateway sends: one number has many spellings and one failure has many envelopes.

Nothing here gives a default: an unreadable value raises Malformed, an absent one is None and is told apart from zero.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final, NoReturn

from api_gateway.clientportal.errors import Malformed

_NUMBER: Final = re.compile(r"([+-]?)((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?([KMB]?)", re.ASCII)
_MONEY: Final = re.compile(r"(?P<amount>[^\s]+)(?:\s+(?P<currency>[A-Z]{3}))?(?:\s+\(.*\))?")
_SCALE: Final = {"": Decimal(1), "K": Decimal(1_000), "M": Decimal(1_000_000), "B": Decimal(1_000_000_000)}
# Largest second-based epoch still read as seconds: the year 5138. Milliseconds pass it from 1973 on.
_LAST_SECOND: Final = 100_000_000_000


@dataclass(frozen=True)
class Money:
    amount: Decimal
    currency: str | None


def decode(body: bytes) -> object:
    """JSON with exact decimals. Raises: Malformed for truncated text, HTML, NaN or bytes that are not UTF-8."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the gateway's answer is not JSON: {snippet(body)}") from error


def snippet(body: bytes) -> str:
    """The answer's beginning on one line, tags removed, for messages."""
    text = re.sub(r"<[^>]*>", " ", body[:400].decode("utf-8", "replace"))
    return masked(" ".join(text.split())[:160]) or "empty answer"


def masked(message: str) -> str:
    """The message without whole account ids."""
    return re.sub(r"\b(DU|DF|U|F|I)\d{4,9}\b", r"\1***", message)


def mapping(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Malformed(f"{what}: expected an object, found {type(value).__name__}")
    return value


def rows(value: object, what: str) -> list[Mapping[str, object]]:
    if not isinstance(value, list):
        raise Malformed(f"{what}: expected a list, found {type(value).__name__}")
    return [mapping(row, what) for row in value]


def text(row: Mapping[str, object], *keys: str) -> str | None:
    """First non-blank value among `keys` as text; None when all are absent, null or blank."""
    for key in keys:
        value = row.get(key)
        if isinstance(value, str | int | Decimal) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return None


def required_text(row: Mapping[str, object], *keys: str) -> str:
    found = text(row, *keys)
    if found is None:
        raise Malformed(f"{keys[0]} is missing")
    return found


def flag(row: Mapping[str, object], key: str) -> bool:
    value = row.get(key)
    if not isinstance(value, bool):
        raise Malformed(f"{key} is not true or false")
    return value


def number(value: object) -> Decimal:
    """`1300`, `"1,300"`, `"12.5K"`, `"1.2M"`, `1.0E7` as an exact decimal without exponent."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise Malformed(f"not a number: {value!r}")
    if isinstance(value, int):
        return Decimal(value)
    try:
        return _plain(_from_text(value) if isinstance(value, str) else value)
    except InvalidOperation as error:
        raise Malformed(f"not a number: {value!r}") from error


def optional_number(row: Mapping[str, object], *keys: str) -> Decimal | None:
    """First present value among `keys`; None when all are absent, null or blank."""
    for key in keys:
        value = row.get(key)
        if value is not None and not (isinstance(value, str) and not value.strip()):
            return number(value)
    return None


def required_number(row: Mapping[str, object], *keys: str) -> Decimal:
    found = optional_number(row, *keys)
    if found is None:
        raise Malformed(f"{keys[0]} is missing")
    return found


def percent(value: str) -> Decimal:
    """`"0.54%"` as the fraction 0.0054."""
    if not value.strip().endswith("%"):
        raise Malformed(f"not a percentage: {value!r}")
    return _plain(number(value.strip()[:-1]) / 100)


def money(value: object) -> Money | None:
    """`"994,831 USD"` or `"1,977.60 USD (10 Shares)"`; None for absent or blank."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str):
        return Money(number(value), None)
    match = _MONEY.fullmatch(value.strip())
    if match is None:
        raise Malformed(f"not an amount: {value!r}")
    return Money(number(match["amount"]), match["currency"])


def marked_price(value: object) -> tuple[str, Decimal]:
    """A last price and its marker: `"C168.42"` is a previous close, `"H12.3"` a halted name, `""` an ordinary trade."""
    if isinstance(value, str) and value[:1] in ("C", "H"):
        return value[0], number(value[1:])
    return "", number(value)


def conid(value: object) -> int:
    """Contract id, which the gateway writes as a number or as text."""
    found = number(value)
    if found != found.to_integral_value() or found <= 0:
        raise Malformed(f"not a contract id: {value!r}")
    return int(found)


def instant(value: object) -> datetime:
    """Epoch seconds or milliseconds as aware UTC."""
    found = number(value)
    if found <= 0:
        raise Malformed(f"not a time: {value!r}")
    seconds = found / 1000 if found > _LAST_SECOND else found
    try:
        return datetime.fromtimestamp(float(seconds), UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise Malformed(f"not a time: {value!r}") from error


def side(value: str) -> str:
    """BUY or SELL out of `BUY`, `B`, `BOT`, `SELL`, `S`, `SLD`."""
    upper = value.upper()
    if upper in ("BUY", "B", "BOT"):
        return "BUY"
    if upper in ("SELL", "S", "SLD"):
        return "SELL"
    raise Malformed(f"not a side: {value!r}")


def _from_text(value: str) -> Decimal:
    match = _NUMBER.fullmatch(value.strip())
    if match is None:
        raise Malformed(f"not a number: {value!r}")
    sign, digits, exponent, suffix = match.groups()
    return Decimal(f"{sign}{digits.replace(',', '')}{exponent or ''}") * _SCALE[suffix]


def _plain(value: Decimal) -> Decimal:
    if not value.is_finite():
        raise Malformed(f"not a finite number: {value}")
    exponent = value.as_tuple().exponent
    return value.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
