"""The page about data says of each source what the code does with what it gave."""

from pathlib import Path

from app.record.sources import SOURCES, may_be_passed_on

PAGE = Path(__file__).resolve().parents[3] / "docs" / "data.md"


def test_the_page_has_a_row_for_each_source_and_no_other() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## What may be passed on")[2]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    assert rows == [[f"`{s.name}`", s.gives, "yes" if s.may_be_passed_on else "no", s.because] for s in SOURCES]


def test_what_nobody_has_looked_at_is_not_passed_on() -> None:
    assert may_be_passed_on("simulator")
    assert not may_be_passed_on("ibkr")
    assert not may_be_passed_on("another")
    assert not may_be_passed_on("")
