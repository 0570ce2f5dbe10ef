"""What a brokerage session remembers: who has been asked before, so that first reads can be as empty as real ones.

Losing the brokerage session loses every primer (observed on live paper accounts).
"""

from dataclasses import dataclass, field
from typing import Literal

from api_gateway.simulator.errors import refused

ColdRead = Literal["orders", "trades", "pnl", "position_names"]


@dataclass
class BrokerageSession:
    logged_in: bool = True
    accounts_queried: bool = False
    portfolio_accounts_queried: bool = False
    snapshot_reads: dict[int, int] = field(default_factory=dict)
    suppressed_questions: frozenset[str] = frozenset()
    warm: set[ColdRead] = field(default_factory=set)

    def lose_bridge(self) -> None:
        self.accounts_queried = False
        self.snapshot_reads.clear()
        self.suppressed_questions = frozenset()
        self.warm -= {"orders", "trades", "pnl"}

    def log_out(self) -> None:
        self.lose_bridge()
        self.logged_in = False
        self.portfolio_accounts_queried = False
        self.warm.clear()

    def log_in(self) -> None:
        """Stands for the browser login of a person."""
        self.logged_in = True

    def require_accounts(self) -> None:
        # Status 500 in most user reports, 400 in some.
        if not self.accounts_queried:
            raise refused(500, "Please query /accounts first")

    def require_portfolio_accounts(self) -> None:
        if not self.portfolio_accounts_queried:
            raise refused(400, "Please query /portfolio/accounts first")

    def first_read(self, what: ColdRead) -> bool:
        """True exactly once per brokerage session: that read answers with plausible emptiness."""
        cold = what not in self.warm
        self.warm.add(what)
        return cold

    def snapshot_read(self, conid: int) -> int:
        """Number of earlier snapshots of this contract."""
        earlier = self.snapshot_reads.get(conid, 0)
        self.snapshot_reads[conid] = earlier + 1
        return earlier
