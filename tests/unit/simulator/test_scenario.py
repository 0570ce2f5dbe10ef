"""The starting account and the ways a start is refused."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from api_gateway.simulator import Options, StartError, build_world
from api_gateway.simulator.command import loopback
from api_gateway.simulator.scenario import DEFAULT_SCENARIO, load_scenario
from api_gateway.simulator.world import session_row
from tests.unit.simulator.worlds import FakeTime, history_of, require_sample, synthetic_world, wavy_closes

SCENARIO = """
name: small
description: two names
account: DU1111111
currency: USD
account_type: margin
starting_capital: 1000
bought_sessions_before: 10
holdings:
  - {symbol: AAPL, weight_pct: 60}
  - {symbol: GE, weight_pct: 40}
"""


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("symbol: GE", "symbol: NOPE"), "NOPE"),
        (("weight_pct: 40", "weight_pct: 41"), "101"),
        (("symbol: GE", "symbol: AAPL"), "AAPL"),
        (("starting_capital: 1000", "starting_capital: -1"), "starting_capital"),
        (("name: small", "nam: small"), "name"),
        (("DU1111111", "U1111111"), "account"),
        (("currency: USD", "currency: JPY"), "currency"),
        (("holdings:", "cash: [{currency: EUR, weight_pct: 5}]\nholdings:"), "105"),
        (("name: small", "name: [small"), "not YAML"),
    ],
)
def test_a_scenario_that_makes_no_sense_refuses_the_start_and_names_why(
    tmp_path: Path, change: tuple[str, str], named: str
) -> None:
    with pytest.raises(StartError) as refusal:
        load_scenario(_file(tmp_path, SCENARIO.replace(*change)))
    assert named in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert refusal.value.exit_status == 2


def test_a_missing_scenario_refuses_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="No such file"):
        load_scenario(tmp_path / "none.yaml")


def test_the_default_account_bought_twelve_names_and_kept_a_tenth_in_cash(time: FakeTime) -> None:
    world = synthetic_world(time)
    row = world.market.history.position_of(world.as_of)
    assert row is not None
    assert world.book.since == row - 252
    assert len(world.book.positions()) == 12
    cost = sum((one.quantity * one.average_cost for one in world.book.positions()), Decimal(0))
    assert cost + world.book.cash("USD") == Decimal(250_000)
    assert Decimal("0.10") <= world.book.cash("USD") / 250_000 < Decimal("0.12")
    for position in world.book.positions():
        close = world.market.closes(position.contract.conid)[world.book.since]
        assert float(position.average_cost) == close


def test_the_day_must_be_a_session_with_enough_history() -> None:
    history = history_of(wavy_closes(320))
    assert session_row(history, None) == 319
    assert session_row(history, history.sessions[300]) == 300
    for day in (history.sessions[299], date(2011, 3, 5), date(2031, 1, 1), date(1980, 1, 1)):
        with pytest.raises(StartError, match="nearest valid session is 2011-") as refusal:
            session_row(history, day)
        assert refusal.value.exit_status == 2


@pytest.mark.parametrize("options", [Options(pacing=-0.1), Options(pacing=11), Options(seed=-1), Options(seed=2**40)])
def test_options_out_of_range_refuse_the_start(options: Options) -> None:
    with pytest.raises(StartError):
        build_world(options)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])  # noqa: S104 - refused, not bound
def test_only_loopback_is_served(host: str) -> None:
    with pytest.raises(StartError, match="loopback"):
        loopback(host)


def test_loopback_addresses_are_accepted() -> None:
    assert (loopback("localhost"), loopback("127.0.0.1"), loopback("::1")) == ("127.0.0.1", "127.0.0.1", "::1")


def test_the_default_scenario_says_what_it_expects_on_stress_dates() -> None:
    days = [one.as_of for one in load_scenario(DEFAULT_SCENARIO).expectations]
    assert days == [date(2022, 12, 28), date(2020, 3, 16), date(2008, 10, 10), date(2017, 6, 1)]


@pytest.mark.real_prices
@pytest.mark.parametrize(
    ("day", "stops", "profits", "drawdown"),
    [
        ("2022-12-28", {"AAPL", "MSFT", "BAC", "HD"}, {"XOM"}, 0.034),
        ("2020-03-16", {"BAC", "PFE", "GE", "XOM"}, {"AAPL"}, 0.177),
        ("2008-10-10", {"AAPL", "MSFT", "JPM", "BAC", "PFE", "UNH", "KO", "HD", "XOM", "GE"}, set(), 0.327),
        ("2017-06-01", set(), {"AAPL", "BAC"}, 0.007),
    ],
)
def test_the_expectations_written_beside_the_scenario_hold(
    time: FakeTime, day: str, stops: set[str], profits: set[str], drawdown: float
) -> None:
    require_sample()
    world = build_world(Options(as_of=date.fromisoformat(day)), time)
    moment = world.moment()
    marks = world.accounting.marks(world.account, moment)
    gains = {one.contract.symbol: marks[one.contract.conid] / one.average_cost - 1 for one in world.book.positions()}
    assert {symbol for symbol, gain in gains.items() if gain <= Decimal("-0.15")} == stops
    assert {symbol for symbol, gain in gains.items() if gain >= Decimal("0.50")} == profits
    closes = world.accounting.close_values(world.account, moment.session - 1)
    now = float(world.accounting.valuation(world.account, moment).net_liquidation)
    assert 1 - now / max(closes.max(), now) == pytest.approx(drawdown, abs=0.001)


def test_cash_in_another_currency_needs_an_account_with_exchange_rates(tmp_path: Path) -> None:
    kept = SCENARIO.replace("weight_pct: 60", "weight_pct: 50") + "cash: [{currency: CURRENCY, weight_pct: 5}]\n"
    with pytest.raises(StartError, match="no exchange rates for an account in USD"):
        load_scenario(_file(tmp_path, kept.replace("CURRENCY", "GBP")))
    in_euros = kept.replace("currency: USD", "currency: EUR")
    with pytest.raises(StartError, match="cash in EUR is what is left"):
        load_scenario(_file(tmp_path, in_euros.replace("CURRENCY", "EUR")))
    assert load_scenario(_file(tmp_path, in_euros.replace("CURRENCY", "USD"))).cash[0].weight_pct == 5
