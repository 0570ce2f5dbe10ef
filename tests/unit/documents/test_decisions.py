"""Every decision stands once, on the page of its area, and the index lists it with its date."""

import re
from pathlib import Path

from app.documents.decisions import decisions

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = sorted((DOCS / "decisions").glob("*.md"))


def test_a_decision_is_told_once_and_a_page_has_the_newest_last() -> None:
    by_page = [decisions(page.read_text(encoding="utf-8")) for page in PAGES]
    titles = [each.title for page in by_page for each in page]
    assert len(titles) == len(set(titles))
    for page in by_page:
        assert [each.day for each in page] == sorted(each.day for each in page)


def test_every_heading_of_an_areas_page_is_a_dated_decision() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert len(decisions(text)) == len(re.findall(r"^## ", text, re.MULTILINE)) > 0, page.name


def test_no_decision_is_left_in_the_index_itself() -> None:
    assert decisions((DOCS / "decisions.md").read_text(encoding="utf-8")) == ()


def test_what_is_superseded_says_by_which_decision() -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    titles = {each.title for text in texts for each in decisions(text)}
    named = [title for text in texts for title in re.findall(r'^\*(?:Partly s|S)uperseded by "([^"]+)"', text, re.M)]
    assert len(named) == sum(each.superseded for text in texts for each in decisions(text))
    assert set(named) <= titles


def test_a_superseded_decision_is_known_by_the_line_below_its_heading() -> None:
    page = '## 2026-01-02 · One\n*Superseded by "Two" (2026-01-03).*\n\nWhy.\n\n## 2026-01-03 · Two, "so"\nWhy.\n'
    one, two = decisions(page)
    assert (one.title, one.superseded, two.superseded) == ("One", True, False)
    assert two.anchor == "2026-01-03--two-so"
