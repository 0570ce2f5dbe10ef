"""The generated documentation says what the schema says, and the check notices when it does not."""

from pathlib import Path

import pytest

from app.documents import DOCUMENTS, main, outdated
from app.documents.policy_page import policy_table
from app.domain.policy.problems import all_fields

ROOT = Path(__file__).resolve().parents[3]


def test_the_documents_are_up_to_date() -> None:
    assert outdated(ROOT) == {}


def test_the_policy_page_has_a_row_for_every_field() -> None:
    text = policy_table("")
    assert text.count("\n| `") == len(list(all_fields()))
    assert "| `max_position_pct` | % | `15` | largest holding |" in text
    assert '| `trade_from` | time | `"09:30"` |' in text
    assert "| `min_market_cap` | currency | `0` |" in text
    assert "| `min_sentiment` | number | `null` |" in text
    assert "| `currency` | text | required |" in text


def test_text_around_the_generated_part_stays() -> None:
    page = "before\n<!-- generated: begin -->\nout of date\n<!-- generated: end -->\nafter\n"
    made = policy_table(page)
    assert made.startswith("before\n")
    assert made.endswith("\nafter\n")
    assert "out of date" not in made
    assert policy_table(made) == made


def test_the_check_writes_nothing_and_fails_on_an_outdated_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check", "--root", str(tmp_path)]) == 1
    assert "docs/policy.md is outdated: run `python -m app.documents`" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main(["--root", str(tmp_path)]) == 0
    assert main(["--check", "--root", str(tmp_path)]) == 0
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")} == set(DOCUMENTS)
