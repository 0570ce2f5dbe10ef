"""Cash that no trade explains, as the gateway's two lists tell it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from api_gateway.clientportal.cash_rows import cash_rows, implied_flows, kind_of
from api_gateway.clientportal.errors import Malformed
from api_gateway.clientportal.performance import nav_history

ACCOUNT = "DU1234567"


def listed(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    row = {
        "cur": "USD", "date": "Tue Mar 15 00:00:00 EDT 2022", "rawDate": "20220315", "fxRate": 1, "acctid": ACCOUNT,
        "amt": Decimal("12.5"), "conid": 8894, "type": "Dividend Payment", "desc": "COCA-COLA CO/THE",
    }  # fmt: skip
    return {name: value for name, value in {**row, **changes}.items() if value is not None}


def read(*rows: dict[str, Any]) -> Any:  # noqa: ANN401
    return cash_rows({"rc": 0, "transactions": list(rows)}, ACCOUNT)


def test_trades_are_left_out_and_a_dividend_is_a_row_with_its_contract() -> None:
    ((row,), strange) = read(listed(type="Buy", qty=5), listed(), listed(type="Sell"))
    assert (row.kind, row.amount, row.currency, row.date, row.conid) == (
        "dividend", Decimal("12.5"), "USD", date(2022, 3, 15), 8894,
    )  # fmt: skip
    assert strange == ()


@pytest.mark.parametrize(
    ("word", "amount", "kind"),
    [
        ("Dividend Payment", 5, "dividend"),
        ("Payment in Lieu", 5, "dividend"),
        ("Withholding Tax", -1, "withholding_tax"),
        ("Credit Interest", 5, "interest"),
        ("Other Fees", -5, "fee"),
        ("Deposit", 5, "deposit"),
        ("Deposits/Withdrawals", -5, "withdrawal"),
        ("Withdrawal", -5, "withdrawal"),
        ("Transfer", 5, "transfer"),
        ("Corporate Action", 5, "other"),
        ("", 5, "other"),
    ],
)
def test_a_rows_type_says_what_it_was(word: str, amount: int, kind: str) -> None:
    assert kind_of(word, Decimal(amount)) == kind


def test_a_row_keeps_its_id_and_two_that_are_alike_have_two() -> None:
    (first, second), _ = read(listed(), listed())
    (again,), _ = read(listed())
    assert first.id == again.id != second.id
    (own,), _ = read(listed(transactionID=77))
    assert own.id == "77"


@pytest.mark.parametrize(
    "told",
    [{"rawDate": None}, {"rawDate": None, "date": 1647316800000}, {"rawDate": 20220315}],
    ids=["in words", "in milliseconds", "as a number"],
)
def test_a_day_is_read_in_every_form(told: dict[str, Any]) -> None:
    (row,), _ = read(listed(**told))
    assert row.date == date(2022, 3, 15)


@pytest.mark.parametrize("spoiled", [{"amt": "much"}, {"cur": "dollars"}, {"rawDate": "20221399"}, {"amt": None}])
def test_a_row_that_cannot_be_read_costs_itself_and_is_told(spoiled: dict[str, Any]) -> None:
    (rows, strange) = read(listed(**spoiled), listed())
    assert (len(rows), [each.what for each in strange]) == (1, ["transaction"])


@pytest.mark.parametrize("row", [listed(acctid="DU7654321"), listed(type=7), "none"])
def test_a_row_of_another_account_or_that_is_none_is_left_out(row: Any) -> None:  # noqa: ANN401
    assert [len(each) for each in read(row, listed())] == [1, 1]


@pytest.mark.parametrize("answer", [{}, {"transactions": "none"}])
def test_another_answer_is_none(answer: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        cash_rows(answer, ACCOUNT)


def history(navs: list[str], returns: list[str] | None) -> Any:  # noqa: ANN401
    days = ["20220314", "20220315", "20220316"]
    common = {"idType": "acctid", "id": ACCOUNT, "baseCurrency": "USD"}
    answer: dict[str, Any] = {
        "rc": 0, "nav": {"data": [common | {"navs": [Decimal(n) for n in navs]}], "freq": "D", "dates": days},
    }  # fmt: skip
    if returns is not None:
        answer["cps"] = {
            "data": [common | {"returns": [Decimal(r) for r in returns]}], "freq": "D", "dates": days[: len(returns)],
        }  # fmt: skip
    return nav_history(answer, ACCOUNT, datetime(2022, 3, 17, tzinfo=UTC))


def test_what_the_account_gained_without_its_return_was_paid_in_or_out() -> None:
    found = list(implied_flows(history(["100000", "106000", "104940"], ["0", "0.01", "-0.0001"])))
    (flow,) = found
    assert (flow.kind, flow.date, flow.amount) == ("deposit", date(2022, 3, 15), Decimal("5000.00"))
    assert (flow.id, flow.source) == ("performance-20220315", "performance")
    paid_out = list(implied_flows(history(["100000", "100000", "90000"], ["0", "0", "0"])))
    assert [(each.kind, each.amount) for each in paid_out] == [("withdrawal", Decimal("-10000.00"))]


@pytest.mark.parametrize("returns", [None, [], ["0", "0"]])
def test_without_a_return_a_day_nothing_is_implied(returns: list[str] | None) -> None:
    assert list(implied_flows(history(["100000", "106000", "104940"], returns))) == []
