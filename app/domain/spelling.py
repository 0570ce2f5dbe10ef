"""The name that was probably meant: whatever is misspelt is refused, and the refusal says what is nearest."""

from collections.abc import Iterable
from difflib import SequenceMatcher

# Two letters in three must agree, except in names too short for that to survive one slip.
_ALIKE, _SHORT, _ALIKE_IF_SHORT = 0.6, 3, 0.5
# GCP_TOKEN is no MCP_TOKEN, and DATABASE_USER no DATABASE_URL.
_A_SLIP, _NEARLY = 0.9, 0.885
# Longer than any name there is: what is compared beyond it is somebody else's data.
_LONGEST = 64


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Of the candidates, whatever their case and however their words are joined; None where none is like it."""
    plain = _plain(name)
    if not 0 < len(plain) <= _LONGEST:
        return None
    likeness = {other: SequenceMatcher(None, plain, _plain(other)).ratio() for other in candidates}
    best = max(likeness, key=lambda other: likeness[other], default=None)
    enough = _ALIKE if len(plain) > _SHORT else _ALIKE_IF_SHORT
    return best if best is not None and likeness[best] >= enough else None


def slip_of(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that this is a slip of the pen of: nearer than `nearest`, for where other names may stand, too."""
    plain, best, most = _plain(name), None, 0.0
    for other in candidates:
        meant = _plain(other)
        if plain == meant or 2 * min(len(plain), len(meant)) < _NEARLY * (len(plain) + len(meant)):
            continue
        matcher = SequenceMatcher(None, plain, meant)
        likeness = matcher.ratio() if matcher.quick_ratio() >= _NEARLY else 0.0
        is_slip = (
            likeness >= _A_SLIP or (likeness >= _NEARLY and plain[0] == meant[0]) or sorted(plain) == sorted(meant)
        )
        if is_slip and likeness >= most:
            best, most = other, likeness
    return best


def shortened(name: str) -> str:
    """Enough of a name to be recognised in a message."""
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"


def printable(text: str) -> str:
    """The text without what moves a cursor or begins a line: that is written as Python writes it."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
