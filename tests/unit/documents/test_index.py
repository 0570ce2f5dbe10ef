"""`docs/README.md` says which page to read when, and leaves none out."""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[3] / "docs"
INDEX = DOCS / "README.md"
LINKS = re.findall(r"\]\(([^)#]+)[^)]*\)", INDEX.read_text(encoding="utf-8"))


def test_every_page_is_in_it() -> None:
    pages = {file.relative_to(DOCS).as_posix() for file in DOCS.rglob("*.md")} - {INDEX.name}
    assert pages - set(LINKS) == set()


def test_the_readme_points_to_it() -> None:
    assert "](docs/README.md)" in (DOCS.parent / "README.md").read_text(encoding="utf-8")


def test_what_is_left_out_has_a_reason_in_one_line_each() -> None:
    rows = [line.split(" | ") for line in (DOCS / "scope.md").read_text(encoding="utf-8").splitlines() if " | " in line]
    assert len(rows) > 10
    assert all(len(row) == 2 and len(row[1]) > 40 for row in rows[1:])
