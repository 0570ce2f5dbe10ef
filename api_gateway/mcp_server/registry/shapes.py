"""Checks of the gateway's answers: what must be there is there and reads as what it is, or the answer is Malformed.

What a check does not name is handed on as it came. Nothing is filled in.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Malformed

Check = Callable[[object, str], object]
"""Takes a value and what it is called in messages; gives what is handed out."""

_NONE: Final[Mapping[str, Check]] = MappingProxyType({})


def _named(read: Callable[[object], Decimal | int], value: object, what: str) -> Decimal | int:
    """The value, or the reason why there is none with what it was for."""
    try:
        return read(value)
    except Malformed as error:
        raise Malformed(f"{what}: {error}") from error


def unchanged(value: object, what: str) -> object:
    return value


def number(value: object, what: str) -> Decimal:
    return Decimal(_named(wire.number, value, what))


def whole(value: object, what: str) -> int:
    return int(_named(wire.whole, value, what))


def conid(value: object, what: str) -> int:
    return int(_named(wire.conid, value, what))


def money(value: object, what: str) -> object:
    """`"994,831 USD"` as amount and currency; other text, such as `"Unlimited"`, stays text."""
    if not isinstance(value, str):
        return number(value, what)
    try:
        found = wire.money(value)
    except Malformed:
        return value
    return None if found is None else {"amount": found.amount, "currency": found.currency}


def words(value: object, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Malformed(f"{what}: not a text")
    return value


def name(value: object, what: str) -> str:
    """An id that the gateway writes as a number or as text, as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return words(value, what)


def truth(value: object, what: str) -> bool:
    if not isinstance(value, bool):
        raise Malformed(f"{what}: not true or false")
    return value


def done(value: object, what: str) -> bool:
    """A success that the gateway must confirm."""
    if value is not True:
        raise Malformed(f"{what}: the gateway did not confirm it")
    return True


def moment(value: object, what: str) -> datetime:
    return wire.instant(value)


def side(value: object, what: str) -> str:
    return wire.side(words(value, what))


def each(check: Check) -> Check:
    """A list, every entry of it checked."""

    def checked(value: object, what: str) -> object:
        if not isinstance(value, list):
            raise Malformed(f"{what}: expected a list, found {type(value).__name__}")
        return [check(row, what) for row in value]

    return checked


def keyed(check: Check) -> Check:
    """An object whose keys are data: symbols, currencies, accounts."""

    def checked(value: object, what: str) -> object:
        return {key: check(row, f"{what} {key}") for key, row in wire.mapping(value, what).items()}

    return checked


def record(required: Mapping[str, Check], optional: Mapping[str, Check] = _NONE, *, only: bool = False) -> Check:
    """An object. Optional keys may be absent, null or blank, and are then None; `only` drops what is not named."""

    def checked(value: object, what: str) -> object:
        row = wire.mapping(value, what)
        found = {} if only else dict(row)
        for key, check in required.items():
            if row.get(key) is None:
                raise Malformed(f"{what}: {key} is missing")
            found[key] = check(row[key], f"{what} {key}")
        for key, check in optional.items():
            if key in row:
                found[key] = None if row[key] is None or row[key] == "" else check(row[key], f"{what} {key}")
        return found

    return checked


def inside(key: str, check: Check) -> Check:
    """The value of one key of an object, and nothing else of it."""

    def checked(value: object, what: str) -> object:
        row = wire.mapping(value, what)
        if key not in row:
            raise Malformed(f"{what}: {key} is missing")
        return check(row[key], what)

    return checked


def some(check: Check) -> Check:
    """A list or an object with something in it: an empty answer is no data."""

    def checked(value: object, what: str) -> object:
        found = check(value, what)
        if not found:
            raise Malformed(f"{what}: the gateway answered with nothing in it")
        return found

    return checked


def jsonable(value: object) -> object:
    """Decimals as text in plain notation, times as ISO 8601, all else as JSON has it. Raises: Malformed."""
    if isinstance(value, Decimal):
        # Read again: one short number that nothing has checked can stand for a million digits.
        return format(wire.number(value), "f")
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(key): jsonable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(each) for each in value]
    return value
