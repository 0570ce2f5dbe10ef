"""Chunks as a tree: each names others as `sha256:…`, and from the root every one has a path, such as `market.quotes`.

What is read here may come from anybody: nothing is believed before it was measured.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

REFERENCE = re.compile(r"sha256:([0-9a-f]{64})")
DEEPEST = 32
# A list that only grows is a line of chunks.
LONGEST_WAY = 2_000
# Of all chunks of a tree together: what Python makes of a value takes tens of times its text.
MOST_VALUES = 1_000_000
_LONGEST_NAME, _LONGEST_PATH = 60, 200
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


@dataclass(frozen=True, slots=True)
class Tree:
    """Paths by hash of what the root leads to: chunks that are there, and chunks that are named only.

    `unreadable` are paths with what is wrong with the text.
    """

    found: Mapping[str, str]
    absent: Mapping[str, str]
    unreadable: tuple[str, ...] = ()


def walk(root: str, chunks: Mapping[str, str]) -> Tree:
    """`chunks` are texts under their true hashes, so no way leads back to where it began."""
    found: dict[str, str] = {}
    absent: dict[str, str] = {}
    unreadable: list[str] = []
    values, waiting = 0, [(root, "root", 0)]
    while waiting:
        name, path, way = waiting.pop()
        if name in found or name in absent:
            continue
        if name not in chunks:
            absent[name] = path
            continue
        found[name] = path
        values += size(chunks[name])
        if values > MOST_VALUES or way > LONGEST_WAY:
            unreadable.append(f"{path}: more than {MOST_VALUES} values or {LONGEST_WAY} chunks to it")
            break
        try:
            value = parsed(chunks[name])
        except ValueError as error:
            unreadable.append(f"{path}: {error}")
            continue
        # The first named is the first walked.
        named = [*references(value, "" if path == "root" else path)]
        waiting.extend((below, place, way + 1) for below, place in reversed(named))
    return Tree(found, absent, tuple(unreadable))


def size(text: str) -> int:
    """How many values the JSON text holds, or more."""
    return 1 + sum(map(text.count, ",[{:"))


def parsed(text: str) -> object:
    """The value of a canonical text. Raises: ValueError, whose text can be shown."""
    if _depth(text) > DEEPEST:
        raise ValueError(f"more than {DEEPEST} levels deep")
    try:
        value = json.loads(text)
    except ValueError:
        raise ValueError("no JSON") from None
    # Of two keys that are the same, of NaN, 1e999, 1.0e0 and of spaces nothing is left, or it is written otherwise.
    try:
        again = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError:
        again = ""
    if again != text:
        raise ValueError("not in canonical form")
    return value


def references(value: object, path: str) -> Iterator[tuple[str, str]]:
    """(hash, path) of every chunk that the value names."""
    match value:
        case str():
            found = REFERENCE.fullmatch(value)
            if found is not None:
                yield found[1], path
        case dict():
            for name, item in value.items():
                yield from references(item, joined(path, name))
        case list():
            for number, item in enumerate(value):
                yield from references(item, joined(path, str(number)))


def joined(path: str, name: str) -> str:
    """The name below the path, in what can be shown of both."""
    if len(path) > _LONGEST_PATH:
        return path
    shown = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in name[:_LONGEST_NAME])
    return f"{path}.{shown}" if path else shown


def _depth(text: str) -> int:
    if text.count("[") + text.count("{") <= DEEPEST:
        return 0
    depth = deepest = 0
    for token in _TOKENS.finditer(text):
        if token[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token[0] in "]}":
            depth -= 1
    return deepest
