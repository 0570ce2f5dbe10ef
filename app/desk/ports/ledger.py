"""The whole ledger: whoever needs one of its roles only takes that one."""

from typing import Protocol

from app.desk.ports.account import AccountMemory
from app.desk.ports.claims import Claims
from app.desk.ports.controls import Controls
from app.desk.ports.intents import Intents
from app.desk.ports.notices import Notices
from app.desk.ports.record import Record
from app.desk.ports.recoveries import Recoveries


class Ledger(Claims, Intents, AccountMemory, Controls, Record, Notices, Recoveries, Protocol):
    """All roles of it. Every write of a run carries its claim and is refused with Fenced when the fence has moved on.

    All calls block until committed and raise LedgerError when they cannot be; one transaction each.
    """
