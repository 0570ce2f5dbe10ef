"""An order about which the broker asked something that nobody may answer: it costs that order, never the day.

Nothing of it is under way, and yet it may be there: it is never sent again, it is looked for like any order of unknown
outcome, and until it was found or given up its name gets no other order.
"""

from dataclasses import replace

from app.desk.desk import Desk
from app.desk.records import Claim, Intent, IntentRecord
from app.desk.run.notify import tell
from app.desk.stages.order_results import committed_intent
from app.desk.stages.reconcile import ABSENT_READS, UNSETTLED, settle
from app.desk.states import OrderResult, Run
from app.domain.errors import BrokerUnavailable, NotReady
from app.domain.order import OrderState
from app.domain.policy import Occasion
from app.domain.questions import Question, advice, meaning
from app.domain.ruling import Refusal

TITLE = "the broker asked about an order and nobody may answer"
_SHOWN = 600


async def left_unanswered(desk: Desk, run: Run, claim: Claim, result: OrderResult) -> OrderResult:
    """Told to a person, and looked for: what two complete reads do not show stays UNKNOWN."""
    await tell_questions(desk, run, result)
    intent = await _looked_for(desk, run, claim, result.coid)
    return replace(
        result,
        state=intent.state.value,
        filled_quantity=intent.filled_quantity,
        average_price=intent.average_price,
        reason=intent.reason,
    )


async def _looked_for(desk: Desk, run: Run, claim: Claim, coid: str) -> IntentRecord:
    intent = await committed_intent(desk, run, coid)
    for _ in range(ABSENT_READS):
        try:
            report = await desk.broker.report(run.key.account)
        except (BrokerUnavailable, NotReady):
            # Not seen is not looked for: the next run does.
            break
        intent = await settle(desk, run, claim, intent, report)
        if intent.state not in UNSETTLED:
            break
    return intent


async def name_refusal(desk: Desk, run: Run, intent: Intent) -> Refusal | None:
    """Why no order for this name goes: an earlier one may still turn out to be at the broker."""
    conid = intent.order.instrument.conid
    for other in await desk.in_thread(desk.ledger.open_intents, run.key.book):
        if other.conid == conid and other.coid != intent.coid and other.waits_for_an_answer:
            waits = (
                f"{other.side} {other.quantity:f} of {other.session_date} waits for an answer to the broker's question"
            )
            return Refusal("unanswered_question", other.symbol, waits, "no other order until it is found or given up")
    return None


async def tell_questions(desk: Desk, run: Run, result: OrderResult) -> None:
    """One notice an order, under the occasion of orders whose end is open."""
    left = [question for question in result.questions if not question.answered]
    if not left:
        return
    order, final = result.order, result.state == OrderState.REJECTED.value
    what = f"{order.side} {order.quantity:f} {order.instrument.symbol}"
    asked = " ".join(words(question) for question in left)
    run.progress(f"the broker asked about {what}: {asked}")
    # Where one of them has no id, no list of ids would have helped.
    ids = [one for question in left for one in question.ids] if all(question.ids for question in left) else []
    await tell(
        desk, run.key, Occasion.ORDER_UNCERTAIN, f"{what}: {asked} {advice(ids, final=final)}", result.coid, TITLE
    )


def words(question: Question) -> str:
    """The question as a person is told of it."""
    ids = ", ".join(question.ids) or "no id"
    text = question.text if len(question.text) <= _SHOWN else f"{question.text[:_SHOWN]}…"
    return f"({ids}) {text or 'without a text'} ({meaning(question.ids)})"


def note_of(run: Run) -> str | None:
    """For the head of the report, where orders wait for an answer."""
    names = [r.order.instrument.symbol for r in run.results if r.state == OrderState.UNKNOWN.value and r.questions]
    if not names:
        return run.note
    return f"the broker asked about {', '.join(dict.fromkeys(names))} and nobody may answer: `portfolio questions`"
