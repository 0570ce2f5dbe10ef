"""Days of a replay on the sample as they are kept: an account led through them under each shipped policy."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache

from app.backtest.account import Account
from app.backtest.assumptions import Assumptions
from app.backtest.books import cash_book
from app.backtest.reader import Reader
from app.backtest.sample import sample
from app.broker.paper.book import Holding, PaperBook
from app.engine import decide_all
from app.record.bundle import Bundle
from app.record.capture import Inputs, Told, keep, outcome_of
from app.record.chunks import KeptInputs
from app.record.proof import proof
from app.record.pseudonyms import pseudonymiser
from app.settings import load_policy, shipped_policy
from tests.support.bundles import EVENT
from tests.support.sample import CAPITAL, PERCENT

POLICIES = ("conservative_policy", "default_policy", "aggressive_policy")
# A quiet year, and the year of a crash in its second half.
FIRST = date(2019, 4, 1)
SESSIONS = 250
ACCOUNT = "DU1234567"
HIDE = pseudonymiser("a key that is long enough", [ACCOUNT])


def kept_days(policy_name: str, sessions: int = SESSIONS) -> Iterator[KeptInputs]:
    """One a session, from FIRST."""
    policy = load_policy(shipped_policy().with_name(f"{policy_name}.yaml"))
    reader = _reader()
    first = reader.rows[FIRST]
    account = Account(policy, reader, Assumptions(), _book(reader, first - 1), first)
    for row in range(first, first + sessions):
        market = reader.market(row)
        account.open(market)
        # With what a run shows people beside what it decides by.
        given = account.given(market)
        given = replace(given, today=replace(given.today, bare=False))
        decided = decide_all([given])[0]
        outcome = outcome_of(decided.evaluation, decided.level, decided.options, decided.options.default)
        inputs = Inputs(given.today, given.use, given.level, given.causes)
        yield keep(inputs, outcome, Told({"id": f"run_{row}"}, {"version": "test"}), HIDE)
        account.take(decided, market)
        account.close()


@cache
def _reader() -> Reader:
    return Reader(sample())


def _book(reader: Reader, row: int) -> PaperBook:
    """Twelve names bought at the closes of that row."""
    book = cash_book(reader.history, row, CAPITAL).changed(account=ACCOUNT)
    holdings = []
    for instrument in reader.history.instruments:
        price = reader.price(row, instrument.conid)
        if price is not None and instrument.symbol in PERCENT:
            quantity = CAPITAL * PERCENT[instrument.symbol] / 100 // price
            holdings.append(Holding(instrument=instrument, quantity=quantity, average_cost=price, price=price))
            book = book.paid("USD", -quantity * price)
    return book.changed(holdings=tuple(holdings))


def bundle_of_day(kept: KeptInputs) -> Bundle:
    """With its prices, which are the sample's."""
    return proof("run_0123456789abcdef", kept, EVENT, with_prices=True)
