"""A year of three accounts comes out of its bundles as it was: nothing else is needed, and nobody's id is in them."""

import base64
import hashlib
from dataclasses import replace
from decimal import Decimal

import pytest

from app.domain.order import BrokerOrder, Side, client_order_id
from app.domain.ruling import DayUse
from app.engine import decide
from app.record.bundle import write_bundle
from app.record.capture import Inputs, Told, keep, outcome_of
from app.record.replay import read
from app.record.verification import Verdict, verify_bundle
from app.risk import Today
from tests.support.kept_days import ACCOUNT, HIDE, POLICIES, SESSIONS, bundle_of_day, kept_days

pytestmark = [pytest.mark.real_prices, pytest.mark.slow]
LARGEST = 250_000


@pytest.mark.parametrize("sessions", [3, pytest.param(SESSIONS, marks=pytest.mark.long)])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_day_is_decided_again_from_its_bundle_to_the_same(policy: str, sessions: int) -> None:
    days = 0
    for kept in kept_days(policy, sessions):
        data = write_bundle(bundle_of_day(kept))
        found = verify_bundle(data)
        assert (found.verdict, found.problems) == (Verdict.EQUAL, ())
        assert found.chunks == len(kept.chunks)
        assert len(data) <= LARGEST
        days += 1
    assert days == sessions


ANOTHERS = ("U7654321", "F1234567", "DF7654321", "U1234567C", "I12345678")
TEXT = 'transfer of {0} to {1}: see note_{0}, {1}/2020 and (x{0}y) é{1} "{2}" {3}\n{4}'


def test_no_account_is_in_a_bundle_whatever_text_it_stands_in_and_its_day_comes_out_the_same() -> None:
    """Neither as it is nor as a hash that could be found by trying; order ids are such hashes."""
    *_, kept = kept_days("default_policy", 1)
    today = read(kept).inputs.today
    text = TEXT.format(ACCOUNT, *ANOTHERS[:4])
    coid = client_order_id(ACCOUNT, today.market.session.date, "daily", 1000, Side.BUY, 0)
    open_order = BrokerOrder(
        "17", 1000, Side.BUY, Decimal(1), Decimal(0), "Submitted", coid=coid, limit_price=Decimal(9)
    )
    others = BrokerOrder(f"{ACCOUNT}-18", 1001, Side.SELL, Decimal(1), Decimal(0), text, coid=ANOTHERS[4])
    portfolio = replace(today.portfolio, account=ACCOUNT, gaps=(text,), orders=(open_order, others))
    market = replace(today.market, untradable={next(iter(today.market.instruments)): text})
    strange = Today(today.policy, portfolio, market, today.navs, today.memory, text)
    decided = decide(strange, DayUse(), level := read(kept).inputs.level)
    outcome = outcome_of(decided.evaluation, level, decided.options, decided.options.default)
    told = Told({"id": f"run of {ACCOUNT}", "book": f"{ACCOUNT}@2020-03-02 7", "account": ACCOUNT}, {"note": text})
    bundle = bundle_of_day(keep(Inputs(strange, DayUse(), level), outcome, told, HIDE))
    data = write_bundle(bundle)
    seen = data.decode() + "".join(bundle.chunks.values())
    for account in (ACCOUNT, *ANOTHERS):
        hashed = {hashlib.new(kind, account.encode()).hexdigest() for kind in ("md5", "sha1", "sha256")}
        for written in (
            account,
            account.lower(),
            account.encode().hex(),
            base64.b64encode(account.encode()).decode(),
            *hashed,
        ):
            assert written not in seen
    assert coid not in seen
    assert seen.count(HIDE(ACCOUNT)) >= 6
    assert verify_bundle(data).verdict is Verdict.EQUAL
