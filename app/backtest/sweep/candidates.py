"""The policies of a sweep: one policy with other values in a few of its fields."""

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from math import prod
from typing import Any

import numpy as np

from app.domain.errors import PolicyError, UsageError
from app.domain.policy import Policy
from app.domain.policy.problems import all_fields
from app.domain.spelling import nearest, shortened
from app.settings import plain_value, policy_of

# More than anybody waits for; `--random` draws from more.
MOST = 100_000
_RANGE = re.compile(r"(?P<low>-?[0-9.]+)\.\.(?P<high>-?[0-9.]+)/(?P<step>[0-9.]+)")
_ITEM = re.compile(r"\[[^\]]*\]|[^,]+")

Point = Mapping[str, object]
"""Path of a field in the file → its value there."""


@dataclass(frozen=True, slots=True)
class Varied:
    """One field and the values it is given."""

    field: str
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy to be tried. `values`: what its file would say; `point`: where in the grid it is, if it is there."""

    point: Point
    policy: Policy
    values: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Invalid:
    """A combination that makes no policy, and why."""

    point: Point
    why: str


@dataclass(frozen=True, slots=True)
class Candidates:
    """The base comes first; `repeated`: combinations that make a policy that is there already."""

    valid: tuple[Candidate, ...]
    invalid: tuple[Invalid, ...]
    repeated: int

    @property
    def base(self) -> Candidate:
        """What is varied."""
        return self.valid[0]


def varied(text: str) -> Varied:
    """`FIELD=A..B/STEP` or `FIELD=A,B,C`, values as the policy file writes them. Raises: UsageError."""
    path, equals, values = text.partition("=")
    if not equals or not values.strip():
        raise UsageError(f"--vary {shortened(text)} names no values", "Write FIELD=A..B/STEP or FIELD=A,B,C")
    _require_field(path.strip())
    found = _RANGE.fullmatch(values.strip())
    made = tuple(_steps(text, found) if found else (plain_value(one.strip()) for one in _ITEM.findall(values)))
    if len(set(map(repr, made))) < len(made):
        raise UsageError(f"--vary {shortened(text)} has a value twice", "Leave one out")
    return Varied(path.strip(), made)


def candidates(base: Mapping[str, Any], fields: Sequence[Varied], random: int | None, seed: int) -> Candidates:
    """Every combination, or `random` of them drawn without repetition, in the order of the grid.

    Raises: UsageError; PolicyError where the base itself is no policy.
    """
    names = [one.field for one in fields]
    if len(set(names)) < len(names):
        raise UsageError("--vary names a field twice", "Put all its values into one")
    valid = {(first := Candidate({}, policy_of(base, "the policy")[0], base)).policy.hash: first}
    invalid, repeated = [], 0
    for number in _drawn(prod(len(one.values) for one in fields), random, seed):
        point = _point(fields, number)
        values = _with(base, point)
        try:
            policy, _ = policy_of(values, told(point))
        except PolicyError as error:
            invalid.append(Invalid(point, error.cause))
            continue
        repeated += policy.hash in valid
        if policy.hash not in valid or not valid[policy.hash].point:
            # The base, too, has its place in the grid.
            valid[policy.hash] = Candidate(point, policy, values)
    return Candidates(tuple(valid.values()), tuple(invalid), repeated)


def told(point: Point) -> str:
    """In one line, as `--vary` has it."""
    return ", ".join(f"{path}={shown(value)}" for path, value in point.items()) or "outside of the grid"


def shown(value: object) -> str:
    """As the policy file writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _require_field(path: str) -> None:
    known = tuple(all_fields())
    plain = ".".join(part for part in path.split(".") if not part.isdigit())
    if plain in known or plain.rpartition(".")[0] in known:
        return
    same = [one for one in known if one.rpartition(".")[2] == plain.rpartition(".")[2]]
    near = same[0] if same else nearest(plain, known)
    raise UsageError(
        f"a policy has no field {shortened(path)}", f"Did you mean {near}?" if near else "docs/policy.md lists them"
    )


def _steps(text: str, found: re.Match[str]) -> Iterator[int | float]:
    try:
        low, high, step = (Decimal(found[name]) for name in ("low", "high", "step"))
    except InvalidOperation:
        raise UsageError(f"--vary {shortened(text)} is no range", "Write FIELD=A..B/STEP, as in 5..25/5") from None
    if step == 0 or high < low:
        raise UsageError(f"--vary {shortened(text)} has no values", "A range rises by a step above zero: 5..25/5")
    count = int((high - low) / step) + 1
    if count > MOST:
        raise UsageError(f"--vary {shortened(text)} has {count} values", f"Take a larger step: {MOST} are the most")
    whole = not any("." in found[name] for name in ("low", "high", "step"))
    yield from (int(low + n * step) if whole else float(low + n * step) for n in range(count))


def _drawn(total: int, random: int | None, seed: int) -> Sequence[int]:
    """Numbers of combinations, rising."""
    wanted = total if random is None else min(random, total)
    if wanted > MOST:
        raise UsageError(f"these are {wanted} policies", f"{MOST} are the most: draw some of them with --random")
    if wanted == total:
        return range(total)
    draw, drawn = np.random.default_rng(seed), set[int]()
    while len(drawn) < wanted:
        drawn.update(draw.integers(0, total, wanted - len(drawn)).tolist())
    return sorted(drawn)


def _point(fields: Sequence[Varied], number: int) -> Point:
    """The last field varies fastest."""
    chosen: dict[str, object] = {}
    for one in reversed(fields):
        number, position = divmod(number, len(one.values))
        chosen[one.field] = one.values[position]
    return {one.field: chosen[one.field] for one in fields}


def _with(base: Mapping[str, Any], point: Point) -> dict[str, Any]:
    values: dict[str, Any] = deepcopy(dict(base))
    for path, value in point.items():
        *way, last = path.split(".")
        inner: Any = values
        for part in way:
            inner = _item(inner, part, path) if isinstance(inner, list) else inner.setdefault(part, {})
        if isinstance(inner, list):
            _item(inner, last, path)
            inner[int(last)] = value
        else:
            inner[last] = value
    return values


def _item(items: list[Any], part: str, path: str) -> Any:  # noqa: ANN401 - whatever the file has there
    if not part.isdigit() or int(part) >= len(items):
        raise UsageError(f"{path}: the policy has {len(items)} of these", "They are numbered from 0")
    return items[int(part)]
