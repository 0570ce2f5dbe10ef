"""Cash rows out of statements as a person downloads them."""

from datetime import date
from decimal import Decimal

import pytest

from app.domain.cash import CashKind
from app.domain.errors import UsageError
from app.domain.statement import statement_rows

FLEX = """"ClientAccountID","CurrencyPrimary","Description","Date/Time","SettleDate","Amount","Type","TransactionID"
"U1","USD","KO CASH DIVIDEND","20220314;202000","20220314","12.50","Dividends","101"
"U1","USD","KO US TAX","20220314;202000","20220314","-1.88","Withholding Tax","102"
"U1","EUR","CASH RECEIPTS / ELECTRONIC FUND TRANSFERS","20220315","20220315","5,000","Deposits/Withdrawals","103"
"U1","EUR","DISBURSEMENT","20220316","20220316","-700.10","Deposits/Withdrawals","104"
"U1","USD","USD DEBIT INT FOR FEB","20220316","20220316","-3","Broker Interest Paid","105"
"U1","USD","SNAPSHOT FEE","20220316","20220316","-0.03","Other Fees","106"
"""
ACTIVITY = """Statement,Header,Field Name,Field Value
Statement,Data,Period,"March 14, 2022"
Trades,Header,DataDiscriminator,Currency,Symbol,Date/Time,Quantity
Trades,Data,Order,USD,KO,"2022-03-14, 10:00:00",5
Deposits & Withdrawals,Header,Currency,Settle Date,Description,Amount
Deposits & Withdrawals,Data,USD,2022-03-14,Electronic Fund Transfer,1000
Deposits & Withdrawals,Data,USD,2022-03-14,Electronic Fund Transfer,1000
Deposits & Withdrawals,Data,USD,2022-03-15,Disbursement,-250.5
Deposits & Withdrawals,Data,Total,,,1749.5
Dividends,Header,Currency,Date,Description,Amount
Dividends,Data,USD,2022-03-14,KO Cash Dividend,7.20
Fees,Header,Subtitle,Currency,Date,Description,Amount
Fees,Data,Other Fees,USD,2022-03-14,Market data,-4.5
"""


def test_a_flex_query_tells_kinds_in_its_own_words() -> None:
    found = statement_rows(FLEX)
    assert [(row.kind, row.day, row.amount, row.currency) for row in found] == [
        (CashKind.DIVIDEND, date(2022, 3, 14), Decimal("12.50"), "USD"),
        (CashKind.WITHHOLDING_TAX, date(2022, 3, 14), Decimal("-1.88"), "USD"),
        (CashKind.DEPOSIT, date(2022, 3, 15), Decimal(5000), "EUR"),
        (CashKind.WITHDRAWAL, date(2022, 3, 16), Decimal("-700.10"), "EUR"),
        (CashKind.INTEREST, date(2022, 3, 16), Decimal(-3), "USD"),
        (CashKind.FEE, date(2022, 3, 16), Decimal("-0.03"), "USD"),
    ]
    assert found[0].id == "statement-101"


def test_an_activity_statement_tells_them_by_section_and_equal_rows_are_two() -> None:
    found = statement_rows(ACTIVITY)
    assert [(row.kind, row.amount) for row in found] == [
        (CashKind.DEPOSIT, Decimal(1000)),
        (CashKind.DEPOSIT, Decimal(1000)),
        (CashKind.WITHDRAWAL, Decimal("-250.5")),
        (CashKind.DIVIDEND, Decimal("7.20")),
        (CashKind.FEE, Decimal("-4.5")),
    ]
    assert len({row.id for row in found}) == 5
    assert found == statement_rows("\ufeff" + ACTIVITY)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no row of cash"),
        ("a,b\n1,2\n", "no row of cash"),
        ("Date,Amount,Currency\n2022-03-14,lots,USD\n", "line 2"),
        ("Date,Amount,Currency\nsoon,5,USD\n", "line 2"),
        ("Date,Amount,Currency\n2022-03-14,5,dollars\n", "line 2"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        statement_rows(text)
