"""What a run leaves: every event in an unbroken chain, every call counted, and a report of the agreed form."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from app.desk.report.schema import Report
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.stages.pipeline import STAGES
from app.domain.errors import BrokerUnavailable
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import Office
from tests.unit.ledger.builders import rows

DAY = RunRequest()
KEYS = {
    "": "run_id account session_date slot status mode as_of source policy portfolio market evaluation plans decision "
    "orders refusals model broker timings_ms",
    "policy": "name version hash",
    "portfolio": "currency nav cash buying_power unrealized_pnl realized_pnl positions",
    "portfolio.positions.0": "symbol conid sector quantity price market_value weight average_cost unrealized_pnl lots",
    "market": "vix trend quotes",
    "evaluation": "metrics drawdown exits_due drift",
    "evaluation.metrics.0": "name value limit severity",
    "plans.0": "id action orders post_trade",
    "decision": "action plan_id chosen_by rationale",
    "orders.0": "coid symbol side quantity limit_price state filled_quantity average_price what_if lots",
    "model": "calls input_tokens output_tokens cost",
    "broker": "calls calls_by_tool",
}
MONEY = {
    "nav",
    "cash",
    "buying_power",
    "unrealized_pnl",
    "realized_pnl",
    "quantity",
    "price",
    "market_value",
    "average_cost",
    "bid",
    "ask",
    "last",
    "prior_close",
    "limit_price",
    "filled_quantity",
    "average_price",
    "commission",
    "cost",
    "amount",
    "reference_price",
    "equity_after",
    "largest",
}


def events_of(ledger_url: str, kind: str) -> list[dict[str, Any]]:
    """Payloads of the events of one kind, in their order."""
    return [
        json.loads(payload)
        for (payload,) in rows(ledger_url, f"SELECT payload FROM events WHERE kind = '{kind}' ORDER BY seq")  # noqa: S608 - a literal
    ]


@pytest.fixture
async def report(office: Office) -> dict[str, Any]:
    result = await run_daily(office.desk(), DAY)
    assert result.report is not None
    return dict(result.report)


def at(report: dict[str, Any], path: str) -> Any:  # noqa: ANN401 - any part of a JSON document
    """The part at a dotted path."""
    part: Any = report
    for step in filter(None, path.split(".")):
        part = part[int(step)] if step.isdigit() else part[step]
    return part


@pytest.mark.parametrize("path", KEYS)
async def test_the_report_has_every_key_of_the_contract(report: dict[str, Any], path: str) -> None:
    assert set(KEYS[path].split()) <= set(at(report, path))


async def test_the_report_is_valid_by_its_own_types_and_survives_json(report: dict[str, Any]) -> None:
    assert Report.model_validate(json.loads(json.dumps(report))).as_json() == report


async def test_the_published_schema_of_the_report_is_strict_about_money() -> None:
    amounts = Report.model_json_schema(mode="serialization")["$defs"]["PortfolioPart"]["properties"]
    assert amounts["nav"] == {"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "title": "Nav"}


def leaves(part: object, name: str = "") -> Iterator[tuple[str, object]]:
    """(key, value) of everything that is no container."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield from leaves(value, key)
    elif isinstance(part, list | tuple):
        for value in part:
            yield from leaves(value, name)
    else:
        yield name, part


async def test_money_is_decimal_strings_everywhere(report: dict[str, Any]) -> None:
    found = [(key, value) for key, value in leaves(report) if key in MONEY and value is not None]
    assert {key for key, _ in found} >= {"nav", "cash", "quantity", "limit_price", "average_price", "commission"}
    for key, value in found:
        assert isinstance(value, str), key
        assert re.fullmatch(r"-?\d+(\.\d+)?", value), (key, value)


async def test_every_stage_is_timed_and_in_the_chain(
    office: Office, ledger: SqlLedger, ledger_url: str, report: dict[str, Any]
) -> None:
    names = [stage.name for stage in STAGES]
    assert names == [
        "ibkr_reader_agent",
        "market_reader_agent",
        "portfolio_evaluator_agent",
        "decision_maker_agent",
        "order_executor_agent",
    ]
    assert [event["name"] for event in events_of(ledger_url, "stage")] == names
    assert list(report["timings_ms"]) == [*names, "total"]
    assert ledger.verify().ok


async def test_the_chain_tells_the_whole_run_in_order(
    office: Office, ledger: SqlLedger, ledger_url: str, report: dict[str, Any]
) -> None:
    kinds = [kind for (kind,) in rows(ledger_url, "SELECT kind FROM events ORDER BY seq")]
    claimed = kinds.index("run_claimed")
    # The test's account was taken over long ago.
    assert set(kinds[:claimed]) == {"adopted"}
    assert [kind for kind in kinds[claimed:] if kind not in {"mcp_call", "stage", "progress"}] == [
        "run_claimed",
        "navs_added",
        "inputs_kept",
        "plan_committed",
        *["intent_moved"] * 6,
        "run_closed",
        "run_sealed",
    ]
    assert ledger.verify().events == len(kinds)


async def test_every_call_is_recorded_with_its_duration_and_outcome(
    office: Office, ledger_url: str, report: dict[str, Any]
) -> None:
    calls = events_of(ledger_url, "mcp_call")
    assert Counter(call["tool"] for call in calls) == report["broker"]["calls_by_tool"]
    assert report["broker"]["calls"] == len(calls)
    assert report["broker"]["calls_by_tool"]["place_order"] == 2
    assert {call["outcome"] for call in calls} == {"ok"}
    assert all(re.fullmatch(r"\d+\.\d", call["milliseconds"]) for call in calls)


async def test_a_call_that_failed_is_in_the_chain_of_the_failed_run(
    office: Office, ledger: SqlLedger, ledger_url: str
) -> None:
    office.broker.unreachable = {"performance"}
    with pytest.raises(BrokerUnavailable):
        await run_daily(office.desk(), DAY)
    calls = events_of(ledger_url, "mcp_call")
    assert (calls[-1]["tool"], calls[-1]["outcome"]) == ("performance", "unavailable")
    (abandoned,) = events_of(ledger_url, "run_abandoned")
    assert abandoned["status"] == "failed"
    assert ledger.verify().ok
