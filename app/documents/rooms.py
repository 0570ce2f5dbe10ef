"""The rooms of `docs/architecture.md`: the layers of the import contract, and what each package says of itself."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from app.documents.marked import marked

_ROOT = Path(__file__).resolve().parents[2]


def rooms(text: str) -> str:
    """The page with its tables made anew, given what it says now."""
    return marked(text, _lines())


def _lines() -> Iterator[str]:
    yield from ("", "### app", "", "| layer | room | says of itself |", "|---|---|---|")
    layers = _layers()
    for number, names in enumerate(layers):
        for name in names:
            yield from _rows(_ROOT / "app" / name, str(len(layers) - number))
    yield from ("", "### api_gateway", "", "| room | says of itself |", "|---|---|")
    for package in sorted((_ROOT / "api_gateway").iterdir()):
        if (package / "__init__.py").exists():
            yield from _rows(package)
    yield ""


def _layers() -> list[list[str]]:
    """Top first; what stands side by side does not know each other."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = next(each for each in project["tool"]["importlinter"]["contracts"] if each["id"] == "layers")
    return [re.split(r"\s*[|:]\s*", layer) for layer in contract["layers"]]


def _rows(place: Path, *before: str) -> Iterator[str]:
    """A module or a package with the packages in it."""
    module = place.with_suffix(".py")
    if module.exists():
        yield _row(module, module, before)
        return
    for inner in sorted(place.rglob("__init__.py")):
        yield _row(inner.parent, inner, before)


def _row(room: Path, source: Path, before: tuple[str, ...]) -> str:
    said = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "–"
    first = re.split(r"(?<=[.?])\s", " ".join(said.partition("\n\n")[0].split()))[0]
    return f"| {' | '.join((*before, f'`{room.relative_to(_ROOT).as_posix()}`', first))} |"
