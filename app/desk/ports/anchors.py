"""Where a head of the ledger is put down, out of reach of whoever can change the ledger."""

from typing import Protocol


class AnchorPlace(Protocol):
    """One place."""

    async def put(self, line: str) -> None:
        """Kept when this returns. Raises: AnchorError."""
        ...
