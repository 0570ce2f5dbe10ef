"""An account that holds more than shares, over the processes as they are: it is traded, and the rest is told."""

import json
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from app.commands.processes import Simulated
from app.commands.terminal import show_report
from tests.e2e.command import Said, portfolio
from tests.support.stack import running

SIMULATED = Simulated(date(2022, 3, 14), 7, 0.001, "synthetic", scenario="strange")


@pytest.mark.long
def test_what_is_not_managed_is_told_and_the_rest_of_the_day_goes_on(tmp_path: Path) -> None:
    with running(tmp_path / "gateway", simulated=SIMULATED) as stack:

        def say(*arguments: str) -> Said:
            variables = {**stack.variables, "TRADING_MODE": "paper", "IBKR_GATEWAY_URL": stack.gateway}
            return portfolio(tmp_path / "home", *arguments, **variables)

        told = say("run", "--json")
        refused = say("exit", "SHORTED", "--confirm")
    assert told.status == 0, told.err
    report = json.loads(told.out)
    account = report["portfolio"]
    assert {row["symbol"] for row in account["positions"]} == {"AAPL", "MSFT", "JPM", "XOM", "JNJ", "KO"}
    assert report["decision"] is not None
    assert all(order["state"] == "FILLED" for order in report["orders"])

    kinds = {row["asset_class"] for row in account["unmanaged"]}
    assert {"OPT", "FUT", "CASH", "FUND", "BOND", "CRYPTO", "CFD", "SOMETHING_NEW", "STK"} <= kinds
    reasons = {row["symbol"]: row["reason"] for row in account["unmanaged"]}
    assert reasons["SHORTED"] == "a short position"
    assert "no price today" in reasons["SIVBQ"]
    assert sum(row["symbol"] == "AAPL" for row in account["unmanaged"]) == 2
    parts = account["nav_parts"]
    whole = sum(Decimal(parts[name]) for name in ("cash", "positions", "unmanaged"))
    assert abs(whole - Decimal(account["nav"])) <= Decimal("0.01")
    assert (parts["accrued_dividends"], parts["accrued_interest"]) == ("2500.00", "150.00")
    assert report["evaluation"]["drawdown"] == 0.0

    console = Console(width=200, record=True, file=StringIO())
    show_report(console, report)
    shown = console.export_text()
    assert "not managed" in shown
    assert "a short position" in shown
    assert "accrued dividends 2,500.00" in shown

    assert refused.status == 2
    assert "SHORTED is held and not managed: a short position" in refused.errors[-1]
