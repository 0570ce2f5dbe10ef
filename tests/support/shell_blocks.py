"""The blocks of a page that are typed at a shell, read out of the page itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.forked import ROOT

_FENCE = re.compile(r"^ *```(.*)$")


@dataclass(frozen=True, slots=True)
class Block:
    """`info` is what stands after the fence's first three marks; `heading` the nearest above it."""

    page: Path
    line: int
    heading: str
    info: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> tuple[str, ...]:
        """Each whole: lines that a backslash continues are joined."""
        joined = self.text.replace("\\\n", " ")
        return tuple(line.strip() for line in joined.splitlines() if line.strip())


def pages() -> list[Path]:
    """All that people read."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """Every fenced one, in order."""
    heading, begin, info, kept = "", 0, "", list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if fence and begin:
            yield Block(page, begin, heading, info, "\n".join(kept))
            begin, kept = 0, []
        elif fence:
            begin, info = number, fence[1].strip()
        elif begin:
            kept.append(line)
        elif line.startswith("#"):
            heading = line.lstrip("# ")
    assert not begin, f"{page}:{begin}: the block has no end"
