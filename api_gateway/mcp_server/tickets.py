"""Verifies that an order was allowed by the holder of the ticket key, lately, and once.

Never trusts a field before the signature over all of them has been compared in constant time.
"""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Final, Literal

from api_gateway.clientportal.questions import wrong_answer
from api_gateway.clientportal.records import Limit
from api_gateway.mcp_server.results import Ticket

ALREADY_USED: Final = "ticket: already used; the order report tells what became of the order"
# The second signs answers to the broker's questions, too.
_VERSIONS: Final = (1, 2)
_LIFE_SECONDS: Final = 60
# Clocks of two machines differ; a longer life than this is not a clock difference.
_LONGEST_LIFE_SECONDS: Final = 120
_PLAIN: Final = re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{0,9}[1-9])?")
_SIDES: Final[dict[str, Literal["BUY", "SELL"]]] = {"BUY": "BUY", "SELL": "SELL"}


def canonical(ticket: Ticket) -> bytes:
    """UTF-8 JSON array without spaces, in the order that both sides sign."""
    fields: list[object] = [
        ticket.version,
        ticket.account,
        ticket.conid,
        ticket.side,
        ticket.quantity,
        ticket.limit_price,
        ticket.time_in_force,
        ticket.coid,
        ticket.run_id,
        ticket.policy_hash,
        ticket.expires,
    ]
    if ticket.version != 1 or ticket.answers != ():
        fields.append(ticket.answers)
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def signature(key: str, ticket: Ticket) -> str:
    return hmac.new(key.strip().encode(), canonical(ticket), hashlib.sha256).hexdigest()


class TicketVerifier:
    """Remembers used tickets until they expire; those issued before it was made are refused, as it cannot know them."""

    def __init__(self, key: str, now: Callable[[], float] = time.time) -> None:
        if not key.strip():
            raise ValueError("a ticket key is needed")
        self._key = key
        self._now = now
        self._started = now()
        self._used: dict[str, int] = {}

    def refusal(self, ticket: Ticket, presented: str) -> str | None:
        """Why the ticket cannot be used; None when it can."""
        expected = signature(self._key, ticket)
        if not hmac.compare_digest(expected.encode(), presented.encode("utf-8", "surrogatepass")):
            return "ticket: the signature does not match"
        return _wrong_content(ticket) or self._wrong_time(ticket) or self._wrong_use(ticket)

    def use(self, ticket: Ticket) -> None:
        """The ticket and its cOID are used up."""
        now = self._now()
        self._used = {coid: expires for coid, expires in self._used.items() if expires > now}
        self._used[ticket.coid] = ticket.expires

    def expiry(self, ticket: Ticket) -> str | None:
        """Why a ticket that was good is so no more; None while it is."""
        now = self._now()
        return f"ticket: expired {now - ticket.expires:.0f} s ago" if ticket.expires <= now else None

    def _wrong_time(self, ticket: Ticket) -> str | None:
        now = self._now()
        expired = self.expiry(ticket)
        if expired is not None:
            return expired
        if ticket.expires - now > _LONGEST_LIFE_SECONDS:
            return f"ticket: expires in {ticket.expires - now:.0f} s, at most {_LONGEST_LIFE_SECONDS} s are allowed"
        if ticket.expires - _LIFE_SECONDS < int(self._started):
            return "ticket: issued before this server started"
        return None

    def _wrong_use(self, ticket: Ticket) -> str | None:
        if ticket.coid in self._used:
            return ALREADY_USED
        return None


def order_of(ticket: Ticket) -> Limit:
    """The order that a verified ticket allows."""
    return Limit(
        account=ticket.account,
        conid=ticket.conid,
        side=_SIDES[ticket.side],
        quantity=Decimal(ticket.quantity),
        limit_price=Decimal(ticket.limit_price),
        time_in_force=ticket.time_in_force,
        coid=ticket.coid,
    )


def _wrong_content(ticket: Ticket) -> str | None:
    if ticket.version not in _VERSIONS:
        return f"ticket: version {ticket.version}, expected {' or '.join(map(str, _VERSIONS))}"
    if ticket.side not in _SIDES:
        return "ticket: side is neither BUY nor SELL"
    if ticket.time_in_force != "DAY":
        return f"ticket: time in force {ticket.time_in_force}, only DAY is allowed"
    if not ticket.coid:
        return "ticket: no cOID"
    for name, value in (("quantity", ticket.quantity), ("limit price", ticket.limit_price)):
        if not _PLAIN.fullmatch(value) or Decimal(value) <= 0:
            return f"ticket: {name} {value} is not a positive number in plain notation without trailing zeros"
    if "." in ticket.quantity:
        return f"ticket: quantity {ticket.quantity}, only whole shares are allowed"
    return _wrong_answers(ticket)


def _wrong_answers(ticket: Ticket) -> str | None:
    if ticket.version == 1 and ticket.answers:
        return "ticket: version 1 carries no answers"
    if len(dict(ticket.answers)) != len(ticket.answers):
        return "ticket: two answers to one question"
    wrong = next((why for one in ticket.answers if (why := wrong_answer(*one)) is not None), None)
    return None if wrong is None else f"ticket: {wrong}"
