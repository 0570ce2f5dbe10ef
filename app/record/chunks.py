"""Chunks: pieces of JSON named by the SHA-256 of their canonical text, which name each other as `sha256:<64 hex>`.

What is the same is one chunk, whichever day it is of. Whatever is below a chunk that is kept, is kept as well.
"""

import json
import re
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn, TypeVar

from app.domain.errors import RecordError
from app.domain.kept import Same
from app.record.canonical import digest, encoded
from app.record.codec import fields, items, refuse

PREFIX = "sha256:"
_REFERENCE = re.compile(r'"sha256:([0-9a-f]{64})"', re.ASCII)
_WHOLE = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
BLOCK = 32
# Blocks of two years of values, with the policy and the names of some accounts.
_MOST_REMEMBERED = 512

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class KeptInputs:
    """What a run was decided from: the hash of the chunk that names the others, and canonical text by hash."""

    root: str
    chunks: Mapping[str, str]


def references(text: str) -> tuple[str, ...]:
    """The hashes that a chunk names."""
    return tuple(dict.fromkeys(_REFERENCE.findall(text)))


class Chunks:
    """Makes chunks. `conceal` goes over the text of each before it is named."""

    def __init__(self, conceal: Callable[[str], str]) -> None:
        self._conceal = conceal
        self._texts: dict[str, str] = {}
        self._made: dict[str, str] = {}

    def put(self, plain: object) -> str:
        """The reference to it. `plain` is as a codec writes it."""
        return self._put(self._conceal(encoded(plain)))

    def put_numbers(self, plain: object) -> str:
        """The reference to what has no text of anybody's in it."""
        return self._put(encoded(plain))

    def put_made(self, made: Mapping[str, str]) -> None:
        """Chunks with nothing to conceal that were made before, by hash."""
        self._made.update(made)

    def put_same(self, write: Callable[[Value], object], value: Same[Value]) -> str:
        """As `put` of what `write` makes of the value: for what is nearly always as it was the day before."""
        return self._put(_written(self._conceal, write, value))

    def put_blocks(
        self, rows: Sequence[Value], write: Callable[[Value], object], exact: Callable[[Value], Hashable]
    ) -> dict[str, object]:
        """A list that only grows: its last rows, and the rest in chunks of so many, each naming the one before.

        Of two rows with the same `exact` what `write` makes is the same.
        """
        whole = len(rows) - len(rows) % BLOCK
        before: str | None = None
        for first in range(0, whole, BLOCK):
            some = tuple(rows[first : first + BLOCK])
            block = Same((write, some, before), (write, tuple(map(exact, some)), before))
            before = self.put_same(_write_block, block)
        return _block(list(map(write, rows[whole:])), before)

    def _put(self, text: str) -> str:
        name = digest(text)
        self._texts[name] = text
        return PREFIX + name

    def kept(self, root: object) -> KeptInputs:
        """With `root` as the chunk that names the others. Raises: RecordError where a text looks like a reference."""
        name = self.put(root).removeprefix(PREFIX)
        named = {each for text in self._texts.values() for each in references(text)}
        chunks = self._made | self._texts
        if not named <= chunks.keys():
            raise RecordError("a text looks like the name of a chunk")
        return KeptInputs(name, chunks)


@lru_cache(maxsize=_MOST_REMEMBERED)
def _written(conceal: Callable[[str], str], write: Callable[[Value], object], value: Same[Value]) -> str:
    return conceal(encoded(write(value.value)))


def _write_block(block: tuple[Callable[[Value], object], Sequence[Value], str | None]) -> dict[str, object]:
    write, rows, before = block
    return _block(list(map(write, rows)), before)


def _block(rows: Sequence[object], before: str | None) -> dict[str, object]:
    return {"rows": rows} if before is None else {"rows": rows, "before": before}


class Kept:
    """Reads chunks, strictly: each is what its name says, and what it should be."""

    def __init__(self, inputs: KeptInputs) -> None:
        self._inputs = inputs

    def root(self) -> Mapping[str, Any]:
        """Raises: RecordError as `open`."""
        return fields(self.open(PREFIX + self._inputs.root, ""), "")

    def open(self, reference: object, path: str) -> object:
        """The JSON of a chunk. Raises: RecordError naming the path where it is missing, damaged or none."""
        if type(reference) is not str or not _WHOLE.fullmatch(reference):
            refuse(path, "is not the name of a chunk")
        text = self._inputs.chunks.get(reference.removeprefix(PREFIX))
        if text is None:
            refuse(path, "is not among what is kept")
        try:
            if digest(text) != reference.removeprefix(PREFIX):
                refuse(path, "is damaged: its content is not what its name was taken over")
            found: object = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            refuse(path, "is not JSON")
        return found

    def blocks(self, last: object, path: str) -> list[Any]:
        """What `put_blocks` wrote, as one list."""
        found: list[Sequence[Any]] = []
        while True:
            block = fields(last, path)
            if not block.keys() <= {"rows", "before"}:
                refuse(path, "is not a block of rows")
            found.append(items(block.get("rows"), f"{path}.rows"))
            if "before" not in block:
                return [row for rows in reversed(found) for row in rows]
            path = f"{path}.before"
            last = self.open(block["before"], path)


def gather(fetch: Callable[[Collection[str]], Mapping[str, str]], root: str) -> KeptInputs:
    """All that can be reached from a root, by as few questions as its depth; what is missing is left out."""
    found: dict[str, str] = {}
    wanted: Collection[str] = (root,)
    while wanted:
        texts = fetch(wanted)
        found |= texts
        wanted = {name for text in texts.values() for name in references(text)} - found.keys() - set(wanted)
    return KeptInputs(root, found)


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")
