"""After an older copy of the ledger was restored: a person says which of the broker's orders are ours; those are kept.

It sends nothing and loosens nothing. A day that was traded by a run which the copy lacks gets that run, under its key,
so that it does not trade again.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from app.desk.controls.level import require_text
from app.desk.desk import Desk, Progress, silent
from app.desk.journal import Journal, nowhere
from app.desk.records import ABANDONED_ACTION, Event, Intent, Quarantine, RunKey, RunStatus, new_run_id
from app.desk.recovery import Adopted, Decision, RecoveredRun, Recovery, Stray
from app.desk.report.build import report_of
from app.desk.run.attempt import RunRequest, RunResult
from app.desk.run.carry_out import carry_out
from app.desk.run.claim import claim_run
from app.desk.run.end import End
from app.desk.run.give_up import give_up
from app.desk.run.open_attempt import open_attempt_by_hand
from app.desk.run.recover_look import Look, as_json, look
from app.desk.run.strays import price_of, state_of
from app.desk.stages.committed_plan import plan_record
from app.desk.states import OrderResult, Run
from app.domain.errors import DataError, Fenced, PortfolioError, UsageError
from app.domain.instrument import Instrument
from app.domain.market import Session
from app.domain.order import Order, OrderRule
from app.domain.plan import Action, Choice, Plan
from app.domain.slots import EXIT_PREFIX, RECOVER_SLOT

ALL = "all"


@dataclass(frozen=True, slots=True)
class Wishes:
    """Client order ids, or "all" for the others; who says so, and why."""

    actor: str
    reason: str
    adopt: tuple[str, ...] = ()
    abandon: tuple[str, ...] = ()


async def show_recovery(desk: Desk, account: str | None = None) -> dict[str, Any]:
    """What there is to decide. Claims nothing, so that an order may be on its way meanwhile."""
    attempt = await open_attempt_by_hand(desk, RunRequest(account, RECOVER_SLOT))
    return as_json(await look(desk, attempt.key, attempt.clock))


async def recover(desk: Desk, wishes: Wishes, account: str | None = None, progress: Progress = silent) -> RunResult:
    """The report is what `show_recovery` tells afterwards, and what was done. Raises UsageError for what cannot be."""
    require_text(wishes.actor, "actor")
    require_text(wishes.reason, "reason")
    attempt = (await open_attempt_by_hand(desk, RunRequest(account, RECOVER_SLOT))).without_dry_run()
    # A wish that cannot be is no failed run.
    decide(await look(desk, attempt.key, attempt.clock), wishes)
    run = await claim_run(desk, attempt, progress)
    if isinstance(run, RunResult):
        return run
    decided: list[tuple[Look, Mapping[str, Decision]]] = []

    async def see(desk: Desk, run: Run) -> End:
        with run.journal.listening():
            seen = await look(desk, run.key, run.clock)
        decided.append((seen, decide(seen, wishes)))
        return End(run, RunStatus.RECONCILED)

    end = await carry_out(desk, run, see)
    seen, decisions = decided[-1]
    await _take_over(desk, end.run, seen, decisions, wishes)
    done = {d.value: [coid for coid, each in decisions.items() if each is d] for d in Decision}
    after = as_json(await look(desk, run.key, run.clock))
    facts = {**after, "run_id": run.run_id, "adopted": done["adopt"], "abandoned": done["abandon"]}
    return RunResult(run.run_id, RunStatus.RECONCILED, facts, fresh=True)


def decide(seen: Look, wishes: Wishes) -> dict[str, Decision]:
    """By client order id. What was decided before is no mistake; what cannot be decided so is, where it is named."""
    wished = {Decision.ADOPT: wishes.adopt, Decision.ABANDON: wishes.abandon}
    if not any(wished.values()):
        raise UsageError("nothing is asked for", "Say --adopt COID|all or --abandon COID|all")
    if all(ALL in names for names in wished.values()) or set(wishes.adopt) & set(wishes.abandon):
        raise UsageError("the same order is to be adopted and abandoned", "Name each once")
    found = {stray.shown.coid: stray for stray in seen.strays}
    named = {coid: decision for decision, names in wished.items() for coid in names if coid != ALL}
    for coid, decision in named.items():
        if coid not in found and coid not in seen.known:
            raise UsageError(f"the broker shows no order {coid} of ours", "`portfolio recover` lists them")
        if coid in found and decision not in found[coid].may:
            raise UsageError(
                f"order {coid} cannot be {decision.value}ed: {found[coid].why}", "Look at it at the broker"
            )
    rest = next((decision for decision, names in wished.items() if ALL in names), None)
    decisions = {coid: named.get(coid, rest) for coid, stray in found.items() if coid in named or rest in stray.may}
    return {coid: decision for coid, decision in decisions.items() if decision is not None}


async def _take_over(desk: Desk, run: Run, seen: Look, decisions: Mapping[str, Decision], wishes: Wishes) -> None:
    """In one commit with the close of the run; where it fails nothing was changed."""
    by_decision: dict[Decision, list[Stray]] = {decision: [] for decision in Decision}
    for stray in seen.strays:
        if stray.shown.coid in decisions:
            by_decision[decisions[stray.shown.coid]].append(stray)
    adopted, abandoned = by_decision[Decision.ADOPT], by_decision[Decision.ABANDON]
    note = f"{wishes.actor} recovered the ledger: {len(adopted)} orders adopted, {len(abandoned)} abandoned"
    orders = tuple(_intent(stray, seen, stray.why) for stray in abandoned)
    plan = {**_plan(tuple(intent.order for intent in orders), wishes), "action": ABANDONED_ACTION}
    recovery = Recovery(
        actor=wishes.actor,
        reason=wishes.reason,
        runs=await _runs(desk, run, seen, [s for s in (*adopted, *abandoned) if s.intent is None], decisions, wishes),
        known=tuple(_adopted(stray, seen) for stray in adopted if stray.intent is not None),
        abandoned=orders,
        plan=plan,
        quarantines=tuple(
            Quarantine(stray.shown.conid, stray.symbol, f"order {stray.shown.coid} was abandoned", run.key.session_date)
            for stray in abandoned
        ),
    )
    results = tuple(_result(_intent(stray, seen, stray.why), _adopted(stray, seen)) for stray in adopted)
    report = report_of(desk, replace(run, results=results), RunStatus.RECONCILED, f"{note}: {wishes.reason}").as_json()
    waiting = await run.journal.drain()
    events = (*waiting, Event("run_closed", {"status": RunStatus.RECONCILED.value, "note": note}))
    try:
        await desk.in_thread(desk.ledger.recover, run.own_claim, recovery, report, events, run.clock.now())
    except Fenced:
        raise
    except PortfolioError as error:
        await give_up(desk, run, error)
        raise
    run.progress(note)


async def _runs(
    desk: Desk,
    run: Run,
    seen: Look,
    unknown: Sequence[Stray],
    decisions: Mapping[str, Decision],
    wishes: Wishes,
) -> tuple[RecoveredRun, ...]:
    """One for each key; also where all its orders are abandoned, as the same ids must not be made again."""
    days: defaultdict[RunKey, list[Stray]] = defaultdict(list)
    for stray in unknown:
        days[stray.key].append(stray)
    free = {key: [replace(key, slot=f"{RECOVER_SLOT}-{number}") for number in range(1, 100)] for key in days}
    keys = [*days, *(each for spare in free.values() for each in spare)]
    held = await desk.in_thread(desk.ledger.holders, keys)
    found = []
    for day, of_day in days.items():
        ours = [stray for stray in of_day if decisions[stray.shown.coid] is Decision.ADOPT]
        if day in held and not ours:
            continue
        key = next(each for each in (day, *free[day]) if each not in held)
        held = {**held, key: ""}
        found.append(_recovered(desk, run, seen, key, ours, wishes))
    return tuple(found)


def _recovered(desk: Desk, run: Run, seen: Look, key: RunKey, ours: Sequence[Stray], wishes: Wishes) -> RecoveredRun:
    reason = f"recovered from the broker's books by {wishes.actor}: {wishes.reason}"
    intents = tuple(_intent(stray, seen, reason) for stray in sorted(ours, key=lambda s: (s.shown.side.sign, s.symbol)))
    states = {stray.shown.coid: _adopted(stray, seen) for stray in ours}
    bare = Run(
        run_id=new_run_id(),
        key=key,
        mode=run.mode,
        broker_session=run.broker_session,
        session=Session(key.session_date, run.clock.now(), run.clock.now()),
        clock=run.clock,
        journal=Journal(nowhere),
        results=tuple(_result(intent, states[intent.coid]) for intent in intents),
    )
    note = f"put down afterwards, as the ledger was restored from a copy that lacks this run: {reason}"
    return RecoveredRun(
        run_id=bare.run_id,
        key=key,
        plan=_plan(tuple(intent.order for intent in intents), wishes),
        intents=intents,
        adopted=tuple(states[intent.coid] for intent in intents),
        report=report_of(desk, bare, RunStatus.DONE, note).as_json(),
    )


def _plan(orders: tuple[Order, ...], wishes: Wishes) -> dict[str, Any]:
    """Why the orders were decided on is lost: no strategy counts them as its own."""
    plan = Plan(Action.HOLD, orders, f"{wishes.actor} recovered it: {wishes.reason}")
    return plan_record(plan, Choice(plan.id, plan.reason, chosen_by=f"person:{wishes.actor}"))


def _intent(stray: Stray, seen: Look, reason: str) -> Intent:
    shown = stray.shown
    by_hand = stray.key.slot.startswith(f"{EXIT_PREFIX}-")
    known = seen.instruments.get(shown.conid)
    price = shown.limit_price or shown.average_price
    order = Order(
        instrument=known or Instrument(shown.conid, stray.symbol, shown.currency or seen.portfolio.currency),
        side=shown.side,
        quantity=shown.quantity,
        # Of what is abandoned nobody needs one.
        reference_price=Decimal(0) if price is None else price,
        reason=reason,
        exit=by_hand,
        mandatory=by_hand,
        leg=stray.leg,
        limit_price=shown.limit_price,
        rules=(OrderRule.MANUAL_EXIT,) if by_hand else (),
    )
    return Intent(shown.coid, order)


def _adopted(stray: Stray, seen: Look) -> Adopted:
    shown = stray.shown
    planned = stray.intent if stray.intent and shown.status is None else None
    quantity = planned.quantity if planned else shown.quantity
    currency = shown.currency or _currency(seen, shown.conid)
    try:
        value = quantity * price_of(shown) * seen.portfolio.rate(currency)
    except DataError:
        value = None
    return Adopted(
        coid=shown.coid,
        state=state_of(shown, stray.intent),
        quantity=quantity,
        limit_price=shown.limit_price,
        value=value,
        broker_order_id=shown.order_id,
        filled_quantity=shown.filled_quantity,
        average_price=shown.average_price,
    )


def _currency(seen: Look, conid: int) -> str:
    known = seen.instruments.get(conid)
    return known.currency if known else seen.portfolio.currency


def _result(intent: Intent, known: Adopted) -> OrderResult:
    order = replace(intent.order, quantity=known.quantity)
    return OrderResult(intent.coid, order, known.state.value, known.filled_quantity, known.average_price)
