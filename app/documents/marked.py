"""The part of a page that is generated: everything around it is a person's and stays."""

from collections.abc import Iterable

_BEGIN, _END = "<!-- generated: begin -->", "<!-- generated: end -->"


def marked(text: str, lines: Iterable[str]) -> str:
    """The page with its generated part made of `lines`; a page that has none gets it at its end."""
    head, _, rest = text.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    return f"{head}{_BEGIN}\n{chr(10).join(lines)}\n{_END}{tail or chr(10)}"
