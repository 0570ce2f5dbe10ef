"""Days of the sample as they are kept: an account led through them under each shipped policy."""

from collections.abc import Iterator
from datetime import date

from app.domain.ruling import DayUse, KillLevel
from app.engine import decide
from app.record.bundle import Bundle
from app.record.capture import Inputs, Told, keep, outcome_of
from app.record.chunks import KeptInputs
from app.record.proof import proof
from app.record.pseudonyms import pseudonymiser
from app.risk import Today
from app.settings import load_policy, shipped_policy
from tests.support.bundles import EVENT
from tests.support.sample import prices
from tests.support.walk import Account

POLICIES = ("conservative_policy", "default_policy", "aggressive_policy")
# A quiet year, and the year of a crash in its second half.
FIRST = date(2019, 4, 1)
SESSIONS = 250
ACCOUNT = "DU1234567"
HIDE = pseudonymiser("a key that is long enough", [ACCOUNT])


def kept_days(policy_name: str, sessions: int = SESSIONS) -> Iterator[KeptInputs]:
    """One a session, from FIRST."""
    policy = load_policy(shipped_policy().with_name(f"{policy_name}.yaml"))
    account = Account(prices().dates.index(FIRST))
    for _ in range(sessions):
        day = account.today()
        today = Today(policy, day.portfolio, day.market, day.navs, day.memory)
        decided = decide(today, DayUse(), KillLevel.ACTIVE, 0)
        outcome = outcome_of(decided.evaluation, decided.level, decided.options, decided.options.default)
        inputs = Inputs(today, runs_since_review=0)
        yield keep(inputs, outcome, Told({"id": f"run_{day.at}"}, {"version": "test"}), HIDE)
        account.carry_out(decided)


def bundle_of_day(kept: KeptInputs) -> Bundle:
    """With its prices, which are the sample's."""
    return proof("run_0123456789abcdef", kept, EVENT, with_prices=True)
