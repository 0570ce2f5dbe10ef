"""Which form of an answer a caller wants, by its `Accept` header."""

from collections.abc import Iterator

HTML, JSON = "text/html", "application/json"
_NOT_TAKEN = (-1.0, False, 0)


def wants_html(accept: str) -> bool:
    """A page, unless JSON is asked for and preferred to it."""
    return _rank(accept, HTML) >= _rank(accept, JSON)


def names_html(accept: str) -> bool:
    """Whether a page is asked for in so many words, as browsers do; a program that takes anything does not."""
    quality, named, _ = _rank(accept, HTML)
    return quality > 0 and named and wants_html(accept)


def _rank(accept: str, wanted: str) -> tuple[float, bool, int]:
    """By its quality, by whether it is named, and by how early."""
    fitting = {wanted, f"{wanted.partition('/')[0]}/*", "*/*"}
    found = (
        (quality, kind == wanted, -place) for place, (kind, quality) in enumerate(_ranges(accept)) if kind in fitting
    )
    # Of several that fit the one that names it counts.
    return max(found, key=lambda one: (one[1], one[0]), default=_NOT_TAKEN)


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in (accept.strip() or "*/*").split(","):
        kind, *parameters = (word.strip().lower() for word in part.split(";"))
        written = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        yield JSON if kind.endswith("+json") else kind, _quality(written)


def _quality(written: str) -> float:
    try:
        quality = float(written)
    except ValueError:
        return 1.0
    return quality if 0 <= quality <= 1 else 1.0
