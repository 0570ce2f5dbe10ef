"""A run's bundle is written on one machine and checked on another that has nothing of the first."""

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.ledger.engine import open_ledger
from app.record.bundle import write_bundle
from tests.e2e.command import portfolio, started
from tests.support.bundles import some_bundle
from tests.support.hostile import MAKERS, hostile
from tests.support.kept_days import ACCOUNT, kept_days
from tests.unit.ledger.builders import AT, KEY, PLAN, claimed

NOTHING_OF_IT = {"STATE_DIR": "/nowhere", "DATABASE_URL": "nothing://", "MODEL_NAME": "none", "TRADING_MODE": "?"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A home with a ledger in it, and the run that decided a day."""
    home = tmp_path_factory.mktemp("home")
    state = home / ".portfolio"
    state.mkdir(mode=0o700)
    ledger = open_ledger(f"sqlite:///{state}/portfolio.db")
    try:
        claim = claimed(ledger, replace(KEY, book=ACCOUNT, account=ACCOUNT))
        *_, kept = kept_days("default_policy", 1)
        ledger.commit_plan(claim, PLAN, [], AT, inputs=kept)
        yield home, claim.run_id
    finally:
        ledger.dispose()


@pytest.mark.real_prices
def test_a_bundle_is_proved_here_and_verified_where_nothing_else_is(run: tuple[Path, str], tmp_path: Path) -> None:
    home, run_id = run
    said = portfolio(home, "prove", run_id, "day.bundle", "--with-prices", "--json")
    assert (said.status, said.errors) == (0, [])
    written = json.loads(said.out)
    file = tmp_path / "day.bundle"
    content = (home / "day.bundle").read_bytes()
    file.write_bytes(content)
    assert (home / "day.bundle").stat().st_mode & 0o777 == 0o600
    assert written["bytes"] == len(content)
    assert not [each for each in home.iterdir() if each.name.startswith(".day")]
    checked = started(tmp_path, "verify", file, "--json", **NOTHING_OF_IT)
    assert (checked.status, checked.err) == (0, "")
    found = json.loads(checked.out)
    assert (found["verdict"], found["run"], found["root"]) == ("equal", run_id, written["root"])
    assert found["event"] == written["event"]
    assert found["chunks"] == written["chunks"]
    assert portfolio(tmp_path, "verify", file).out == f"{run_id}: equal, decided again from {found['chunks']} chunks\n"
    file.write_bytes(content.replace(b'"chunks": {\n"', b'"chunks": {\n"0', 1))
    altered = portfolio(tmp_path, "verify", file)
    assert (altered.status, altered.err) == (1, "")
    assert altered.out.startswith("ALTERED: ")
    assert [each.name for each in tmp_path.iterdir()] == ["day.bundle"]


@pytest.mark.real_prices
def test_prices_that_may_not_be_passed_on_are_withheld_and_the_rest_is_checked(run: tuple[Path, str]) -> None:
    home, run_id = run
    said = portfolio(home, "prove", run_id, "quiet.bundle")
    assert said.status == 0
    assert "prices of sample are withheld" in said.err
    checked = portfolio(home, "verify", "quiet.bundle", "--json")
    assert checked.status == 0
    found = json.loads(checked.out)
    assert (found["verdict"], found["withheld"]) == ("withheld", {"history": "sample", "market": "sample"})
    assert portfolio(home, "verify", "quiet.bundle").out.endswith(
        "chunks unaltered, nothing decided again; withheld: history (sample), market (sample)\n"
    )


@pytest.mark.real_prices
def test_a_file_that_is_there_stays_unless_it_is_said_and_what_is_no_file_always(run: tuple[Path, str]) -> None:
    home, run_id = run
    (home / "there").write_text("mine", encoding="utf-8")
    (home / "link").symlink_to(home / "there")
    (home / "directory").mkdir()
    os.mkfifo(home / "pipe")
    for name in ("there", "link", "directory", "pipe"):
        said = portfolio(home, "prove", run_id, name)
        assert (said.status, said.out) == (2, "")
        assert said.errors == [
            f"portfolio: {name} is there already. Name a new file, or write over a plain one with --force"
        ]
    for name in ("link", "directory", "pipe"):
        assert portfolio(home, "prove", run_id, name, "--force").status == 2
    assert (home / "there").read_text(encoding="utf-8") == "mine"
    assert portfolio(home, "prove", run_id, "there", "--force").status == 0
    assert portfolio(home, "verify", "there").status == 0
    assert (home / "there").stat().st_mode & 0o777 == 0o600
    assert portfolio(home, "prove", run_id, "no/such/place").status == 2
    assert portfolio(home, "prove", "run_none", "new").errors == [
        "portfolio: there is no run run_none. `portfolio runs` lists them"
    ]


def test_what_is_not_a_plain_file_is_not_opened_as_a_bundle(tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.write_bytes(write_bundle(some_bundle()))
    (tmp_path / "link").symlink_to(good)
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for name in ("link", ".", "/dev/zero", "/dev/null", "pipe", "socket", "empty", "absent", "no\nsuch\x1b[2J"):
            said = portfolio(tmp_path, "verify", name)
            assert (said.status, said.out, len(said.err.splitlines())) == (2, "", 1), name
            assert said.err.startswith("portfolio: ")
            assert said.err.rstrip("\n").isprintable()


def test_a_hostile_file_is_refused_in_one_line(tmp_path: Path) -> None:
    for number in range(len(MAKERS)):
        (tmp_path / "file").write_bytes(hostile(number))
        said = portfolio(tmp_path, "verify", "file")
        lines = [*said.out.splitlines(), *said.err.splitlines()]
        assert said.status in (1, 2), number
        assert len(lines) == 1
        assert lines[0].startswith("ALTERED: " if said.status == 1 else "portfolio: this is not a bundle: ")
        assert lines[0].isprintable()
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
