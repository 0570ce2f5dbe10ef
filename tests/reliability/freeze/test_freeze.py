"""A process that is frozen between its decision and the wire does no harm when it wakes, however late."""

from datetime import datetime

from app.domain.ruling import KillLevel
from app.ledger.engine import open_ledger
from tests.reliability.crash.cases import Laboratory
from tests.reliability.crash.life import Setting
from tests.reliability.freeze.freezing import freeze, takeover


def test_a_sender_frozen_before_its_deadline_check_never_sends(bench: Laboratory) -> None:
    thawed = freeze(bench, "after ledger.sending", takeover(bench))
    assert thawed.judgement.violations == ()
    assert "Fenced" in thawed.sleeper.attempts[0]
    assert "PFE" not in thawed.orders
    assert thawed.judgement.not_placed == 1


def test_a_sender_frozen_after_its_deadline_check_sends_at_most_once_and_the_sweep_finds_the_order(
    bench: Laboratory,
) -> None:
    thawed = freeze(bench, "before wire.orders", takeover(bench))
    assert thawed.judgement.violations == ()
    assert (thawed.orders["PFE"]["arrivals"], thawed.orders["PFE"]["brokerOrders"]) == (1, 1)
    assert thawed.judgement.not_placed == 0


def test_a_sender_frozen_before_it_commits_is_fenced_off_by_who_took_over(bench: Laboratory) -> None:
    thawed = freeze(bench, "after broker.preview", takeover(bench))
    assert thawed.judgement.violations == ()
    assert "Fenced" in thawed.sleeper.attempts[0]
    assert thawed.orders["PFE"]["arrivals"] == 1
    assert thawed.judgement.not_placed == 0


def test_a_halt_that_is_committed_after_the_gate_and_before_the_send_stops_the_order(bench: Laboratory) -> None:
    def halt(setting: Setting) -> None:
        ledger = open_ledger(setting.database)
        now: datetime = setting.times.now()
        ledger.set_level(None, KillLevel.HALTED, "a person saw something", "test", now)
        ledger.dispose()

    thawed = freeze(bench, "before ledger.sending", halt)
    assert thawed.orders == {}
    assert thawed.judgement.unrecorded == ()
