"""Every field of the policy is strict: misspelt, out of range and of the wrong kind are told apart and named."""

import string
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.domain.policy import Policy
from app.domain.policy.problems import all_fields, problems
from tests.unit.policy import samples

FIELDS = tuple(all_fields())
PERCENTS = tuple(path for path in FIELDS if path.endswith("_pct"))
# The one order type there is; and the bands, which are in the hash as a list.
UNCHANGING = {"execution.order_type", "market.vix_bands.vix", "market.vix_bands.max_exposure_pct"}
UNBOUNDED = {"exits.take_profit_pct", "strategies.reinforce_winners.trigger_gain_pct"}


def section_of(values: dict[str, Any], path: str) -> dict[str, Any]:
    """The mapping that holds the field; of a list, its first item."""
    inner: Any = values
    for part in path.split(".")[:-1]:
        inner = inner[part]
        if isinstance(inner, list):
            inner = inner[0]
    assert isinstance(inner, dict)
    return inner


def lines_for(values: dict[str, Any]) -> tuple[str, ...]:
    """The problems of values that must not pass."""
    with pytest.raises(ValidationError) as caught:
        Policy.model_validate(values)
    return problems(caught.value)


def in_items(path: str) -> str:
    """Paths below a list name the item."""
    return path.replace("vix_bands.", "vix_bands.0.")


@st.composite
def slips(draw: st.DrawFn) -> tuple[str, str]:
    """(path, its last name with one letter dropped, added, changed or two swapped)."""
    path = draw(st.sampled_from(FIELDS))
    name = path.rpartition(".")[2]
    at = draw(st.integers(0, len(name) - 1))
    letter = draw(st.sampled_from(string.ascii_lowercase))
    wrong = draw(
        st.sampled_from(
            [
                name[:at] + name[at + 1 :],
                name[:at] + letter + name[at:],
                name[:at] + letter + name[at + 1 :],
                name[: at - 1] + name[at] + name[at - 1] + name[at + 1 :] if at and len(name) > 2 else name + letter,
            ]
        )
    )
    return path, wrong


@given(slips())
def test_a_field_with_one_wrong_letter_is_an_error_that_names_the_right_one(slip: tuple[str, str]) -> None:
    path, wrong = slip
    values = samples.values()
    section, name = section_of(values, path), path.rpartition(".")[2]
    assume(wrong and wrong not in section)
    section[wrong] = section.pop(name)
    prefix = in_items(path).removesuffix(name)
    assert lines_for(values) == (f"{prefix}{wrong}: unknown field; did you mean {name}?",)


@given(st.sampled_from(sorted(set(PERCENTS))), st.one_of(st.floats(max_value=-1e-6), st.floats(min_value=100.0001)))
def test_a_percentage_out_of_range_is_an_error_that_names_its_field(path: str, percent: float) -> None:
    values = samples.values()
    section, name = section_of(values, path), path.rpartition(".")[2]
    if path in UNBOUNDED:
        percent = -abs(percent)
    by_name = isinstance(section[name], dict)
    section[name] = {"CASH": percent} if by_name else percent
    (line,) = lines_for(values)
    assert line.startswith(in_items(path) + (".CASH: " if by_name else ": "))


def test_the_line_of_a_percentage_says_the_range() -> None:
    values = samples.changed(risk_limits__max_sector_pct=140)
    assert lines_for(values) == ("risk_limits.max_sector_pct: 140 is not a percentage between 0 and 100",)


def test_every_percent_field_of_the_file_is_a_fraction_in_code() -> None:
    policy = Policy.model_validate(samples.values())
    assert policy.risk_limits.max_position == 0.15
    assert policy.allocation.asset_classes == {"STK": 0.85, "CASH": 0.15}
    assert policy.exits.take_profit == 0.5
    assert policy.execution.limit_offset == 0.001
    assert policy.market.vix_bands[0].max_exposure == 0.8


def wrong_kinds() -> Iterator[tuple[str, object, str]]:
    yield "risk_limits__max_position_pct", True, "true is not a number"
    yield "risk_limits__max_position_pct", "15", "'15' is not a number"
    yield "risk_limits__max_position_pct", None, "nothing is not a number"
    yield "risk_limits__max_position_pct", float("nan"), "nan should be a finite number"
    yield "execution__min_order_value", True, "True is not a number"
    yield "execution__trade_from", 960, "960 is not a time of day like 09:30"
    yield "execution__trade_from", "9:30", "'9:30' is not a time of day like 09:30"
    yield "execution__allow_delayed_quotes", "yes", "'yes' is not true or false"
    yield "execution__order_type", "MKT", "'MKT' does not match ^LMT$"
    yield "approval__mode", "automatic", "'automatic' is not one of preview, approve, auto"
    yield "version", 1.5, "1.5 is not a whole number"
    yield "investor", 3, "3 is not a section with fields"
    yield "universe__symbols", "AAPL", "'AAPL' is not a list: [a, b] or one item a line after a dash"


