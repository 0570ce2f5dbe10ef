"""The table of controls names every rule that can refuse an order, and no other; its tests and fields exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from app.risk.limits import STATISTICS

ROOT = Path(__file__).parents[3]
SOURCES = (
    *(f"app/risk/{name}.py" for name in ("integrity", "budget", "gate", "preview")),
    *(f"app/domain/{name}.py" for name in ("universe", "pricing")),
)
CALLS = {"Refusal", "Obstacle", "_refuse", "_over", "_least"}
RULE = re.compile(r"[a-z_]+(\.[a-z0-9_]+)?")


def rows() -> list[list[str]]:
    """The cells of the table, without its two heading lines."""
    lines = (ROOT / "docs/gate.md").read_text().splitlines()
    table = [line for line in lines if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def emitted() -> Iterator[str]:
    """Rules in the calls that make refusals, and those that a variable called `rule` is given."""
    for source in SOURCES:
        for node in ast.walk(ast.parse((ROOT / source).read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
                first = next((a for a in node.args[:2] if isinstance(a, ast.Constant)), None)
                yield from _names(first)
            elif isinstance(node, ast.Assign) and "rule" in ast.unparse(node.targets[0]).strip("()").split(", "):
                names = [ast.unparse(name) for name in ast.walk(node.targets[0]) if isinstance(name, ast.Name)]
                values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
                yield from _names(dict(zip(names, values, strict=True))["rule"])
    yield from STATISTICS


def _names(node: ast.expr | None) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and RULE.fullmatch(node.value):
        yield node.value


def test_every_rule_that_can_refuse_is_in_the_table_and_the_reverse() -> None:
    listed = [row[0].strip("`") for row in rows()]
    assert sorted(listed) == sorted(set(emitted()))


def test_every_row_has_its_class_and_what_it_is_modelled_on() -> None:
    for rule, kind, compares, _, model, _ in rows():
        assert kind in {"integrity", "risk", "budget"}, rule
        assert compares, rule
        assert re.fullmatch(r"15c3-5 \([cde]\)(\(\d\)\([iv]+\))?|RTS 6 Art\. \d+(\(\d\)(\([a-d]\))?)?", model), rule


def test_every_test_of_the_table_exists() -> None:
    tests = "\n".join(path.read_text() for path in (ROOT / "tests/unit/risk").glob("test_*.py"))
    for row in rows():
        assert f"def {row[5].strip('`')}(" in tests


def test_every_policy_field_of_the_table_exists() -> None:
    fields = (ROOT / "docs/policy.md").read_text()
    for row in rows():
        for field in re.findall(r"`([^`]+)`", row[3]):
            assert f"`{field}`" in fields, field
