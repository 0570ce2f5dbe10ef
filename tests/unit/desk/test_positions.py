"""What is held is told fresh where the broker can be asked, else from the record; it says which, and writes nothing."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from app.desk.accounts import Whose
from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.run.positions import recorded_positions, show_positions
from app.domain.errors import UsageError
from app.domain.session import SessionState
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import Office
from tests.support.world import ACCOUNT
from tests.unit.desk.test_nav_history import idle
from tests.unit.ledger.builders import AT, claimed

pytestmark = pytest.mark.slow


@pytest.fixture
async def seen(office: Office) -> Office:
    """A day on which there was nothing to do."""
    office.policy = idle()
    office.world.positions = {n: replace(p, average_cost=p.price) for n, p in office.world.positions.items()}
    assert (await run_daily(office.desk(), RunRequest())).status is RunStatus.DONE
    return office


def held(facts: dict[str, Any]) -> dict[str, Decimal]:
    return {row["symbol"]: Decimal(row["quantity"]) for row in facts["positions"]}


def in_the(office: Office) -> dict[str, Decimal]:
    return {p.instrument.symbol: p.quantity for p in office.world.positions.values()}


async def test_it_is_fresh_from_the_broker_where_that_can_be_asked_and_nothing_is_written(
    seen: Office, ledger: SqlLedger
) -> None:
    before, one = ledger.runs(), next(iter(seen.world.positions.values()))
    conid = one.instrument.conid
    seen.world.positions[conid] = replace(one, quantity=one.quantity + 5)
    facts = await show_positions(seen.desk())
    assert (facts["from"], facts["why"], facts["run_id"], facts["account"]) == ("broker", None, None, "DU…567")
    assert held(facts) == in_the(seen)
    row = next(row for row in facts["positions"] if row["symbol"] == one.instrument.symbol)
    assert row["gain"] == "0.00"
    assert Decimal(row["stop"]) < Decimal(row["price"])
    assert ledger.runs() == before
    assert seen.broker.posts.total() == 0
    assert ledger.verify().ok


@pytest.mark.parametrize("state", [SessionState.DOWN, SessionState.LOGIN_REQUIRED])
async def test_without_a_session_it_is_the_newest_runs_with_the_reason_and_no_run_is_held_up(
    seen: Office, ledger: SqlLedger, state: SessionState
) -> None:
    before = ledger.runs()
    seen.world.set_session(state=state)
    facts = await show_positions(seen.desk())
    assert (facts["from"], facts["run_id"], facts["status"]) == ("record", before[0].run_id, "done")
    assert state.value in facts["why"]
    assert held(facts) == in_the(seen)
    assert ledger.runs() == before


async def test_an_account_that_is_nowhere_is_refused_with_what_to_do(office: Office, ledger: SqlLedger) -> None:
    office.world.set_session(state=SessionState.DOWN)
    with pytest.raises(UsageError, match="no run"):
        await show_positions(office.desk())
    office.world.set_session(state=SessionState.READY)
    with pytest.raises(UsageError, match="not one of this session's"):
        await show_positions(office.desk(), "DU0000000")
    assert ledger.runs() == ()


def position(symbol: str, quantity: str, price: str, cost: str) -> dict[str, Any]:
    return {
        "symbol": symbol, "sector": "Energy", "currency": "USD", "quantity": quantity, "price": price,
        "market_value": "0", "weight": 0.1, "average_cost": cost,
    }  # fmt: skip


def order(symbol: str, side: str, filled: str, price: str | None) -> dict[str, Any]:
    return {"symbol": symbol, "side": side, "filled_quantity": filled, "average_price": price}


REPORT: dict[str, Any] = {
    "account": ACCOUNT, "session_date": "2022-03-14", "run_id": "run_1", "status": "done", "source": "somewhere",
    "portfolio": {
        "as_of": "2022-03-14T15:00:00Z", "currency": "USD", "nav": "10000.00", "cash": "1000.00",
        "positions": [
            position("KEPT", "10", "20", "10"), position("CUT", "10", "20", "25"), position("SOLD", "5", "20", "20"),
            position("MORE", "10", "20", "10"),
        ],
    },
    "orders": [
        order("CUT", "SELL", "4", "19"), order("SOLD", "SELL", "5", "19"), order("MORE", "BUY", "10", "20"),
        order("NEW", "BUY", "3", "30"), order("OPEN", "BUY", "0", None),
    ],
}  # fmt: skip
AFTER: dict[str, Any] = {
    "nav": "9990.00", "cash": "1100.00", "open_orders": ["BUY 7 OPEN"], "unknown": [],
    "positions": [
        {"symbol": symbol, "quantity": quantity, "price": price, "value": "0", "weight": 0.2}
        for symbol, quantity, price in (
            ("CUT", "6", "20"), ("KEPT", "10", "20"), ("MORE", "20", "20"), ("NEW", "3", "31"), ("SOLD", "0", "20")
        )
    ],
}  # fmt: skip


def told_of(ledger: SqlLedger, report: dict[str, Any]) -> dict[str, Any]:
    ledger.close(claimed(ledger), RunStatus.DONE, report, [], AT)
    return recorded_positions(ledger, Whose())


def test_of_a_run_that_traded_the_positions_are_as_its_orders_left_them(ledger: SqlLedger) -> None:
    facts = told_of(ledger, {**REPORT, "after": AFTER})
    assert {row["symbol"]: (row["quantity"], row["average_cost"], row["gain"]) for row in facts["positions"]} == {
        "KEPT": ("10", "10", "100.00"),
        "CUT": ("6", "25", "-30.00"),
        "MORE": ("20", "15", "100.00"),
        "NEW": ("3", "30", "3.00"),
    }
    assert (facts["nav"], facts["cash"]) == ("9990.00", "1100.00")
    assert "may still be filled: BUY 7 OPEN" in facts["notes"]


def test_of_an_earlier_versions_report_it_is_said_that_the_orders_are_not_in_it(ledger: SqlLedger) -> None:
    facts = told_of(ledger, REPORT)
    assert held(facts) == {"KEPT": 10, "CUT": 10, "SOLD": 5, "MORE": 10}
    assert facts["notes"] == ["as it was before the run's 4 orders were filled"]
