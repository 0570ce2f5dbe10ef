"""The broker: the account, its orders, and the permission to send one."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Protocol

from app.domain.cash import CashRow
from app.domain.order import BrokerOrder, Order, OrderReport, Placement, Ticket, WhatIf
from app.domain.portfolio import Portfolio
from app.domain.session import BrokerSession


class Broker(Protocol):
    """The account and its orders. A read that gets no answer raises BrokerUnavailable or NotReady, never is empty."""

    async def session(self) -> BrokerSession:
        """Reports, never raises for a gateway that is down; BrokerUnavailable if nobody can be asked at all."""
        ...

    async def portfolio(self, account: str) -> Portfolio:
        """Positions, cash and the day's orders. Sectors are not the broker's to know: they come back as unknown."""
        ...

    async def performance(self, account: str) -> tuple[tuple[date, Decimal], ...]:
        """Closing NAV of earlier sessions, oldest first; empty where the broker has no record."""
        ...

    async def cash_rows(self, account: str, conids: Sequence[int]) -> tuple[CashRow, ...]:
        """Cash of the last weeks that no trade explains, of the account and of what these contracts paid."""
        ...

    async def preview(self, account: str, order: Order, time_in_force: str) -> WhatIf:
        """The order needs its limit price."""
        ...

    async def place(self, ticket: Ticket, signature: str) -> Placement:
        """Sent once. An answer that never comes is a placement with outcome `unknown`, not an exception."""
        ...

    async def cancel(self, account: str, order_id: str) -> str:
        """Ask for one of our own orders to be cancelled: "requested" (no more than that), "refused" or "unknown".

        Behind "unknown: " stands what the broker asked in return; nobody answers it.
        """
        ...

    async def report(self, account: str) -> OrderReport:
        """Primed orders of the day and executions of the last days."""
        ...

    async def order(self, account: str, order_id: str) -> BrokerOrder:
        """One order by the broker's id."""
        ...


class Signer(Protocol):
    """Mints the permission to send one order."""

    def sign(self, ticket: Ticket) -> str:
        """HMAC-SHA256 in hex over the ticket's canonical form."""
        ...
