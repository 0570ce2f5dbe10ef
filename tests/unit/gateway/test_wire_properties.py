"""What is written in one of the gateway's spellings is read as what was meant; everything else is malformed.

Each reader is held against a grammar of its own: a text outside it never becomes a value.
"""

import contextlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Malformed

MULTIPLES = {"K": 1_000, "M": 1_000_000, "B": 1_000_000_000}
amounts = st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, places=6)
prices = st.decimals(min_value=Decimal("0.0001"), max_value=10**6, allow_nan=False, places=4)
moments = st.datetimes(min_value=datetime(1980, 1, 2), max_value=datetime(2199, 12, 30)).map(  # noqa: DTZ001 hypothesis wants naive bounds
    lambda moment: moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 1_000 * 1_000)
)
# Texts that come close to what the gateway writes.
near = st.text(alphabet="0123456789,.+-eEKMBCH% USD()@:/naNifINF١²_'", max_size=16)
anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.decimals(),
    near,
    st.text(max_size=12),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)?(\.\d*)?(([eE][+-]?\d+)|[KMB])?", re.ASCII)


@given(amounts)
def test_a_number_reads_as_itself_in_every_spelling(value: Decimal) -> None:
    spellings: list[object] = [value, f"{value}", f"{value:f}", f"{value:,f}", f" {value:f} ", f"{value:E}"]
    assert [wire.number(spelling) for spelling in spellings] == [value] * len(spellings)
    assert wire.number(json.loads(f"{value}", parse_float=Decimal)) == value


@given(st.decimals(min_value=-(10**6), max_value=10**6, allow_nan=False, places=3), st.sampled_from("KMB"))
def test_thousands_millions_and_billions_are_multiplied_exactly(value: Decimal, suffix: str) -> None:
    assert wire.number(f"{value:f}{suffix}") == value * MULTIPLES[suffix]
    assert "E" not in str(wire.number(f"{value:f}{suffix}"))


@given(st.integers(min_value=-(10**17), max_value=10**17))
def test_a_whole_number_reads_as_itself(value: int) -> None:
    assert wire.number(value) == wire.number(str(value)) == wire.number(f"{value:,}") == value
    assert wire.whole(f"{value:,}") == value


@given(anything)
@example("1,30")
@example("1,3000")
@example(",100")
@example("1_000")
@example("1e3K")
@example("1 300")
@example("--1")
@example("1e9999")
@example(Decimal("NaN"))
@example(Decimal("sNaN"))
@example(Decimal("-Infinity"))
@example(Decimal("1E+400"))
@example(Decimal("1E-400"))
@example(10**18)
@example("9" * 29)
@example("0." + "1" * 29)
@example("1000000000B")
def test_a_number_is_finite_and_of_the_grammar_or_malformed(value: object) -> None:
    try:
        found = wire.number(value)
    except Malformed:
        return
    assert not isinstance(value, bool | None)
    assert found.is_finite()
    assert abs(found) < 10**18
    if isinstance(value, str):
        assert NUMBER.fullmatch(value.strip())
        assert found == _meant(value.strip())
    else:
        assert found == value


def _meant(text: str) -> Decimal:
    return Decimal(text.rstrip("KMB").replace(",", "")) * MULTIPLES.get(text[-1], 1)


@given(prices)
def test_a_price_keeps_its_marker_and_its_digits(price: Decimal) -> None:
    for mark in ("C", "H", ""):
        assert wire.marked_price(f"{mark}{price:,f}") == (mark, price)
    assert wire.price(f"{price}") == wire.price(price) == price


@given(anything)
@example("12.5K")
@example("CC1")
@example("C")
@example("C 1")
@example("H-")
@example("c168.42")
@example("L168.42")
@example("168.42C")
def test_no_price_is_in_thousands_or_behind_an_unknown_marker(value: object) -> None:
    try:
        mark, found = wire.marked_price(value)
    except Malformed:
        return
    assert mark in ("", "C", "H")
    text = str(value).strip()
    assert not text.endswith(("K", "M", "B"))
    if isinstance(value, str):
        assert found == _meant(value.removeprefix(mark).strip())


@pytest.mark.parametrize("value", [0, -1, "0", "-1", "0.00", "-0", Decimal(0)])
def test_nothing_is_not_a_price(value: object) -> None:
    with pytest.raises(Malformed):
        wire.price(value)


@given(st.decimals(min_value=-10_000, max_value=10_000, allow_nan=False, places=4))
def test_a_percentage_is_a_hundredth_exactly(value: Decimal) -> None:
    assert wire.percent(f"{value:f}%") == value / 100
    assert wire.percent(f"{value:,f}%") == value / 100


@given(near)
@example("5K%")
@example("5%%")
@example("%")
@example("5 %")
@example("5")
def test_what_is_not_a_percentage_is_malformed(text: str) -> None:
    try:
        found = wire.percent(text)
    except Malformed:
        return
    assert text.strip().endswith("%")
    assert found * 100 == _meant(text.strip()[:-1])


