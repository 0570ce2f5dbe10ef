"""Where prices and fills come from, in words that nobody can mistake."""

from collections.abc import Mapping
from typing import Final

_WORDS: Final[Mapping[str, str]] = {
    "simulator:sample": "SIMULATED broker replaying real closing prices; intraday quotes are simulated",
    "simulator:sample-close": "SIMULATED broker quoting real closing prices all day, which nobody could trade at",
    "simulator:synthetic-close": "SYNTHETIC prices from a generator, quoted at their close all day; no market",
    "simulator:synthetic": "SYNTHETIC prices from a generator, SIMULATED broker; not a real market",
}


def source_words(source: str) -> str:
    """Of a report's `source`; a broker's own name stays as it is."""
    return _WORDS.get(source, source)
