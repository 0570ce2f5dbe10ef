"""Makes the report from what the run knows. Nothing is computed here that the run did not act on."""

from typing import Any

from app.desk.desk import Desk
from app.desk.records import Lease, RunRecord, RunStatus
from app.desk.report.account import continuity_part, portfolio_part, trade_part
from app.desk.report.adoption import adoption_part, levels_part
from app.desk.report.after import after_part
from app.desk.report.earned import earned_part
from app.desk.report.evaluation import evaluation_part, memory_part
from app.desk.report.market import market_part
from app.desk.report.order import order_parts, refusal_part
from app.desk.report.plan import decision_part, plan_part
from app.desk.report.schema import BrokerPart, LevelPart, ModelPart, PolicyPart, Report
from app.desk.report.summary import summary_part
from app.desk.report.targets import targets_part
from app.desk.report.tax import tax_part
from app.desk.states import NO_MODEL, AccountRead, Decided, MarketRead, Run, evaluation_of
from app.desk.tax import view_of_run, with_results


def report_of(desk: Desk, run: Run, status: RunStatus, note: str | None = None) -> Report:
    """Of a run in whatever state it ended; later parts of one that ended early are null."""
    account = run if isinstance(run, AccountRead) else None
    seen = run if isinstance(run, MarketRead) else None
    decided = run if isinstance(run, Decided) else None
    evaluation = evaluation_of(run)
    model = decided.model if decided else NO_MODEL
    view = view_of_run(account, desk.policy.tax.lot_method) if account else None
    told = Report(
        run_id=run.run_id,
        account=run.key.account,
        session_date=run.key.session_date,
        slot=run.key.slot,
        status=status,
        mode=run.mode.label,
        mode_reason=run.mode.because,
        as_of=seen.market.as_of if seen else run.clock.now(),
        source=run.broker_session.source,
        policy=PolicyPart(
            name=desk.policy.name,
            version=desk.policy.version,
            hash=desk.policy.hash,
            max_turnover=desk.policy.execution.max_turnover,
        ),
        level=LevelPart(level=run.level.level.value, reason=run.level.reason, actor=run.level.actor),
        portfolio=portfolio_part(account) if account else None,
        continuity=continuity_part(account) if account else None,
        market=market_part(desk.policy, seen.market, evaluation) if seen else None,
        evaluation=evaluation_part(seen.memory, evaluation) if seen and evaluation else None,
        memory=memory_part(seen) if seen else None,
        adoption=adoption_part(desk, seen, decided.modes if decided else ()) if seen else None,
        price_levels=levels_part(desk, seen) if seen else (),
        plans=tuple(plan_part(plan, view) for plan in decided.plans) if decided and view else (),
        decision=decision_part(decided) if decided else None,
        explanations=decided.explanations if decided else (),
        orders=order_parts(run),
        trades=tuple(trade_part(trade) for trade in account.trades) if account else (),
        refusals=tuple(refusal_part(refusal) for refusal in (decided.refusals if decided else ())),
        model=ModelPart(
            calls=model.calls,
            input_tokens=model.input_tokens,
            output_tokens=model.output_tokens,
            cost=model.cost,
        ),
        broker=BrokerPart(**run.journal.call_totals()),
        timings_ms={stage: round(ms, 1) for stage, ms in run.timings.items()},
        note=note,
        tax=tax_part(with_results(view, run)) if view else None,
        targets=targets_part(desk, seen, evaluation) if seen and evaluation else None,
        earned=earned_part(seen) if seen else None,
    )
    told = told.model_copy(update={"after": after_part(told)})
    return told.model_copy(update={"summary": summary_part(told)})


def overview(record: RunRecord) -> dict[str, Any]:
    """A run in one line. `lapsed`: nobody is at work on it any more, and the next caller goes on with it."""
    decision = record.report.get("decision") if record.report else None
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
    }


def lease_facts(lease: Lease | None) -> dict[str, Any]:
    """As the JSON of a run has them; a run that has ended has no lease."""
    return {
        "lease_until": lease.until.isoformat() if lease else None,
        "lease_seconds": round(lease.seconds, 1) if lease else None,
        "lapsed": lease.lapsed if lease else False,
    }
