"""Whether a ticket allows an order, lately and once, as the server in front of a real broker asks it. Pure."""

import hmac

from app.broker.paper.book import PaperBook, UsedTicket
from app.desk.ports import Signer
from app.domain.market import known
from app.domain.order import Ticket

_LIFE_SECONDS = 120


def ticket_problem(ticket: Ticket, signature: str, signer: Signer, seconds: float) -> str | None:
    """Why the ticket is none; `seconds` of Unix time. No field is trusted before the signature over all of them."""
    if not hmac.compare_digest(signer.sign(ticket).encode(), signature.encode("utf-8", "surrogatepass")):
        return "ticket: the signature does not match"
    if ticket.time_in_force != "DAY":
        return f"ticket: time in force {ticket.time_in_force}, only DAY is allowed"
    if not ticket.coid:
        return "ticket: no cOID"
    if not (known(ticket.quantity) and known(ticket.limit_price)):
        return "ticket: quantity and limit price must be positive numbers"
    if ticket.quantity != ticket.quantity.to_integral_value():
        return f"ticket: quantity {ticket.quantity:f}, only whole shares are allowed"
    if ticket.expires - seconds > _LIFE_SECONDS:
        return f"ticket: expires in {ticket.expires - seconds:.0f} s, at most {_LIFE_SECONDS} s are allowed"
    return expiry(ticket, seconds)


def expiry(ticket: Ticket, seconds: float) -> str | None:
    """Why a ticket that was good is so no more; None while it is."""
    return f"ticket: expired {seconds - ticket.expires:.0f} s ago" if ticket.expires <= seconds else None


def is_used(book: PaperBook, ticket: Ticket, seconds: float) -> bool:
    """An earlier call may have placed its order."""
    return any(one.coid == ticket.coid and one.expires > seconds for one in book.used_tickets)


def with_ticket_used(book: PaperBook, ticket: Ticket, seconds: float) -> PaperBook:
    """The book that remembers the ticket, and forgets those that have expired."""
    kept = tuple(one for one in book.used_tickets if one.expires > seconds)
    return book.changed(used_tickets=(*kept, UsedTicket(coid=ticket.coid, expires=ticket.expires)))
