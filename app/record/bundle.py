"""A run's chunks in one file, to be checked where its ledger is not.

The file is a JSON document with one chunk a line, its text deflated and in base64. It is read line by line and never as
a whole: what comes from others is bounded before it is unpacked, nothing in it is a path, and nothing in it is run.
"""

import base64
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NoReturn, TypeGuard

from app.domain.errors import UsageError
from app.record.canonical import digest
from app.record.damage import near, readable
from app.record.tree import Tree, walk

FORM = 1
LARGEST_FILE = 16 * 2**20
MOST_LINES = 100_000
LARGEST_CHUNK = 4 * 2**20
LARGEST_TEXT = 16 * 2**20
# Of a text's length to its deflated length, beyond the first 64 KiB: prices reach 3, and what repeats itself 40.
LARGEST_RATIO = 100
MOST_PROBLEMS = 20
_FREE = 2**16
_RAW = -15
_OPENING = b'{"portfolio-record": '
_CHUNK = re.compile(rb'"([0-9a-f]{64})": "([A-Za-z0-9+/]+={0,2})",?')
_HASH = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"[A-Za-z0-9_.:+-]{1,80}")
_HEAD = ("run", "root", "event", "withheld")
_ABSENT = "its content is not what was kept, or is not there"


@dataclass(frozen=True, slots=True)
class Head:
    """`root` is the hash that the ledger's event names, `event` that event; `withheld` says by hash from whom it is."""

    run_id: str
    root: str
    event: Mapping[str, str | int]
    withheld: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bundle:
    """`chunks` are canonical texts by their hashes."""

    head: Head
    chunks: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Altered:
    """What of a bundle is not as it was written, each as `path: what`."""

    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Damage:
    """A chunk that is not what its line says; `whole`: it is another."""

    what: str
    raw: bytes
    whole: bool = False

    def __str__(self) -> str:
        place = near(readable(self.raw[:_FREE], 16 * _FREE, _RAW))
        return self.what if place is None else f"{self.what}; it breaks near {place}"


class _TooMuch(Exception):
    """A chunk that would unpack to more than a bundle may hold."""


def write_bundle(bundle: Bundle) -> bytes:
    """The file."""
    return _laid_out(bundle.head, {name: _deflated(text) for name, text in bundle.chunks.items()})


def read_bundle(data: bytes) -> Bundle | Altered:
    """What was written, every chunk under its true hash and named from the root down; or what of it is not so.

    Raises: UsageError for what is no bundle at all.
    """
    lines = _lines(data)
    head = _head(lines)
    if isinstance(head, Altered):
        return head
    try:
        chunks, deflated, damaged = _chunks(lines)
    except _TooMuch as error:
        return Altered((str(error),))
    tree = walk(head.root, chunks)
    problems = [*islice(_problems(head, tree, chunks, damaged), MOST_PROBLEMS)]
    if not problems:
        problems = [*islice(_around(lines, _laid_out(head, deflated), tree, chunks), MOST_PROBLEMS)]
    return Altered(tuple(problems)) if problems else Bundle(head, chunks)


def _laid_out(head: Head, deflated: Mapping[str, bytes]) -> bytes:
    values = (head.run_id, head.root, dict(head.event), dict(head.withheld))
    lines = [_OPENING + b"%d," % FORM]
    lines += [_pair(name, value) + b"," for name, value in zip(_HEAD, values, strict=True)]
    chunks = b",\n".join(_pair(name, base64.b64encode(raw).decode()) for name, raw in sorted(deflated.items()))
    body = b"\n".join([*lines, b'"chunks": {', chunks, b"},", b""])
    return body + _pair("seal", digest(body.decode())) + b"}\n"


def _pair(name: str, value: object) -> bytes:
    return f"{json.dumps(name)}: {json.dumps(value, sort_keys=True)}".encode()


def _lines(data: bytes) -> list[bytes]:
    if len(data) > LARGEST_FILE or data.count(b"\n") > MOST_LINES:
        _refuse(f"it has more than {LARGEST_FILE // 2**20} MiB or {MOST_LINES} lines")
    lines = data.split(b"\n")
    if not lines[0].startswith(_OPENING):
        _refuse("it does not begin as one")
    if lines[0] != _OPENING + b"%d," % FORM:
        _refuse(f"its form is not {FORM}; a newer version may have made it")
    return lines


def _refuse(why: str) -> NoReturn:
    raise UsageError(f"this is not a bundle: {why}", "`portfolio prove RUN FILE` writes one")


