"""The questions that the broker documents: what each means, who may answer it, and within which bound.

The list that binds is the MCP server's, which this one cannot widen; here it is said in words and checked in a policy.
A question that is on no list stays unanswered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the broker as it was asked about an order; `why` says why it was left unanswered."""

    ids: tuple[str, ...]
    text: str
    answered: bool
    why: str | None = None


class Bound(StrEnum):
    """What keeps a confirmation that a policy gives in advance from reaching too far."""

    TICKET = "the signed order itself"
    COLLAR = "only inside the price collar (execution.price_collar_pct)"
    DELAYED = "only where orders may be made from delayed quotes (execution.allow_delayed_quotes, or paper)"
    QUANTITY = "only up to the number of shares that the policy writes behind the id"
    VALUE = "only up to the value in base currency that the policy writes behind the id"

    @property
    def has_maximum(self) -> bool:
        """The policy writes a number behind the id."""
        return self in {Bound.QUANTITY, Bound.VALUE}


@dataclass(frozen=True, slots=True)
class Documented:
    """`bound` is None where nobody but a person may answer; `by_default`: confirmed whatever the policy says."""

    id: str
    meaning: str
    bound: Bound | None = None
    by_default: bool = False


_NOT_OURS = "No order of ours is of that kind, so that something is wrong if it is asked"
DOCUMENTED: Mapping[str, Documented] = MappingProxyType(
    {
        one.id: one
        for one in (
            Documented("o163", "The limit price is further from the market than the account's presets allow (3 %)",
                       Bound.COLLAR),
            Documented("o354", "The login has no market data for this instrument, so that the order is sent blind",
                       Bound.DELAYED),
            Documented("o382", "The limit price is more price steps from the market than the account's presets allow",
                       Bound.COLLAR),
            Documented("o383", "The order is for more shares than the account's presets allow (500)",
                       Bound.QUANTITY, by_default=True),
            Documented("o403", "The order will most likely fill at once", Bound.TICKET, by_default=True),
            Documented("o451", "The order is worth more than the account's presets allow (100,000)",
                       Bound.VALUE, by_default=True),
            Documented("o2136", f"Mixed allocation of an order among accounts. {_NOT_OURS}"),
            Documented("o2137", "The order crosses an open order of the account on the other side: look at that one"),
            Documented("o2165", f"The instrument does not trade in fractions outside of trading hours. {_NOT_OURS}"),
            Documented("o10082", f"The bond has been called. {_NOT_OURS}"),
            Documented("o10138", f"An order is changed by more than the presets allow. {_NOT_OURS}"),
            Documented("o10151", f"The risks of market orders. {_NOT_OURS}"),
            Documented("o10152", f"The risks of stop orders once they are active. {_NOT_OURS}"),
            Documented("o10153", "The broker may cap the price of the order (mandatory cap price), so that it may not "
                       "fill where the market is", Bound.COLLAR),
            Documented("o10164", f"Orders for an amount of money are carried out on a best-efforts basis. {_NOT_OURS}"),
            Documented("o10223", "Orders for an amount of money are simulated (no order of ours is one); also seen as "
                       "the mandatory cap price, and only that may be confirmed", Bound.COLLAR),
            Documented("o10288", f"The risks of market orders in crypto. {_NOT_OURS}"),
            Documented("o10331", "The risks of stop orders (no order of ours is one); also seen as the mandatory cap "
                       "price, and only that may be confirmed", Bound.COLLAR),
            Documented("o10332", f"A crypto order with OSL Digital Securities. {_NOT_OURS}"),
            Documented("o10333", f"Exercise of an option at the money. {_NOT_OURS}"),
            Documented("o10334", "The order would go to the omnibus account instead of the one that is selected"),
            Documented("o10335", f"Internal to the broker's rapid entry window. {_NOT_OURS}"),
            Documented("o10336", "The instrument is illiquid: it may be hard to leave at the price or time one wishes",
                       Bound.COLLAR),
            Documented("p6", f"The order would be distributed over several accounts. {_NOT_OURS}"),
            Documented("p12", "The order may be rejected if its limit is too far from a reference price; a yes would "
                       "hand it to the broker's Price Management Algo, which is not what was signed"),
        )
    }
)  # fmt: skip


def nearest(message_id: str) -> str | None:
    """The documented id that was probably meant."""
    near = get_close_matches(message_id.strip().lower(), DOCUMENTED, n=1, cutoff=0.5)
    return near[0] if near else None


def meaning(ids: Sequence[str]) -> str:
    """What the broker's documents say of these ids. The text is what counts: ids have been seen to move."""
    known = [f"{one}: {DOCUMENTED[one].meaning}" for one in ids if one in DOCUMENTED]
    unknown = [one for one in ids if one not in DOCUMENTED]
    if unknown:
        known.append(f"{', '.join(unknown)}: not among the questions that the broker documents")
    return "; ".join(known) or "The broker gave no id; only the text says what it asks"


def advice(ids: Sequence[str], *, final: bool = False) -> str:
    """What a person may do about a question that was left unanswered. `final`: the order was rejected with it."""
    hand = "Read the text; if you want the order, place it in the broker's own program"
    never = (
        "It was rejected and is not sent again" if final else "It is not sent again, and is looked for at the broker"
    )
    bounds = [DOCUMENTED[one].bound if one in DOCUMENTED else None for one in ids]
    if not ids or None in bounds or final:
        return f"{hand}. {never}."
    listed = ", ".join(ids)
    limits = "; ".join(dict.fromkeys(str(bound) for bound in bounds))
    return f"{hand}. {never}. For later orders, execution.answer_questions may name {listed}: {limits}."
