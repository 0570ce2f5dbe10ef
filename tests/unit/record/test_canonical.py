import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import LedgerError
from app.domain.order import Side
from app.record.canonical import canonical, decimal_text, time_text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_canonical_text_is_read_back_as_the_value_and_written_again_as_the_same_text(value: object) -> None:
    text = canonical(value)
    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_the_order_of_keys_does_not_change_the_text(value: dict[str, int]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_keeps_its_value_and_is_never_in_scientific_notation(value: Decimal) -> None:
    assert Decimal(decimal_text(value)) == value
    assert "E" not in decimal_text(value)


def test_every_recorded_type_has_its_plain_form() -> None:
    new_york = timezone(timedelta(hours=-5))
    value = {
        "side": Side.BUY,
        "amount": Decimal("1E+2"),
        "cents": Decimal("10.50"),
        "at": datetime(2022, 3, 14, 9, 0, tzinfo=new_york),
        "day": date(2022, 3, 14),
        "legs": (1, True, None),
        "nested": MappingProxyType({"b": "é", "a": 0.1}),
    }
    assert canonical(value) == (
        '{"amount":"100","at":"2022-03-14T14:00:00.000000+00:00","cents":"10.50","day":"2022-03-14",'
        '"legs":[1,true,null],"nested":{"a":0.1,"b":"\\u00e9"},"side":"BUY"}'
    )


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        Decimal("NaN"),
        Decimal("-Infinity"),
        datetime(2022, 3, 14, 9, 0),  # noqa: DTZ001 (a naive time is the subject)
        {1: "the key is a number"},
        {"a set": {1, 2}},
        b"bytes",
        object(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_exact_json_form_is_refused(value: object) -> None:
    nested: list[Any] = [{"deep": value}]
    with pytest.raises(LedgerError):
        canonical(nested)


def test_time_text_sorts_as_time_does() -> None:
    start = datetime(2022, 3, 14, 23, 59, 59, tzinfo=UTC)
    moments = [start + timedelta(microseconds=step) for step in (0, 1, 999_999, 1_000_000, 10_000_000)]
    texts = [time_text(moment) for moment in moments]
    assert texts == sorted(texts)
    assert [datetime.fromisoformat(text) for text in texts] == moments
