"""Reads what of a row can be read, and remembers in words what could not.

For rows that somebody else made: one field that is strange costs that field, never the rows beside it.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import TypeVar

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Malformed

Found = TypeVar("Found")


class RowReader:
    """What of one row stays in doubt, field by field."""

    def __init__(self) -> None:
        self._reasons: list[str] = []

    @property
    def note(self) -> str | None:
        return "; ".join(self._reasons) or None

    def add(self, reason: str) -> None:
        self._reasons.append(wire.masked(reason))

    def read(self, field: str, read: Callable[[], Found]) -> Found | None:
        """What `read` finds, or None with its reason under the field's name."""
        try:
            return read()
        except Malformed as error:
            reason = str(error)
            self.add(reason if reason.startswith((f"{field}: ", f"{field} ")) else f"{field}: {reason}")
            return None

    def number(self, row: wire.Row, *keys: str) -> Decimal | None:
        """The first that is there among `keys`; an absent one is in doubt, too."""
        told = next((key for key in keys if row.get(key) is not None), keys[0])
        return self.read(told, partial(wire.required_number, row, *keys))

    def text(self, row: wire.Row, *keys: str) -> str | None:
        """The first that is written among `keys`, on one line; a value that is no text is passed over, and in doubt."""
        for key in keys:
            found = self.read(key, partial(wire.text, row, key))
            if found is not None:
                return " ".join(found.split())
        return None
