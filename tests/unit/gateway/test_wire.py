"""Every spelling of a value that the gateway is known to use, and what must never be taken for one."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Malformed


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1,300", "1300"),
        ("994,831", "994831"),
        ("12.5K", "12500.0"),
        ("1.2M", "1200000.0"),
        ("3B", "3000000000"),
        (".5", "0.5"),
        ("-1", "-1"),
        ("1.0E7", "10000000"),
        (1300, "1300"),
        (Decimal("0.10"), "0.10"),
    ],
)
def test_a_number_is_read_in_each_of_its_spellings(written: object, meant: str) -> None:
    assert format(wire.number(written), "f") == meant


@pytest.mark.parametrize(
    "written", ["", "n/a", "1,30", "1.2.3", "C168.42", "12 USD", "NaN", "Infinity", "1e9999", True, None, [], "١٢"]
)
def test_what_is_not_a_number_is_malformed(written: object) -> None:
    with pytest.raises(Malformed):
        wire.number(written)


@given(st.binary(max_size=60))
def test_no_bytes_make_the_decoder_fail_otherwise(body: bytes) -> None:
    with contextlib.suppress(Malformed):
        wire.decode(body)


def test_a_price_marker_tells_a_previous_close_and_a_halt_from_a_trade() -> None:
    assert wire.marked_price("C168.42") == ("C", Decimal("168.42"))
    assert wire.marked_price("H12.3") == ("H", Decimal("12.3"))
    assert wire.marked_price("1,168.42") == ("", Decimal("1168.42"))


def test_a_percentage_is_a_fraction() -> None:
    assert wire.percent("0.54%") == Decimal("0.0054")
    with pytest.raises(Malformed):
        wire.percent("0.54")


@pytest.mark.parametrize("written", ["B", "BOT", "BUY", "buy"])
def test_a_buy_is_a_buy_in_each_spelling(written: str) -> None:
    assert wire.side(written) == "BUY"


def test_decimals_survive_decoding_exactly() -> None:
    assert wire.decode(b'{"price": 0.1}') == {"price": Decimal("0.1")}


def test_blank_text_and_absent_numbers_are_none_and_zero_is_zero() -> None:
    row = {"price": "", "size": "0", "name": " "}
    assert wire.optional_number(row, "price") is None
    assert wire.optional_number(row, "size") == 0
    assert wire.text(row, "name") is None
    with pytest.raises(Malformed, match="price"):
        wire.required_number(row, "price")


@pytest.mark.parametrize(
    "account", ["DU7654321", "DUH123456", "U1234567", "U1234567A", "F1234567", "DF123456", "I1234567"]
)
def test_no_message_holds_a_whole_account_id(account: str) -> None:
    told = wire.masked(f"order of {account}: refused, 1234567 AAPL")
    assert account not in told
    assert told.endswith("***: refused, 1234567 AAPL")
