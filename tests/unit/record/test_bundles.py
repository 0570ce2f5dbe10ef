"""A bundle says what was kept and nothing else: whatever is changed in one is found, and named where it stands."""

import base64
import json
import random
import re
import zlib

import pytest

from app.domain.errors import UsageError
from app.record.bundle import Altered, Bundle, Head, read_bundle, write_bundle
from app.record.canonical import digest
from tests.support.bundles import some_bundle
from tests.support.thinning import thin

BUNDLE = some_bundle()
FILE = write_bundle(BUNDLE)
LINES = FILE.decode().split("\n")


def paths() -> dict[str, str]:
    """The path of every chunk by its hash, worked out here from the texts alone."""
    found: dict[str, str] = {BUNDLE.head.root: "root"}

    def look(value: object, path: str) -> None:
        if isinstance(value, dict):
            for name, item in value.items():
                look(item, f"{path}.{name}" if path else name)
        elif isinstance(value, str) and value.startswith("sha256:"):
            name = value.removeprefix("sha256:")
            found[name] = path
            look(json.loads(BUNDLE.chunks[name]), path)

    look(json.loads(BUNDLE.chunks[BUNDLE.head.root]), "")
    return found


PATHS = paths()


def test_what_was_written_is_read() -> None:
    assert read_bundle(FILE) == BUNDLE
    assert write_bundle(BUNDLE) == FILE


def test_a_bundle_is_a_json_document_with_one_chunk_a_line() -> None:
    document = json.loads(FILE)
    assert list(document) == ["portfolio-record", "run", "root", "event", "withheld", "chunks", "seal"]
    for name, packed in document["chunks"].items():
        text = zlib.decompress(base64.b64decode(packed), -15).decode()
        assert digest(text) == name
        assert text == BUNDLE.chunks[name]
        assert sum(name in line for line in LINES if line.startswith(f'"{name}"')) == 1
    assert len(LINES) == len(BUNDLE.chunks) + 9


BLOCK = 100


def corrupted(number: int) -> tuple[int, bytes]:
    """Where, and the file with another byte there."""
    draw = random.Random(number)  # noqa: S311 (a repeatable choice)
    at, by = draw.randrange(len(FILE)), draw.randrange(1, 256)
    return at, FILE[:at] + bytes([FILE[at] ^ by]) + FILE[at + 1 :]


def damaged_chunk(at: int) -> str | None:
    """The path of the chunk whose line the byte is of; None in the frame around them."""
    found = re.match(r'"([0-9a-f]{64})": "', LINES[FILE[:at].count(b"\n")])
    return PATHS[found[1]] if found else None


@pytest.mark.parametrize("block", thin(range(10), every=10))
def test_of_a_thousand_other_bytes_each_is_found_and_its_chunk_named(block: int) -> None:
    named = 0
    for number in range(block * BLOCK, (block + 1) * BLOCK):
        at, data = corrupted(number)
        try:
            found = read_bundle(data)
        except UsageError:
            # In the file's first words.
            continue
        assert isinstance(found, Altered), at
        chunk = damaged_chunk(at)
        named += chunk in {problem.partition(": ")[0] for problem in found.problems}
        if chunk is not None and len(found.problems) > 2:
            pytest.fail(f"{at}: {found.problems}")
    assert named >= 0.95 * BLOCK


def sealed(lines: list[str]) -> bytes:
    """As somebody would hand it on who wants an alteration to go unnoticed."""
    body = "\n".join(lines[:-2]) + "\n"
    return f'{body}"seal": "{digest(body)}"}}\n'.encode()


def test_a_new_seal_hides_nothing() -> None:
    assert read_bundle(sealed(LINES)) == BUNDLE
    other = "0" * 64
    first = next(number for number, line in enumerate(LINES) if line.startswith('"chunks"')) + 1
    for number in range(first, len(LINES) - 3, 9):
        name = LINES[number][1:65]
        for line in (LINES[number].replace(name, other), None):
            lines = [*LINES[:number], *([line] if line else []), *LINES[number + 1 :]]
            found = read_bundle(sealed(lines))
            assert isinstance(found, Altered)
            assert PATHS[name] in {problem.partition(": ")[0] for problem in found.problems}


def test_a_chunk_that_nothing_names_is_not_taken() -> None:
    more = Bundle(BUNDLE.head, {**BUNDLE.chunks, digest("1"): "1"})
    found = read_bundle(write_bundle(more))
    assert found == Altered((f"chunks: nothing names {digest('1')[:12]}",))


def test_what_is_withheld_is_named_by_its_hash_alone() -> None:
    name = next(name for name, path in PATHS.items() if path == "market.quotes")
    head = Head(BUNDLE.head.run_id, BUNDLE.head.root, BUNDLE.head.event, {name: "ibkr"})
    less = Bundle(head, {other: text for other, text in BUNDLE.chunks.items() if other != name})
    assert read_bundle(write_bundle(less)) == less
    assert read_bundle(write_bundle(Bundle(head, BUNDLE.chunks))) == Altered(
        (f"withheld: nothing names {name[:12]}, or it is there",)
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '{"b":1,"a":2}',
        '{"a":1,"a":1}',
        '{"a":NaN}',
        '{"a":1e999}',
        '{"a":1.0e0}',
        '"\\u0041"',
        "1 ",
        "{",
        "",
    ],
)
def test_a_text_that_is_not_canonical_is_no_chunk_whatever_its_hash_is(text: str) -> None:
    found = read_bundle(write_bundle(Bundle(Head("run_1", digest(text), {}), {digest(text): text})))
    assert isinstance(found, Altered)
    assert found.problems[0].startswith("root: ")


def test_the_field_of_a_chunk_that_can_still_be_read_is_named() -> None:
    name = next(name for name, path in PATHS.items() if path == "market.quotes")
    text = BUNDLE.chunks[name]
    at = text.index('"12":') + len('"12":{"bid":"')
    packed = base64.b64encode(zlib.compress((text[:at] + '"' + text[at + 1 :]).encode(), 9, -15)).decode()
    lines = [f'"{name}": "{packed}",' if line.startswith(f'"{name}"') else line for line in LINES]
    found = read_bundle(sealed(lines))
    assert isinstance(found, Altered)
    (problem,) = found.problems
    assert problem == "market.quotes: its content is not what was kept, or is not there; it breaks near 12.bid"