@pytest.mark.parametrize(("field", "value", "says"), list(wrong_kinds()))
def test_a_value_of_the_wrong_kind_is_refused_not_converted(field: str, value: object, says: str) -> None:
    (line,) = lines_for(samples.changed(**{field: value}))
    assert line == f"{field.replace('__', '.')}: {says}"


def test_an_unknown_event_to_be_told_about_is_refused() -> None:
    (line,) = lines_for(samples.changed(notifications__on=["run_faild"]))
    assert line.startswith("notifications.on.0: 'run_faild' is not one of run_failed, not_ready")


def test_a_field_in_the_wrong_section_is_told_where_it_belongs() -> None:
    values = samples.values()
    values["risk_limits"]["stop_loss_pct"] = values["exits"].pop("stop_loss_pct")
    assert lines_for(values) == ("risk_limits.stop_loss_pct: unknown field; did you mean exits.stop_loss_pct?",)


def test_a_field_that_resembles_nothing_gets_no_suggestion() -> None:
    values = samples.values()
    values["exits"]["zzz"] = 1
    assert lines_for(values) == ("exits.zzz: unknown field",)


def test_a_required_field_that_is_left_out_is_missing() -> None:
    values = samples.values()
    del values["currency"]
    assert lines_for(values) == ("currency: missing",)


def test_bands_that_do_not_tighten_are_refused() -> None:
    bands = [{"vix": 25, "max_exposure_pct": 60}, {"vix": 35, "max_exposure_pct": 80}]
    assert lines_for(samples.changed(market__vix_bands=bands)) == (
        "market: vix_bands must rise in vix and fall in max_exposure_pct",
    )


@given(st.randoms(use_true_random=False))
def test_the_hash_does_not_depend_on_the_order_of_the_file(random: Any) -> None:  # noqa: ANN401 - hypothesis' own type
    values = samples.values()
    shuffled = {name: values[name] for name in random.sample(sorted(values), len(values))}
    shuffled["risk_limits"] = dict(random.sample(sorted(values["risk_limits"].items()), len(values["risk_limits"])))
    assert Policy.model_validate(shuffled).hash == Policy.model_validate(values).hash


def test_the_hash_is_of_the_amount_not_of_how_it_is_written() -> None:
    whole = Policy.model_validate(samples.changed(execution__min_order_value=500))
    assert Policy.model_validate(samples.changed(execution__min_order_value=500.0)).hash == whole.hash


def other(value: object) -> object:
    """Another value of the same kind that the schema admits."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1 if value < 50 else value - 1
    if isinstance(value, dict):
        return {}
    return ["Energy"] if isinstance(value, list) else value


@pytest.mark.parametrize("path", [path for path in FIELDS if path not in UNCHANGING])
def test_every_field_is_in_the_hash(path: str) -> None:
    values = samples.values()
    before = Policy.model_validate(values).hash
    section, name = section_of(values, path), path.rpartition(".")[2]
    section[name] = WORDS.get(path, other(section[name]))
    assert Policy.model_validate(values).hash != before


WORDS: dict[str, object] = {
    "execution.max_order_value": 25000,
    "execution.max_order_volume_pct": 1,
    "adoption.mode": "now",
    "tax.lot_method": "lifo",
    "tax.prefer": "losses",
    "universe.sector_of": {"BRK B": "Financials"},
    "execution.answer_questions": ["o163"],
    "name": "mine",
    "currency": "EUR",
    "investor.risk_tolerance": "aggressive",
    "universe.asset_classes": ["ETF"],
    "universe.symbols": ["KO"],
    "universe.restricted": ["KO"],
    "universe.diversified_funds": ["KO"],
    "risk_limits.correlation": 0.5,
    "exits.drawdown_action": "reduce",
    "allocation.symbols_pct": {"KO": 5},
    "allocation.selection.names": 3,
    "allocation.selection.scores": {"trend": 1},
    "allocation.weighting": "equal",
    "allocation.frequency": "daily",
    "recovery.mode": "person",
    "strategies.reinforce_winners.require_trend": "any",
    "strategies.reinforce_winners.min_sentiment": 0.1,
    "strategies.sector_rotation.trigger": "period",
    "strategies.sector_rotation.require_trend": "bull",
    "execution.time_in_force": "IOC",
    "execution.trade_from": "10:00",
    "execution.trade_until": "15:00",
    "execution.latest_start": "15:00",
    "execution.slots": {"afternoon": "15:00"},
    "execution.fx": "hold",
    "approval.mode": "preview",
    "approval.scope": "all",
    "notifications.urls": ["json://localhost"],
    "notifications.on": ["halted"],
}
