"""Which of the broker's questions may be confirmed, for which order, and within which bound.

The ids alone prove nothing: the broker has been seen to ask one thing under the id that its documents give to another.
So the id must be on the list, the text must say what the list says it means, and it must say nothing else besides.
"""

import html
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final

from api_gateway.clientportal import wire
from api_gateway.clientportal.records import Limit, Question

# More than the longest documented text; what is cut is said.
_LONGEST_TEXT: Final = 2_000
_MOST_IDS, _LONGEST_ID = 20, 40
# A reply id becomes part of an address.
_REPLY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TAG: Final = re.compile(r"</?[A-Za-z!][^<>]*>")
_PLAIN: Final = re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{0,9}[1-9])?")


class Bound(StrEnum):
    """What a confirmation is good for: nothing beyond the ticket, or no further than a number on it."""

    TICKET = "ticket"
    QUOTE = "quote"
    PRICE = "price"
    QUANTITY = "quantity"
    VALUE = "value"


@dataclass(frozen=True)
class Answerable:
    """`words`: one of them is in every text that asks this. `by_default`: the signed ticket has settled it already."""

    bound: Bound
    words: tuple[str, ...]
    by_default: bool = False


_PRICE: Final = Answerable(
    Bound.PRICE,
    (
        "Percentage constraint of",
        "price percentage limit",
        "Tick Size Limit of",
        "tick size limit",
        "Mandatory Cap Price",
        "not consistent with a fair and orderly market",
    ),
)
ANSWERABLE: Final[Mapping[str, Answerable]] = {
    "o163": _PRICE,
    "o382": _PRICE,
    "o10153": _PRICE,
    "o10223": _PRICE,
    "o10331": _PRICE,
    "o354": Answerable(Bound.QUOTE, ("without market data", "without having market data")),
    "o10336": Answerable(Bound.PRICE, ("limited liquidity", "illiquid securities")),
    "o383": Answerable(Bound.QUANTITY, ("size exceeds the Size Limit of",), by_default=True),
    "o403": Answerable(Bound.TICKET, ("most likely trigger and fill immediately",), by_default=True),
    "o451": Answerable(Bound.VALUE, ("exceeds the Total Value Limit of",), by_default=True),
}
# A yes to any of these would change the order, another order, or more than this one.
_ANOTHER_MATTER: Final = re.compile(
    r"cancel (?:all|any|the|your)\b|stop order|Price Management Algo|cash quantity|sell short|short sale|do not ask",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Asked:
    """A question as it came. `obstacle` says why nobody could answer it, whatever it asks."""

    reply_id: str
    message_ids: tuple[str, ...]
    text: str
    obstacle: str | None = None

    def record(self, why: str | None) -> Question:
        """`why` it was left unanswered, None where it was confirmed."""
        return Question(
            message_ids=tuple(readable(one, _LONGEST_ID) for one in self.message_ids[:_MOST_IDS]),
            text=self.text,
            confirmed=why is None,
            why=why,
        )


def is_question(row: wire.Row) -> bool:
    """Whatever speaks as a question does and names no order; the id to answer by may be missing."""
    marked = any(key in row for key in ("id", "messageIds", "messageOptions", "isSuppressed"))
    return "message" in row and marked and row.get("order_id") is None


def asked(row: wire.Row) -> Asked:
    """Never raises: a question that cannot be understood is still one that was asked."""
    texts, ids, reply_id = row.get("message"), row.get("messageIds"), row.get("id")
    usable = isinstance(reply_id, str) and _REPLY_ID.fullmatch(reply_id) is not None
    obstacle = None if usable else "it carries no id to answer by"
    if row.get("isSuppressed") is True:
        obstacle = "the broker calls it suppressed, so that it is not certain what an answer would do"
    return Asked(
        reply_id=str(reply_id),
        message_ids=tuple(str(each) for each in ids) if isinstance(ids, list) else (),
        text=readable(" ".join(str(each) for each in texts) if isinstance(texts, list) else str(texts or "")),
        obstacle=obstacle,
    )


def why_not(question: Asked, order: Limit, answers: Mapping[str, str]) -> str | None:
    """Why the question stays unanswered; None where it may be confirmed. `answers`: id → bound, as signed."""
    if question.obstacle is not None:
        return question.obstacle
    if not question.message_ids:
        return "it carries no message id"
    if _ANOTHER_MATTER.search(question.text):
        return "its text asks for more than the documented question"
    reasons = (_refusal(each, question.text, order, answers) for each in question.message_ids)
    return next((reason for reason in reasons if reason is not None), None)


def _refusal(message_id: str, text: str, order: Limit, answers: Mapping[str, str]) -> str | None:
    known = ANSWERABLE.get(message_id)
    name = readable(message_id, _LONGEST_ID)
    if known is None:
        return f"{name} is not on the list of questions that may be confirmed"
    if not any(words in text for words in known.words):
        return f"{name}: the text is not the documented one"
    if message_id in answers:
        return _beyond(message_id, known.bound, order, answers[message_id])
    return None if known.by_default else f"{name}: the policy does not confirm it (execution.answer_questions)"


def _beyond(message_id: str, bound: Bound, order: Limit, limit: str) -> str | None:
    match bound:
        case Bound.PRICE:
            worst = Decimal(limit)
            outside = order.limit_price > worst if order.side == "BUY" else order.limit_price < worst
            return f"{message_id}: limit price {order.limit_price:f} is beyond {limit}" if outside else None
        case Bound.QUANTITY:
            over = order.quantity > Decimal(limit)
            return f"{message_id}: quantity {order.quantity:f} is above {limit}" if over else None
        case Bound.VALUE:
            value = order.quantity * order.limit_price
            return f"{message_id}: value {value:f} is above {limit}" if value > Decimal(limit) else None
        case _:
            return None


def wrong_answer(message_id: str, limit: str) -> str | None:
    """Why a ticket may not carry this answer; None where it may. Nobody's signature widens the list."""
    known = ANSWERABLE.get(message_id)
    if known is None:
        return f"{readable(message_id, _LONGEST_ID)} is not a question that may be confirmed in advance"
    if known.bound in (Bound.TICKET, Bound.QUOTE):
        return f"{message_id} takes no bound" if limit else None
    try:
        plain = _PLAIN.fullmatch(limit) is not None and Decimal(limit) > 0
    except InvalidOperation:
        plain = False
    return None if plain else f"{message_id} needs a positive number in plain notation as its bound"


def readable(text: str, most: int = _LONGEST_TEXT) -> str:
    """For people and for every store: one line, without tags, control characters, account ids or more than `most`."""
    spoken = _TAG.sub(" ", html.unescape(text))
    whole = " ".join("".join(_printable(letter) for letter in spoken).split())
    whole = wire.masked(whole)
    return whole if len(whole) <= most else f"{whole[:most]}… ({len(whole):,} characters in all)"


def _printable(letter: str) -> str:
    if unicodedata.category(letter) == "Cs":
        return "\N{REPLACEMENT CHARACTER}"
    return " " if unicodedata.category(letter).startswith("C") else letter
