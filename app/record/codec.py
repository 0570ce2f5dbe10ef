"""Values as JSON and back, exactly: the form of each follows from its type, and nothing is rounded or guessed.

Amounts keep their digits, numbers their shortest text, instants are UTC. What is None is left out. An instrument is
its conid, looked up in a table that stands beside. Reading is strict, for what is read may come from anybody.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import cache, partial
from operator import attrgetter, index
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, NoReturn, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from app.domain.errors import RecordError
from app.domain.instrument import Instrument
from app.domain.policy.fields import Section
from app.record.canonical import time_text

Value = TypeVar("Value")
Names = Mapping[int, Instrument]
Decode = Callable[[Any, str, Names], Any]

# No exponent of more digits: to write out such a number would fill the memory.
_DECIMAL = re.compile(r"-?[0-9]{1,60}(\.[0-9]{1,60})?(E[+-][0-9]{1,3})?|-?Infinity|-?NaN", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_CLOCK_TIME = re.compile(r"\d\d:\d\d:\d\d(\.\d{6})?", re.ASCII)
_LARGEST = 2**63
_UNUSUAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


@dataclass(frozen=True, slots=True)
class Form:
    """How values of one type are written, and read: `decode` is given the path for its errors."""

    encode: Callable[[Any], Any]
    decode: Decode


def encode(kind: type[Value], value: Value) -> Any:  # noqa: ANN401 - what JSON has
    """JSON-able, for `decode` of the same type."""
    return form(cast(Hashable, kind)).encode(value)


def decode(kind: type[Value], plain: object, path: str, names: Names) -> Value:
    """Raises: RecordError naming the path of what is of the wrong type, unknown or missing."""
    return cast(Value, form(cast(Hashable, kind)).decode(plain, path, names))


def refuse(path: str, what: str) -> NoReturn:
    """Raises RecordError."""
    raise RecordError(f"{path or 'the root'}: {what}")


@cache
def form(kind: Hashable) -> Form:
    """Of a type as a field names it. Raises TypeError for one that has none."""
    if kind in _SCALARS:
        return _SCALARS[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return form(inner[0])
    if origin in (Union, UnionType):
        return _optional(inner)
    if origin is tuple or origin is Sequence:
        return _row(inner[0]) if origin is Sequence or inner[-1] is Ellipsis else _pair(inner)
    if origin in (dict, Mapping):
        return _mapping(*inner)
    if kind is Instrument:
        return Form(lambda value: value.conid, _instrument)
    return _of_class(kind)


def _of_class(kind: object) -> Form:
    if isinstance(kind, type):
        if issubclass(kind, Enum):
            return _choice(kind)
        if issubclass(kind, Section) or dataclasses.is_dataclass(kind):
            record = RecordForm(kind)
            return Form(record.encode, record.decode)
    raise TypeError(f"{kind} has no form")


class RecordForm(Generic[Value]):
    """Of a class, field by field; those `beside` are written and read by somebody else."""

    def __init__(self, kind: type[Value], beside: Collection[str] = ()) -> None:
        hints = get_type_hints(kind)
        defaults = _defaults(kind)
        self._make: Callable[..., Value] = getattr(kind, "model_construct", kind)
        self._fields = {
            name: (form(hints[name]), _if_absent(hints[name], defaults[name]))
            for name in defaults
            if name not in beside
        }
        # None is left out before it is asked how it is written.
        self._writers = tuple((name, _of_known(hints[name]).encode) for name in self._fields)
        names = tuple(self._fields)
        self._values = attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),)

    def encode(self, value: Value) -> dict[str, Any]:
        """An object of JSON."""
        found = {}
        for (name, write), part in zip(self._writers, self._values(value), strict=True):
            if part is not None:
                found[name] = write(part)
        return found

    def decode(self, plain: object, path: str, names: Names, beside: Mapping[str, object] | None = None) -> Value:
        """With the fields `beside`."""
        told = fields(plain, path)
        for name in told:
            if name not in self._fields:
                refuse(_under(path, name), "is a field that nobody knows")
        found = dict(beside or {})
        for name, (each, absent) in self._fields.items():
            at = _under(path, name)
            found[name] = each.decode(told[name], at, names) if name in told else absent(at)
        try:
            return self._make(**found)
        except ValueError as error:
            refuse(path, str(error))


def fields(plain: object, path: str) -> Mapping[str, Any]:
    """An object of JSON. Raises: RecordError for anything else."""
    if type(plain) is not dict:
        refuse(path, "is not an object")
    return plain


def items(plain: object, path: str) -> Sequence[Any]:
    """A list of JSON. Raises: RecordError for anything else."""
    if type(plain) is not list:
        refuse(path, "is not a list")
    return plain


def _under(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)


def _defaults(kind: type[Any]) -> Mapping[str, Callable[[], Any] | None]:
    """Field by field how its default is made; None where it must be told."""
    if issubclass(kind, Section):
        return {
            name: None if field.is_required() else partial(field.get_default, call_default_factory=True)
            for name, field in kind.model_fields.items()
        }
    return {each.name: _default(each) for each in dataclasses.fields(kind) if each.init}


def _default(field: "dataclasses.Field[Any]") -> Callable[[], Any] | None:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory
    return None if field.default is dataclasses.MISSING else lambda: field.default


def _if_absent(hint: object, default: Callable[[], object] | None) -> Callable[[str], object]:
    """What is None was not written; a field that is younger than what is read has the default that says so."""
    if NoneType in get_args(hint):
        return lambda _: None
    if default is None:
        return lambda path: refuse(path, "is missing")
    return lambda _: default()


def _of_known(hint: Hashable) -> Form:
    """Of a field's type where it is not None."""
    real = [kind for kind in get_args(hint) if kind is not NoneType]
    return form(real[0]) if get_origin(hint) in (Union, UnionType) and len(real) == 1 else form(hint)


