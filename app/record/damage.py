"""Where in a damaged text the damage is, as far as that can be told: what stands before it is whole."""

import json
import re
import zlib

from app.record.tree import joined

_TOKENS = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|([\[{])|([\]}])|(,)')


def readable(raw: bytes, bound: int, wbits: int) -> str:
    """What can be inflated before the damage, and is ASCII."""
    stretch, found = zlib.decompressobj(wbits), bytearray()
    try:
        for at in range(len(raw)):
            found += stretch.decompress(raw[at : at + 1], bound)
            if len(found) > bound:
                break
    except zlib.error:
        pass
    text = found.decode("ascii", "replace")
    return text.partition("�")[0]


def near(text: str) -> str | None:
    """The path of the field at which the text is no JSON any more; None where it is JSON, or nothing precedes."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return _path(text[: error.pos]) or None
    except (ValueError, RecursionError):
        return None
    return None


def _path(text: str) -> str:
    """Of the value at the end of the text."""
    names: list[str | int] = []
    for token in _TOKENS.finditer(text):
        word, names_a_value, opens, closes, comma = token.groups()
        if names_a_value and names:
            names[-1] = word[1:-1]
        elif opens:
            names.append(0 if opens == "[" else "")
        elif closes and names:
            names.pop()
        elif comma and names and isinstance(names[-1], int):
            names[-1] += 1
    path = ""
    for name in names[:8]:
        path = joined(path, str(name)) if name != "" else path
    return path
