"""`portfolio docs`: the pages that messages name, by that name."""

import re
from pathlib import Path

import pytest

from app.commands.pages import directory, text_of
from app.domain.errors import UsageError

ROOT = Path(__file__).resolve().parents[3]


def test_every_page_that_a_message_names_is_shown_by_that_name() -> None:
    sources = [file for room in ("app", "api_gateway") for file in (ROOT / room).rglob("*.py")]
    named = {name for file in sources for name in re.findall(r"docs/[\w/-]+\.md", file.read_text(encoding="utf-8"))}
    assert "docs/runbook.md" in named
    for name in named:
        assert text_of(directory(), name).startswith("# ")


def test_a_page_goes_by_its_short_name_too() -> None:
    assert text_of(directory(), "decisions/orders") == (ROOT / "docs/decisions/orders.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("runbok", "there is no page runbok. Did you mean runbook?"),
        ("../LICENSE", "there is no page ../LICENSE. `portfolio docs` lists them"),
        ("", "there is no page . `portfolio docs` lists them"),
        ("x" * 9000, "`portfolio docs` lists them"),
    ],
)
def test_a_page_that_is_not_there_is_an_error_that_names_the_nearest(name: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        text_of(directory(), name)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 200
