"""What was kept against what is found again: equal, or the first field that differs.

Numbers with a fraction need to agree in twelve digits, as another version of numpy may sum in another order; all else
exactly.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

DIGITS = 1e-12
# Shares and returns are of the order of one: below this a number is what rounding left of zero.
NOTHING = 1e-15
_ABSENT = "nothing"


@dataclass(frozen=True, slots=True)
class Difference:
    """The path of a field, and both its values as JSON."""

    path: str
    kept: object
    again: object


def first_difference(kept: object, again: object, path: str = "") -> Difference | None:
    """In the order of the fields' names; None where there is none."""
    return next(_differences(kept, again, path), None)


def _differences(kept: object, again: object, path: str) -> Iterator[Difference]:
    if isinstance(kept, dict) and isinstance(again, dict):
        for name in sorted(kept.keys() | again.keys()):
            yield from _differences(
                kept.get(name, _ABSENT), again.get(name, _ABSENT), f"{path}.{name}" if path else name
            )
    elif isinstance(kept, list) and isinstance(again, list):
        for at, (one, other) in enumerate(zip(kept, again, strict=False)):
            yield from _differences(one, other, f"{path}.{at}")
        if len(kept) != len(again):
            yield Difference(f"{path}.length", len(kept), len(again))
    elif not _same(kept, again):
        yield Difference(path, kept, again)


def _same(kept: object, again: object) -> bool:
    if type(kept) is float and type(again) is float:
        return math.isclose(kept, again, rel_tol=DIGITS, abs_tol=NOTHING)
    return type(kept) is type(again) and kept == again
