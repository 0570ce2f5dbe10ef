"""Every spelling of a value that the gateway is known to use, and what must never be taken for one."""

import contextlib
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Malformed

amounts = st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, places=4)


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


@given(amounts)
def test_a_number_with_thousands_commas_reads_as_itself(value: Decimal) -> None:
    assert wire.number(f"{value:,f}") == value
    assert wire.number(f"{value:f}") == value


@given(amounts)
def test_money_keeps_its_amount_and_currency(value: Decimal) -> None:
    assert wire.money(f"{value:,f} USD") == wire.Money(value, "USD")
    assert wire.money(f"{value:,f} USD (10 Shares)") == wire.Money(value, "USD")
    assert wire.money(f"{value:,f}") == wire.Money(value, None)


@given(st.text(max_size=30))
def test_no_text_makes_the_number_reader_fail_otherwise(text: str) -> None:
    try:
        found = wire.number(text)
    except Malformed:
        return
    assert found.is_finite()


@given(st.binary(max_size=60))
def test_no_bytes_make_the_decoder_fail_otherwise(body: bytes) -> None:
    with contextlib.suppress(Malformed):
        wire.decode(body)


@given(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001 hypothesis wants naive bounds
def test_a_time_reads_the_same_in_seconds_and_in_milliseconds(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC, microsecond=0)
    seconds = int(aware.timestamp())
    assert wire.instant(seconds) == aware
    assert wire.instant(seconds * 1000) == aware
    assert wire.instant(str(seconds)) == aware


def test_a_price_marker_tells_a_previous_close_and_a_halt_from_a_trade() -> None:
    assert wire.marked_price("C168.42") == ("C", Decimal("168.42"))
    assert wire.marked_price("H12.3") == ("H", Decimal("12.3"))
    assert wire.marked_price("1,168.42") == ("", Decimal("1168.42"))


def test_a_percentage_is_a_fraction() -> None:
    assert wire.percent("0.54%") == Decimal("0.0054")
    with pytest.raises(Malformed):
        wire.percent("0.54")


@pytest.mark.parametrize("written", [265598, "265598", Decimal(265598)])
def test_a_contract_id_reads_the_same_as_number_and_as_text(written: object) -> None:
    assert wire.conid(written) == 265598


@pytest.mark.parametrize("written", ["-1", 0, "1.5", "265598@SMART"])
def test_what_cannot_be_a_contract_id_is_malformed(written: object) -> None:
    with pytest.raises(Malformed):
        wire.conid(written)


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
