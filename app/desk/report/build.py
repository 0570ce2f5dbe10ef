"""Makes the report from what the run knows. Nothing is computed here that the run did not act on."""

from app.desk.desk import Desk
from app.desk.records import RunStatus
from app.desk.report.account import continuity_part, portfolio_part, trade_part
from app.desk.report.adoption import adoption_part, levels_part
from app.desk.report.after import after_part
from app.desk.report.earned import earned_part
from app.desk.report.evaluation import evaluation_part, memory_part
from app.desk.report.exempt import exempt
from app.desk.report.market import market_part
from app.desk.report.needs import needs_of
from app.desk.report.order import order_parts, refusal_part
from app.desk.report.plan import decision_part, plan_part
from app.desk.report.schema import BrokerPart, LevelPart, ModelPart, PolicyPart, Report
from app.desk.report.summary import LastKnown, Told, summary_part
from app.desk.report.targets import targets_part
from app.desk.report.tax import tax_part
from app.desk.states import NO_MODEL, AccountRead, Decided, MarketRead, Run, evaluation_of
from app.desk.tax import view_of_run, with_results


def report_of(
    desk: Desk, run: Run, status: RunStatus, note: str | None = None, last: LastKnown | None = None
) -> Report:
    """Of a run in whatever state it ended; later parts of one that ended early are null.

    `last`: the account as the newest run before it left it, for one that did not read it itself.
    """
    account = run if isinstance(run, AccountRead) else None
    seen = run if isinstance(run, MarketRead) else None
    decided = run if isinstance(run, Decided) else None
    evaluation = evaluation_of(run)
    model = decided.model if decided else NO_MODEL
    view = view_of_run(account, desk.policy.tax.lot_method) if account else None
    after = after_part(account) if account else None
    targets = targets_part(desk, seen, evaluation) if seen and evaluation else None
    return Report(
        run_id=run.run_id,
        account=run.key.account,
        session_date=run.key.session_date,
        slot=run.key.slot,
        status=status,
        mode=run.mode.label,
        mode_reason=run.mode.because,
        as_of=seen.market.as_of if seen else run.clock.now(),
        source=run.broker_session.source,
        policy=PolicyPart(name=desk.policy.name, version=desk.policy.version, hash=desk.policy.hash),
        level=LevelPart(level=run.level.level.value, reason=run.level.reason, actor=run.level.actor),
        portfolio=portfolio_part(account) if account else None,
        continuity=continuity_part(account) if account else None,
        market=market_part(desk.policy, seen.market, evaluation) if seen else None,
        evaluation=evaluation_part(seen.memory, evaluation) if seen and evaluation else None,
        memory=memory_part(seen) if seen else None,
        adoption=adoption_part(desk, seen, decided.modes if decided else ()) if seen else None,
        price_levels=levels_part(desk, seen) if seen else (),
        plans=tuple(plan_part(plan, view, exempt(desk.policy, decided.portfolio, plan)) for plan in decided.plans)
        if decided and view
        else (),
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
        targets=targets,
        earned=earned_part(seen) if seen else None,
        summary=summary_part(
            Told(
                session_date=run.key.session_date,
                status=status,
                # Of a close and a reconciliation: others had ordered them.
                results=() if run.at_close or status is RunStatus.RECONCILED else run.results,
                note=note,
                mode=run.mode,
                opening=_opening(run, status),
                after=after,
                last=last,
                model_calls=model.calls,
                model_cost=model.cost,
                needs=needs_of(desk, run, status, targets.recovery if targets else None),
            )
        ),
        after=after,
    )


def _opening(run: Run, status: RunStatus) -> str | None:
    """What was done beside orders."""
    if status is RunStatus.RECONCILED:
        return "orders were compared with the broker's"
    if run.at_close and isinstance(run, AccountRead):
        settled = f", what became of {len(run.results)} orders with it" if run.results else ""
        return f"the day's close was put on record{settled}"
    if isinstance(run, MarketRead) and run.first_contact and status is not RunStatus.DRY_RUN:
        return "the account was taken over"
    return None
