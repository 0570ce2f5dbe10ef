"""Records what this server refused to do: one line each in the log, and a count by rule.

A line never holds a token, a signature or a whole account id; the ticket is told by a hash of it.
"""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Final

from api_gateway.clientportal import wire
from api_gateway.mcp_server.results import PlaceResult, Ticket
from api_gateway.mcp_server.tickets import ALREADY_USED, canonical

_logger: Final = logging.getLogger("ibkr.boundary")
_LONGEST_REASON: Final = 300


class Boundary:
    """Counts live as long as the process; the log is the record."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def refused(self, tool: str, reason: str, ticket: Ticket | None = None) -> None:
        """`reason` begins with the rule and a colon where a rule of its own refused."""
        rule, _, rest = reason.partition(":")
        counted = rule if rest and rule.replace("_", "").isalnum() else "other"
        self._counts[counted] += 1
        line = {
            "event": "refused",
            "tool": tool,
            "rule": counted,
            "reason": wire.masked(reason)[:_LONGEST_REASON],
            "ticket": hashlib.sha256(canonical(ticket)).hexdigest()[:16] if ticket else None,
        }
        # As JSON, so that no word of a caller can begin a line of its own.
        _logger.warning("%s", json.dumps(line))

    def placed(self, tool: str, result: PlaceResult, ticket: Ticket) -> None:
        """Records what became of a ticket, where this server let no order out on it."""
        if result.outcome == "refused" or (result.outcome == "already_registered" and result.message == ALREADY_USED):
            self.refused(tool, result.message or "refused", ticket)

    def counts(self) -> Mapping[str, int]:
        """Refusals by rule since the start."""
        return dict(self._counts)
