"""How accounts were taken over: once a book, and never again. The mode that a person chose for one may change."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from app.desk.records import Claim, Event, TakenOver
from app.domain.adoption import AdoptedHolding, Adoption
from app.domain.errors import LedgerError
from app.domain.policy.adoption import AdoptionMode
from app.ledger import events
from app.ledger.events import OwnKind
from app.ledger.schema import adoption_modes, adoptions
from app.ledger.transactions import insert_if_absent
from app.record.canonical import canonical

_OF_BOOK = select(adoptions).where(adoptions.c.book == bindparam("of"))
_MODE = select(adoption_modes.c.mode).where(adoption_modes.c.book == bindparam("of"))


def add(connection: Connection, claim: Claim, found: TakenOver, at: datetime) -> None:
    """Of the claim's book, as its run found it. The first one stays."""
    book = claim.key.book
    if claim.key.dry_run:
        raise LedgerError(f"run {claim.run_id} is a dry run and takes no account over")
    # The chain's head is the book's lock.
    events.head(connection, book)
    told = _told(found)
    texts = {name: canonical(told[name]) for name in ("holdings", "inherited")}
    if insert_if_absent(connection, adoptions, {"book": book, **told, **texts}):
        events.append(connection, book, claim.run_id, (Event(OwnKind.ADOPTED, told),), at)


def load(connection: Connection, book: str) -> TakenOver | None:
    """With the mode that a person chose since, or before."""
    row = connection.execute(_OF_BOOK, {"of": book}).one_or_none()
    if row is None:
        return None
    holdings = {
        int(conid): AdoptedHolding(Decimal(held["quantity"]), Decimal(held["price"]))
        for conid, held in json.loads(row.holdings).items()
    }
    mode = chosen_mode(connection, book)
    return TakenOver(Adoption(row.session_date, row.nav, holdings, row.invested, mode), json.loads(row.inherited))


def chosen_mode(connection: Connection, book: str) -> AdoptionMode | None:
    """None where nobody chose: the policy's."""
    mode = connection.execute(_MODE, {"of": book}).scalar_one_or_none()
    return None if mode is None else AdoptionMode(mode)


def choose_mode(connection: Connection, book: str, mode: AdoptionMode, reason: str, actor: str, at: datetime) -> None:
    """The newest choice counts, and the trail keeps the others."""
    if not (reason.strip() and actor.strip()):
        raise LedgerError("a mode cannot be recorded without a reason and who says so", "Give both")
    events.head(connection, book)
    values = {"mode": mode.value, "reason": reason, "actor": actor, "at": at}
    if not insert_if_absent(connection, adoption_modes, {"book": book, **values}):
        connection.execute(update(adoption_modes).where(adoption_modes.c.book == book).values(**values))
    payload = {"mode": mode.value, "reason": reason, "actor": actor}
    events.append(connection, book, None, (Event(OwnKind.ADOPTION_MODE_SET, payload),), at)


def _told(found: TakenOver) -> dict[str, Any]:
    adoption = found.adoption
    return {
        "session_date": adoption.session_date,
        "nav": adoption.nav,
        "invested": adoption.invested,
        "holdings": {
            str(conid): {"quantity": held.quantity, "price": held.price} for conid, held in adoption.holdings.items()
        },
        "inherited": dict(found.inherited),
    }
