"""What a documented line of `portfolio` names: commands, options and words, with alternatives and optional parts."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer

from app.cli import cli


@dataclass(frozen=True, slots=True)
class Call:
    """One alternative of a line: the command's path, the words that it needs, every option that it names."""

    line: str
    path: tuple[str, ...]
    words: tuple[str, ...]
    options: tuple[str, ...]

    @property
    def typed(self) -> str:
        return " ".join((*self.path, *self.words))


def tree() -> Any:  # noqa: ANN401 - the framework's own
    """Every command, those over history, too."""
    root: Any = typer.main.get_command(cli)
    root.list_commands(typer.Context(root))
    return root


def found(root: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - the framework's own
    """The command of that path; None where there is none."""
    for name in path:
        root = getattr(root, "commands", {}).get(name)
        if root is None:
            return None
    return root


def calls(line: str) -> Iterator[Call]:
    """Of a line that begins with `portfolio`; what stands after two blanks or more is a comment, unless in brackets."""
    first, *others = re.split(r"\s{2,}", line.removesuffix("&").strip())
    said = [first.partition(" #")[0]]
    for other in others:
        if not other.startswith(("[", "--")):
            break
        said.append(other)
    root, before = tree(), tuple[str, ...]()
    for alternative in _alternatives(" ".join(said).removeprefix("portfolio ")):
        words = _words(re.sub(r"\[[^\]]*\]\.*", " ", alternative))
        path = _path(root, words, before)
        given = words[len(path) :] if words[: len(path)] == list(path) else words[_shared(path, words) :]
        options = re.findall(r"(?<![\w-])--[a-z][a-z-]*", alternative)
        yield Call(line, path, tuple(_first(word) for word in given), tuple(dict.fromkeys(options)))
        before = path


def _alternatives(text: str) -> list[str]:
    """Split at bars that stand alone and in no brackets."""
    depth, parts = 0, [""]
    for word in text.split(" "):
        depth += word.count("[") - word.count("]")
        if word == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += f"{word} "
    return [part.strip() for part in parts]


def _first(word: str) -> str:
    """Of the choices that a word lists."""
    return word.partition("|")[0]


def _words(text: str) -> list[str]:
    return shlex.split(text.replace("…", "..."))


def _path(root: Any, words: list[str], before: tuple[str, ...]) -> tuple[str, ...]:  # noqa: ANN401
    """The command that the words begin with: of the same group as the one before, from the root, or the same."""
    for prefix in dict.fromkeys((before[:-1], ())):
        path = prefix
        for word in words:
            if found(root, (*path, word)) is None:
                break
            path = (*path, word)
        if len(path) > len(prefix):
            return path
    is_more = bool(words) and words[0].startswith("--")
    assert is_more, f"there is no command {' '.join(words)!r}"
    return before


def _shared(path: tuple[str, ...], words: list[str]) -> int:
    """How many of the words name the command, where its group was named before."""
    return 1 if words and words[0] == path[-1] else 0
