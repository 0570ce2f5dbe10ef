"""Signs order tickets. The canonical form is agreed with the MCP server by golden vectors in both test suites."""

import hashlib
import hmac
import json
from decimal import Decimal

from app.domain.order import Ticket


def plain(number: Decimal) -> str:
    """Plain notation without trailing zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def canonical(ticket: Ticket) -> bytes:
    """The bytes that are signed: a JSON array without spaces, decimals as strings, version first.

    Only a ticket with answers to the broker's questions is of version 2, so that an older server takes all others.
    """
    fields: list[object] = [
        version(ticket),
        ticket.account,
        ticket.conid,
        ticket.side.value,
        plain(ticket.quantity),
        plain(ticket.limit_price),
        ticket.time_in_force,
        ticket.coid,
        ticket.run_id,
        ticket.policy_hash,
        ticket.expires,
    ]
    if ticket.answers:
        fields.append(answers(ticket))
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def version(ticket: Ticket) -> int:
    """Of the canonical form."""
    return 2 if ticket.answers else 1


def answers(ticket: Ticket) -> list[list[str]]:
    """[id, bound] each; the bound is empty where the order itself or the policy's other fields are one."""
    return [[name, "" if bound is None else plain(bound)] for name, bound in ticket.answers]


class HmacSigner:
    """Mints signatures with the key that the MCP server knows too."""

    def __init__(self, key: str) -> None:
        self._key = key.strip().encode()

    def sign(self, ticket: Ticket) -> str:
        """HMAC-SHA256 in hex."""
        return hmac.new(self._key, canonical(ticket), hashlib.sha256).hexdigest()
