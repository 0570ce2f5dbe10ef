"""What is wrong with a policy that does not fit the schema, in words an investor can act on, one line a problem."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import ValidationError

from app.domain.policy import Policy
from app.domain.policy.fields import Section
from app.domain.spelling import nearest

_WORDS = {
    "bool_type": "true or false",
    "string_type": "text (put it in quotes)",
    "int_type": "a whole number",
    "float_type": "a number",
    "tuple_type": "a list: [a, b] or one item a line after a dash",
    "dict_type": "a list of names with a value each",
    "model_type": "a section with fields",
}


def fields(section: type[Section]) -> dict[str, type[Section] | None]:
    """Names as in the file → the section that a field holds (for a list, that of its items), None for a plain value."""
    return {str(field.validation_alias): _section_in(field.annotation) for field in section.model_fields.values()}


def all_fields(section: type[Section] = Policy, prefix: str = "") -> Iterator[str]:
    """The path of every field that holds a value, as in the file; items of lists without their number."""
    for name, inner in fields(section).items():
        if inner is None:
            yield prefix + name
        else:
            yield from all_fields(inner, f"{prefix}{name}.")


def problems(error: ValidationError) -> tuple[str, ...]:
    """`path.in.the.file: what is wrong`, in the order of the schema; a misspelt field is not also a missing one."""
    unknown = {tuple(e["loc"]): _nearest(tuple(e["loc"])) for e in error.errors() if e["type"] == "extra_forbidden"}
    misspelt = {(*loc[:-1], near) for loc, near in unknown.items()}
    lines = []
    for entry in error.errors():
        loc = tuple(entry["loc"])
        if entry["type"] == "missing" and loc in misspelt:
            continue
        path = ".".join(str(part) for part in loc)
        says = _unknown(unknown[loc]) if loc in unknown else _says(dict(entry))
        lines.append(f"{path}: {says}" if path else says)
    return tuple(lines)


def _unknown(near: str | None) -> str:
    return f"unknown field; did you mean {near}?" if near else "unknown field"


def _says(entry: dict[str, Any]) -> str:
    kind, value = entry["type"], entry["input"]
    if kind == "missing":
        return "missing"
    if kind == "value_error":
        return str(entry["ctx"]["error"])
    if kind == "enum":
        return (
            f"{_shown(value)} is not one of {str(entry['ctx']['expected']).replace(chr(39), '').replace(' or ', ', ')}"
        )
    if kind in _WORDS:
        return f"{_shown(value)} is not {_WORDS[kind]}"
    if kind == "string_pattern_mismatch":
        return f"{_shown(value)} does not match {entry['ctx']['pattern']}"
    message = str(entry["msg"]).removeprefix("Input ")
    return f"{_shown(value)} {message}"


def _shown(value: object) -> str:
    """As the file would write it."""
    return "nothing" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def _nearest(loc: tuple[int | str, ...]) -> str | None:
    """The field that was meant: of the same section, else of another one with its path."""
    section: type[Section] | None = Policy
    for part in loc[:-1]:
        # A list's items are of the section that the list's own name gave.
        section = section if isinstance(part, int) or section is None else fields(section).get(str(part))
    name = str(loc[-1])
    if section is not None and (near := nearest(name, fields(section))):
        return near
    elsewhere = {path.rpartition(".")[2]: path for path in all_fields()}
    return elsewhere.get(name)


def _section_in(annotation: object) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((inner for inner in map(_section_in, get_args(annotation)) if inner), None)
