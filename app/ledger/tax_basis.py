"""What sales are counted from, beside the fills: the account as the first run found it, and the rates of fill days."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, bindparam, select

from app.desk.records import IntentRecord, Snapshot
from app.domain.tax import Opening, TaxBasis
from app.ledger import run_memory
from app.ledger.schema import run_memory as kept
from app.ledger.schema import runs

_FIRST = (
    select(runs.c.report)
    .join(kept, kept.c.run_id == runs.c.run_id)
    .where(
        runs.c.book == bindparam("of"), runs.c.dry_run.is_(False), kept.c.kind == "account", runs.c.report.is_not(None)
    )
    .order_by(runs.c.number)
    .limit(1)
)


def tax_basis(connection: Connection, book: str, snapshot: Snapshot | None, filled: Sequence[IntentRecord]) -> TaxBasis:
    """`snapshot`: the newest. Without a fill there is nothing to count."""
    if not filled:
        return TaxBasis()
    text = connection.execute(_FIRST, {"of": book}).scalar_one_or_none()
    portfolio = (json.loads(text) if text else {}).get("portfolio") or {}
    rows = portfolio.get("positions", ())
    currencies = {row["conid"]: row["currency"] for row in rows}
    rates: Mapping[date, Mapping[str, Decimal]] = {}
    if snapshot is not None and (snapshot.rates or set(snapshot.currencies.values()) - {snapshot.currency}):
        seen = run_memory.snapshots_of(connection, {intent.run_id for intent in filled})
        rates = {one.session_date: one.rates for one in seen}
        currencies = {conid: currency for one in seen for conid, currency in one.currencies.items()} | currencies
    return TaxBasis(
        openings={
            row["conid"]: Opening(Decimal(row["quantity"]), _known(row["average_cost"]), _known(row["price"]))
            for row in rows
        }
        if portfolio
        else None,
        symbols={row["conid"]: row["symbol"] for row in rows} | {intent.conid: intent.symbol for intent in filled},
        currencies=currencies | dict(snapshot.currencies if snapshot else {}),
        rates=rates,
        filled=frozenset(intent.coid for intent in filled),
    )


def _known(text: str) -> Decimal | None:
    """A cost of nothing is one that the broker does not know."""
    return Decimal(text) if Decimal(text) > 0 else None