def _optional(kinds: tuple[Any, ...]) -> Form:
    real = [kind for kind in kinds if kind is not NoneType]
    if len(real) != 1 or len(kinds) != 2:
        raise TypeError(f"{kinds} have no form together")
    inner = form(real[0])
    write = inner.encode
    return Form(
        lambda value: None if value is None else write(value),
        lambda plain, path, names: None if plain is None else inner.decode(plain, path, names),
    )


def _row(kind: Hashable) -> Form:
    inner = form(kind)
    write = inner.encode
    return Form(
        lambda value: [write(each) for each in value],
        lambda plain, path, names: tuple(
            inner.decode(each, _under(path, at), names) for at, each in enumerate(items(plain, path))
        ),
    )


def _pair(kinds: tuple[Any, ...]) -> Form:
    forms = [form(kind) for kind in kinds]

    def read(plain: object, path: str, names: Names) -> tuple[Any, ...]:
        found = items(plain, path)
        if len(found) != len(forms):
            refuse(path, f"has {len(found)} parts where {len(forms)} belong")
        return tuple(
            each.decode(part, _under(path, at), names) for at, (each, part) in enumerate(zip(forms, found, strict=True))
        )

    return Form(lambda value: [each.encode(part) for each, part in zip(forms, value, strict=True)], read)


def _mapping(key: Hashable, kind: Hashable) -> Form:
    inner, write_key, read_key = form(kind), form(key).encode, _key(key)
    write = inner.encode
    return Form(
        lambda value: {str(write_key(name)): write(each) for name, each in value.items()},
        lambda plain, path, names: {
            read_key(name, _under(path, name), names): inner.decode(each, _under(path, name), names)
            for name, each in fields(plain, path).items()
        },
    )


def _key(kind: Hashable) -> Decode:
    return (lambda name, path, _: whole(name, path)) if kind is int else form(kind).decode


def whole(name: str, path: str) -> int:
    """A whole number as JSON's names have it. Raises: RecordError for any other text."""
    if not re.fullmatch(r"0|-?[1-9][0-9]{0,17}", name, re.ASCII):
        refuse(path, "is not the text of a whole number")
    return int(name)


def _instrument(plain: object, path: str, names: Names) -> Instrument:
    conid = _int(plain, path, names)
    if conid not in names:
        refuse(path, f"names an instrument that is not kept: {conid}")
    return names[conid]


def _choice(kind: type[Enum]) -> Form:
    values = {member: member.value for member in kind}
    by_value = {value: member for member, value in values.items()}

    def read(plain: object, path: str, _: Names) -> Enum:
        if type(plain) is not str or plain not in by_value:
            refuse(path, f"is no {kind.__name__}")
        return by_value[plain]

    return Form(values.__getitem__, read)


def _str(plain: object, path: str, _: Names) -> str:
    if type(plain) is not str:
        refuse(path, "is not text")
    return plain


def _int(plain: object, path: str, _: Names) -> int:
    if type(plain) is not int or not -_LARGEST <= plain < _LARGEST:
        refuse(path, "is not a whole number")
    return plain


def _bool(plain: object, path: str, _: Names) -> bool:
    if type(plain) is not bool:
        refuse(path, "is neither true nor false")
    return plain


def _write_float(value: float) -> float | str:
    number = float(value)
    return number if math.isfinite(number) else repr(number)


def _float(plain: object, path: str, _: Names) -> float:
    if type(plain) is str and plain in _UNUSUAL:
        return _UNUSUAL[plain]
    if type(plain) is not float or not math.isfinite(plain):
        refuse(path, "is not a number with a fraction")
    return plain


def _text(pattern: re.Pattern[str], read: Callable[[str], Value], what: str) -> Decode:
    def checked(plain: object, path: str, _: Names) -> Value:
        if type(plain) is not str or not pattern.fullmatch(plain):
            refuse(path, f"is not {what}")
        try:
            return read(plain)
        except ValueError:
            refuse(path, f"is not {what}")

    return checked


_SCALARS: Mapping[Any, Form] = {
    str: Form(str.__str__, _str),
    int: Form(index, _int),
    bool: Form(bool, _bool),
    float: Form(_write_float, _float),
    Decimal: Form(Decimal.__str__, _text(_DECIMAL, Decimal, "an amount")),
    datetime: Form(time_text, _text(_INSTANT, datetime.fromisoformat, "an instant in UTC")),
    date: Form(date.isoformat, _text(_DAY, date.fromisoformat, "a date")),
    time: Form(time.isoformat, _text(_CLOCK_TIME, time.fromisoformat, "a time of day")),
}
