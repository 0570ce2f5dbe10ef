"""`docs/where.md`: where each section of the policy, route, command and table of the ledger lives, told from the code.

Every name has one answer, its first column of modules; what else has to do with it comes after.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import typer
from fastapi.routing import iter_route_contexts

from app.cli import cli
from app.commands import over_history
from app.documents.marked import marked
from app.documents.reads import reads, sections
from app.fast_api_app import create_app
from app.ledger.schema import metadata
from app.settings import Settings

_PACKAGE = Path(__file__).resolve().parents[1]
_LEDGER, _MIGRATIONS = "app/ledger/", "app/ledger/migrations/versions/"
# They read most of what there is, to judge it or to put it into words, and decide nothing.
_BESIDE = ("app/domain/policy/", "app/explain/", "app/commands/")
_WRITES = frozenset({"insert", "update", "delete", "insert_if_absent"})
_CHANGES = frozenset({"create_table", "batch_alter_table", "add_column"})


def where(text: str) -> str:
    """The page with its tables made anew, given what it says now."""
    return marked(text, _lines())


def _lines() -> Iterator[str]:
    yield from _table("Sections of the policy", ("section", "lives in", "its fields are", "also read in"), policy())
    yield from _table("Routes of the service", ("route", "lives in", "function"), routes())
    yield from _table("Commands", ("command", "lives in", "function"), every_command())
    yield from _table("Tables of the ledger", ("table", "lives in", "also written in", "migrations"), tables())


def _table(title: str, heads: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield from ("", f"## {title}", "", f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}")
    yield from (f"| {' | '.join(cell or '–' for cell in row)} |" for row in rows)


def policy() -> Iterator[tuple[str, str, str, str]]:
    """Section, the module that reads most of its fields in order to decide, its class, other modules that do."""
    for path, section in sections():
        ranked = ranking(path, {module: read[path] for module, read in _reads().items() if path in read})
        others = [module for module in ranked[1:] if not module.startswith(_BESIDE)]
        yield f"`{path}`", _listed(ranked[:1]), f"`{section.__name__}`", _listed(others)


def ranking(section: str, read: Mapping[str, Counter[str]]) -> list[str]:
    """The modules that read a section's fields: those that decide, by fields, by name, by reads."""

    def key(module: str) -> tuple[bool, int, bool, int, str]:
        is_named = Path(module).stem == section.rpartition(".")[2]
        return module.startswith(_BESIDE), -len(read[module]), not is_named, -read[module].total(), module

    return sorted(read, key=key)


def routes() -> Iterator[tuple[str, str, str]]:
    """Verb and path, module and name of what answers; those that the framework adds are left out."""
    # Which routes there are hangs on no setting, and so not on the environment either.
    for route in iter_route_contexts(create_app(Settings.model_construct()).routes):
        endpoint = getattr(route.original_route, "endpoint", None)
        if endpoint is not None and endpoint.__module__.startswith("app."):
            verbs = " ".join(sorted(route.methods or ()))
            yield f"`{verbs} {route.path}`", f"`{_path(endpoint.__module__)}`", f"`{endpoint.__name__}`"


def every_command() -> Iterator[tuple[str, str, str]]:
    """As `commands`, those over history last."""
    for group in (cli, over_history.cli):
        yield from commands(group, "portfolio")


def commands(group: typer.Typer, name: str) -> Iterator[tuple[str, str, str]]:
    """As it is typed, module and name of what it calls; the groups after the commands."""
    for each in group.registered_commands:
        if each.callback is not None:
            typed = each.name or each.callback.__name__.replace("_", "-")
            yield f"`{name} {typed}`", f"`{_path(each.callback.__module__)}`", f"`{each.callback.__name__}`"
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            yield from commands(inner.typer_instance, f"{name} {inner.name}")


def tables() -> Iterator[tuple[str, str, str, str]]:
    """Table, the module that writes it most, the others that do, the migrations that made and changed it."""
    for table in metadata.tables:
        writers = {
            module: count
            for module, tree in _modules().items()
            if module.startswith(_LEDGER) and (count := sum(_asks(call, _WRITES, table) for call in _calls(tree)))
        }
        ranked = sorted(writers, key=lambda module: (-writers[module], module))
        migrations = [
            module
            for module, tree in _modules().items()
            if module.startswith(_MIGRATIONS) and any(_asks(call, _CHANGES, table) for call in _calls(tree))
        ]
        yield f"`{table}`", _listed(ranked[:1]), _listed(ranked[1:]), _listed(migrations)


def _asks(call: ast.Call, names: frozenset[str], table: str) -> bool:
    """Whether it calls one of the names with the table, given as itself or by its name."""
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", None)
    return called in names and any(
        getattr(given, "id", None) == table or getattr(given, "value", None) == table for given in call.args
    )


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


@cache
def _modules() -> Mapping[str, ast.Module]:
    """Path below the project's root → source, of all of `app`."""
    files = sorted(_PACKAGE.rglob("*.py"))
    root = _PACKAGE.parent
    return {file.relative_to(root).as_posix(): ast.parse(file.read_text(encoding="utf-8")) for file in files}


@cache
def _reads() -> Mapping[str, Mapping[str, Counter[str]]]:
    return {module: reads(tree) for module, tree in _modules().items()}


def _path(module: str) -> str:
    return f"{module.replace('.', '/')}.py"


def _listed(modules: Sequence[str]) -> str:
    return ", ".join(f"`{module}`" for module in modules)
