"""What of a run goes to others: its chunks, but for prices of sources that may not be passed on."""

import re
from collections.abc import Mapping

from app.domain.errors import RecordError
from app.record.bundle import Bundle, Head
from app.record.chunks import KeptInputs
from app.record.sources import may_be_passed_on
from app.record.tree import walk

# The account's own statement, its orders and what was measured are the person's own.
_PRICES = re.compile(r"(market|history)(\..*)?")
_SOURCE = re.compile(r'"source":"([^"]*)"')


def proof(run_id: str, kept: KeptInputs, event: Mapping[str, str | int], *, with_prices: bool = False) -> Bundle:
    """A bundle. Raises: RecordError where a chunk is not there any more."""
    tree = walk(kept.root, kept.chunks)
    for path in tree.absent.values():
        raise RecordError(f"{path}: is not among what is kept", "Restore a backup that has it")
    priced = {name: kept.chunks[name] for name, path in tree.found.items() if _PRICES.fullmatch(path)}
    forbidden = {} if with_prices else {name: source for name, text in priced.items() if (source := _withheld(text))}
    shown = {name: text for name, text in kept.chunks.items() if name not in forbidden}
    left = walk(kept.root, shown)
    head = Head(run_id, kept.root, event, {name: forbidden[name] for name in left.absent})
    return Bundle(head, {name: shown[name] for name in left.found})


def _withheld(text: str) -> str | None:
    """The source for which it must not go."""
    return next((source for source in _SOURCE.findall(text) if not may_be_passed_on(source)), None)
