"""An imported history is kept whole or not at all, and comes back as it was; the commands say so."""

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from app.backtest.data import store
from app.backtest.history import Adjustment, Dividend, Ending, History, Restatement, Split
from app.backtest.sources import history_named
from app.cli import cli
from app.domain.errors import UsageError
from app.domain.instrument import AssetClass, Instrument
from app.market.calendar import ExchangeCalendar
from app.record.canonical import canonical, digest

ORIGIN = store.Origin(datetime(2024, 3, 1, tzinfo=UTC), {"prices.csv": "0" * 64})
DATES = ExchangeCalendar().sessions()[2500:2540]


def made(name: str = "mine") -> History:
    rng = np.random.default_rng(3)
    closes = rng.uniform(10, 20, (len(DATES), 2))
    closes[:7, 1] = closes[9:, 1] = np.nan
    return History(
        name=name,
        source=f"import:{name}",
        adjustment=Adjustment.NONE,
        instruments=(
            Instrument(2**31 + 5, "AAPL", "USD", sector="Information Technology"),
            Instrument(2**31 + 9, "SPY", "USD", AssetClass.ETF),
        ),
        dates=DATES,
        closes=closes,
        volumes=rng.uniform(1, 9, (len(DATES), 2)),
        index=rng.uniform(1, 9, len(DATES)),
        happenings=(
            Dividend(2**31 + 5, DATES[3], DATES[1], Decimal("0.250")),
            Split(2**31 + 5, DATES[4], DATES[4], Decimal(2) / Decimal(3)),
            Ending(2**31 + 9, DATES[9], DATES[9], Decimal("1.5"), 2**31 + 5, Decimal("0.1")),
            Restatement(2**31 + 5, DATES[9], DATES[12], Decimal("9.75")),
        ),
        notes=("it is made up",),
    )


def test_what_is_kept_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    store.save(made(), ORIGIN, tmp_path)
    found = history_named("mine", tmp_path)
    assert found.digest == made().digest
    assert (found.source, found.notes, found.happenings) == ("import:mine", ("it is made up",), made().happenings)
    assert found.opens is None
    assert found.vix is None
    assert store.names(tmp_path) == ("mine",)


def test_a_name_that_is_taken_is_not_written_over(tmp_path: Path) -> None:
    store.save(made(), ORIGIN, tmp_path)
    with pytest.raises(UsageError, match="there is a history mine already"):
        store.save(made(), ORIGIN, tmp_path)
    store.remove("mine", tmp_path)
    store.save(made(), ORIGIN, tmp_path)
    assert [one.name for one in (tmp_path / "histories").iterdir()] == ["mine"]


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "A", "-x", ".x", "x" * 41, "ü", "a b", "sample", "recorded"])
def test_a_name_that_could_be_a_path_or_is_taken_by_the_program_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        store.require_name(name)
    with pytest.raises(UsageError):
        store.remove(name, tmp_path)


