"""Changes modules as they are imported. Nothing on disk changes, and no other process sees it.

Imports nothing of the product: whatever is imported before the change is made stays as it was.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

ROOT: Final = Path(__file__).parents[3]


class NotInTheSource(Exception):
    """The text to be changed is not there exactly once: the product has moved on and the mutant must follow."""


@dataclass(frozen=True, slots=True)
class Edit:
    """`old` is text that the module's source has once."""

    module: str
    old: str
    new: str

    @property
    def path(self) -> Path:
        """The module's file."""
        return ROOT.joinpath(*self.module.split(".")).with_suffix(".py")

    def applied(self, source: str) -> str:
        """Raises NotInTheSource."""
        if source.count(self.old) != 1:
            raise NotInTheSource(f"{self.module} has {source.count(self.old)} times: {self.old!r}")
        return source.replace(self.old, self.new)


def mutated(edits: Sequence[Edit]) -> dict[str, str]:
    """Source by module. Raises NotInTheSource."""
    sources: dict[str, str] = {}
    for edit in edits:
        sources[edit.module] = edit.applied(sources.get(edit.module) or edit.path.read_text(encoding="utf-8"))
    return sources


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        # The cached byte code of the file is of the file's own source.
        return compile(self._source, self.path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._sources:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if found is None or found.origin is None:
            return None
        loader = _Loader(fullname, found.origin, self._sources[fullname])
        return importlib.util.spec_from_file_location(fullname, found.origin, loader=loader)


def install(edits: Sequence[Edit]) -> None:
    """From now on this process imports the changed modules. Raises RuntimeError where one is imported already."""
    sources = mutated(edits)
    early = sorted(set(sources) & set(sys.modules))
    if early:
        raise RuntimeError(f"imported before it was changed: {', '.join(early)}")
    sys.meta_path.insert(0, _Finder(sources))
