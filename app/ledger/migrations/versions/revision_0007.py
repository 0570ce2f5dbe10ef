"""How each account was taken over has a place of its own, and so has the mode that a person chose for one.

An account that was run before is taken over as of its first run, by what that run left for later ones, and never as of
the upgrade. Where the first that is known of it is a value alone, nothing is known of the prices of that day: what is
held counts at the broker's own cost.
"""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from alembic import op

from app.ledger.events import GENESIS, ledger_link, link_hash
from app.record.canonical import canonical, time_text

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ADOPTED, _MODE_SET = "adopted", "adoption_mode_set"
_EVENT = ("book", "seq", "run_id", "kind", "at", "payload", "prev", "hash", "number", "link")


def upgrade() -> None:
    """What an earlier time with this revision recorded is taken from the trail again."""
    op.create_table(
        "adoptions",
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("session_date", sa.Date, nullable=False),
        sa.Column("nav", sa.Text, nullable=False),
        sa.Column("invested", sa.Text, nullable=False),
        sa.Column("holdings", sa.Text, nullable=False),
        sa.Column("inherited", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("book", name="pk_adoptions"),
    )
    op.create_table(
        "adoption_modes",
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("book", name="pk_adoption_modes"),
        sa.CheckConstraint("mode IN ('adopt', 'transition', 'now')", name="ck_adoption_modes_mode"),
    )
    told = _newest(_ADOPTED)
    modes = sa.table("adoption_modes", *(sa.column(name) for name in ("book", "mode", "reason", "actor", "at")))
    for book, (at, payload) in sorted(_newest(_MODE_SET).items()):
        op.execute(modes.insert().values(book=book, at=at, **payload))
    for book, (_, payload) in sorted(told.items()):
        _put_down(book, payload)
    for book in told:
        _remember_again(book)
    for book in _books():
        found = None if book in told else _first_seen(book)
        if found is not None:
            _put_down(book, found)
            _tell(book, found)


def downgrade() -> None:
    """The trail keeps both."""
    op.drop_table("adoption_modes")
    op.drop_table("adoptions")


def _remember_again(book: str) -> None:
    """What revision 0004 had no place for, and reports of this one tell, of a ledger that had gone back to it."""
    connection = op.get_bind()
    memory = sa.table("run_memory", sa.column("run_id"), sa.column("kind"), sa.column("content"))
    runs = sa.table("runs", sa.column("run_id"), sa.column("book"), sa.column("report"))
    query = sa.select(memory.c.run_id, memory.c.content, runs.c.report).join(runs, runs.c.run_id == memory.c.run_id)
    query = query.where(runs.c.book == book, memory.c.kind == "evaluation", runs.c.report.is_not(None))
    for row in connection.execute(query).all():
        kept, told = json.loads(row.content), json.loads(row.report).get("evaluation") or {}
        kept |= {name: told[name] for name in ("inherited", "settled") if told.get(name)}
        kept["severities"] |= {m["name"]: m["acts_as"] for m in told.get("metrics", ()) if m.get("acts_as")}
        own = (memory.c.run_id == row.run_id, memory.c.kind == "evaluation")
        connection.execute(memory.update().where(*own).values(content=canonical(kept)))


def _newest(kind: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Book → when it was told, and what."""
    events = sa.table("events", *(sa.column(name) for name in _EVENT))
    query = sa.select(events.c.book, events.c.at, events.c.payload).where(events.c.kind == kind)
    rows = op.get_bind().execute(query.order_by(events.c.book, events.c.seq)).all()
    return {row.book: (row.at, json.loads(row.payload)) for row in rows}


def _books() -> list[str]:
    runs = sa.table("runs", sa.column("book"))
    return list(op.get_bind().execute(sa.select(runs.c.book).distinct().order_by(runs.c.book)).scalars().all())


def _first_seen(book: str) -> dict[str, Any] | None:
    """By the account's first snapshot or its first value of our own, whichever is older; None where it has neither."""
    snapshot, point = _first_snapshot(book), _first_value(book)
    if point is None or (snapshot is not None and snapshot["session_date"] <= point[0]):
        return None if snapshot is None else _of_snapshot(snapshot)
    day, nav = point
    return {"session_date": day, "nav": nav, "invested": "0", "holdings": {}, "inherited": {}}


def _first_snapshot(book: str) -> dict[str, Any] | None:
    memory = sa.table("run_memory", sa.column("run_id"), sa.column("kind"), sa.column("content"))
    runs = sa.table("runs", *(sa.column(name) for name in ("run_id", "book", "number", "dry_run")))
    query = sa.select(memory.c.content).join(runs, runs.c.run_id == memory.c.run_id)
    query = query.where(runs.c.book == book, memory.c.kind == "account", runs.c.dry_run.is_(sa.false()))
    content = op.get_bind().execute(query.order_by(runs.c.number).limit(1)).scalar_one_or_none()
    return None if content is None else json.loads(content)


def _first_value(book: str) -> tuple[str, str] | None:
    """(session, value); what the broker tells of before our own first value is not ours."""
    navs = sa.table("navs", sa.column("book"), sa.column("session_date", sa.Date), sa.column("kind"), sa.column("nav"))
    query = sa.select(navs.c.session_date, navs.c.nav).where(navs.c.book == book, navs.c.kind != "broker")
    row = op.get_bind().execute(query.order_by(navs.c.session_date).limit(1)).one_or_none()
    return None if row is None else (row.session_date.isoformat(), row.nav)


def _of_snapshot(told: dict[str, Any]) -> dict[str, Any]:
    held = {conid: told["quantities"][conid] for conid in told["prices"]}
    holdings = {
        conid: {"quantity": quantity, "price": told["prices"][conid]}
        for conid, quantity in held.items()
        if Decimal(quantity) > 0
    }
    invested = Decimal(told["nav"]) - Decimal(told["cash"])
    return {
        "session_date": told["session_date"],
        "nav": told["nav"],
        "invested": f"{max(Decimal(0), invested):f}",
        "holdings": holdings,
        "inherited": {},
    }


def _put_down(book: str, told: dict[str, Any]) -> None:
    names = ("book", "nav", "invested", "holdings", "inherited")
    adoptions = sa.table("adoptions", sa.column("session_date", sa.Date), *(sa.column(name) for name in names))
    texts = {name: canonical(told[name]) for name in ("holdings", "inherited")}
    values = {**told, "session_date": date.fromisoformat(told["session_date"]), **texts}
    op.execute(adoptions.insert().values(book=book, **values))


def _tell(book: str, told: dict[str, Any]) -> None:
    """One event at the end of the book, and of the ledger."""
    connection = op.get_bind()
    chain = sa.table("chain", *(sa.column(name) for name in ("book", "seq", "hash")))
    head = sa.table("ledger_head", *(sa.column(name) for name in ("number", "link")))
    events = sa.table("events", *(sa.column(name) for name in _EVENT))
    known = connection.execute(sa.select(chain.c.seq, chain.c.hash).where(chain.c.book == book)).one_or_none()
    seq, previous = (known.seq, known.hash) if known else (0, GENESIS)
    at, payload = time_text(datetime.now(UTC)), canonical(told)
    own = link_hash(previous, book, seq + 1, None, _ADOPTED, at, payload)
    newest = connection.execute(sa.select(head.c.number, head.c.link)).one()
    number, link = newest.number + 1, ledger_link(newest.link, newest.number + 1, own)
    values = (book, seq + 1, None, _ADOPTED, at, payload, previous, own, number, link)
    connection.execute(events.insert().values(dict(zip(_EVENT, values, strict=True))))
    if known:
        connection.execute(chain.update().where(chain.c.book == book).values(seq=seq + 1, hash=own))
    else:
        connection.execute(chain.insert().values(book=book, seq=1, hash=own))
    connection.execute(head.update().values(number=number, link=link))