@pytest.mark.parametrize("file", ["manifest.json", "closes.npy", "dates.npy", "index.npy"])
@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_damaged_history_is_told_in_one_line_and_can_be_removed(tmp_path: Path, file: str, damage: str) -> None:
    store.save(made(), ORIGIN, tmp_path)
    path = tmp_path / "histories" / "mine" / file
    content = path.read_bytes()
    match damage:
        case "cut":
            path.write_bytes(content[: len(content) // 2])
        case "changed":
            path.write_bytes(content.replace(b"AAPL", b"AAPK") if file == "manifest.json" else content[:-1] + b"\x01")
        case _:
            path.unlink()
    with pytest.raises(UsageError, match=r"the history mine is damaged: .*`portfolio history remove mine`") as told:
        history_named("mine", tmp_path)
    assert "\n" not in str(told.value)
    store.remove("mine", tmp_path)
    assert store.names(tmp_path) == ()


def test_an_array_of_objects_is_never_loaded(tmp_path: Path) -> None:
    store.save(made(), ORIGIN, tmp_path)
    folder = tmp_path / "histories" / "mine"
    np.save(folder / "closes.npy", np.array([[print]]), allow_pickle=True)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["arrays"]["closes"] = store.file_hash(folder / "closes.npy")
    del manifest["seal"]
    manifest["seal"] = digest(canonical(manifest))
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match=r"closes\.npy cannot be read"):
        store.load("mine", tmp_path)


def test_what_a_killed_import_left_is_no_history_and_goes_with_the_next(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / "histories" / f".partial-{gone.pid}-x"
    at_work = tmp_path / "histories" / f".partial-{os.getpid()}-x"
    for folder in (left, at_work):
        (folder / "mine").mkdir(parents=True)
    assert store.names(tmp_path) == ()
    store.save(made(), ORIGIN, tmp_path)
    assert not left.exists()
    assert at_work.exists()


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "histories").write_text("a file where a directory should be")
    with pytest.raises(UsageError, match="the history cannot be kept in"):
        store.save(made(), ORIGIN, tmp_path)


def test_a_name_that_is_misspelt_gets_the_nearest(tmp_path: Path) -> None:
    store.save(made("nasdaq"), ORIGIN, tmp_path)
    with pytest.raises(UsageError, match=r"there is no history nasdak\. Did you mean nasdaq\?"):
        history_named("nasdak", tmp_path)
    with pytest.raises(UsageError, match=r"there is no history \?\?\?"):
        history_named("???", tmp_path)


def portfolio(state: Path, *arguments: str) -> str:
    result = CliRunner().invoke(cli, ["history", *arguments, "--state", str(state)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_commands_import_list_show_and_remove(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("date,symbol,close\n" + "".join(f"{day},AAPL,{n + 10}\n" for n, day in enumerate(DATES)))
    told = json.loads(portfolio(tmp_path, "import", str(file), "--name", "mine", "--adjustment", "split", "--json"))
    assert (told["sessions"], told["adjustment"], told["names"][0]["symbol"]) == (40, "split", "AAPL")
    (row,) = json.loads(portfolio(tmp_path, "list", "--json"))["imported"]
    assert (row["name"], row["from"], row["to"], row["names"]) == ("mine", str(DATES[0]), str(DATES[-1]), 1)
    shown = json.loads(portfolio(tmp_path, "show", "mine", "--json"))
    assert shown["files"] == {"prices.csv": store.file_hash(file)}
    assert shown["digest"] == told["digest"] == history_named("mine", tmp_path).digest
    assert "note: 1 of 1 names live to the end" in portfolio(tmp_path, "show", "mine")
    assert "mine: 40 sessions of 1 names" in portfolio(tmp_path, "list")
    portfolio(tmp_path, "remove", "mine")
    assert json.loads(portfolio(tmp_path, "list", "--json"))["imported"] == []


def test_a_damaged_history_is_listed_as_one(tmp_path: Path) -> None:
    store.save(made(), ORIGIN, tmp_path)
    (tmp_path / "histories" / "mine" / "manifest.json").write_text("{")
    assert "mine: the history mine is damaged" in portfolio(tmp_path, "list")


def test_a_refused_file_tells_each_problem_on_a_line_and_keeps_nothing(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("date,symbol,close\n2020-01-02,AAPL,x\n2020-01-03,AAPL,y\n")
    with pytest.raises(UsageError, match=r"line 2: close .* \(the first of 2 problems\)\. Nothing was kept"):
        CliRunner().invoke(
            cli,
            ["history", "import", str(file), "--name", "mine", "--state", str(tmp_path)],
            catch_exceptions=False,
        )
    assert not (tmp_path / "histories").exists()


def test_a_name_that_is_taken_is_refused_before_the_file_is_read(tmp_path: Path) -> None:
    store.save(made(), ORIGIN, tmp_path)
    with pytest.raises(UsageError, match="there is a history mine already"):
        CliRunner().invoke(
            cli,
            ["history", "import", str(tmp_path / "absent.csv"), "--name", "mine", "--state", str(tmp_path)],
            catch_exceptions=False,
        )


def test_the_dates_are_dates(tmp_path: Path) -> None:
    store.save(made(), ORIGIN, tmp_path)
    assert type(store.load("mine", tmp_path).dates[0]) is date
