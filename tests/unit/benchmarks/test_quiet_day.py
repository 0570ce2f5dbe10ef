"""A day without orders asks the ledger as often as it must, counted at the database and not at the ledger."""

from app.ledger.engine import create_ledger_engine
from tests.benchmarks.quiet_day import TRANSACTIONS, quiet_days
from tests.support.ledgers import ledger_url, migrated

__all__ = ["ledger_url", "migrated"]


async def test_a_quiet_day_takes_no_more_transactions_than_it_may(ledger_url: str) -> None:
    engine = create_ledger_engine(ledger_url)
    try:
        days = await quiet_days(engine, 2)
    finally:
        engine.dispose()
    # The claim, the account, the plan and the close, at the least.
    assert all(4 <= day.transactions <= TRANSACTIONS for day in days), days
