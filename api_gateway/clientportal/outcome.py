"""Tells what became of an order out of the many shapes of the broker's answer.

When the answer leaves a doubt the outcome is `unknown`: a wrong "rejected" would let a live order go unseen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Malformed
from api_gateway.clientportal.records import Placement
from api_gateway.clientportal.transport import Answer, error_text, is_unprimed

# Notices about sizes and immediate execution, which the signed ticket has already settled. Whatever says that the price
# or the market data is in doubt (o163, o354, o382, o10153) stays unanswered.
_ALLOWED: Final[Mapping[str, str]] = {
    "o383": "size exceeds the Size Limit of",
    "o403": "most likely trigger and fill immediately",
    "o451": "exceeds the Total Value Limit of",
}
_ALREADY_REGISTERED: Final = "Order couldn't be submitted: Local order ID="
_FAILED: Final = frozenset({"Failed", "Inactive", "Cancelled"})
_TIMED_OUT: Final = 408


@dataclass(frozen=True)
class Pending:
    """A question that has to be answered before the order goes on."""

    reply_id: str
    message_ids: tuple[str, ...]
    text: str


def is_allowed(message_ids: tuple[str, ...], text: str) -> bool:
    """True when every id is on the list and its own words are in the text, which an id alone does not prove."""
    normalised = " ".join(text.split())
    return bool(message_ids) and all(_ALLOWED.get(each, "\0") in normalised for each in message_ids)


def classify(answer: Answer, *, is_reply: bool = False) -> Placement | Pending:
    """`is_reply` for the answer to a confirmed question: there, even a refusal can be followed by a live order."""
    message = error_text(answer)
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


def _classify_body(body: object) -> Placement | Pending:
    if isinstance(body, dict) and "advancedOrderReject" in body:
        reject = wire.mapping(body["advancedOrderReject"], "advanced reject")
        return Placement(
            outcome="rejected", order_id=wire.identity(reject, "orderId"), message=wire.text(reject, "text")
        )
    answers = wire.rows(body, "order answer")
    if len(answers) != 1:
        raise Malformed(f"order answer: {len(answers)} entries for one order")
    row = answers[0]
    if "advancedOrderReject" in row:
        return _classify_body(row)
    if "message" in row and "id" in row:
        return _pending(row)
    return _acknowledged(row)


def _pending(row: Mapping[str, object]) -> Pending:
    texts, ids = row.get("message"), row.get("messageIds")
    return Pending(
        reply_id=wire.required_text(row, "id"),
        message_ids=tuple(str(each) for each in ids) if isinstance(ids, list) else (),
        text=" ".join(str(each) for each in texts) if isinstance(texts, list) else str(texts),
    )


def _acknowledged(row: Mapping[str, object]) -> Placement:
    order_id, status = wire.order_id(row, "order_id"), wire.required_text(row, "order_status")
    message = wire.text(row, "text", "warning_message")
    if status in _FAILED or order_id == "-1":
        return Placement(outcome="rejected", order_id=order_id, status=status, message=message)
    return Placement(outcome="accepted", order_id=order_id, status=status, message=message)
