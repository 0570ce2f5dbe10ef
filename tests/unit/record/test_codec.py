"""What is written is read as it was, digit by digit; what is not as it was written is refused, by its path."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import RecordError
from app.domain.instrument import Instrument
from app.domain.market import Quote, QuoteKind
from app.domain.navs import NavKind, NavPoint
from app.domain.policy import Policy
from app.record.canonical import encoded
from app.record.codec import RecordForm, decode, encode
from app.settings import load_policy, shipped_policy
from tests.support.worlds import NOW, TODAY

NONE: dict[int, Instrument] = {}
QUOTE = Quote(7, QuoteKind.LIVE, NOW, "test", Decimal("1.10"), Decimal("1.2E+2"), marks=("derived",))


def again(plain: object) -> object:
    """Through text, as chunks are."""
    back: object = json.loads(encoded(plain))
    return back


@given(st.decimals(places=None, min_value=-(10**30), max_value=10**30).filter(lambda d: abs(d.adjusted()) < 40))
def test_an_amount_keeps_its_digits_and_its_exponent(amount: Decimal) -> None:
    assert str(decode(Decimal, again(encode(Decimal, amount)), "", NONE)) == str(amount)


@given(st.floats())
def test_a_number_is_the_same_to_the_bit(number: float) -> None:
    back = decode(float, again(encode(float, np.float64(number))), "", NONE)
    assert back == number or (math.isnan(back) and math.isnan(number))
    assert math.copysign(1, back) == math.copysign(1, number) or math.isnan(number)


def test_equal_values_are_the_same_bytes() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-5)))
    assert encoded(encode(Quote, QUOTE)) == encoded(
        encode(
            Quote, Quote(7, QuoteKind.LIVE, elsewhere, "test", Decimal("1.10"), Decimal("1.2E+2"), marks=("derived",))
        )
    )
    assert encoded(encode(dict[int, float], {2: 0, 1: 1.0})) == encoded(encode(dict[int, float], {1: 1, 2: 0.0}))


def test_what_is_none_is_left_out_and_none_again() -> None:
    plain = encode(Quote, QUOTE)
    assert "last" not in plain
    assert decode(Quote, again(plain), "", NONE) == QUOTE


@pytest.mark.parametrize("name", ["conservative", "default", "aggressive"])
def test_a_policy_is_read_as_it_was(name: str) -> None:
    policy = load_policy(shipped_policy().with_name(f"{name}_policy.yaml"))
    form = RecordForm(Policy)
    back = form.decode(again(form.encode(policy)), "policy", NONE)
    assert back == policy
    assert back.hash == policy.hash


POINT = encode(NavPoint, NavPoint(TODAY, NavKind.CLOSE, Decimal(5), 1.0, 1.0))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nav": 5}, "navs.0.nav: is not an amount"),
        ({"nav": "5 "}, "navs.0.nav: is not an amount"),
        ({"nav": "1E+99999999"}, "navs.0.nav: is not an amount"),
        ({"nav": "9" * 61}, "navs.0.nav: is not an amount"),
        ({"index": 1}, "navs.0.index: is not a number with a fraction"),
        ({"index": True}, "navs.0.index: is not a number with a fraction"),
        ({"index": "1.0"}, "navs.0.index: is not a number with a fraction"),
        ({"index": math.inf}, "navs.0.index: is not a number with a fraction"),
        ({"kind": "noon"}, "navs.0.kind: is no NavKind"),
        ({"kind": ["close"]}, "navs.0.kind: is no NavKind"),
        ({"session_date": "2026-02-30"}, "navs.0.session_date: is not a date"),
        ({"session_date": None}, "navs.0.session_date: is not a date"),
        ({"colour": "red"}, "navs.0.colour: is a field that nobody knows"),
    ],
)
def test_what_is_of_another_kind_is_refused_by_its_path(change: dict[str, object], words: str) -> None:
    with pytest.raises(RecordError) as refused:
        decode(tuple[NavPoint, ...], [{**POINT, **change}], "navs", NONE)
    assert str(refused.value) == words


def test_a_field_that_must_be_told_is_missed() -> None:
    for name in POINT:
        with pytest.raises(RecordError, match=f"^navs.0.{name}: is missing$"):
            decode(tuple[NavPoint, ...], [{key: POINT[key] for key in POINT if key != name}], "navs", NONE)


def test_an_instrument_is_looked_up_and_one_that_is_not_kept_is_refused() -> None:
    name = Instrument(7, "AA", "USD")
    assert decode(tuple[Instrument, ...], encode(tuple[Instrument, ...], (name,)), "", {7: name}) == (name,)
    with pytest.raises(RecordError, match="names an instrument that is not kept: 7"):
        decode(Instrument, 7, "", NONE)


@pytest.mark.parametrize("text", ["2026-11-19T16:00:00.000000+01:00", "2026-11-19T16:00:00Z", "2026-11-19", "now"])
def test_an_instant_has_one_form(text: str) -> None:
    with pytest.raises(RecordError, match="is not an instant in UTC"):
        decode(datetime, text, "", NONE)
    assert decode(datetime, again(encode(datetime, NOW)), "", NONE) == NOW.astimezone(UTC)
