"""Writes the tables of `docs/mcp-tools.md` from the registry, so that they cannot fall behind it.

`python -m api_gateway.mcp_server.documents` writes, `--check` compares and exits with 1 where something differs. Must
never touch text outside the marked part.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

from api_gateway.clientportal.request_limits import GLOBAL, Limit
from api_gateway.mcp_server.registry import TOOLS
from api_gateway.mcp_server.registry.tool import Family, GatewayTool, Local, Mapped, Unsupported

DOCUMENT: Final = "docs/mcp-tools.md"
_BEGIN, _END = "<!-- generated: begin -->", "<!-- generated: end -->"


def tables(text: str) -> str:
    """The document with its tables made anew, given what it says now."""
    head, _, rest = text.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    return f"{head}{_BEGIN}\n{chr(10).join(_families())}\n{_END}{tail or chr(10)}"


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
    """0 when the document is as it should be, or was made so."""
    parser = argparse.ArgumentParser(
        prog="python -m api_gateway.mcp_server.documents", description="Keep the table of tools in step with the code."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where it is outdated")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2], help="the project's root")
    options = parser.parse_args(arguments)
    path = options.root / DOCUMENT
    now = path.read_text(encoding="utf-8") if path.exists() else ""
    wanted = tables(now)
    if wanted == now:
        return 0
    if options.check:
        sys.stderr.write(f"{DOCUMENT} is outdated: run `make docs`\n")
        return 1
    path.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
