"""One text for one value, so that a hash taken today can be taken again in five years.

Never rounds, never guesses: what has no exact JSON form is refused.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, cast

from app.domain.errors import LedgerError

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
_AS_THEY_ARE = frozenset({str, int, bool, type(None)})


def canonical(value: object) -> str:
    """ASCII JSON with sorted keys and no spaces; LedgerError for NaN, naive times and types without a JSON form."""
    return encoded(_plain(value))


def encoded(plain: object) -> str:
    """`canonical` of what consists of JSON's own types."""
    return _ENCODER.encode(plain)


def digest(text: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def decimal_text(value: Decimal) -> str:
    """Plain notation, the digits as they are; LedgerError unless finite."""
    if not value.is_finite():
        raise LedgerError(f"{value} is not an amount that can be recorded")
    return format(value, "f")


def time_text(at: datetime) -> str:
    """ISO 8601 in UTC with microseconds, so that text order is time order; LedgerError for a naive time."""
    if at.tzinfo is None:
        raise LedgerError(f"{at.isoformat()} has no time zone and cannot be recorded")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _plain(value: object) -> object:
    # Nearly all of a report is of these types, and a report has thousands of values.
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is dict:
        return _mapping(cast(dict[object, object], value))
    if kind is list:
        return [item if type(item) in _AS_THEY_ARE else _plain(item) for item in cast(list[object], value)]
    if kind is float:
        return _finite(cast(float, value))
    return _plain_of_any_type(value)


def _mapping(value: Mapping[Any, object]) -> dict[str, object]:
    return {
        key if type(key) is str else _key(key): item if type(item) in _AS_THEY_ARE else _plain(item)
        for key, item in value.items()
    }


def _plain_of_any_type(value: object) -> object:
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return _scalar(value)


def _scalar(value: object) -> float | str:
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, date):
        return value.isoformat()
    raise LedgerError(f"a {type(value).__name__} has no canonical JSON form: {value!r}")


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise LedgerError(f"{value} cannot be recorded: a number that is not known is None")
    return float(value)


def _key(key: object) -> str:
    if isinstance(key, Enum):
        return _key(key.value)
    if not isinstance(key, str):
        raise LedgerError(f"the key {key!r} is not text: JSON would change it")
    return key
