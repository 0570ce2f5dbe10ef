"""`docs/risk.md` tells of the stress days what the code does on them."""

import pytest

from tests.stress import DOCUMENT, renewed

pytestmark = pytest.mark.real_prices


def test_the_tables_of_the_stress_days_are_what_is_measured_and_decided() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert renewed(text) == text, "python -m tests.stress --write renews it"
