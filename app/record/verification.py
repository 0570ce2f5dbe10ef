"""What a bundle proves: that it is as it was written, and that the same day comes out of it again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.errors import RecordError
from app.record.bundle import Altered, read_bundle
from app.record.chunks import KeptInputs
from app.record.compare import first_difference
from app.record.replay import decide_again, read
from app.record.tree import walk

_LONGEST = 300


class Verdict(StrEnum):
    """`withheld`: unaltered, and not decided again, because prices are left out."""

    EQUAL = "equal"
    DIFFERENT = "different"
    ALTERED = "altered"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Verified:
    """`problems` are `path: what`; `withheld` says by path from whom it is; `chunks` were checked."""

    verdict: Verdict
    problems: tuple[str, ...] = ()
    run_id: str | None = None
    root: str | None = None
    event: Mapping[str, str | int] = field(default_factory=dict)
    chunks: int = 0
    withheld: Mapping[str, str] = field(default_factory=dict)


def verify_bundle(data: bytes) -> Verified:
    """Raises: UsageError for what is no bundle at all."""
    found = read_bundle(data)
    if isinstance(found, Altered):
        return Verified(Verdict.ALTERED, found.problems)
    head = found.head
    # Where nothing is left out every chunk has been walked already.
    named = walk(head.root, found.chunks).absent if head.withheld else {}
    withheld = {named[name]: source for name, source in head.withheld.items()}
    verdict, problems = (Verdict.WITHHELD, ()) if withheld else _replayed(KeptInputs(head.root, found.chunks))
    return Verified(verdict, problems, head.run_id, head.root, head.event, len(found.chunks), withheld)


def _replayed(kept: KeptInputs) -> tuple[Verdict, tuple[str, ...]]:
    try:
        record = read(kept)
        differs = first_difference(record.outcome, decide_again(record.inputs))
    except RecordError as error:
        # Each under its true hash, and yet nothing that a run keeps.
        return Verdict.ALTERED, (_shown(error.cause),)
    if differs is None:
        return Verdict.EQUAL, ()
    told = f"outcome.{differs.path}: kept {differs.kept}, and now {differs.again}"
    return Verdict.DIFFERENT, (_shown(told),)


def _shown(text: str) -> str:
    """What a screen may be given of somebody's text."""
    shown = text[:_LONGEST].encode("ascii", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else "?" for letter in shown)
