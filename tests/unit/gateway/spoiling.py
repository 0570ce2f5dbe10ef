"""What may stand in the place of every value of a document, and which numbers a document or an outcome holds."""

import copy
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Malformed

Path = tuple[str | int, ...]
POISON: Final = (("an object", {"amount": {"x": [1]}}), ("an unknown value", "ZZZ"))
"""Where both of these in a value's place change nothing, nobody reads it."""


def others(value: object) -> Iterator[tuple[str, object]]:
    """What else may stand in a value's place, by kind."""
    yield from (("null", None), ("an empty text", ""), ("an empty list", []))
    match value:
        case bool():
            yield from (("a text for a flag", "true"), ("a number for a flag", 1))
        case int() | float():
            yield from (("the number as text", str(value)), ("words", "n/a"), ("a flag", True), ("too large", 1e30))
        case str():
            yield from (("a number for a text", 7), ("a list of it", [value]))
        case list():
            yield from (("rows that are none", [None, 7, "x", {}]), ("a number for a list", 7))
            for row in (None, 7, {}, *value[:1]):
                yield f"with {str(row)[:20]} as a row more", [*value, row]
        case dict():
            yield from (("an empty object", {}), ("with a key more", {**value, "zzLater": {"x": [1]}}))


def places(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every value of a document, with the way to it."""
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*path, number))


def put(document: Any, path: Path, value: object) -> Any:  # noqa: ANN401 any JSON
    if not path:
        return value
    spoilt = copy.copy(document)
    spoilt[path[0]] = put(document[path[0]], path[1:], value)
    return spoilt


def drop(document: Any, path: Path) -> Any:  # noqa: ANN401 any JSON
    spoilt = copy.copy(document)
    if len(path) == 1:
        del spoilt[path[0]]
    else:
        spoilt[path[0]] = drop(document[path[0]], path[1:])
    return spoilt


def numbers(value: object) -> Iterator[Decimal]:
    """Every number in an outcome or in a document, also those that stand as text."""
    if isinstance(value, BaseModel):
        value = dict(value)
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, str):
        yield from _written(value)
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        yield Decimal(str(value)).normalize()


def _written(text: str) -> Iterator[Decimal]:
    """A price, also behind a marker, and an amount with its currency."""
    for each in (text, text[1:]):
        try:
            found = wire.money(each)
        except Malformed:
            continue
        if found is not None:
            yield found.amount.normalize()
