"""The policy's answers to the broker's questions, given in advance: a list of ids, or each id with its bound.

`[o163, o354]` and `{o163: collar, o354: delayed, o451: 50000}` say the same of o163 and o354. A size or a value needs
its maximum; nothing that is not documented can be answered.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator

from app.domain.questions import DOCUMENTED, Bound, nearest

# The words that a file may write behind an id whose bound is another field.
WORDS: Mapping[Bound, str] = {Bound.COLLAR: "collar", Bound.DELAYED: "delayed", Bound.TICKET: "ticket"}


def _as_answers(value: object) -> dict[str, Decimal | None]:
    found: dict[str, Decimal | None] = {}
    for message_id, bound in _pairs(value):
        if message_id in found:
            raise ValueError(f"{message_id} is listed twice")
        found[message_id] = _bound(message_id, bound)
    return found


def _pairs(value: object) -> Iterator[tuple[str, object]]:
    match value:
        case Mapping():
            yield from ((str(name), bound) for name, bound in value.items())
        case list() | tuple():
            for item in value:
                yield from _pairs(item) if isinstance(item, Mapping) else ((str(item), None),)
        case _:
            raise ValueError(f"{value!r} is neither a list of question ids nor ids with a bound each; [] for none")


def _bound(message_id: str, bound: object) -> Decimal | None:
    known = DOCUMENTED.get(message_id)
    if known is None:
        near = nearest(message_id)
        hint = f"; did you mean {near}?" if near else ""
        raise ValueError(
            f"{message_id} is not a question that the broker documents{hint} `portfolio questions` lists them"
        )
    if known.bound is None:
        raise ValueError(f"{message_id} cannot be confirmed in advance: {known.meaning}")
    if known.bound.has_maximum:
        return _maximum(known.bound, message_id, bound)
    word = WORDS[known.bound]
    if bound not in (None, word):
        raise ValueError(f"{message_id}: {bound!r} is no bound for it; write `{message_id}: {word}`, {known.bound}")
    return None


def _maximum(kind: Bound, message_id: str, bound: object) -> Decimal:
    unit = "shares" if kind is Bound.QUANTITY else "base currency"
    number = isinstance(bound, int | float | Decimal) and not isinstance(bound, bool)
    most = Decimal(str(bound)) if number else Decimal("NaN")
    if not (most.is_finite() and 0 < most < Decimal("1e12")):
        raise ValueError(f"{message_id} needs the most it is confirmed for in {unit}, like `{message_id}: 5000`")
    return most.normalize() + Decimal(0)


Answers = Annotated[dict[str, Decimal | None], BeforeValidator(_as_answers)]
"""Id → the most it is confirmed for, None where another field is the bound."""
