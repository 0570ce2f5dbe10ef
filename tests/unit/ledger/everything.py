"""A ledger with every kind of content: what an audit must be able to vouch for."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from app.desk.records import Claim, Event, Flow, FlowPlan, Notice, PlanEnd, Quarantine, RunStatus
from app.domain.cash import CashKind
from app.domain.navs import NavKind
from app.domain.order import OrderState, Side
from app.domain.policy import AdoptionMode
from app.domain.questions import Question
from app.domain.ruling import Cause, KillLevel
from app.ledger.sql_ledger import SqlLedger
from app.record.canonical import canonical, digest
from app.record.chunks import KeptInputs
from tests.unit.ledger.builders import (
    AT,
    BOOK,
    KEY,
    MEMORY,
    PLAN,
    REPORT,
    TAKEN_OVER,
    TODAY,
    ManualTime,
    claimed,
    filled,
    intent,
    planned,
    point,
    sent,
)

OTHER = "DU200"
# Two days share what stayed the same.
_SHARED = canonical({"policy": "hold"})
TOMORROW = TODAY + timedelta(days=1)
LOSS = Cause("daily_loss", TODAY, 0.05, 0.03)
HELD = Question(("o163",), "Is this the price you mean?", False, "nobody answered")
ANSWERED = Question(("o354", "o10"), "The order goes in full?", True)


def kept(day: str) -> KeptInputs:
    """What a run was decided from: a root that names what is the day's own and what is not."""
    quotes = canonical({"day": day})
    root = canonical({"policy": f"sha256:{digest(_SHARED)}", "quotes": f"sha256:{digest(quotes)}"})
    return KeptInputs(digest(root), {digest(text): text for text in (_SHARED, quotes, root)})


def play(ledger: SqlLedger, time: ManualTime) -> None:
    """Two books over two days. Runs of every kind: done, waiting, rejected, failed, halted, dry, lapsed, running."""
    ledger.add_navs(BOOK, [point(TODAY - timedelta(days=n), NavKind.BROKER, f"{1000 - n}") for n in (2, 1)])
    ledger.observe(OTHER, [Event("noted", {"amount": "5"})], AT)
    _done(ledger)
    _waiting(ledger)
    _ended_otherwise(ledger)
    _set_by_people(ledger)
    _left_behind(ledger, time)


def _done(ledger: SqlLedger) -> None:
    one, two, three = intent(1), intent(2), intent(3, side=Side.BUY)
    claim = claimed(ledger)
    ledger.commit_plan(claim, PLAN, [one, two, three], AT, (), kept("first"), TAKEN_OVER)
    ledger.settle(claim, one.coid, OrderState.PLANNED, AT, what_if={"commission": Decimal("1.05")})
    for each in (one, two):
        sent(ledger, claim, each)
    ledger.settle(claim, one.coid, OrderState.ACKED, AT, questions=[ANSWERED])
    ledger.settle(claim, one.coid, OrderState.ACKED, AT, broker_order_id="77")
    filled(ledger, claim, one)
    ledger.settle(claim, two.coid, OrderState.UNKNOWN, AT, reason="no answer")
    ledger.absent(claim, two.coid, AT)
    ledger.settle(claim, two.coid, OrderState.ABANDONED, AT)
    ledger.settle(claim, three.coid, OrderState.NOT_SENT, AT, reason="max_turnover")
    ledger.close(claim, RunStatus.DONE, REPORT, [Event("closing")], AT, point(), MEMORY)


def _waiting(ledger: SqlLedger) -> None:
    """One waits for the first time, one a second time after a question that nobody answered."""
    ledger.close(
        planned(ledger, key=replace(KEY, slot="first")), RunStatus.AWAITING_APPROVAL, REPORT, [], AT, memory=MEMORY
    )
    again = replace(KEY, slot="second", session_date=TOMORROW)
    what = intent(4, key=again)
    claim = planned(ledger, [what], again)
    ledger.close(claim, RunStatus.AWAITING_APPROVAL, REPORT, [], AT, memory=MEMORY)
    reopened = ledger.reopen(claim.run_id, "two", AT)
    sent(ledger, reopened, what)
    ledger.settle(reopened, what.coid, OrderState.UNKNOWN, AT, questions=[HELD])
    ledger.close(reopened, RunStatus.DONE, REPORT, [], AT + timedelta(hours=1), point(TOMORROW))


