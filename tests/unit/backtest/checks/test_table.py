"""The documents name every check, the defect that is planted for it, and the test that plants it."""

from pathlib import Path

from app.backtest.checks.run import CHECKS
from tests.unit.backtest.checks import test_planted

HEAD = "| check | what is tried | planted defect | test |"
DOCS = Path(__file__).parents[4] / "docs"


def rows() -> list[list[str]]:
    (text,) = [text for file in DOCS.rglob("*.md") if HEAD in (text := file.read_text())]
    table = text.split(HEAD)[1].strip().split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_the_table_names_every_check_and_a_test_that_fails_it() -> None:
    assert [name for name, *_ in rows()] == list(CHECKS)
    planted = [test.strip("`") for *_, test in rows()]
    assert len(set(planted)) == len(CHECKS)
    assert all("fail" in name and callable(getattr(test_planted, name, None)) for name in planted)
    assert all(tried and defect for _, tried, defect, _ in rows())