def _head(lines: Sequence[bytes]) -> Head | Altered:
    read = {name: _value(name, line) for name, line in zip(_HEAD, lines[1:], strict=False)}
    run_id, root, event, withheld = map(read.get, _HEAD)
    if not _is_word(run_id):
        return Altered(("run: not a run's id",))
    if not isinstance(root, str) or not _HASH.fullmatch(root):
        return Altered(("root: not a hash",))
    if not isinstance(event, dict) or not all(type(value) is int or _is_word(value) for value in event.values()):
        return Altered(("event: not what an event is told by",))
    if (
        not isinstance(withheld, dict)
        or not all(map(_HASH.fullmatch, withheld))
        or not all(map(_is_word, withheld.values()))
    ):
        return Altered(("withheld: not a list of hashes and sources",))
    return Head(run_id, root, event, withheld)


def _value(name: str, line: bytes) -> object:
    begin = b'"%s": ' % name.encode()
    # A flat object at most, so that no text can be deep.
    if len(line) > LARGEST_CHUNK or not line.startswith(begin) or line.count(b"{") + line.count(b"[") > 1:
        return None
    try:
        return json.loads(line[len(begin) :].removesuffix(b","))
    except ValueError:
        return None


def _is_word(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def _chunks(lines: Sequence[bytes]) -> tuple[dict[str, str], dict[str, bytes], dict[str, _Damage]]:
    """(texts by their true hashes, what they were deflated to, damage by the hash that the line says).

    Raises: _TooMuch.
    """
    chunks: dict[str, str] = {}
    deflated: dict[str, bytes] = {}
    damaged: dict[str, _Damage] = {}
    left = LARGEST_TEXT
    for line in lines:
        found = _CHUNK.fullmatch(line)
        if found is None:
            continue
        said, raw = found[1].decode(), b""
        try:
            raw = base64.b64decode(found[2], validate=True)
            text = _inflated(raw, left)
        except _TooMuch as error:
            raise _TooMuch(f"chunk {said[:12]}: {error}") from None
        except ValueError as error:
            damaged[said] = _Damage(str(error) if raw else "no base64", raw)
            continue
        left -= len(text)
        name = digest(text)
        chunks[name], deflated[name] = text, raw
        if name != said:
            damaged[said] = _Damage(_ABSENT, raw, whole=True)
    return chunks, deflated, damaged


def _deflated(text: str) -> bytes:
    return zlib.compress(text.encode(), 9, _RAW)


def _inflated(raw: bytes, left: int) -> str:
    """Raises: _TooMuch; ValueError, whose text can be shown."""
    bound = min(LARGEST_CHUNK, LARGEST_RATIO * len(raw) + _FREE, left)
    stretch = zlib.decompressobj(_RAW)
    try:
        content = stretch.decompress(raw, bound + 1)
    except zlib.error:
        raise ValueError("cannot be inflated") from None
    if len(content) > bound:
        raise _TooMuch(f"more than {bound} bytes")
    if not stretch.eof or stretch.unused_data:
        raise ValueError("its deflated content does not end where it should")
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise ValueError("no ASCII") from None


def _problems(head: Head, tree: Tree, chunks: Mapping[str, str], damaged: Mapping[str, _Damage]) -> Iterator[str]:
    """Of what the root leads to; only where there is none of them of what it does not lead to."""
    yield from tree.unreadable
    missing = [name for name in tree.absent if name not in head.withheld]
    for name in missing:
        yield f"{tree.absent[name]}: {damaged.get(name, _ABSENT)}"
    if missing or tree.unreadable:
        return
    for name in head.withheld:
        if name not in tree.absent:
            yield f"withheld: nothing names {name[:12]}, or it is there"
    broken = [name for name, damage in damaged.items() if not damage.whole]
    for name in [*chunks, *broken]:
        if name not in tree.found:
            yield f"chunks: nothing names {name[:12]}"


def _around(lines: Sequence[bytes], again: bytes, tree: Tree, chunks: Mapping[str, str]) -> Iterator[str]:
    """What is wrong where every chunk is right: the same content in other bytes, or the head.

    `again` is the file laid out anew.
    """
    anew = again.split(b"\n")
    if anew == list(lines):
        return
    for line, expected in zip(lines, anew, strict=False):
        if line != expected and not expected.startswith(b'"seal"'):
            yield f"{_told(expected, tree)}: not in the bytes that it was written in"
            return
    for name, text in chunks.items():
        if _pair(name, base64.b64encode(_deflated(text)).decode()) not in again:
            yield f"{tree.found[name]}: not in the bytes that it was written in"
            return
    yield "head: run, event, withheld or seal is not as it was written"


def _told(line: bytes, tree: Tree) -> str:
    found = _CHUNK.fullmatch(line)
    return tree.found[found[1].decode()] if found else "head"