@given(amounts, st.sampled_from(("USD", "EUR", "JPY", None)), st.sampled_from(("", " (10 Shares)", " (1,000 Shares)")))
def test_money_keeps_amount_and_currency(amount: Decimal, currency: str | None, note: str) -> None:
    written = f"{amount:,f}" + (f" {currency}" if currency else "") + note
    assert wire.money(written) == wire.Money(amount, currency)


@pytest.mark.parametrize("text", ["USD", "USD 5", "5 usd", "5 USDX", "5 USD EUR", "5USD", "1,30 USD", "5 USD (", "N/A"])
def test_what_is_not_money_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        wire.money(text)


@given(st.integers(min_value=1, max_value=10**12 - 1))
def test_a_conid_reads_the_same_as_number_and_as_text(conid: int) -> None:
    assert wire.conid(conid) == wire.conid(str(conid)) == wire.conid(Decimal(conid)) == conid


@given(anything)
@example("265,598")
@example("265K")
@example("2.65598E5")
@example("+265598")
@example("0265598")
@example(" 265598")
@example("265598@SMART")
@example(-1)
@example(0)
@example(True)
@example(Decimal("1.5"))
@example("٢٦٥")
def test_what_is_not_a_plain_positive_integer_is_no_conid(value: object) -> None:
    try:
        found = wire.conid(value)
    except Malformed:
        return
    assert not isinstance(value, bool)
    assert found == value if not isinstance(value, str) else str(found) == value


@given(moments)
def test_a_time_reads_the_same_in_seconds_and_in_milliseconds(moment: datetime) -> None:
    milliseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    whole = moment.replace(microsecond=0)
    assert wire.instant(milliseconds) == wire.instant(str(milliseconds)) == moment
    assert wire.instant(milliseconds // 1_000) == wire.instant(str(milliseconds // 1_000)) == whole
    assert wire.instant(Decimal(milliseconds) / 1_000) == moment


@given(anything)
@example(0)
@example(-1)
@example(315_532_799)
@example(7_258_118_400)
@example(10**15)
@example("1,672,239,600")
@example("1.6722396E9")
@example("20221228")
@example(True)
def test_a_time_is_between_1980_and_2199_or_malformed(value: object) -> None:
    try:
        found = wire.instant(value)
    except Malformed:
        return
    assert 1980 <= found.year < 2200
    assert found.utcoffset() == timedelta(0)
    seconds = (found - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    assert Decimal(str(value)) in (Decimal(str(seconds)), Decimal(str(seconds)) * 1_000) or isinstance(value, Decimal)


@given(moments)
def test_a_compact_time_reads_as_itself(moment: datetime) -> None:
    whole = moment.replace(microsecond=0)
    assert wire.compact_time(f"{whole:%Y%m%d-%H:%M:%S}") == whole
    in_this_century = whole.replace(year=2000 + whole.year % 100, day=min(whole.day, 28))
    assert wire.compact_time(f"{in_this_century:%y%m%d%H%M%S}") == in_this_century


@pytest.mark.parametrize(
    "text",
    [
        "20261309-17:28:31",
        "20260231-17:28:31",
        "20260709-24:00:00",
        "2026709-17:28:31",
        "20260709 17:28:31",
        "20260709-17:28",
        "20260709-17:28:31Z",
        "261301000000",
        "2604012340",
        "٢٠٢٦٠٧٠٩-17:28:31",
        "",
    ],
)
def test_what_is_not_a_compact_time_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        wire.compact_time(text)


@given(st.text(max_size=6) | st.sampled_from(("BUY", "B", "BOT", "SELL", "S", "SLD", "BUYS", "BO", "SSHORT", "X")))
def test_a_side_is_one_of_nine_words(text: str) -> None:
    known = dict.fromkeys(("BUY", "B", "BOT", "BOUGHT"), "BUY") | dict.fromkeys(
        ("SELL", "S", "SLD", "SOLD", "SSHORT"), "SELL"
    )
    try:
        assert wire.side(text) == known[text.upper()]
    except Malformed:
        assert text.upper() not in known


@given(anything)
@example("DU1234567/../DU7654321")
@example("DU1234567?x=1")
@example("All")
@example("DU1234567\n")
def test_an_account_fits_into_a_path(value: object) -> None:
    try:
        found = wire.account(value)
    except Malformed:
        return
    assert found == value
    assert found.isalnum()
    assert found.isascii()


readers: list[Callable[[object], object]] = [
    wire.number,
    wire.price,
    wire.plain,
    wire.whole,
    wire.conid,
    wire.instant,
    wire.money,
    wire.marked_price,
    wire.account,
]


@given(anything, st.sampled_from(readers))
def test_no_reader_fails_otherwise_than_by_malformed(value: object, reader: Callable[[object], object]) -> None:
    with contextlib.suppress(Malformed):
        reader(value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a": 1',
        b"<html>Access Denied</html>",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1, "a": 2}',
        b"\xff\xfe",
        b'{"a": "\xe9"}',
        b"[" * 100_000,
        b"9" * 5_000,
    ],
)
def test_what_is_not_plain_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        wire.decode(body)


def test_a_key_that_is_told_twice_alike_is_no_contradiction() -> None:
    assert wire.decode(b'{"a": 1, "a": 1}') == {"a": 1}
