"""What ledgers of before revision 0005 say in prose and in reports alone, read as the program of then read it.

It never changes: neither does what was written then.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from app.desk.records import RunMemory, Snapshot, UnitValue
from app.engine.memory import EvaluationRecord

_RULES = frozenset(
    {
        "stop_loss", "drawdown", "limit_breach", "take_profit",
        "cut_losers", "reinforce", "rotate", "rebalance", "manual_exit",
    }
)  # fmt: skip

Report = Mapping[str, Any]
Record = TypeVar("Record")


def rules(reason: str) -> str:
    """ "stop_loss+drawdown: unrealised -21.0% ..." → "stop_loss+drawdown"; other words were rules of nothing."""
    named = reason.partition(":")[0].split("+")
    return "+".join(name for name in named if name in _RULES)


def memory(run_id: str, report: Report) -> RunMemory:
    """What later runs decided by. Of a report of another form, which the program of then could not read, nothing."""
    return RunMemory(
        evaluation=_readable(_evaluation, report["evaluation"]) if report.get("evaluation") else None,
        account=_readable(lambda told: _snapshot(run_id, told), report) if report.get("portfolio") else None,
        asked_prices=_readable(_asked_prices, report) if report.get("status") == "awaiting_approval" else None,
    )


def _readable(read: Callable[[Report], Record], told: Report) -> Record | None:
    try:
        return read(told)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
        return None


def _evaluation(told: Report) -> EvaluationRecord:
    return EvaluationRecord(
        severities={metric["name"]: metric["severity"] for metric in told["metrics"]},
        caps={cap["rule"]: cap["limit"] for cap in told["exposure_caps"]},
        drawdown_acted_at=told["drawdown_acted_at"],
    )


def _asked_prices(report: Report) -> dict[str, Decimal]:
    return {row["coid"]: Decimal(row["reference_price"]) for row in report["orders"]}


def _snapshot(run_id: str, report: Report) -> Snapshot:
    portfolio, told = report["portfolio"], report.get("continuity") or {}
    session_date = date.fromisoformat(report["session_date"])
    positions, rates = portfolio["positions"], _decimals(portfolio["fx_rates"])
    # Reports of before told nothing of what was not managed: it stopped the run.
    beside = [row for row in portfolio.get("unmanaged", ()) if row["conid"] is not None and row["quantity"] is not None]
    quantities: defaultdict[int, Decimal] = defaultdict(Decimal)
    for row in (*positions, *beside):
        quantities[row["conid"]] += Decimal(row["quantity"])
    values = _values(beside, session_date)
    for row in positions:
        value = Decimal(row["price"]) * rates.get(row["currency"], Decimal(1))
        values[row["conid"]] = UnitValue(value, session_date)
    return Snapshot(
        run_id=run_id,
        session_date=session_date,
        as_of=datetime.fromisoformat(portfolio["as_of"]),
        currency=portfolio["currency"],
        nav=Decimal(portfolio["nav"]),
        cash=Decimal(portfolio["cash"]),
        # Reports of before their balances were told knew the sum alone.
        balances=_decimals(portfolio.get("balances") or {portfolio["currency"]: portfolio["cash"]}),
        detected_flows=Decimal(told.get("detected_flows", 0)),
        unexplained_flow=Decimal(told.get("unexplained_flow", 0)),
        quantities=dict(quantities),
        prices={row["conid"]: Decimal(row["price"]) for row in positions},
        currencies={row["conid"]: row["currency"] for row in (*positions, *beside) if row["currency"] is not None},
        rates=rates,
        values=values,
    )


def _values(rows: list[Report], session_date: date) -> dict[int, UnitValue]:
    """Of lines that had a value; one that was carried keeps its date."""
    return {
        row["conid"]: UnitValue(
            Decimal(row["value"]) / Decimal(row["quantity"]),
            date.fromisoformat(row["value_from"]) if row["value_from"] else session_date,
        )
        for row in rows
        if row["value"] is not None and Decimal(row["quantity"]) != 0
    }


def _decimals(told: Mapping[str, str]) -> dict[str, Decimal]:
    return {currency: Decimal(text) for currency, text in told.items()}
