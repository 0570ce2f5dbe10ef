"""What the ledger tells of runs: each in a line, and the summary of one that left no report of its own."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from app.desk.ports import Ledger
from app.desk.records import IntentRecord, Lease, RunRecord, RunStatus
from app.desk.report.needs import of_orders, of_status
from app.desk.report.summary import LastKnown, SummaryPart, Told, summary_part
from app.desk.stages.order_results import result_of

# So many runs back the account's value is looked for.
RUNS_LOOKED_AT = 20


def overview(record: RunRecord) -> dict[str, Any]:
    """A run in one line. `lapsed`: nobody is at work on it any more, and the next caller goes on with it.

    `done` and `needs`: sentences of its report's summary, null where there is none.
    """
    report = record.report or {}
    decision, summary = report.get("decision"), report.get("summary")
    return {
        "run_id": record.run_id,
        "account": record.key.account,
        "session_date": record.key.session_date.isoformat(),
        "slot": record.key.slot,
        "status": record.status.value,
        "action": decision["action"] if decision else None,
        "shown_as": decision.get("shown_as") if decision else None,
        "started_at": record.started_at.isoformat(),
        "finished_at": record.finished_at.isoformat() if record.finished_at else None,
        "error": record.error,
        **lease_facts(record.lease),
        "done": summary["done"]["text"] if summary else None,
        "needs": summary["needs"]["text"] if summary else None,
    }


def lease_facts(lease: Lease | None) -> dict[str, Any]:
    """As the JSON of a run has them; a run that has ended has no lease."""
    return {
        "lease_until": lease.until.isoformat() if lease else None,
        "lease_seconds": round(lease.seconds, 1) if lease else None,
        "lapsed": lease.lapsed if lease else False,
    }


def standing_of(ledger: Ledger, record: RunRecord) -> dict[str, Any]:
    """Of a run without a report: its line, with a `summary` made of its orders and of the runs on record."""
    at_work = record.lease is not None and not record.lease.lapsed
    # Of a run at work it is asked again and again.
    earlier = () if at_work else ledger.runs(RUNS_LOOKED_AT, record.key.book)
    summary = _summary(record, ledger.intents(record.run_id), earlier)
    told = {"done": summary.done.text, "needs": summary.needs.text, "summary": summary.model_dump(mode="json")}
    return {**overview(record), **told}


def _summary(record: RunRecord, intents: Sequence[IntentRecord], earlier: Iterable[RunRecord]) -> SummaryPart:
    results = [result_of(intent) for intent in intents]
    left = record.status is RunStatus.RUNNING and (record.lease is None or record.lease.lapsed)
    at_work = record.status is RunStatus.RUNNING and not left
    needs = (*of_status(record.run_id, record.status, resumable=left), *of_orders(record.run_id, results))
    return summary_part(
        Told(
            session_date=record.key.session_date,
            status=RunStatus.FAILED if left else record.status,
            results=results,
            note=record.error,
            opening="the run is at work" if at_work else None,
            last=newest_known(earlier),
            needs=() if at_work else needs,
        )
    )


def newest_known(runs: Iterable[RunRecord]) -> LastKnown | None:
    """The account as the newest of them left it that tells; `runs` newest first."""
    return next((found for run in runs if run.report and (found := _known(run)) is not None), None)


def _known(run: RunRecord) -> LastKnown | None:
    report: Mapping[str, Any] = run.report or {}
    after, summary, portfolio = report.get("after"), report.get("summary"), report.get("portfolio")
    # Of an earlier version it is only known how the account was before that run's orders.
    told = after or portfolio
    if told:
        return LastKnown(
            run.key.session_date,
            told["currency"],
            _decimal(told["nav"]),
            _decimal(told["cash"]),
            len(told["positions"]),
        )
    now = summary["now"] if summary else None
    if now is None or now["as_of"] is None:
        return None
    day = date.fromisoformat(now["as_of"])
    return LastKnown(day, now["currency"], _decimal(now["nav"]), _decimal(now["cash"]), now["positions"])


def _decimal(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)
