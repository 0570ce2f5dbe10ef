"""The index of the decisions: every dated paragraph of `docs/decisions/`, by area, with what became of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from app.documents.marked import marked

AREAS = Path(__file__).resolve().parents[2] / "docs" / "decisions"
_DECISION = re.compile(r"^## (?P<day>\d{4}-\d\d-\d\d) · (?P<title>.+)\n(?P<replaced>\*(?:Partly s|S)uperseded)?", re.M)


@dataclass(frozen=True)
class Decision:
    """One dated paragraph. `superseded` also where a part of it is."""

    day: date
    title: str
    superseded: bool

    @property
    def anchor(self) -> str:
        """Of its heading, as the forge makes it."""
        return re.sub(r"[^\w\- ]", "", f"{self.day} · {self.title}").lower().replace(" ", "-")


def decisions(text: str) -> tuple[Decision, ...]:
    """The decisions of a page, in its order."""
    return tuple(
        Decision(date.fromisoformat(found["day"]), found["title"], found["replaced"] is not None)
        for found in _DECISION.finditer(text)
    )


def decisions_index(text: str) -> str:
    """`docs/decisions.md` with its list made from the areas' pages."""
    return marked(text, _lines())


def _lines() -> Iterator[str]:
    for page in sorted(AREAS.glob("*.md")):
        said = page.read_text(encoding="utf-8")
        title, _, rest = said.removeprefix("# ").partition("\n")
        yield from ("", f"## [{title}](decisions/{page.name})", "", rest.strip().partition("\n")[0], "")
        for each in decisions(said):
            mark = " (superseded, at least in part)" if each.superseded else ""
            yield f"- {each.day} · [{each.title}](decisions/{page.name}#{each.anchor}){mark}"
    yield ""
