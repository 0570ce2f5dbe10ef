"""Stages three and four: what the numbers say, what may be done, and which of it is chosen.

Every plan that a chooser sees has passed the gate. A committed plan is kept: the chooser is not asked twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from app.decision import explain, offered, plans, rules
from app.decision.explain import Decision
from app.desk.desk import Desk
from app.desk.ports import Offer
from app.desk.readiness import require_ready
from app.desk.records import Event, Intent
from app.desk.report.explanation import explanation_part
from app.desk.stages.committed_plan import plan_record, restore_explanations, restore_plan
from app.desk.stages.kill_level import level_in_force
from app.desk.states import Decided, Evaluated, MarketRead, Run
from app.domain.evaluation import Evaluation
from app.domain.order import Order, client_order_id
from app.domain.plan import Action, Plan
from app.domain.policy import ApprovalScope, Mode
from app.domain.ruling import Refusal
from app.risk import feasible, measure


async def evaluate(desk: Desk, run: MarketRead) -> Evaluated:
    """Measure the portfolio against the policy."""
    # In doubt about the account's value, nothing can be concluded from its earlier ones.
    doubt = run.value_doubt
    evaluation = measure(desk.policy, run.portfolio, run.market, run.navs if doubt is None else (), run.memory)
    if doubt is not None:
        evaluation = _without_past(evaluation, doubt)
    breaches = ", ".join(metric.name for metric in evaluation.breaches) or "none"
    run.progress(f"measured: limits breached: {breaches}; exits due: {len(evaluation.exits_due)}")
    _tell_blocked_exits(run, evaluation)
    level = await level_in_force(desk, run, evaluation)
    return Evaluated(**vars(replace(run, level=level)), evaluation=evaluation)


async def decide(desk: Desk, run: Evaluated) -> Decided:
    """Plans through the gate, one choice, and the commitment to it."""
    if run.claim is not None and run.claim.plan is not None:
        choice, plan = restore_plan(run.claim.plan, run.market.instruments)
        run.progress(f"decision kept from the interrupted attempt: {plan.action}")
        kept = restore_explanations(run.claim.plan)
        return Decided(**vars(run), choice=choice, plan=plan, plans=(plan,), explanations=kept)
    portfolio, market, evaluation = run.portfolio, run.market, run.evaluation
    candidates = plans(desk.policy, portfolio, market, evaluation, run.memory)
    left, refusals = await _through_the_gate(desk, run, candidates)
    default = rules(desk.policy, evaluation, left)
    choosable = offered(desk.policy, evaluation, left)
    if desk.chooser.spends:
        await require_ready(desk)
    choice, model = await desk.chooser.choose(Offer(run.run_id, choosable, default, _summary(evaluation)))
    plan = {p.id: p for p in choosable}[choice.plan_id]
    decision = Decision(candidates, left, choosable, choice, refusals)
    explained = explain(desk.policy, portfolio, market, evaluation, run.memory, decision)
    run.progress(f"decision: {plan.action} by {choice.chosen_by}: {choice.rationale}")
    decided = Decided(
        **vars(run),
        plans=left,
        choice=choice,
        plan=plan,
        model=model,
        explanations=tuple(map(explanation_part, explained)),
        refusals=_of_chosen(refusals, plan, left),
    )
    await _commit(desk, decided)
    return decided


def _without_past(evaluation: Evaluation, note: str) -> Evaluation:
    """The two metrics that need the past say why they are unknown."""
    past = {"drawdown", "daily_loss"}
    metrics = tuple(replace(m, note=note) if m.name in past else m for m in evaluation.metrics)
    return replace(evaluation, metrics=metrics)


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


def intents_of(run: Run, plan: Plan) -> tuple[Intent, ...]:
    """Orders under the ids that they will carry to the broker, sells first."""
    key = run.key
    ordered = sorted(plan.orders, key=lambda o: (o.side.sign, not o.mandatory, o.instrument.symbol, o.leg))
    return tuple(
        Intent(client_order_id(key.book, key.session_date, key.slot, o.instrument.conid, o.side, o.leg), o)
        for o in ordered
    )


async def _through_the_gate(
    desk: Desk, run: Evaluated, candidates: Sequence[Plan]
) -> tuple[tuple[Plan, ...], dict[Action, tuple[Refusal, ...]]]:
    """(feasible plans with their post-trade numbers, refusals by action)."""
    day = await desk.in_thread(desk.ledger.day_use, run.key.book, run.key.session_date)
    left: list[Plan] = []
    refusals: dict[Action, tuple[Refusal, ...]] = {}
    for wanted in candidates:
        plan, refusals[wanted.action] = feasible(
            desk.policy, run.portfolio, run.market, run.navs, wanted, day, run.level.level, run.memory
        )
        if plan is not None:
            left.append(plan)
    return tuple(left), refusals


def _of_chosen(refusals: Mapping[Action, tuple[Refusal, ...]], plan: Plan, left: Sequence[Plan]) -> tuple[Refusal, ...]:
    """What the gate cut from the chosen plan, and from every plan of which it left nothing."""
    gone = set(refusals) - {p.action for p in left}
    return refusals[plan.action] + tuple(r for action in sorted(gone) for r in refusals[action])


async def _commit(desk: Desk, run: Decided) -> None:
    """The plan and its intents, durable before anything is sent; previews commit nothing."""
    if run.claim is None or run.mode.mode is Mode.PREVIEW:
        run.journal.add(Event("plan_previewed", {"plan_id": run.plan.id, "action": run.plan.action.value}))
        return
    claim, plan, intents = run.claim, plan_record(run.plan, run.choice, run.explanations), intents_of(run, run.plan)

    async def commit(events: Sequence[Event]) -> None:
        await desk.in_thread(desk.ledger.commit_plan, claim, plan, intents, run.clock.now(), events)

    await run.journal.flush_with(commit)


def _summary(evaluation: Evaluation) -> dict[str, Any]:
    """The numbers a chooser may see; every text in it is ours."""
    return {
        "metrics": {m.name: {"value": m.value, "limit": m.limit, "severity": m.severity} for m in evaluation.metrics},
        "exits_due": [f"{e.rule}: {e.symbol}" for e in evaluation.exits_due],
        "trend": evaluation.trend,
        "vix": evaluation.vix,
        "nav": str(evaluation.nav.quantize(Decimal("0.01"))),
    }
