"""The tables of docs/reliability.md that suites write: each stands between two marks of its own."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final = ROOT / "docs" / "reliability.md"


def table_in(name: str) -> str:
    """What stands between the marks now. Raises ValueError where the document has no such marks."""
    _, found, _ = _parts(name)
    return found


def put(name: str, table: str) -> None:
    """Another table between the marks; the rest stays."""
    before, _, after = _parts(name)
    DOCUMENT.write_text(f"{before}\n{table.strip()}\n\n{after}", encoding="utf-8")


def _parts(name: str) -> tuple[str, str, str]:
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    document = DOCUMENT.read_text(encoding="utf-8")
    if document.count(begin) != 1 or document.count(end) != 1:
        raise ValueError(f"docs/reliability.md has no place for {name}")
    before, _, rest = document.partition(begin)
    found, _, after = rest.partition(end)
    return before + begin, found, end + after