def _ended_otherwise(ledger: SqlLedger) -> None:
    slots = {
        "halted": RunStatus.HALTED,
        "skipped": RunStatus.SKIPPED,
        "rejected": RunStatus.REJECTED,
        "failed": RunStatus.FAILED,
    }
    for slot, status in slots.items():
        ledger.close(claimed(ledger, replace(KEY, slot=slot)), status, {"note": "because"}, [], AT)
    key = replace(KEY, slot="failed late")
    what = intent(5, key=key)
    late = planned(ledger, [what], key)
    ledger.settle(late, what.coid, OrderState.NOT_SENT, AT, reason="the run failed")
    ledger.close(late, RunStatus.FAILED, {"note": "after its plan"}, [], AT)
    ledger.abandon(claimed(ledger, replace(KEY, slot="given up")), RunStatus.NOT_READY, "no session", AT)
    dry = planned(ledger, key=replace(KEY, dry_run=True))
    ledger.close(dry, RunStatus.DRY_RUN, REPORT, [], AT, memory=MEMORY, inputs=kept("dry"))


def _set_by_people(ledger: SqlLedger) -> None:
    raised = ledger.tighten(OTHER, KillLevel.REDUCING, "a loss", AT, [LOSS])
    ledger.ease(OTHER, raised, "inside again", AT)
    ledger.tighten(OTHER, KillLevel.REDUCING, "at risk", AT, [replace(LOSS, metric="var_95_1d")])
    ledger.tighten(BOOK, KillLevel.REDUCING, "drawdown", AT)
    ledger.set_level(BOOK, KillLevel.ACTIVE, "looked at it", "a person", AT)
    ledger.set_level(None, KillLevel.HALTED, "away", "a person", AT)
    ledger.add_flow(BOOK, Flow(TODAY, Decimal("7.50"), "salary", "a person"), AT)
    ledger.add_flow(OTHER, Flow(TODAY, Decimal(-2), "rent", "a person"), AT)
    ledger.add_flow(BOOK, Flow(TODAY, Decimal("3.10"), "a dividend", "broker", CashKind.DIVIDEND, "row-1"), AT)
    plan = ledger.plan_flow(BOOK, FlowPlan(0, Decimal(50), TODAY, "a trip", "a person", TODAY), AT)
    ledger.plan_flow(BOOK, replace(plan, amount=Decimal(9)), AT)
    ledger.end_plan(BOOK, plan.number, PlanEnd.CANCELLED, "stayed at home", "a person", AT)
    for conid, symbol in ((9, "SPLT"), (10, "GONE")):
        ledger.quarantine(BOOK, Quarantine(conid, symbol, "price halved", TODAY), AT)
    ledger.release(BOOK, 10, "checked", "a person", AT)
    ledger.choose_adoption(BOOK, AdoptionMode.TRANSITION, "what I would not buy", "a person", AT)
    ledger.choose_adoption(OTHER, AdoptionMode.NOW, "a fresh start", "a person", AT)
    ledger.add_notice(Notice("DU100|halted", BOOK, "trading is halted", "a person set it"))
    ledger.add_notice(Notice("DU200|missed", OTHER, "the day was missed", "nobody logged in"))


def _left_behind(ledger: SqlLedger, time: ManualTime) -> None:
    """In the other book: one that lapsed and was fenced, one that was given up with its plan, one that works."""
    lapsed = replace(KEY, book=OTHER, account=OTHER)
    planned(ledger, [intent(6, key=lapsed)], lapsed)
    time.advance(400)
    claimed(ledger, replace(lapsed, slot="died"))
    time.advance(400)
    resumable = replace(lapsed, slot="manual")
    ledger.abandon(planned(ledger, [intent(7, key=resumable)], resumable), RunStatus.FAILED, "no answer", AT)
    time.advance(1)
    taken = ledger.claim(resumable, "two", "policy-2", AT)
    assert isinstance(taken, Claim)
