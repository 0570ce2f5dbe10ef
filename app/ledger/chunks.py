"""What runs were decided from: chunks by their hash, deflated, each stored once, and never changed or removed."""

import base64
import json
import zlib
from collections.abc import Collection, Iterator, Mapping

from sqlalchemy import Connection, bindparam, select, text
from sqlalchemy.dialects import sqlite

from app.desk.records import Event
from app.ledger.events import OwnKind
from app.ledger.schema import chunks, events
from app.record.canonical import digest
from app.record.chunks import KeptInputs, references

# No chunk that was written is nearly as long; one that unpacks to more is none of ours.
LARGEST = 16 * 2**20
_RAW = -15
# To clear a window for the longest texts costs five times as much as to deflate a short one.
_SHORT = 4096
_SHORT_RAW, _SHORT_MEMORY = -12, 5
_ASKED_AT_ONCE = 500
_SHOWN = 12
_THERE = select(chunks.c.hash).where(chunks.c.hash.in_(bindparam("hashes", expanding=True)))
_READ = select(chunks).where(chunks.c.hash.in_(bindparam("hashes", expanding=True)))
_ADD = sqlite.insert(chunks).on_conflict_do_nothing().inline()
# One way to the server and back; sorted, so that two who write the same chunks wait for each other and not in a circle.
_ADD_AT_ONCE = text(
    """
    INSERT INTO chunks (hash, content)
    SELECT hash, decode(content, 'base64')
    FROM json_to_recordset(CAST(:rows AS json)) AS row (hash text, content text) ORDER BY hash
    ON CONFLICT DO NOTHING
    """
)
_ROOT_EVENT = (
    select(events.c.payload, events.c.number, events.c.hash, events.c.link)
    .where(events.c.run_id == bindparam("run"), events.c.kind == OwnKind.INPUTS_KEPT)
    .order_by(events.c.seq.desc())
    .limit(1)
)


def keep(connection: Connection, inputs: KeptInputs | None) -> tuple[Event, ...]:
    """Store what is not there, and the event that names it; none for None."""
    if inputs is None:
        return ()
    new = sorted(_new(connection, inputs))
    packed = {name: _packed(inputs.chunks[name]) for name in new}
    if connection.dialect.name == "postgresql":
        rows = [{"hash": name, "content": base64.b64encode(content).decode()} for name, content in packed.items()]
        connection.execute(_ADD_AT_ONCE, {"rows": json.dumps(rows)})
    else:
        connection.execute(_ADD, [{"hash": name, "content": content} for name, content in packed.items()])
    return (Event(OwnKind.INPUTS_KEPT, {"root": inputs.root}),)


def _new(connection: Connection, inputs: KeptInputs) -> set[str]:
    """What is below a chunk that is there, is there: whoever stored the one has stored the other in the same commit."""
    new: set[str] = set()
    wanted = {inputs.root}
    while wanted:
        new |= wanted
        below = {name for above in wanted for name in references(inputs.chunks[above])} - new
        wanted = below - _there(connection, below)
    return new


def _there(connection: Connection, hashes: Collection[str]) -> set[str]:
    return {row.hash for some in _some(hashes) for row in connection.execute(_THERE, {"hashes": some})}


def texts(connection: Connection, hashes: Collection[str]) -> Mapping[str, str]:
    """Those that are there, as they are stored: whether one is what its hash says is for the reader to see."""
    rows = (row for some in _some(hashes) for row in connection.execute(_READ, {"hashes": some}))
    found = ((row.hash, _text(row.content)) for row in rows)
    return {name: content for name, content in found if content is not None}


def root_of(connection: Connection, run_id: str) -> str | None:
    """Of what the run was decided from; None where nothing was kept."""
    row = connection.execute(_ROOT_EVENT, {"run": run_id}).one_or_none()
    return None if row is None else str(json.loads(row.payload)["root"])


def root_event(connection: Connection, run_id: str) -> Mapping[str, str | int] | None:
    """Number, hash and link of the event that names the root; None where nothing was kept."""
    row = connection.execute(_ROOT_EVENT, {"run": run_id}).one_or_none()
    return None if row is None else {"number": row.number, "hash": row.hash, "link": row.link}


def check_chunks(connection: Connection, roots: Collection[str]) -> Iterator[str]:
    """Every root is there, and what it names; each chunk is what its hash says; none is there that nobody names."""
    below: dict[str, tuple[str, ...]] = {}
    for row in connection.execute(select(chunks)):
        content, name = _text(row.content), str(row.hash)
        if content is None or digest(content) != name:
            yield f"chunk {name[:_SHOWN]}: is not what its hash was taken over"
        below[name] = references(content or "")
    named, wanted = set(roots), set(roots)
    while wanted:
        wanted = {name for above in wanted & below.keys() for name in below[above]} - named
        named |= wanted
    for name in sorted(named - below.keys()):
        yield f"chunk {name[:_SHOWN]}: is missing, and a run was decided from it"
    for name in sorted(below.keys() - named):
        yield f"chunk {name[:_SHOWN]}: no run was decided from it"


def _some(hashes: Collection[str]) -> Iterator[list[str]]:
    """SQLite bounds how many values a statement may have."""
    ordered = sorted(hashes)
    for first in range(0, len(ordered), _ASKED_AT_ONCE):
        yield ordered[first : first + _ASKED_AT_ONCE]


def _packed(content: str) -> bytes:
    text = content.encode()
    if len(text) > _SHORT:
        return zlib.compress(text, wbits=_RAW)
    deflate = zlib.compressobj(wbits=_SHORT_RAW, memLevel=_SHORT_MEMORY)
    return deflate.compress(text) + deflate.flush()


def _text(content: object) -> str | None:
    """None for what is no deflated text."""
    # Somebody can store text or numbers where bytes belong, and what unpacks to more than the memory holds.
    if not isinstance(content, bytes):
        return None
    inflate = zlib.decompressobj(_RAW)
    try:
        unpacked = inflate.decompress(content, LARGEST)
        return unpacked.decode() if inflate.eof and not inflate.unused_data else None
    except (zlib.error, UnicodeDecodeError):
        return None
