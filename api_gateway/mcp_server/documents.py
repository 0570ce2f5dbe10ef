"""Writes the tables of tools in `docs/mcp-tools.md` and `docs/where.md`, so that they cannot fall behind the code.

`python -m api_gateway.mcp_server.documents` writes, `--check` compares and exits with 1 where something differs. Must
never touch text outside the marked parts.
"""

import argparse
import ast
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Final, get_args

from api_gateway.clientportal.request_limits import GLOBAL, Limit
from api_gateway.mcp_server.registry import TOOLS
from api_gateway.mcp_server.registry.tool import Family, GatewayTool, Local, Mapped, Unsupported

DOCUMENT: Final = "docs/mcp-tools.md"
_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parents[1]


def tables(text: str) -> str:
    """`docs/mcp-tools.md` with its tables made anew, given what it says now."""
    return _marked(text, "generated", _families())


def places(text: str) -> str:
    """`docs/where.md` with its table of tools made anew; the rest of the page is the app's."""
    return _marked(text, "tools", _modules())


DOCUMENTS: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType({DOCUMENT: tables, "docs/where.md": places})
"""Path below the project's root → what makes its marked part."""


def _marked(text: str, mark: str, lines: Iterable[str]) -> str:
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    return f"{head}{begin}\n{chr(10).join(lines)}\n{end}{tail or chr(10)}"


def _modules() -> Iterator[str]:
    yield from ("| module | tools |", "|---|---|")
    for path in sorted(_HERE.rglob("*.py")):
        if names := sorted({*_entries(path), *_typed(path)}):
            yield f"| `{path.relative_to(_ROOT).as_posix()}` | {', '.join(f'`{name}`' for name in names)} |"


def _entries(path: Path) -> Iterator[str]:
    """The tools of one of the registry's modules; the registry itself only puts them together."""
    if path.parent.name == "registry" and path.stem != "__init__":
        module = import_module(".".join(path.relative_to(_ROOT).with_suffix("").parts))
        for held in vars(module).values():
            if isinstance(held, tuple):
                yield from (each.name for each in held if isinstance(each, GatewayTool))


def _typed(path: Path) -> Iterator[str]:
    """The desk's own tools: functions that a module puts into a toolbox, which happens only in a server."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.AsyncFunctionDef(name=name, decorator_list=[ast.Call(func=ast.Attribute(attr="tool"))]):
                yield name


def _families() -> Iterator[str]:
    for family in get_args(Family):
        yield from (f"## {family.capitalize()}", "")
        yield from ("| tool | class | asks | parameters | limit | what it does |", "|---|---|---|---|---|---|")
        yield from (_row(tool) for tool in TOOLS if tool.family == family)
        yield ""


def _row(tool: GatewayTool) -> str:
    cells = (f"`{tool.name}`", tool.kind, _asks(tool), _parameters(tool), _limit(tool), tool.doc)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _asks(tool: GatewayTool) -> str:
    match tool.served:
        case Mapped(verb, path, why):
            return f"{verb} `{path}` instead of `{tool.path}`: {why}"
        case Local(why):
            return f"nothing: {why}"
        case Unsupported(why, remedy):
            return f"always an error: {why}. {remedy}"
        case _:
            return f"{tool.verb} `{tool.path}`"


def _parameters(tool: GatewayTool) -> str:
    """By their upstream names, required ones with a star."""
    fields = tool.arguments.model_fields
    named = (f"`{field.alias or name}`{'*' if field.is_required() else ''}" for name, field in fields.items())
    return ", ".join(named) or "–"


def _limit(tool: GatewayTool) -> str:
    if not tool.is_served:
        return "–"
    limit = tool.limit
    if limit.seconds:
        return _spelled(limit)
    return f"{limit.count} at a time" if limit.count != GLOBAL.count else _spelled(GLOBAL)


def _spelled(limit: Limit) -> str:
    minutes = limit.seconds / 60
    return f"{limit.count} in {minutes:g} min" if minutes >= 1 else f"{limit.count} in {limit.seconds:g} s"


def main(arguments: list[str] | None = None) -> int:
    """0 when the documents are as they should be, or were made so."""
    parser = argparse.ArgumentParser(
        prog="python -m api_gateway.mcp_server.documents", description="Keep the table of tools in step with the code."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where it is outdated")
    parser.add_argument("--root", type=Path, default=_ROOT, help="the project's root")
    options = parser.parse_args(arguments)
    status = 0
    for name, render in DOCUMENTS.items():
        path = options.root / name
        now = path.read_text(encoding="utf-8") if path.exists() else ""
        wanted = render(now)
        if wanted == now:
            continue
        if options.check:
            sys.stderr.write(f"{name} is outdated: run `make docs`\n")
            status = 1
        else:
            path.write_text(wanted, encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
