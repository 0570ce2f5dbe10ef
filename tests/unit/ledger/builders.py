"""What the ledger's tests have in common: a clock that is moved by hand, and a day's worth of records."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from app.desk.records import (
    Claim,
    Intent,
    RunKey,
    RunMemory,
    SendBudget,
    Snapshot,
    TakenOver,
    UnitValue,
)
from app.domain.adoption import AdoptedHolding, Adoption
from app.domain.instrument import Instrument
from app.domain.navs import NavKind, NavPoint
from app.domain.order import Order, OrderRule, OrderState, Side, client_order_id
from app.engine.memory import EvaluationRecord
from app.ledger.engine import create_ledger_engine
from app.ledger.schema import metadata
from app.ledger.sql_ledger import SqlLedger

BOOK = "DU100"
TODAY = date(2022, 3, 14)
AT = datetime(2022, 3, 14, 14, 0, tzinfo=UTC)
KEY = RunKey(BOOK, BOOK, TODAY, "daily")
PLAN = {"id": "cut_losers-1", "action": "CUT_LOSERS"}
REPORT = {"evaluation": {"drawdown": 0.12}, "portfolio": {"nav": Decimal("1000000.50")}}

EVALUATION = EvaluationRecord(
    severities={"drawdown": "HIGH"}, caps={"vix": 0.6}, drawdown_acted_at=0.12, inherited={"max_sector": 0.03}
)
ACCOUNT = Snapshot(
    run_id="",
    session_date=TODAY,
    as_of=AT,
    currency="EUR",
    nav=Decimal("1000000.50"),
    cash=Decimal("1000.50"),
    balances={"EUR": Decimal("1000.50"), "USD": Decimal("-7.25")},
    detected_flows=Decimal(0),
    unexplained_flow=Decimal("12.34"),
    quantities={1: Decimal(10), 2: Decimal("0.5")},
    prices={1: Decimal("150.25")},
    currencies={1: "USD", 2: "EUR"},
    rates={"USD": Decimal("0.91")},
    values={1: UnitValue(Decimal("136.7275"), TODAY), 2: UnitValue(Decimal(33) / 7, TODAY - timedelta(days=3))},
)
MEMORY = RunMemory(EVALUATION, ACCOUNT, {"PM1": Decimal("150.25")})


ADOPTION = Adoption(
    TODAY, Decimal("1000000.50"), {1: AdoptedHolding(Decimal(10), Decimal("150.25"))}, Decimal("1502.5")
)
TAKEN_OVER = TakenOver(ADOPTION, {"max_sector": 0.03})


class ManualTime:
    """A real clock for leases that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        """Forward."""
        self.now += timedelta(seconds=seconds)


def intent(conid: int = 265598, quantity: str = "10", key: RunKey = KEY, side: Side = Side.SELL) -> Intent:
    """A mandatory exit at 150.25."""
    order = Order(
        instrument=Instrument(conid, f"S{conid}", "USD"),
        side=side,
        quantity=Decimal(quantity),
        reference_price=Decimal("150.25"),
        reason="stop_loss",
        exit=side is Side.SELL,
        mandatory=side is Side.SELL,
        rules=(OrderRule.STOP_LOSS,),
    )
    return Intent(client_order_id(key.book, key.session_date, key.slot, conid, side, 1), order)


def claimed(ledger: SqlLedger, key: RunKey = KEY, owner: str = "one") -> Claim:
    """The claim of a run that was free."""
    claim = ledger.claim(key, owner, "policy-1", AT)
    assert isinstance(claim, Claim)
    return claim


def planned(ledger: SqlLedger, intents: Sequence[Intent] | None = None, key: RunKey = KEY) -> Claim:
    """A claim whose plan is committed; one intent unless told."""
    claim = claimed(ledger, key)
    ledger.commit_plan(claim, PLAN, [intent(key=key)] if intents is None else intents, AT)
    return claim


def budget(value: str = "1500", *, exit: bool = False, orders: int = 100, turnover: str = "1000000") -> SendBudget:
    """Room for everything unless told."""
    return SendBudget(Decimal(value), exit, orders, Decimal(turnover))


def sent(ledger: SqlLedger, claim: Claim, what: Intent, price: str = "150") -> None:
    """The intent's whole quantity, on its way to the broker."""
    room = budget(str(what.order.quantity * Decimal(price)))
    assert ledger.sending(claim, what.coid, what.order.quantity, Decimal(price), AT, room) is None


def filled(ledger: SqlLedger, claim: Claim, what: Intent, quantity: str | None = None) -> None:
    """All of it, or `quantity`, at 150.10."""
    done = what.order.quantity if quantity is None else Decimal(quantity)
    state = OrderState.FILLED if done == what.order.quantity else OrderState.PARTIAL
    ledger.settle(claim, what.coid, state, AT, filled_quantity=done, average_price=Decimal("150.10"))


def point(day: date = TODAY, kind: NavKind = NavKind.RUN, nav: str = "1000", index: float = 1.0) -> NavPoint:
    """A NAV point at its peak."""
    return NavPoint(day, kind, Decimal(nav), index=index, peak=max(1.0, index))


@contextmanager
def direct(ledger_url: str) -> Iterator[Connection]:
    """A connection past the ledger, rolled back at the end."""
    engine = create_ledger_engine(ledger_url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def execute(ledger_url: str, *statements: str) -> int:
    """SQL past the ledger, as an intruder or an administrator would run it; the number of rows it changed."""
    with direct(ledger_url) as connection:
        changed = run_each(connection, *statements)
        connection.commit()
        return changed


def run_each(connection: Connection, *statements: str) -> int:
    """The number of rows that were changed."""
    return sum(max(0, connection.exec_driver_sql(statement).rowcount) for statement in statements)


def rows(ledger_url: str, query: str) -> list[tuple[Any, ...]]:
    """What is stored, unconverted."""
    with direct(ledger_url) as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def dump(ledger_url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that is stored."""
    stored = {}
    with direct(ledger_url) as connection:
        for name in metadata.tables:
            found = connection.exec_driver_sql(f"SELECT * FROM {name}")  # noqa: S608 (names of the schema)
            stored[name] = sorted((tuple(row) for row in found), key=repr)
    return stored
