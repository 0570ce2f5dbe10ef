"""What the ledger takes over from the broker when it was restored from an older copy."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from app.desk.records import Claim, Event, RunKey
from app.desk.recovery import Recovery


class Recoveries(Protocol):
    """A person's decisions about orders that the broker holds under our name."""

    def holders(self, keys: Collection[RunKey]) -> Mapping[RunKey, str]:
        """The ids of the runs that hold them; without those that nobody holds."""
        ...

    def recover(
        self, claim: Claim, recovery: Recovery, report: Mapping[str, Any], events: Sequence[Event], at: datetime
    ) -> None:
        """All of it and the close of the claim's run in one commit. LedgerError where something of it is there already.

        A run that had planned one of the orders sends no other any more.
        """
        ...
