"""A day over the gateway on which the broker asks: what it costs, what is told, what a policy says in advance."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp

from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest, RunResult
from app.desk.run.daily import run_daily
from app.domain.order import Outcome, Side
from app.domain.policy import Policy
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from tests.contract.conftest import OpenExchange
from tests.contract.desks import desk_at
from tests.contract.venue import McpVenue
from tests.support.fakes import policy

CAP = (
    "<h4>Confirm Mandatory Cap Price</h4>To avoid trading at a price that is not consistent with a fair and orderly "
    "market, IB may set a cap (for a buy order) or floor (for a sell order)."
)
O10331 = {"id": "o10331", "text": CAP}
SIZE = {"id": "o383", "text": "BUY 10 AAPL\nsize exceeds the Size Limit of 5.\nAre you sure?"}
O354 = {"id": "o354", "text": "You are submitting an order without market data. Are you sure?"}


@pytest.fixture
async def venue(market: ASGIApp, open_on: OpenExchange) -> McpVenue:
    return McpVenue(await open_on(market, date(2022, 6, 13), policy().universe.symbols))


@pytest.fixture
def ledger(tmp_path: Path) -> SqlLedger:
    return open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


async def day(venue: McpVenue, ledger: SqlLedger, rules: Policy | None = None, slot: str = "daily") -> RunResult:
    return await run_daily(desk_at(venue, ledger, rules or policy()), RunRequest(slot=slot))


def orders(result: RunResult) -> list[Mapping[str, Any]]:
    assert result.report is not None
    found: list[Mapping[str, Any]] = result.report["orders"]
    return found


ASKED: Mapping[str, dict[str, Any]] = {
    "an unlisted id": {"questions": [O10331]},
    "an id that nobody knows": {"questions": [{"id": "o424242", "text": "Is it raining?"}]},
    "a listed one and an unlisted one behind it": {"questions": [SIZE, O10331]},
    "several at once": {"questions": [SIZE, O10331], "together": True},
    "several ids in one": {"questions": [{**SIZE, "more_ids": ["o163"]}]},
    "no id to answer by": {"questions": [{**SIZE, "without": ["id"]}]},
    "no message id": {"questions": [{**SIZE, "without": ["messageIds"]}]},
    "empty text": {"questions": [{"id": "o383", "text": ""}]},
    "ten thousand characters": {"questions": [{"id": "o9", "text": "<b>sure?</b> " * 800}]},
    "control characters and a NUL": {"questions": [{"id": "o9", "text": "a\u0000b\u0007c\u202e"}]},
    "called suppressed": {"questions": [{**SIZE, "suppressed": True}]},
}


@pytest.mark.parametrize("case", ASKED, ids=str)
async def test_whatever_is_asked_about_the_first_order_the_others_go_and_the_day_is_done(
    venue: McpVenue, ledger: SqlLedger, case: str
) -> None:
    await venue.exchange.post("faults", {"kind": "question", **ASKED[case]})
    result = await day(venue, ledger)
    assert result.status is RunStatus.DONE
    first, *others = orders(result)
    assert (first["state"], first["questions"][-1]["answered"]) == ("UNKNOWN", False)
    assert others
    assert {order["state"] for order in others} == {"FILLED"}
    told = first["questions"][-1]
    assert told["meaning"]
    assert told["advice"]
    assert "<" not in told["text"]
    assert len(told["text"]) < 2_100
    again = await day(venue, ledger)
    assert (again.run_id, again.fresh) == (result.run_id, False)
    assert [intent.coid for intent in ledger.asked()] == [first["coid"]]
    assert ledger.verify().ok


async def test_an_order_that_lives_although_nobody_answered_is_found_in_the_same_run(
    venue: McpVenue, ledger: SqlLedger
) -> None:
    await venue.exchange.post("faults", {"kind": "question", "questions": [O10331], "lives": True})
    result = await day(venue, ledger)
    assert {order["state"] for order in orders(result)} == {"FILLED"}
    assert orders(result)[0]["questions"][0]["ids"] == ["o10331"]


async def test_what_the_policy_confirms_in_advance_is_confirmed_and_on_record(
    venue: McpVenue, ledger: SqlLedger
) -> None:
    await venue.exchange.post("faults", {"kind": "question", "questions": [SIZE, O10331, O354]})
    answers = {"o10331": None, "o354": None}
    result = await day(venue, ledger, policy(answer_questions=answers))
    assert {order["state"] for order in orders(result)} == {"FILLED"}
    assert [q["answered"] for q in orders(result)[0]["questions"]] == [True] * 3


async def test_a_maximum_of_the_policy_holds_for_what_is_confirmed_by_default(
    venue: McpVenue, ledger: SqlLedger
) -> None:
    await venue.exchange.post("faults", {"kind": "question", "questions": [SIZE]})
    result = await day(venue, ledger, policy(answer_questions={"o383": Decimal(1)}))
    first = orders(result)[0]
    assert first["state"] == "UNKNOWN"
    assert "is above 1" in first["questions"][0]["why"]


async def test_two_orders_that_are_asked_about_cost_two_orders(venue: McpVenue, ledger: SqlLedger) -> None:
    await venue.exchange.post("faults", {"kind": "question", "questions": [O10331], "times": 2})
    result = await day(venue, ledger)
    assert result.status is RunStatus.DONE
    states = [order["state"] for order in orders(result)]
    assert states.count("UNKNOWN") == 2
    assert len({order["symbol"] for order in orders(result) if order["state"] == "UNKNOWN"}) == 2


async def test_a_cancel_that_is_answered_with_a_question_cancels_nothing_and_says_what_was_asked(
    venue: McpVenue,
) -> None:
    await venue.exchange.post("faults", {"kind": "late_fill", "looks": 50})
    placed = await venue.send("AAPL", Side.BUY, 3, await venue.price("AAPL", Side.BUY))
    assert placed.order_id is not None
    await venue.exchange.post("faults", {"kind": "cancel_question", "question": {"id": "o7", "text": "<b>All</b>?"}})
    said = await venue.broker.cancel(venue.account, placed.order_id)
    assert said == "unknown: the broker asked before it cancels: o7: All ?"
    assert (await venue.broker.order(venue.account, placed.order_id)).is_open
    assert await venue.broker.cancel(venue.account, placed.order_id) == "requested"


async def test_a_placement_tells_the_question_apart_from_a_lost_answer(venue: McpVenue) -> None:
    await venue.exchange.post("faults", {"kind": "question", "questions": [O10331]})
    placed = await venue.send("AAPL", Side.BUY, 3, await venue.price("AAPL", Side.BUY))
    assert placed.outcome is Outcome.UNANSWERED
    assert placed.questions[-1].text.startswith("Confirm Mandatory Cap Price To avoid trading")
