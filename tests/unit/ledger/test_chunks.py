"""What runs were decided from is stored once, in the commit of its plan or close, and the audit finds every change."""

import zlib
from dataclasses import replace

import pytest
from sqlalchemy import Executable, delete, insert, update

from app.desk.records import Event, RunStatus
from app.domain.errors import LedgerError
from app.ledger.audit import verify
from app.ledger.schema import chunks
from app.ledger.sql_ledger import SqlLedger
from app.record.chunks import Chunks, KeptInputs, gather
from tests.unit.ledger.builders import AT, PLAN, REPORT, claimed, direct, intent, rows

pytestmark = [pytest.mark.usefixtures("databases"), pytest.mark.slow]


def inputs(day: str) -> KeptInputs:
    """A day's own chunk, and one that is every day's, which names another."""
    made = Chunks(str)
    policy = made.put({"policy": made.put({"limits": 3})})
    return made.kept({"policy": policy, "quotes": made.put({"of": day})})


def test_a_plan_is_committed_with_what_it_was_decided_from_and_what_is_the_same_is_stored_once(
    ledger: SqlLedger, ledger_url: str
) -> None:
    monday, tuesday = inputs("monday"), inputs("tuesday")
    first = claimed(ledger)
    assert ledger.kept_root(first.run_id) is None
    ledger.commit_plan(first, PLAN, [intent(1)], AT, [Event("seen")], monday)
    assert ledger.kept_root(first.run_id) == monday.root
    assert gather(ledger.chunks, monday.root) == monday
    kinds = rows(ledger_url, "SELECT kind FROM events ORDER BY number")
    assert [kind for (kind,) in kinds] == ["run_claimed", "seen", "inputs_kept", "plan_committed"]
    preview = claimed(ledger, replace(first.key, dry_run=True))
    ledger.close(preview, RunStatus.DRY_RUN, REPORT, [], AT, inputs=tuesday)
    assert gather(ledger.chunks, tuesday.root) == tuesday
    assert len(rows(ledger_url, "SELECT hash FROM chunks")) == len(monday.chunks.keys() | tuesday.chunks.keys()) == 6
    assert ledger.verify().ok


def test_with_a_plan_that_is_refused_nothing_is_kept(ledger: SqlLedger, ledger_url: str) -> None:
    claim = claimed(ledger)
    ledger.commit_plan(claim, PLAN, [], AT, inputs=inputs("monday"))
    with pytest.raises(LedgerError, match="committed a plan already"):
        ledger.commit_plan(claim, PLAN, [], AT, inputs=inputs("tuesday"))
    assert ledger.kept_root(claim.run_id) == inputs("monday").root
    assert len(rows(ledger_url, "SELECT hash FROM chunks")) == 4


def test_every_change_of_a_chunk_is_found(ledger: SqlLedger, ledger_url: str) -> None:
    claim = claimed(ledger)
    kept = inputs("monday")
    ledger.commit_plan(claim, PLAN, [], AT, inputs=kept)
    for name, content in kept.chunks.items():
        of_this = chunks.c.hash == name
        other, bomb = _raw(b'{"limits":4}'), _raw(b"0" * 2**25)
        for altered in (other, bomb, b"", b"text", _raw(content.encode()) + b"0"):
            problems = found_after(ledger_url, update(chunks).where(of_this).values(content=altered))
            assert f"chunk {name[:12]}: is not what its hash was taken over" in problems
        problems = found_after(ledger_url, delete(chunks).where(of_this))
        assert f"chunk {name[:12]}: is missing, and a run was decided from it" in problems
    assert ledger.verify().ok
    problems = found_after(ledger_url, insert(chunks).values(hash="0" * 64, content=b"more"))
    assert f"chunk {'0' * 12}: no run was decided from it" in problems


def found_after(ledger_url: str, change: Executable) -> tuple[str, ...]:
    """What the audit says of a change that does not last."""
    with direct(ledger_url) as connection:
        connection.execute(change)
        return verify(connection).problems


def _raw(content: bytes) -> bytes:
    return zlib.compress(content, wbits=-15)
