"""Lines that a scenario puts beside the stocks: as positions, in the ledger and in the account's history."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from api_gateway.simulator import Options, StartError, build_world
from api_gateway.simulator.scenario import load_scenario, scenario_file
from tests.unit.simulator.worlds import AAPL, ACCOUNT, FakeTime, Gateway

LINE = "{conid: 7, description: LINE, security_type: OPT, quantity: 1, price: 2, "
SCENARIO = """
name: lines
description: a line beside a stock
account: DU7654321
currency: USD
account_type: margin
starting_capital: 1000
bought_sessions_before: 10
holdings: [{symbol: KO, weight_pct: 50}]
"""


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scenario.yaml"
    path.write_text(SCENARIO + text, encoding="utf-8")
    return path


async def _gateway(time: FakeTime, scenario: Path) -> Gateway:
    return await Gateway(build_world(Options(pacing=0, data="synthetic", scenario=scenario), time), time).ready()


async def test_a_line_stands_in_both_lists_of_positions_with_its_kind_and_model(time: FakeTime) -> None:
    gateway = await _gateway(time, scenario_file("strange"))
    near = await gateway.rows(f"/portfolio2/{ACCOUNT}/positions")
    for _ in range(2):
        pages = await gateway.rows(f"/portfolio/{ACCOUNT}/positions/0")
    assert [(row["secType"], row["model"]) for row in near] == [(row["assetClass"], row["model"]) for row in pages]
    apples = [row for row in near if row["conid"] == str(AAPL)]
    assert [row["model"] for row in apples] == ["", "Growth", "Income"]
    assert len({row["marketPrice"] for row in apples}) == 1
    gone = next(row for row in near if row["description"] == "SIVBQ")
    assert (gone["marketPrice"], gone["marketValue"], gone["unrealizedPnl"]) == (None, None, None)


async def test_the_ledger_counts_each_kind_in_its_own_field_and_in_the_total(time: FakeTime) -> None:
    base = (await (await _gateway(time, scenario_file("strange"))).get(f"/portfolio/{ACCOUNT}/ledger"))["BASE"]
    assert base["stockoptionmarketvalue"] == pytest.approx(215 - 220)
    assert base["corporatebondsmarketvalue"] == 4910
    assert (base["dividends"], base["interest"], base["futuremarketvalue"]) == (2500, 150, 0)
    fields = ("cashbalance", "stockmarketvalue", "stockoptionmarketvalue", "corporatebondsmarketvalue", "funds")
    parts = (*fields, "cryptocurrencyvalue", "dividends", "interest")
    assert base["netliquidationvalue"] == pytest.approx(sum(base[name] for name in parts))


async def test_the_history_of_the_account_holds_its_lines_too(time: FakeTime, tmp_path: Path) -> None:
    lines = f"carried: [{LINE}multiplier: 100}}]\naccrued: {{dividends: 50}}\n"
    with_lines = await _navs(await _gateway(time, _file(tmp_path, lines)))
    without = await _navs(await _gateway(time, _file(tmp_path, "")))
    assert [round(after - before, 2) for after, before in zip(with_lines, without, strict=True)] == pytest.approx(
        [250] * len(without), abs=0.02
    )


async def _navs(gateway: Gateway) -> list[float]:
    answer = await gateway.post("/pa/performance", {"acctIds": [ACCOUNT], "period": "1M"})
    navs: list[float] = answer["nav"]["data"][0]["navs"]
    return navs


async def test_a_line_in_the_accounts_other_currency_counts_in_base(time: FakeTime, tmp_path: Path) -> None:
    text = SCENARIO.replace("currency: USD", "currency: EUR")
    path = tmp_path / "euros.yaml"
    path.write_text(f"{text}carried: [{LINE}currency: USD, multiplier: 100}}]\n", encoding="utf-8")
    ledger = await (await _gateway(time, path)).get(f"/portfolio/{ACCOUNT}/ledger")
    rate = Decimal(str(ledger["USD"]["exchangerate"]))
    assert ledger["USD"]["stockoptionmarketvalue"] == 200
    assert ledger["BASE"]["stockoptionmarketvalue"] == pytest.approx(float(200 * rate))


async def test_groups_stand_among_the_accounts_and_a_young_login_has_no_statement(time: FakeTime) -> None:
    gateway = await _gateway(time, scenario_file("strange"))
    listed: dict[str, Any] = await gateway.get("/iserver/accounts")
    assert listed["accounts"] == ["All", ACCOUNT]
    assert listed["acctProps"]["All"]["hasChildAccounts"] is True
    answer = await gateway.post("/pa/performance", {"acctIds": [ACCOUNT], "period": "1Y"})
    assert (answer["rc"], answer["nav"]["data"], answer["nav"]["dates"]) == (0, [], [])


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("currency: EUR}", "give USD"),
        ("multiplier: 0}", "multiplier"),
        ("models: Growth}", "models"),
    ],
)
def test_a_line_that_makes_no_sense_refuses_the_start(tmp_path: Path, line: str, named: str) -> None:
    with pytest.raises(StartError, match=named):
        load_scenario(_file(tmp_path, f"carried: [{LINE}{line}]\n"))


def test_a_market_price_is_had_of_a_stock_of_the_world_alone(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="no market price"):
        load_scenario(_file(tmp_path, f"carried: [{LINE.replace('price: 2', 'price: market')}}}]\n"))
