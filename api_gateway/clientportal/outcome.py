"""Tells what became of an order out of the many shapes of the broker's answer.

When the answer leaves a doubt the outcome is `unknown`: a wrong "rejected" would let a live order go unseen.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from api_gateway.clientportal import wire
from api_gateway.clientportal.answers import Answer, error_text, is_unprimed
from api_gateway.clientportal.errors import Malformed
from api_gateway.clientportal.questions import Asked, asked, is_question, readable
from api_gateway.clientportal.records import Cancellation, Placement, Question

_ALREADY_REGISTERED: Final = "Order couldn't be submitted: Local order ID="
_FAILED: Final = frozenset({"Failed", "Inactive", "Cancelled"})
_TIMED_OUT: Final = 408
_CANCEL_TAKEN: Final = "Request was submitted"


def classify(answer: Answer, *, is_reply: bool = False) -> Placement | Asked:
    """`is_reply` for the answer to a confirmed question: there, even a refusal can be followed by a live order."""
    said = error_text(answer)
    message = None if said is None else readable(said)
    if message is not None and message.startswith(_ALREADY_REGISTERED):
        return Placement(outcome="already_registered", message=message)
    if answer.status >= 300:
        return Placement(outcome=_outcome_of_status(answer.status, message, is_reply), message=message)
    if message is not None:
        return Placement(outcome="rejected", message=message)
    try:
        return _classify_body(wire.decode(answer.body))
    except Malformed as error:
        return Placement(outcome="unknown", message=str(error))


def _outcome_of_status(status: int, message: str | None, is_reply: bool) -> Literal["rejected", "unknown"]:
    if is_reply:
        # An order whose reply was answered with 503 has been seen live later.
        return "unknown"
    return "rejected" if is_unprimed(message) or (300 <= status < 500 and status != _TIMED_OUT) else "unknown"


def _classify_body(body: object) -> Placement | Asked:
    if isinstance(body, dict) and "advancedOrderReject" in body:
        return _advanced_reject(wire.mapping(body["advancedOrderReject"], "advanced reject"))
    answers = wire.rows([body] if isinstance(body, dict) and is_question(body) else body, "order answer")
    questions = [asked(row) for row in answers if is_question(row)]
    if questions and len(questions) == len(answers):
        return questions[0] if len(questions) == 1 else unanswered(questions, "several questions came at once")
    if len(answers) != 1:
        raise Malformed(f"order answer: {len(answers)} entries for one order")
    row = answers[0]
    return _classify_body(row) if "advancedOrderReject" in row else _acknowledged(row)


def unanswered(questions: Sequence[Asked], why: str, before: tuple[Question, ...] = ()) -> Placement:
    """Nobody answers, and the broker takes no order before somebody has; `before` was confirmed on the way here."""
    return Placement(
        outcome="unknown_question",
        message=f"the broker asked a question and it was left unanswered: {why}",
        questions=(*before, *(question.record(question.obstacle or why) for question in questions)),
    )


def _advanced_reject(reject: wire.Row) -> Placement:
    """Final; what it offers to be chosen from is a question to a person, not to a program."""
    order_id, text = wire.identity(reject, "orderId"), readable(wire.text(reject, "text") or "")
    asks = bool(reject.get("options")) or reject.get("prompt") is True
    ids = wire.identity(reject, "messageId")
    question = Question(message_ids=(ids,) if ids else (), text=text, confirmed=False, why="the order was rejected")
    return Placement(outcome="rejected", order_id=order_id, message=text or None, questions=(question,) if asks else ())


def _acknowledged(row: Mapping[str, object]) -> Placement:
    if "message" in row and "id" in row:
        raise Malformed("order answer: an order and a question in one entry")
    order_id, status = wire.order_id(row, "order_id"), wire.required_text(row, "order_status")
    message = wire.text(row, "text", "warning_message")
    message = None if message is None else readable(message)
    if status in _FAILED or order_id == "-1":
        return Placement(outcome="rejected", order_id=order_id, status=status, message=message)
    return Placement(outcome="accepted", order_id=order_id, status=status, message=message)


def cancellation(answer: Answer) -> Cancellation:
    message = error_text(answer)
    if (answer.status >= 500 and not is_unprimed(message)) or answer.status == 408:
        return Cancellation(outcome="unknown", message=message or f"the gateway answered {answer.status}")
    if message is not None:
        return Cancellation(outcome="refused", message=message)
    try:
        body = wire.decode(answer.body)
        questions = [
            asked(row)
            for row in wire.rows(body if isinstance(body, list) else [body], "cancel answer")
            if is_question(row)
        ]
        if questions:
            return _cancel_question(questions)
        told = wire.text(wire.mapping(body, "cancel answer"), "msg")
    except Malformed as error:
        return Cancellation(outcome="unknown", message=str(error))
    if told != _CANCEL_TAKEN:
        return Cancellation(outcome="unknown", message=f"not a known answer to a cancel: {told}")
    return Cancellation(outcome="requested", message="the broker took the request; the order may still fill before")


def _cancel_question(questions: Sequence[Asked]) -> Cancellation:
    """Never answered: what a yes would end besides the one order, nobody has signed."""
    told = tuple(question.record("a question about a cancel is for a person") for question in questions)
    words = "; ".join(f"{', '.join(each.message_ids) or 'no id'}: {each.text}" for each in told)
    return Cancellation(outcome="unknown", message=f"the broker asked before it cancels: {words}", questions=told)
