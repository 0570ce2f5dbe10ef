"""Which rows a movement of cash shows."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.cash import CashKind, CashRow, ValuedRow, explaining, valued

DAY = date(2022, 3, 14)
TOLERANCE = Decimal(3)


def rows(*amounts: str) -> list[ValuedRow]:
    """One a day, from that day on."""
    made = []
    for number, amount in enumerate(amounts):
        row = CashRow(f"r{number:02}", DAY + timedelta(days=number), CashKind.DEPOSIT, Decimal(amount), "USD")
        made.append(ValuedRow(row, row.amount))
    return made


def chosen(moved: str, *amounts: str) -> list[str]:
    return [f"{one.value}" for one in explaining(rows(*amounts), Decimal(moved), TOLERANCE)]


@pytest.mark.parametrize(
    ("moved", "told", "found"),
    [
        ("100", ["60", "40"], ["60", "40"]),
        ("5000", ["5000", "40"], ["5000"]),
        ("0", ["40"], []),
        ("-3", ["5000"], []),
        ("3000", ["5000"], []),
        ("8000", ["5000"], ["5000"]),
        ("-8000", ["5000"], []),
        ("0", ["40", "-40"], ["40", "-40"]),
        ("5000", ["5000", "5000"], ["5000"]),
        ("4799.20", ["5000", "-200", "40"], ["5000", "-200"]),
    ],
    ids=[
        "all of them", "one that has not moved yet", "none has moved", "noise is no deposit", "too much for what moved",
        "a part of what moved", "the other way", "one and its reversal", "told twice", "less a fee nobody told",
    ],
)  # fmt: skip
def test_the_rows_that_cash_shows(moved: str, told: list[str], found: list[str]) -> None:
    assert chosen(moved, *told) == found


@given(st.lists(st.integers(-(10**6), 10**6).filter(bool), max_size=6), st.lists(st.booleans(), min_size=6, max_size=6))
def test_rows_that_did_move_the_cash_are_told_apart_from_those_that_did_not(
    cents: list[int], moves: list[bool]
) -> None:
    told = [Decimal(each) / 100 for each in cents]
    moved = sum((each for each, is_there in zip(told, moves, strict=False) if is_there), Decimal(0))
    found = explaining(rows(*map(str, told)), moved, TOLERANCE)
    assert moved - sum((one.value for one in found), Decimal(0)) == 0


def test_of_many_rows_whole_days_are_tried() -> None:
    assert len(explaining(rows(*["10"] * 20), Decimal(130), TOLERANCE)) == 13


def test_a_row_is_worth_the_accounts_rate_else_its_own_and_without_either_nothing() -> None:
    told = [
        CashRow("a", DAY, CashKind.DIVIDEND, Decimal(10), "USD", rate=Decimal("0.5")),
        CashRow("b", DAY, CashKind.DIVIDEND, Decimal(10), "GBP", rate=Decimal("1.2")),
        CashRow("c", DAY, CashKind.DIVIDEND, Decimal(10), "CHF"),
    ]
    assert [one.value for one in valued(told, {"USD": Decimal("0.9")}.get)] == [Decimal(9), Decimal(12)]


def test_transfers_of_shares_and_rows_in_unknown_words_explain_no_cash() -> None:
    told = [
        CashRow("a", DAY, CashKind.TRANSFER, Decimal(10), "USD", conid=7),
        CashRow("b", DAY, CashKind.TRANSFER, Decimal(10), "USD"),
        CashRow("c", DAY, CashKind.OTHER, Decimal(10), "USD"),
    ]
    assert [row.explains for row in told] == [False, True, False]
