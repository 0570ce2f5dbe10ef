"""`portfolio replay` says equal, or what differs, or in one line why it cannot say."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from app.record.capture import keep
from app.record.chunks import gather
from app.record.replay import read
from tests.e2e.command import portfolio
from tests.support.fakes import Office
from tests.unit.ledger.builders import AT, KEY, PLAN, claimed, execute

DIFFERS = "evaluation.cash_weight"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Has a ledger."""
    home = tmp_path_factory.mktemp("home")
    (home / ".portfolio").mkdir(mode=0o700)
    return home


@pytest.fixture(scope="module")
def ledger(home: Path) -> Iterator[SqlLedger]:
    ledger = open_ledger(f"sqlite:///{home}/.portfolio/portfolio.db")
    yield ledger
    ledger.dispose()


@pytest.fixture(scope="module")
def decided(ledger: SqlLedger) -> str:
    """A run with orders."""
    return asyncio.run(run_daily(Office(ledger).desk(), RunRequest())).run_id


def test_a_run_is_replayed_with_its_orders_under_their_ids(home: Path, decided: str, ledger: SqlLedger) -> None:
    told = json.loads(portfolio(home, "replay", decided, "--json").out)
    assert (told["equal"], told["difference"], told["same_code"]) == (True, None, True)
    assert told["orders"] == len(ledger.intents(decided)) > 0
    said = portfolio(home, "replay", decided)
    assert (said.status, said.errors) == (0, [])
    assert said.out.startswith(f"{decided}: equal: evaluation, plans, rulings, choice and {told['orders']} orders")


def test_what_comes_out_differently_is_named(home: Path, decided: str, ledger: SqlLedger) -> None:
    root = ledger.kept_root(decided)
    assert root is not None
    record = read(gather(ledger.chunks, root))
    evaluation = {**record.outcome["evaluation"], "cash_weight": 0.5}
    told = replace(record.told, code={"version": "0"})
    other = claimed(ledger, replace(KEY, slot="other"))
    ledger.commit_plan(
        other, PLAN, [], AT, inputs=keep(record.inputs, {**record.outcome, "evaluation": evaluation}, told, str)
    )
    said = portfolio(home, "replay", other.run_id)
    assert said.status == 1
    assert said.out.startswith(f"{other.run_id}: differs at {DIFFERS}: kept 0.5, recomputed 0.")
    assert "decided by other code than this" in said.out
    found = json.loads(portfolio(home, "replay", other.run_id, "--json").out)
    assert (found["difference"]["path"], found["same_code"]) == (DIFFERS, False)


def test_a_run_that_cannot_be_replayed_ends_in_one_line(home: Path, ledger: SqlLedger) -> None:
    without = claimed(ledger, replace(KEY, book="DU200", account="DU200"))
    ledger.commit_plan(without, PLAN, [], AT)
    for run_id, status, words in (
        ("run_none", 2, "there is no run run_none"),
        (without.run_id, 2, "nothing is kept of what run"),
    ):
        said = portfolio(home, "replay", run_id)
        assert said.status == status
        assert said.errors[0].startswith(f"portfolio: {words}")
        assert len(said.errors) == 1


def test_damage_is_named_by_its_place(home: Path, tmp_path: Path, decided: str, ledger: SqlLedger) -> None:
    copy = tmp_path / "copy"
    copy.mkdir(mode=0o700)
    state = copy / ".portfolio"
    state.mkdir(mode=0o700)
    ledger.dispose()
    (state / "portfolio.db").write_bytes((home / ".portfolio/portfolio.db").read_bytes())
    root = ledger.kept_root(decided)
    assert root is not None
    policy = json.loads(ledger.chunks([root])[root])["policy"].removeprefix("sha256:")
    execute(f"sqlite:///{state}/portfolio.db", f"DELETE FROM chunks WHERE hash = '{policy}'")  # noqa: S608
    said = portfolio(copy, "replay", decided)
    assert said.status == 1
    (line,) = said.errors
    assert line.startswith(
        f"portfolio: run {decided} cannot be replayed: policy: is not among what is kept. Run `portfolio"
    )
