"""Days led through the desk with one cause of drift on each: the parts add up, and the right cause is named."""

import asyncio
import json
import random
from collections.abc import Collection, Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.backtest.drift.parts import Cause, DayDrift, Drift
from app.backtest.drift.reading import recorded_days
from app.cli import cli
from app.domain.errors import UsageError
from app.ledger.sql_ledger import SqlLedger
from tests.support.drifting import CAUSES, DEPOSIT, FEE, RATE_MOVE, Driven, drive

pytestmark = pytest.mark.slow
CENT = Decimal("0.01")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drift")


@pytest.fixture(scope="module")
def driven(folder: Path) -> Driven:
    return asyncio.run(drive(folder, 6, CAUSES))


@pytest.fixture(scope="module")
def found(driven: Driven) -> Drift:
    return driven.explained()


def day_of(driven: Driven, found: Drift, at: int) -> DayDrift:
    """What a run that was missed would have done is told on the day before."""
    session = driven.script.live[at - 1 if driven.injected[at] is Cause.MISSED_RUN else at]
    return next(day for day in found.days if day.session_date == session)


def named(day: DayDrift) -> Cause | None:
    """The cause that most came of."""
    amounts = {cause: abs(day.of(cause)) for cause in Cause}
    largest = max(amounts, key=lambda cause: amounts[cause])
    return largest if amounts[largest] else None


def require_sums(found: Drift) -> None:
    for day in found.days:
        assert abs(sum((part.amount for part in day.parts), Decimal(0)) - (day.became - day.modelled)) < CENT
        assert abs(day.of(Cause.UNEXPLAINED)) <= CENT
    assert sum((total.amount for total in found.totals), Decimal(0)) == found.difference


@pytest.mark.parametrize("cause", CAUSES)
def test_a_cause_is_named_on_its_day(driven: Driven, found: Drift, cause: Cause) -> None:
    (at,) = (at for at, injected in driven.injected.items() if injected is cause)
    day = day_of(driven, found, at)
    assert named(day) is cause
    symbols = {part.symbol for part in day.parts if part.cause is cause}
    assert driven.symbols.get(at) in {*symbols, None}


def test_the_parts_are_the_difference_to_the_cent(found: Drift) -> None:
    require_sums(found)


def test_what_is_known_to_the_cent_is_told_to_the_cent(driven: Driven, found: Drift) -> None:
    amounts = {cause: day_of(driven, found, at).of(cause) for at, cause in driven.injected.items()}
    assert amounts[Cause.DEPOSIT] == DEPOSIT
    assert amounts[Cause.FEE] == -FEE
    assert amounts[Cause.FX] == Decimal(20_000) * Decimal("1.1") * (RATE_MOVE - 1)


def test_on_a_quiet_day_nothing_but_prices_and_costs_differs(driven: Driven, found: Drift) -> None:
    live = driven.script.live
    after = {live[at] for at in driven.injected} | {live[at - 1] for at in driven.injected if at}
    quiet = [day for day in found.days if day.session_date not in after]
    assert quiet
    for day in quiet:
        assert {part.cause for part in day.parts} <= {Cause.COSTS, Cause.SLIPPAGE, Cause.CLOSE}


def test_the_command_tells_the_same_sums(driven: Driven, folder: Path) -> None:
    told = CliRunner().invoke(cli, ["drift", "--state", str(folder), "--json"], catch_exceptions=False)
    assert told.exit_code == 0, told.output
    plain = json.loads(told.stdout)
    for day in plain["days"]:
        parts = sum((Decimal(part["amount"]) for part in day["parts"]), Decimal(0))
        assert parts == Decimal(day["difference"]) == Decimal(day["became"]) - Decimal(day["modelled"])
    assert sum((Decimal(one["amount"]) for one in plain["causes"]), Decimal(0)) == Decimal(plain["difference"])
    assert driven.broker.book.account not in told.output


def test_the_command_says_it_to_a_person_in_sentences(driven: Driven, folder: Path) -> None:
    told = CliRunner().invoke(cli, ["drift", "--state", str(folder), "--days", "5"], catch_exceptions=False)
    assert told.exit_code == 0, told.output
    assert "5 recorded days from" in told.stdout


class Forgetful:
    """A ledger that kept nothing of some runs."""

    def __init__(self, ledger: SqlLedger, runs: Collection[str]) -> None:
        self._ledger, self._runs = ledger, runs
        self.runs, self.intents, self.events = ledger.runs, ledger.intents, ledger.events
        self.flows, self.income = ledger.flows, ledger.income

    def kept_root(self, run_id: str) -> str | None:
        return None if run_id in self._runs else self._ledger.kept_root(run_id)

    def chunks(self, hashes: Collection[str]) -> Mapping[str, str]:
        return self._ledger.chunks(hashes)


def test_a_day_of_which_nothing_is_kept_is_told(driven: Driven) -> None:
    (book,) = driven.ledger.books()
    runs = [run for run in driven.ledger.runs(100) if not run.key.dry_run]
    gone = runs[3]
    days = recorded_days(Forgetful(driven.ledger, {gone.run_id}), book.name, 100)
    (problem,) = (day.problem for day in days.days if day.problem is not None)
    assert problem == f"nothing is kept of run {gone.run_id}"
    with pytest.raises(UsageError, match="no two recorded days"):
        recorded_days(Forgetful(driven.ledger, {run.run_id for run in runs}), book.name, 100)


@pytest.mark.long
def test_of_many_causes_in_many_weeks_nearly_all_are_named(tmp_path: Path) -> None:
    right = of = days = 0
    for seed in range(20, 25):
        causes = [*CAUSES, *CAUSES]
        random.Random(seed).shuffle(causes)  # noqa: S311 (a test's order)
        folder = tmp_path / f"{seed}"
        folder.mkdir()
        driven = asyncio.run(drive(folder, seed, causes, pause=1, least=66))
        found = driven.explained()
        require_sums(found)
        right += sum(named(day_of(driven, found, at)) is cause for at, cause in driven.injected.items())
        of, days = of + len(driven.injected), days + len(found.days)
    assert days >= 300
    assert right >= 0.95 * of, f"{right} of {of} over {days} days"
