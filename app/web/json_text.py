"""JSON and text as this service takes them: nothing twice, nothing that is no number, nothing that is no text."""

import json
import math
import re
from collections.abc import Iterator, Sequence

from app.domain.spelling import shortened

Where = tuple[str | int, ...]
MOST_NESTED = 16
# Line breaks and tabs are text; other control characters write over a screen, and NUL ends a text in some databases.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class Unreadable(Exception):
    """The body is not JSON as it is taken here; the message says why."""


def read_json(raw: bytes) -> object:
    """Raises: Unreadable."""
    try:
        value: object = json.loads(
            raw.decode(), object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite
        )
    except UnicodeDecodeError:
        raise Unreadable("the body is not UTF-8") from None
    except RecursionError:
        raise Unreadable(f"the body is nested deeper than {MOST_NESTED}") from None
    except json.JSONDecodeError as error:
        raise Unreadable(f"the body is not JSON: {error.msg} at character {error.pos}") from None
    except ValueError:
        # An integer of thousands of digits.
        raise Unreadable("the body has a number that is too long") from None
    if _is_nested(value, MOST_NESTED):
        raise Unreadable(f"the body is nested deeper than {MOST_NESTED}")
    return value


def text_problem(text: str) -> str | None:
    """Why this cannot be kept as text; None where it can."""
    found = _NO_TEXT.search(text)
    return None if found is None else f"U+{ord(found[0]):04X} is not a character of a text"


def not_blank(text: str) -> str:
    """The text, where it says something. Raises: ValueError."""
    if is_blank(text):
        raise ValueError("it is blank")
    return text


def is_blank(text: str) -> bool:
    """Whether it says nothing that a person could see."""
    return not any(one.isprintable() and not one.isspace() for one in text)


def all_texts(value: object, where: Where = ()) -> Iterator[tuple[Where, str]]:
    """Every text of a JSON value with its place, names included."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield (*where, name), name
            yield from all_texts(inner, (*where, name))
    elif isinstance(value, list):
        for row, inner in enumerate(value):
            yield from all_texts(inner, (*where, row))


def _once(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, value in pairs:
        if name in values:
            raise Unreadable(f"{shortened(name)} is there twice")
        values[name] = value
    return values


def _no_number(text: str) -> object:
    raise Unreadable(f"{text} is not a number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Unreadable(f"{shortened(text)} is beyond every number")
    return number


def _is_nested(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_nested(each, levels - 1) for each in inner)
