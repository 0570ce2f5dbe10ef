"""What the ledger itself costs a run of ten orders, on SQLite and on PostgreSQL; no desk, no broker.

`python -m tests.benchmarks.ledger [--json]`. Each change is one durable transaction, so this measures the disk too.
"""

import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

from app.desk.records import Claim, Intent, RunKey, RunStatus, SendBudget
from app.domain.instrument import Instrument
from app.domain.order import Order, OrderState, Side, client_order_id
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from tests.benchmarks.program import run_as_program
from tests.support.postgres import OwnServer, own_server

ORDERS = 10
RUNS = 20
AT = datetime(2022, 3, 14, 14, 0, tzinfo=UTC)
BOOK = "DU100"
BUDGET = SendBudget(Decimal(1500), exit=False, max_orders=ORDERS, max_turnover=Decimal(1_000_000))


@dataclass(frozen=True, slots=True)
class LedgerCost:
    """Milliseconds of one run's calls to the ledger, first run left out; `transactions` a run has."""

    database: str
    runs: int
    orders: int
    transactions: int
    median: float
    p95: float


def ledger_costs(runs: int = RUNS) -> tuple[LedgerCost, ...]:
    """Of SQLite, and of a durable PostgreSQL where one can be had."""
    with tempfile.TemporaryDirectory() as folder:
        found = [cost(f"sqlite:///{Path(folder) / 'ledger.db'}", "SQLite", runs)]
    with own_server(durable=True) as server:
        if server is not None:
            found.append(_of_postgresql(server, runs))
    return tuple(found)


def cost(url: str, database: str, runs: int = RUNS) -> LedgerCost:
    """Of an empty database."""
    ledger = open_ledger(url)
    try:
        samples = [_one_run(ledger, day) for day in range(runs + 1)][1:]
    finally:
        ledger.dispose()
    # Claim, plan and close; sending, its answer and the fill of each order.
    return LedgerCost(database, runs, ORDERS, 3 + 3 * ORDERS, median(samples), quantiles(samples, n=20)[-1])


def _of_postgresql(server: OwnServer, runs: int) -> LedgerCost:
    return cost(server.create(), "PostgreSQL", runs)


def _one_run(ledger: SqlLedger, day: int) -> float:
    key = RunKey(BOOK, BOOK, date(2022, 3, 14) + timedelta(days=day), "daily")
    planned = [_intent(key, conid) for conid in range(1, ORDERS + 1)]
    plan = {"action": "REBALANCE", "orders": [each.coid for each in planned]}
    started = perf_counter()
    claim = ledger.claim(key, "bench", "policy", AT)
    if not isinstance(claim, Claim):
        raise RuntimeError("the ledger was not empty")
    ledger.commit_plan(claim, plan, planned, AT)
    for each in planned:
        ledger.sending(claim, each.coid, each.order.quantity, Decimal(150), AT, BUDGET)
        ledger.settle(claim, each.coid, OrderState.ACKED, AT, broker_order_id="1", what_if={"commission": "1.05"})
        ledger.settle(
            claim, each.coid, OrderState.FILLED, AT, filled_quantity=each.order.quantity, average_price=Decimal(150)
        )
    ledger.close(claim, RunStatus.DONE, {"portfolio": {"nav": "1000000"}}, [], AT)
    return (perf_counter() - started) * 1000


def _intent(key: RunKey, conid: int) -> Intent:
    order = Order(Instrument(conid, f"S{conid}", "USD"), Side.BUY, Decimal(10), Decimal(150), "drift: 3 %")
    return Intent(client_order_id(key.book, key.session_date, key.slot, conid, Side.BUY, 1), order)


def in_words(each: LedgerCost) -> str:
    """One line for people."""
    return (
        f"{each.database}: {each.orders} orders in {each.transactions} transactions: median {each.median:.1f} ms, "
        f"p95 {each.p95:.1f} ms ({each.runs} runs)"
    )


if __name__ == "__main__":
    sys.exit(run_as_program("tests.benchmarks.ledger", __doc__, ledger_costs, in_words))
