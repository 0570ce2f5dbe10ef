"""What people and alarms have set: kill levels and quarantined names."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from app.desk.ports.books import Books
from app.desk.records import Control, Measured, Oversight, Quarantine
from app.domain.ruling import Cause, KillLevel


class Controls(Books, Protocol):
    """What people and alarms have set."""

    def level(self, book: str | None) -> Control:
        """The stricter of the book's own level and that of all books, None: of all books' alone; ACTIVE by default."""
        ...

    def tighten(self, book: str, level: KillLevel, reason: str, at: datetime, causes: Sequence[Cause] = ()) -> Control:
        """Raise the level automatically; a stricter one that is in force stays, and so does one without causes."""
        ...

    def ease(self, book: str, seen: Control, reason: str, at: datetime) -> Control:
        """Back to ACTIVE where the book's own level still is the one that was seen, and metrics raised it."""
        ...

    def set_level(self, book: str | None, level: KillLevel, reason: str, actor: str, at: datetime) -> Control:
        """A person sets the level of one book, or of all; this also counts as a review of the automatic runs."""
        ...

    def oversight(self, book: str) -> Oversight:
        """`level`, and how long nobody has looked, of one moment."""
        ...

    def measured(self, book: str) -> Measured | None:
        """By the newest run, whatever became of it; None where none measured."""
        ...

    def quarantine(self, book: str, quarantine: Quarantine, at: datetime) -> None:
        """Keep automatic orders off a name; a name that is in quarantine stays as it is."""
        ...

    def release(self, book: str, conid: int, reason: str, actor: str, at: datetime) -> None:
        """A person has looked; LedgerError for a name that is not in quarantine."""
        ...

    def quarantined(self, book: str) -> tuple[Quarantine, ...]:
        """By symbol."""
        ...
