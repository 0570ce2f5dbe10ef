"""`docs/where.md` has one answer for every section, route, command and table, and the answer is there."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from app.cli import cli
from app.documents.reads import reads, sections
from app.documents.where import every_command, policy, ranking, routes, tables
from app.domain.policy import Policy
from app.domain.policy.problems import all_fields
from app.fast_api_app import create_app
from app.ledger.schema import metadata
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[3]


def said(cell: str) -> list[str]:
    """What a cell names."""
    return [each.strip("`") for each in cell.split(", ") if each]


@pytest.mark.slow
def test_every_section_of_the_policy_lives_in_one_module_that_reads_it() -> None:
    rows = {said(section)[0]: said(module) for section, module, *_ in policy()}
    held = {path.rpartition(".")[0] for path in all_fields()} - {""}
    assert held <= set(rows) == {path for path, _ in sections()}
    for section, (module,) in rows.items():
        assert section in reads(ast.parse((ROOT / module).read_text(encoding="utf-8")))


def test_every_route_of_the_services_description_lives_in_the_module_with_its_function() -> None:
    described = {
        f"{verb.upper()} {path}"
        for path, verbs in create_app(Settings.model_construct()).openapi()["paths"].items()
        for verb in verbs
    }
    rows = [(said(route)[0], *said(module), *said(function)) for route, module, function in routes()]
    assert sorted(route for route, *_ in rows) == sorted(described)
    for _, module, function in rows:
        assert f"async def {function}(" in (ROOT / module).read_text(encoding="utf-8")


def test_every_command_lives_in_the_module_with_its_function() -> None:
    def typed(command: object, name: str) -> list[str]:
        inner = getattr(command, "commands", None)
        return [name] if inner is None else [full for each in inner for full in typed(inner[each], f"{name} {each}")]

    rows = [(said(command)[0], *said(module), *said(function)) for command, module, function in every_command()]
    group = typer.main.get_command(cli)
    # What is over history is imported when all are asked for.
    assert isinstance(group, TyperGroup)
    group.list_commands(typer.Context(group))
    assert sorted(command for command, *_ in rows) == sorted(typed(group, "portfolio"))
    for _, module, function in rows:
        assert f"def {function}(" in (ROOT / module).read_text(encoding="utf-8")


def test_every_table_of_the_ledger_lives_in_one_module_and_is_made_by_the_first_of_its_migrations() -> None:
    rows = {said(table)[0]: (said(module), said(migrations)) for table, module, _, migrations in tables()}
    assert set(rows) == set(metadata.tables)
    for table, (modules, migrations) in rows.items():
        assert len(modules) == 1, table
        made = (ROOT / migrations[0]).read_text(encoding="utf-8")
        assert re.search(rf'create_table\(\s*"{table}"', made), table


@pytest.mark.parametrize(
    "source",
    [
        "def f(policy):\n    return policy.exits.stop_loss",
        "def f(policy):\n    exits = policy.exits\n    return exits.stop_loss",
        "def f(policy):\n    other, exits = 1, policy.exits\n    return exits.stop_loss",
        "def f(rules: Exits):\n    return rules.stop_loss",
    ],
)
def test_a_field_is_read_however_its_section_is_named(source: str) -> None:
    assert reads(ast.parse(source)) == {"exits": Counter(["stop_loss"])}


@pytest.mark.parametrize(
    "source",
    [
        "def f(policy):\n    return [band.vix for band in policy.market.vix_bands]",
        "def f(policy):\n    for row, band in enumerate(policy.market.vix_bands):\n        print(band.vix)",
        "def f(policy):\n    return policy.market.vix_bands[0].vix",
    ],
)
def test_an_item_of_a_list_is_read_as_the_section_it_is(source: str) -> None:
    assert reads(ast.parse(source)) == {"market.vix_bands": Counter(["vix"])}


def test_a_namesake_is_no_read() -> None:
    source = "def f(day, exits):\n    return day.market.quotes, exits.stop_loss\n\n"
    source += "def g(policy):\n    exits = policy.exits\n"
    assert reads(ast.parse(source)) == {}


def test_a_section_lives_where_most_of_it_decides_and_not_where_it_is_put_into_words() -> None:
    words, two, namesake, once = (Counter(each) for each in (["a", "b", "c"], ["a", "b"], ["a"], ["a", "a"]))
    read = {
        "app/explain/words.py": words,
        "app/risk/two.py": two,
        "app/risk/one.py": once,
        "app/risk/exits.py": namesake,
    }
    assert ranking("exits", read) == ["app/risk/two.py", "app/risk/exits.py", "app/risk/one.py", "app/explain/words.py"]
    assert ranking("exits", {"app/explain/words.py": words}) == ["app/explain/words.py"]


def test_only_values_count_as_fields_of_a_section() -> None:
    assert "strategies" in dict(sections(Policy))
    source = "def f(policy):\n    return policy.strategies.cut_losers"
    assert reads(ast.parse(source)) == {}
