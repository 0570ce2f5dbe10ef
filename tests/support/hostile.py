"""Files that call themselves bundles, made to do harm: each by its number, always the same."""

import base64
import json
import pickle
import random
import zlib
from collections.abc import Callable, Mapping

from app.record.bundle import LARGEST_FILE, LARGEST_TEXT
from app.record.canonical import canonical, digest
from app.record.chunks import KeptInputs
from tests.support.bundles import EVENT

Draw = random.Random
NASTY = (
    "../../../etc/passwd",
    "/dev/zero",
    "\x1b]0;owned\x07",
    "\x1b[2J\x1b[31m",
    "a\nb",
    "\x00",
    "‮gnp",
    "%s%n{0}",
    "__class__",
)


def deflated(content: bytes) -> str:
    """Raw deflate in base64."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return base64.b64encode(squeeze.compress(content) + squeeze.flush()).decode()


def document(chunks: Mapping[str, str], head: Mapping[str, object], between: str = "") -> bytes:
    """A file with a right seal, `chunks` packed already, whatever stands in it."""
    root = next(iter(chunks), digest(""))
    values = {"run": "run_1", "root": root, "event": dict(EVENT), "withheld": {}, **head}
    lines = ['{"portfolio-record": 1,', *(f'"{name}": {json.dumps(value)},' for name, value in values.items())]
    body = "\n".join(
        [*lines, '"chunks": {', between + ",\n".join(f'"{n}": "{c}"' for n, c in sorted(chunks.items())), "},", ""]
    )
    return f'{body}"seal": "{digest(body)}"}}\n'.encode(errors="surrogateescape")


def around(*contents: bytes) -> dict[str, str]:
    """Chunks under their true hashes; the first is the root."""
    return {
        digest(content.decode("latin-1")) if not content.isascii() else digest(content.decode()): deflated(content)
        for content in contents
    }


def _value(draw: Draw) -> object:
    return draw.choice(
        [
            None,
            True,
            -1,
            10**400,
            1.5,
            "",
            "x" * draw.randrange(200),
            [],
            [[]],
            {},
            {"a": {}},
            draw.choice(NASTY),
            ["sha256:" + digest("")],
        ]
    )


def _bomb(draw: Draw) -> bytes:
    filler = draw.choice([b" ", b"0,", b"[", b"\x00", b'"a",'])
    return document(around(b"[" + filler * draw.randrange(2**20, 2**24)), {})


def _many_bombs(draw: Draw) -> bytes:
    # Each within its own bounds, all of them not.
    def text() -> bytes:
        return b'["' + b"".join(draw.randbytes(3_000).hex().encode() * 20 for _ in range(30)) + b'"]'

    texts = [text() for _ in range(1 + LARGEST_TEXT // 3_600_000)]
    root = json.dumps([f"sha256:{digest(each.decode())}" for each in texts], separators=(",", ":")).encode()
    return document(around(root, *texts), {})


def _deep(draw: Draw) -> bytes:
    depth = draw.choice([33, 100, 990, 5_000, 60_000])
    if draw.random() < 0.5:
        return document(around(b"[" * depth + b"]" * depth), {})
    return document(around(b'{"a":' * depth + b"1" + b"}" * depth), {})


def _deep_head(draw: Draw) -> bytes:
    nested = "[" * draw.choice([33, 100_000])
    name = draw.choice(["run", "root", "event", "withheld"])
    return document(around(b"{}"), {}).replace(f'"{name}": '.encode(), f'"{name}": {nested}'.encode())


def _number(draw: Draw) -> bytes:
    number = draw.choice(
        [
            b"1e999",
            b"-1e999",
            b"NaN",
            b"Infinity",
            b"-Infinity",
            b"9" * 5_000,
            b"1" + b"0" * 100_000,
            b"1e-999",
            b"0x1",
            b"01",
            b"1.",
        ]
    )
    return document(around(b'{"form":%s}' % number), {})


def _number_in_the_head(draw: Draw) -> bytes:
    number = draw.choice(["1e999", "NaN", "Infinity", "9" * 5_000, "1" + "0" * 100_000, "-0.0"])
    return document(around(b"{}"), {}).replace(b'"number": 7', f'"number": {number}'.encode())


def _twice(draw: Draw) -> bytes:
    root = draw.choice([b'{"a":1,"a":1}', b'{"a":1,"a":2}', b'{"a":{"b":1,"b":1}}'])
    if draw.random() < 0.5:
        return document(around(root), {})
    once = f'"{digest("{}")}": "{deflated(b"{}")}",\n'
    return document(around(b"{}"), {}, between=once * draw.randrange(1, 9))


def _wrong_head(draw: Draw) -> bytes:
    name = draw.choice(["run", "root", "event", "withheld"])
    wrong: object = draw.choice(
        [{"": 1}, {digest("a"): _value(draw)}, {"number": _value(draw)}, [], 7, None, "", draw.choice(NASTY)]
    )
    return document(around(b'{"form":1}'), {name: wrong})


def _wrong_root(draw: Draw) -> bytes:
    names = (
        "form",
        "code",
        "policy",
        "account",
        "market",
        "histories",
        "navs",
        "memory",
        "use",
        "model",
        "outcome",
        draw.choice(NASTY),
    )
    root = {name: _value(draw) for name in draw.sample(names, draw.randrange(len(names)))}
    text = json.dumps(draw.choice([root, _value(draw)]), sort_keys=True, separators=(",", ":"))
    return document(around(text.encode()), {})


def _circle(draw: Draw) -> bytes:
    # No text names its own hash, so one of them must stand under another's.
    names = [digest(str(draw.random())) for _ in range(draw.randrange(1, 6))]
    ring = zip(names, [*names[1:], names[0]], strict=True)
    return document({name: deflated(f'{{"a":"sha256:{after}"}}'.encode()) for name, after in ring}, {})


def _names_itself(draw: Draw) -> bytes:
    name = digest(str(draw.random()))
    return document({name: deflated(json.dumps({"a": [f"sha256:{name}"] * draw.randrange(1, 9)}).encode())}, {})


def _fan(draw: Draw) -> bytes:
    """One chunk named from everywhere, and each level names the one below many times."""
    text, chunks = '"end"', {}
    for _ in range(draw.randrange(3, 25)):
        chunks[digest(text)] = deflated(text.encode())
        text = json.dumps([f"sha256:{digest(text)}"] * draw.randrange(2, 400), separators=(",", ":"))
    return document({digest(text): deflated(text.encode()), **chunks}, {})


def _nasty_names(draw: Draw) -> bytes:
    nasty = draw.choice(NASTY)
    match draw.randrange(5):
        case 0:
            return document({nasty: deflated(b"{}")}, {"root": digest("{}")})
        case 1:
            text = json.dumps({nasty * draw.randrange(1, 50): f"sha256:{digest('gone')}"}, separators=(",", ":"))
            return document(around(text.encode()), {})
        case 2:
            return document(around(b"{}"), {"run": nasty})
        case 3:
            return document(around(b"{}"), {"withheld": {digest("gone"): nasty}})
        case _:
            return document(around(b"{}"), {"event": {nasty: nasty, "number": 1}})


def _bytes(draw: Draw) -> bytes:
    content = draw.randbytes(draw.randrange(4_000))
    match draw.randrange(6):
        case 0:
            return content
        case 1:
            return b'{"portfolio-record": 1,\n' + content
        case 2:
            return document(around(b"{}"), {}).replace(b"run_1", b"run_\xff\xfe")
        case 3:
            return document({digest("{}"): base64.b64encode(content).decode()}, {})
        case 4:
            return zlib.compress(document(around(b"{}"), {}))
        case _:
            return pickle.dumps({"portfolio-record": content})


def _cut(draw: Draw) -> bytes:
    whole = document(around(b'{"a":1}', b"[]"), {})
    return draw.choice(
        [
            b"",
            whole[: draw.randrange(len(whole))],
            whole * 2,
            whole + b"\n",
            b"\xef\xbb\xbf" + whole,
            whole.replace(b"\n", b"\r\n"),
        ]
    )


def _large(draw: Draw) -> bytes:
    opening = b'{"portfolio-record": 1,'
    return draw.choice(
        [
            opening + b" " * LARGEST_FILE,
            opening + b"\n" * LARGEST_FILE,
            opening + b"\n" * 2**20,
            opening + b"\n" + b'"run": ' + b"[" * 2**22,
        ]
    )


def _other_form(draw: Draw) -> bytes:
    form = draw.choice([b"0", b"2", b"-1", b"1.0", b"9" * 5_000, b"null", b'"1"', b"{"])
    return document(around(b"{}"), {}).replace(b'record": 1', b'record": ' + form)


MAKERS: tuple[Callable[[Draw], bytes], ...] = (
    _bomb, _deep, _deep_head, _number, _number_in_the_head, _twice, _wrong_head, _wrong_root, _circle, _names_itself,
    _fan, _nasty_names, _bytes, _cut, _large, _other_form, _many_bombs,
)  # fmt: skip


def hostile(number: int) -> bytes:
    """The file of that number."""
    return MAKERS[number % len(MAKERS)](Draw(number))


def reworked(kept: KeptInputs, number: int) -> KeptInputs:
    """The same day with one value somewhere that nobody wrote, every hash taken anew up to the root."""
    draw = Draw(number)
    changed = draw.choice(
        [name for name, text in kept.chunks.items() if '"conid"' not in text or '"dates"' not in text]
    )
    chunks: dict[str, str] = {}

    def again(name: str) -> str:
        if name not in kept.chunks:
            return name
        plain = json.loads(kept.chunks[name])
        if name == changed:
            plain = _with_another(plain, draw)
        text = canonical(_relinked(plain, again))
        chunks[digest(text)] = text
        return digest(text)

    return KeptInputs(again(kept.root), chunks)


def _relinked(plain: object, again: Callable[[str], str]) -> object:
    match plain:
        case dict():
            return {name: _relinked(value, again) for name, value in plain.items()}
        case list():
            return [_relinked(value, again) for value in plain]
        case str() if plain.startswith("sha256:") and len(plain) == 71:
            return f"sha256:{again(plain.removeprefix('sha256:'))}"
    return plain


def _with_another(plain: object, draw: Draw) -> object:
    """One value replaced, left out or added, at any depth."""
    if isinstance(plain, dict) and plain and draw.random() < 0.85:
        name = draw.choice(sorted(plain))
        match draw.randrange(12):
            case 0:
                return {key: value for key, value in plain.items() if key != name}
            case 1:
                return plain | {draw.choice([*NASTY, "-1", "9" * 30, name.upper()]): plain[name]}
        return plain | {name: _with_another(plain[name], draw)}
    if isinstance(plain, list) and plain and draw.random() < 0.85:
        at = draw.randrange(len(plain))
        match draw.randrange(8):
            case 0:
                return plain[:at] + plain[at + 1 :]
            case 1:
                return plain * 3
        return [*plain[:at], _with_another(plain[at], draw), *plain[at + 1 :]]
    return _another(plain, draw)


def _another(plain: object, draw: Draw) -> object:
    like: list[object] = [plain]
    match plain:
        case bool():
            like = [not plain]
        case int():
            like = [0, -1, plain + 1, 10**9, 2**63 - 1, -(2**63), 2**63, 10**30]
        case float():
            like = [0.0, -0.0, -plain, plain * 1e12, 1e308, -1e308, 5e-324, "inf", "nan", "-inf"]
        case str():
            like = ["0", "-1", "9" * 60, "1E+999", "1E-999", "Infinity", "NaN", "-0", "1.", "0001-01-01", "9999-12-31"]
            like += ["0001-01-01T00:00:00.000000+00:00", "9999-12-31T23:59:59.999999+00:00", plain + plain]
    return draw.choice([*like, *like, _value(draw)])
