"""The tables of `docs/policy.md`: the schema's fields, explained by the comments of the shipped policy."""

from collections.abc import Iterator, Mapping
from datetime import time
from typing import get_args, get_origin

from pydantic.fields import FieldInfo

from app.commands.policy_comments import comments
from app.documents.marked import marked
from app.domain.policy import Policy
from app.domain.policy.fields import Section
from app.domain.policy.problems import fields
from app.settings import shipped_policy

# Part of a type's text → what the reader is told, first match first.
_UNITS = {
    "tuple": "list",
    "bool": "yes or no",
    "float": "number",
    "Decimal": "number",
    "'int'": "number",
    "[int": "number",
    "datetime.time": "time",
    "'str'": "text",
}
_UNITS_BY_ENDING = {
    "_minutes": "minutes",
    "_seconds": "seconds",
    "_sessions": "sessions",
    "_years": "years",
    "_value": "currency",
    "_cap": "currency",
    "_volume": "shares",
}


def policy_table(text: str) -> str:
    """`docs/policy.md` with its tables made from the schema and from the comments of the shipped policy."""
    explained = comments(shipped_policy().read_text(encoding="utf-8"))
    return marked(text, _tables(Policy, "", explained))


def _tables(section: type[Section], path: str, explained: Mapping[str, str]) -> Iterator[str]:
    if path:
        yield from ("", f"### {path}", "", f"{_sentence(explained[path])}", "")
    yield from ("| field | unit | default | what it does |", "|---|---|---|---|")
    inner = fields(section)
    for field in section.model_fields.values():
        name = str(field.validation_alias)
        if inner[name] is None:
            where = f"{path}.{name}".lstrip(".")
            yield f"| `{name}` | {_unit(name, field)} | {_default(field)} | {explained[where]} |"
    for name, held in inner.items():
        if held is not None:
            yield from _tables(held, f"{path}.{name}".lstrip("."), explained)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _unit(name: str, field: FieldInfo) -> str:
    if name.endswith("_pct"):
        return "% by name" if "dict" in str(field.annotation) else "%"
    if get_origin(field.annotation) is dict:
        _, held = get_args(field.annotation)
        return "bound by id" if "decimal" in str(held) else f"{_kind(str(held))} by name"
    ending = next((unit for ending, unit in _UNITS_BY_ENDING.items() if name.endswith(ending)), None)
    return ending or _kind(str(field.annotation))


def _kind(annotation: str) -> str:
    return next((unit for part, unit in _UNITS.items() if part in annotation), "word")


def _default(field: FieldInfo) -> str:
    """As the file would write it; the schema's defaults are in the file's units."""
    if field.is_required():
        return "required"
    return f"`{_written(field.get_default(call_default_factory=True, validated_data={}))}`"


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, time):
        return f'"{value:%H:%M}"'
    return {"None": "null", "True": "true", "False": "false"}.get(str(value), str(value))
