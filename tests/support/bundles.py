"""Bundles of a tree that looks like a run's, and what can be done to one."""

import random
from collections.abc import Mapping

from app.record.bundle import Bundle, Head
from app.record.canonical import canonical, digest

EVENT: Mapping[str, str | int] = {
    "book": "account-0123456789abcdef",
    "hash": digest("h"),
    "link": digest("l"),
    "number": 7,
}


def tree(value: object, chunks: dict[str, str]) -> object:
    """The value with each mapping under a name that begins with `+` kept as a chunk of its own."""
    if isinstance(value, dict):
        return {
            name.removeprefix("+"): kept(tree(item, chunks), chunks) if name.startswith("+") else tree(item, chunks)
            for name, item in value.items()
        }
    return value


def kept(value: object, chunks: dict[str, str]) -> str:
    """The reference to the value, kept."""
    text = canonical(value)
    chunks[digest(text)] = text
    return f"sha256:{digest(text)}"


def bundle_of(value: object, withheld: Mapping[str, str] | None = None) -> Bundle:
    """Of that root."""
    chunks: dict[str, str] = {}
    root = kept(tree(value, chunks), chunks).removeprefix("sha256:")
    for name in withheld or {}:
        del chunks[name]
    return Bundle(Head("run_0123456789abcdef", root, EVENT, withheld or {}), chunks)


def some_bundle() -> Bundle:
    """Of a market, histories by month, and an outcome; its numbers are made up."""
    draw = random.Random(7)  # noqa: S311 (a repeatable choice)
    months = [f"{year}-{month:02}" for year in (2018, 2019) for month in range(1, 13)]

    def closes() -> list[float]:
        return [round(draw.uniform(10, 400), 3) for _ in range(21)]

    return bundle_of(
        {
            "form": 1,
            "market": {
                "+quotes": {str(conid): {"bid": f"{draw.uniform(10, 400):.2f}", "kind": "live"} for conid in range(20)},
                "+instruments": {str(conid): f"NAME{conid}" for conid in range(20)},
            },
            "+history": {str(conid): {f"+{month}": closes() for month in months} for conid in range(4)},
            "+outcome": {"choice": "hold-1", "notes": ["é", None, 1, 2.5, True]},
        }
    )
