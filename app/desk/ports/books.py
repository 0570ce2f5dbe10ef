"""Whose books the ledger keeps."""

from typing import Protocol

from app.desk.records import Book


class Books(Protocol):
    """The accounts on record."""

    def books(self) -> tuple[Book, ...]:
        """By their newest run, newest first; an account that only waited for a login was perhaps never the broker's."""
        ...
