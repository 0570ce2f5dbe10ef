"""Writes the parts of `docs/` that follow from the code, so that they cannot fall behind it.

`python -m app.documents` writes, `--check` compares and exits with 1 where something differs. Must never touch text
outside the marked parts.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import time
from pathlib import Path
from types import MappingProxyType

from pydantic.fields import FieldInfo

from app.commands.policy_comments import comments
from app.desk.report.schema import Report
from app.domain.policy import Policy
from app.domain.policy.fields import Section
from app.domain.policy.problems import fields
from app.settings import shipped_policy

Renderer = Callable[[str], str]
"""What the file should say, given what it says now ("" where it does not exist)."""

# Part of a type's text → what the reader is told, first match first.
_UNITS = {
    "dict[str, decimal": "by id",
    "tuple": "list",
    "bool": "yes or no",
    "float": "number",
    "Decimal": "number",
    "'int'": "number",
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

_BEGIN, _END = "<!-- generated: begin -->", "<!-- generated: end -->"


def policy_table(text: str) -> str:
    """`docs/policy.md` with its tables made from the schema and from the comments of the shipped policy."""
    explained = comments(shipped_policy().read_text(encoding="utf-8"))
    head, _, rest = text.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    return f"{head}{_BEGIN}\n{chr(10).join(_tables(Policy, '', explained))}\n{_END}{tail or chr(10)}"


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
    if "dict" in str(field.annotation):
        return "time by name"
    ending = next((unit for ending, unit in _UNITS_BY_ENDING.items() if name.endswith(ending)), None)
    kind = str(field.annotation)
    return ending or next((unit for part, unit in _UNITS.items() if part in kind), "word")


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


def report_schema(_: str) -> str:
    """The JSON schema of a run's report as callers get it."""
    return json.dumps(Report.model_json_schema(mode="serialization"), indent=2, ensure_ascii=False) + "\n"


DOCUMENTS: Mapping[str, Renderer] = MappingProxyType(
    {"docs/policy.md": policy_table, "docs/report.schema.json": report_schema}
)
"""Path below the project's root → what makes it."""


def outdated(root: Path, documents: Mapping[str, Renderer] = DOCUMENTS) -> dict[Path, str]:
    """Every file that does not say what it should, with what it should say."""
    wanted = {}
    for name, render in documents.items():
        path = root / name
        now = path.read_text(encoding="utf-8") if path.exists() else ""
        if (text := render(now)) != now:
            wanted[path] = text
    return wanted


def main(arguments: list[str] | None = None) -> int:
    """0 when everything is as it should be, or was made so."""
    parser = argparse.ArgumentParser(prog="python -m app.documents", description="Keep docs/ in step with the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a file is outdated")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent, help="the project's root")
    options = parser.parse_args(arguments)
    stale = outdated(options.root)
    for path, text in stale.items():
        if options.check:
            sys.stderr.write(f"{path.relative_to(options.root)} is outdated: run `python -m app.documents`\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
