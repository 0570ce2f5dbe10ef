"""An investor in euros at the command line, over the processes as they are."""

import json
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from app.commands.processes import Simulated
from app.commands.terminal import show_report
from app.settings import shipped_policy
from tests.e2e.command import Said, portfolio
from tests.support.stack import running

SIMULATED = Simulated(date(2022, 3, 14), 7, 0.001, "synthetic", scenario="euro")


@pytest.mark.long
def test_a_policy_in_euros_runs_and_one_in_dollars_is_refused(tmp_path: Path) -> None:
    policy = tmp_path / "euros.yaml"
    policy.write_text(shipped_policy().read_text(encoding="utf-8").replace("currency: USD", "currency: EUR"))
    with running(tmp_path / "gateway", simulated=SIMULATED) as stack:

        def say(*arguments: str, policy_file: Path = policy) -> Said:
            variables = {**stack.variables, "TRADING_MODE": "paper", "IBKR_GATEWAY_URL": stack.gateway}
            return portfolio(tmp_path / "home", *arguments, **variables, POLICY_FILE=str(policy_file))

        refused = say("run", policy_file=shipped_policy())
        assert refused.status == 2
        assert "the policy is in USD, the account's base currency is EUR" in refused.errors[-1]
        told = say("run", "--json")
    assert told.status == 0
    report = json.loads(told.out)
    account, rate = report["portfolio"], float(report["portfolio"]["fx_rates"]["USD"])
    console = Console(width=200, record=True, file=StringIO())
    show_report(console, report)
    shown = console.export_text()
    assert f"{float(account['balances']['USD']):,.2f} USD at {account['fx_rates']['USD']}" in shown
    assert all(f"{float(row['market_value']):,.2f} USD" in shown for row in account["positions"])
    cash = float(account["balances"]["EUR"]) + rate * float(account["balances"]["USD"])
    worth = {row["symbol"]: rate * float(row["quantity"]) * float(row["price"]) for row in account["positions"]}
    nav = cash + sum(worth.values())
    assert float(account["nav"]) == pytest.approx(nav, abs=0.01)
    assert {row["symbol"]: row["weight"] for row in account["positions"]} == {
        symbol: pytest.approx(value / nav, abs=1e-6) for symbol, value in worth.items()
    }
    assert report["orders"]
    assert all(order["state"] == "FILLED" for order in report["orders"])
