"""Messages to people: put down in the ledger, and sent from there."""

from collections.abc import Sequence
from typing import Protocol

from app.desk.records import Notice


class Notices(Protocol):
    """Messages to people that wait to be sent."""

    def add_notice(self, notice: Notice) -> bool:
        """Put down what a person is to be told; False where it was told under that key before."""
        ...

    def take_notices(self) -> tuple[Notice, ...]:
        """Those to be sent now; for some minutes they are the caller's alone."""
        ...

    def notice_delivered(self, key: str) -> None:
        """Not to be sent again."""
        ...


class Notifier(Protocol):
    """Brings messages to people."""

    async def send(self, addresses: Sequence[str], title: str, text: str) -> bool:
        """Whether they took it; it never raises."""
        ...
