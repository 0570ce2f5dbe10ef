"""Stages three and four: what the numbers say, what may be done, and which of it is chosen.

Every plan that a chooser sees has passed the gate. A committed plan is kept: the chooser is not asked twice.
"""

from collections.abc import Sequence
from dataclasses import replace

from app.decision import Options, explain
from app.decision.aims import unreachable
from app.decision.asking import summary
from app.decision.plans import situation_of
from app.desk.desk import Desk
from app.desk.ports import Offer
from app.desk.readiness import require_ready
from app.desk.records import Event, Intent, RunKey, TakenOver
from app.desk.report.explanation import explanation_part
from app.desk.stages.committed_plan import plan_record, restore_explanations, restore_plan
from app.desk.stages.kept_inputs import today_of, with_day_kept
from app.desk.stages.kill_level import level_in_force
from app.desk.states import Decided, Evaluated, MarketRead
from app.domain.evaluation import Evaluation
from app.domain.order import Order, client_order_id
from app.domain.plan import Plan
from app.domain.policy import ApprovalScope, Mode
from app.domain.ruling import Refusal
from app.engine import options
from app.engine.first_contact import mode_outcomes
from app.risk import measure


async def evaluate(desk: Desk, run: MarketRead) -> Evaluated:
    """Measure the portfolio against the policy."""
    evaluation = measure(today_of(desk, run))
    for words in unreachable(situation_of(desk.policy, run.portfolio, run.market, evaluation, run.memory)):
        run.progress(f"warning: {words}")
    breaches = ", ".join(metric.name for metric in evaluation.breaches) or "none"
    run.progress(f"measured: limits breached: {breaches}; exits due: {len(evaluation.exits_due)}")
    _tell_blocked_exits(run, evaluation)
    found = await desk.in_thread(desk.ledger.oversight, run.key.book)
    level = await level_in_force(desk, run, evaluation, found)
    return Evaluated(**vars(replace(run, level=level)), evaluation=evaluation, oversight=found)


async def decide(desk: Desk, run: Evaluated) -> Decided:
    """Plans through the gate, one choice, and the commitment to it."""
    if run.claim is not None and run.claim.plan is not None:
        choice, plan = restore_plan(run.claim.plan, run.market.instruments)
        run.progress(f"decision kept from the interrupted attempt: {plan.shown_as}")
        kept = restore_explanations(run.claim.plan)
        return Decided(**vars(run), choice=choice, plan=plan, plans=(plan,), explanations=kept)
    evaluation, today = run.evaluation, today_of(desk, run)
    day = await desk.in_thread(desk.ledger.day_use, run.key.book, run.key.session_date)
    found = options(today, evaluation, day, run.level.level)
    if desk.chooser.spends:
        await require_ready(desk)
    offer = Offer(run.run_id, found.choosable, found.default, summary(evaluation))
    choice, model = await desk.chooser.choose(offer)
    plan = found.plan(choice)
    explained = explain(desk.policy, run.portfolio, run.market, evaluation, run.memory, found, choice)
    run.progress(f"decision: {plan.shown_as} by {choice.chosen_by}: {choice.rationale}")
    decided = Decided(
        **vars(run),
        plans=found.feasible,
        choice=choice,
        plan=plan,
        model=model,
        explanations=tuple(map(explanation_part, explained)),
        refusals=_of_chosen(found, plan),
        modes=mode_outcomes(today, day, run.level.level) if run.first_contact else (),
    )
    if decided.modes:
        run.progress("first contact: the report compares what each way of taking the account over would order")
    return await _commit(desk, with_day_kept(desk, decided, found, day))


def _tell_blocked_exits(run: MarketRead, evaluation: Evaluation) -> None:
    """An exit that cannot be ordered today is told, not forgotten."""
    for due in evaluation.exits_due:
        reason = run.market.untradable.get(due.conid)
        if reason is not None:
            run.progress(f"exit blocked: {due.symbol} {due.rule}: {reason}")
            run.journal.add(Event("exit_blocked", {"symbol": due.symbol, "rule": due.rule.value, "reason": reason}))


def waiting(desk: Desk, plan: Plan) -> tuple[Order, ...]:
    """The orders that a person must approve in `approve` mode."""
    every = desk.policy.approval.scope is ApprovalScope.ALL
    return tuple(order for order in plan.orders if every or not order.mandatory)


def intents_of(key: RunKey, plan: Plan) -> tuple[Intent, ...]:
    """Orders under the ids that they will carry to the broker, sells first."""
    ordered = sorted(plan.orders, key=lambda o: (o.side.sign, not o.mandatory, o.instrument.symbol, o.leg))
    return tuple(
        Intent(client_order_id(key.book, key.session_date, key.slot, o.instrument.conid, o.side, o.leg), o)
        for o in ordered
    )


def _of_chosen(found: Options, plan: Plan) -> tuple[Refusal, ...]:
    """What the gate cut from the chosen plan, and from every plan of which it left nothing."""
    gone = set(found.refusals) - {p.action for p in found.feasible}
    return found.refusals[plan.action] + tuple(r for action in sorted(gone) for r in found.refusals[action])


async def _commit(desk: Desk, run: Decided) -> Decided:
    """The plan, its intents and what it was decided from, durable before anything is sent; previews commit nothing."""
    if run.claim is None or run.mode.mode is Mode.PREVIEW:
        run.journal.add(Event("plan_previewed", {"plan_id": run.plan.id, "action": run.plan.action.value}))
        return run
    adoption, found = run.memory.adoption, run.evaluation
    taken_over = TakenOver(adoption, found.inherited) if run.first_contact and adoption and found else None
    claim, plan, intents = run.claim, plan_record(run.plan, run.choice, run.explanations), intents_of(run.key, run.plan)

    async def commit(events: Sequence[Event]) -> None:
        await desk.in_thread(
            desk.ledger.commit_plan, claim, plan, intents, run.clock.now(), events, run.kept, taken_over
        )

    run.journal.keep_to_the_run()
    await run.journal.flush_with(commit)
    return replace(run, kept=None)
