"""The tables. The migrations are the way to them; this is where they must arrive, and a test compares the two.

Portable between SQLite and PostgreSQL: amounts are plain decimal text (SQLite has no exact decimal), instants are
ISO 8601 UTC text (SQLite has no time zones), JSON is canonical text (a hash is taken over exactly these bytes).
"""

from datetime import datetime
from decimal import Decimal, InvalidOperation

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

from app.domain.errors import LedgerError
from app.record.canonical import decimal_text, time_text

HEAD = "0009"

metadata = MetaData()


class DecimalText(TypeDecorator[Decimal]):
    """A Decimal as plain text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return None if value is None else decimal_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        if value is None:
            return None
        try:
            return Decimal(value)
        except InvalidOperation as error:
            raise LedgerError(f"the ledger holds {value!r} where an amount belongs", _RESTORE) from error


class TimeText(TypeDecorator[datetime]):
    """An aware instant as ISO 8601 UTC text of fixed width."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else time_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        try:
            return datetime.fromisoformat(value)
        except ValueError as error:
            raise LedgerError(f"the ledger holds {value!r} where a time belongs", _RESTORE) from error


_RESTORE = "Someone changed the database by hand: run `portfolio audit verify` and restore a backup"

# `day_key` is the run's key as long as the run holds it, and null once another run may have it.
# `number` orders runs by when they were made: `started_at` is market time and may be simulated.
runs = Table(
    "runs",
    metadata,
    Column("number", Integer, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("session_date", Date, nullable=False),
    Column("slot", Text, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("day_key", Text),
    Column("status", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("lease_until", TimeText, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("policy_hash", Text),
    Column("plan", Text),
    Column("plan_hash", Text),
    Column("report", Text),
    Column("report_hash", Text),
    Column("error", Text),
    Column("started_at", TimeText, nullable=False),
    Column("finished_at", TimeText),
    Column("sealed_seq", Integer),
    PrimaryKeyConstraint("number", name="pk_runs"),
    UniqueConstraint("run_id", name="uq_runs_run_id"),
    UniqueConstraint("day_key", name="uq_runs_day_key"),
    CheckConstraint(
        "status IN ('running', 'done', 'awaiting_approval', 'rejected', 'halted', 'skipped', 'missed', 'reconciled', "
        "'not_ready', 'failed', 'dry_run')",
        name="ck_runs_status",
    ),
    CheckConstraint("fence >= 1", name="ck_runs_fence"),
)
Index("ix_runs_book_session_date", runs.c.book, runs.c.session_date)

# `value` is what the order takes from the day's turnover, in base currency, from the moment it is sent.
# `rule` is the order's reason in words; `rules` are those words that decisions go by, joined by "+".
# A client order id belongs to a leg of the day, so a dry run and the run after it plan the same one; what may exist
# only once is the id that was sent.
intents = Table(
    "intents",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id", name="fk_intents_run_id"), nullable=False),
    Column("coid", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("session_date", Date, nullable=False),
    Column("position", Integer, nullable=False),
    Column("action", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("conid", Integer, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("leg", Integer, nullable=False),
    Column("quantity", DecimalText, nullable=False),
    Column("reference_price", DecimalText, nullable=False),
    Column("mandatory", Boolean, nullable=False),
    Column("exit", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("sends", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("limit_price", DecimalText),
    Column("broker_order_id", Text),
    Column("filled_quantity", DecimalText, nullable=False),
    Column("average_price", DecimalText),
    Column("reason", Text),
    Column("what_if", Text),
    Column("sent_at", TimeText),
    Column("value", DecimalText),
    Column("absent_reads", Integer, nullable=False, server_default="0"),
    Column("rules", Text, nullable=False),
    PrimaryKeyConstraint("run_id", "coid", name="pk_intents"),
    UniqueConstraint("run_id", "position", name="uq_intents_position"),
    CheckConstraint("side IN ('BUY', 'SELL')", name="ck_intents_side"),
    CheckConstraint(
        "state IN ('PLANNED', 'SENDING', 'ACKED', 'PARTIAL', 'FILLED', 'CANCELLED', 'REJECTED', 'NOT_SENT', "
        "'UNKNOWN', 'ABANDONED')",
        name="ck_intents_state",
    ),
    CheckConstraint("sends IN (0, 1)", name="ck_intents_sends"),
    CheckConstraint("sends = 1 OR state IN ('PLANNED', 'NOT_SENT')", name="ck_intents_sent_state"),
)
Index(
    "uq_intents_sent_coid",
    intents.c.coid,
    unique=True,
    sqlite_where=text("sends = 1"),
    postgresql_where=text("sends = 1"),
)
Index("ix_intents_book_session_date", intents.c.book, intents.c.session_date)

# What the broker asked about an order before it took it, in its own order; `ids` is canonical JSON.
questions = Table(
    "questions",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id", name="fk_questions_run_id"), nullable=False),
    Column("coid", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("ids", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("answered", Boolean, nullable=False),
    Column("why", Text),
    PrimaryKeyConstraint("run_id", "coid", "position", name="pk_questions"),
)

# What a run leaves for later ones to decide by; `content` is canonical JSON, its hash in the sealing event.
run_memory = Table(
    "run_memory",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id", name="fk_run_memory_run_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("content", Text, nullable=False),
    PrimaryKeyConstraint("run_id", "kind", name="pk_run_memory"),
    CheckConstraint("kind IN ('evaluation', 'account', 'asked_prices')", name="ck_run_memory_kind"),
)

# Plain text throughout, so that the audit reads what is stored and not what it could be converted to.
# `seq`, `prev` and `hash` chain the events of a book; `number` and `link` those of the whole ledger, in commit order.
events = Table(
    "events",
    metadata,
    Column("book", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("run_id", Text),
    Column("kind", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("prev", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("link", Text, nullable=False),
    PrimaryKeyConstraint("book", "seq", name="pk_events"),
    UniqueConstraint("number", name="uq_events_number"),
)

# One row: the newest event of the whole ledger. Locked last and until the commit, so that numbers are in commit order.
ledger_head = Table(
    "ledger_head",
    metadata,
    Column("id", Integer, nullable=False),
    Column("ledger_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("link", Text, nullable=False),
    PrimaryKeyConstraint("id", name="pk_ledger_head"),
    CheckConstraint("id = 1", name="ck_ledger_head_id"),
)

# What decisions were made on, each part once; `content` is the deflated text whose SHA-256 `hash` is.
chunks = Table(
    "chunks",
    metadata,
    Column("hash", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    PrimaryKeyConstraint("hash", name="pk_chunks"),
)

chain = Table(
    "chain",
    metadata,
    Column("book", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    PrimaryKeyConstraint("book", name="pk_chain"),
)

navs = Table(
    "navs",
    metadata,
    Column("book", Text, nullable=False),
    Column("session_date", Date, nullable=False),
    Column("kind", Text, nullable=False),
    Column("nav", DecimalText, nullable=False),
    Column("idx", Double, nullable=False),
    Column("peak", Double, nullable=False),
    PrimaryKeyConstraint("book", "session_date", "kind", name="pk_navs"),
    CheckConstraint("kind IN ('broker', 'run', 'close')", name="ck_navs_kind"),
)

# `reviewed` is the number of the newest run when a person last set the level, `resumed` that of the newest that had
# measured when one last resumed. `causes`: canonical JSON, the metrics that raised the level; null where none did.
control = Table(
    "control",
    metadata,
    Column("book", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("reason", Text),
    Column("actor", Text),
    Column("at", TimeText),
    Column("reviewed", Integer),
    Column("causes", Text),
    Column("resumed", Integer),
    PrimaryKeyConstraint("book", name="pk_control"),
    CheckConstraint("level IN ('ACTIVE', 'REDUCING', 'HALTED')", name="ck_control_level"),
)

# How the account was taken over; canonical JSON: `holdings`, conid → price and quantity, and
# `inherited` breaches, each with how far it was over its limit.
adoptions = Table(
    "adoptions",
    metadata,
    Column("book", Text, nullable=False),
    Column("session_date", Date, nullable=False),
    Column("nav", DecimalText, nullable=False),
    Column("invested", DecimalText, nullable=False),
    Column("holdings", Text, nullable=False),
    Column("inherited", Text, nullable=False),
    PrimaryKeyConstraint("book", name="pk_adoptions"),
)

# What a person chose to become of the account's book; without one the policy's `adoption.mode` counts.
adoption_modes = Table(
    "adoption_modes",
    metadata,
    Column("book", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", TimeText, nullable=False),
    PrimaryKeyConstraint("book", name="pk_adoption_modes"),
    CheckConstraint("mode IN ('adopt', 'transition', 'now')", name="ck_adoption_modes_mode"),
)

# `seq` is that of the flow's event; `kind` and `external_id` are those of the row that told it, or null.
flows = Table(
    "flows",
    metadata,
    Column("book", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("session_date", Date, nullable=False),
    Column("amount", DecimalText, nullable=False),
    Column("note", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("kind", Text),
    Column("external_id", Text),
    PrimaryKeyConstraint("book", "seq", name="pk_flows"),
)
Index("uq_flows_external_id", flows.c.book, flows.c.external_id, unique=True)

# Withdrawals that a person announced, and what ended them. `seq` is that of the row's event, `plan` of the one it ends.
flow_plans = Table(
    "flow_plans",
    metadata,
    Column("book", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("plan", Integer),
    Column("ending", Text),
    Column("amount", DecimalText),
    Column("due", Date),
    Column("planned_on", Date),
    Column("note", Text, nullable=False),
    Column("actor", Text, nullable=False),
    PrimaryKeyConstraint("book", "seq", name="pk_flow_plans"),
    UniqueConstraint("book", "plan", name="uq_flow_plans_plan"),
    CheckConstraint("ending IN ('cancelled', 'done', 'lapsed')", name="ck_flow_plans_ending"),
)

quarantines = Table(
    "quarantines",
    metadata,
    Column("book", Text, nullable=False),
    Column("conid", Integer, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", Date, nullable=False),
    PrimaryKeyConstraint("book", "conid", name="pk_quarantines"),
)

# Messages to people, on the real clock.
notices = Table(
    "notices",
    metadata,
    Column("key", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("made_at", TimeText, nullable=False),
    Column("due_at", TimeText, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("delivered_at", TimeText),
    PrimaryKeyConstraint("key", name="pk_notices"),
)
