"""`python -m tests.benchmarks.backtest`: what a replay costs, where, for how many policies, and beside other engines.

Processor time on one thread; ratios are of one run on one machine. It judges, and fails only where something of ours
cannot be measured: other people's engines are left out, and said to be, where they cannot be had.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from time import process_time

import numpy as np
from numpy.typing import NDArray

import app.engine.day
from app.backtest.account import Account
from app.backtest.assumptions import NO_COMMISSION, Assumptions
from app.backtest.books import even_book
from app.backtest.history import History
from app.backtest.reader import Reader
from app.backtest.replay import Replayed, graded, replay
from app.backtest.sample import sample
from app.domain.market import Array
from app.domain.policy import DrawdownAction, Frequency, MarketRules, Policy
from tests.benchmarks import rivals
from tests.benchmarks.figures import Figure
from tests.benchmarks.risk import ONE_THREAD, show
from tests.support.sample import default_policy

Rows = NDArray[np.intp]
FIRST, LAST = date(2000, 1, 3), date(2022, 12, 28)
CASH = Decimal(250_000)
# Seconds of the whole command, and processor milliseconds of a policy's day: a thousand policies on two cores in half
# an hour.
COMMAND_TARGET, DAY_TARGET = 8.0, 0.62
# Where accounts of many policies are measured: a rise and a fall.
SPAN = (date(2007, 10, 1), date(2008, 9, 30))
MANY = (1, 10, 100)
# Policies and names whose memory is measured, over so many sessions.
ROOMS, ROOM_SPAN = ((4, 5), (4, 20), (16, 5), (16, 20), (64, 5), (64, 20)), (date(2010, 3, 1), date(2010, 3, 31))
STAGES: Mapping[str, tuple[tuple[object, str], ...]] = {
    "reader": ((Reader, "market"),),
    "measure": ((app.engine.day, "share_statistics"), (app.engine.day, "measure")),
    "plans": ((app.engine.day, "anything_to_decide"), (app.engine.day, "plans_of")),
    "gate": ((app.engine.day, "feasible"),),
    "fills and books": ((Account, "open"), (Account, "given"), (Account, "take"), (Account, "close")),
}


@dataclass(frozen=True, slots=True)
class Run:
    """A replay and the processor seconds that it took."""

    found: tuple[Replayed, ...]
    seconds: float

    @property
    def milliseconds(self) -> float:
        """Of a policy's day."""
        return self.seconds * 1000 / (len(self.found) * len(self.found[0].dates))


def lead(policies: tuple[Policy, ...], reader: Reader, first: date, last: date, given: Assumptions) -> Run:
    """From the same even book each."""
    past = reader.history
    book = even_book(past, graded(past, first, last).start - 1, CASH)
    started = process_time()
    found = replay(policies, past, book, given, first, last, reader=reader)
    return Run(found, process_time() - started)


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Processor seconds by stage while it lasts; what one stage does inside another counts there."""
    spent = dict.fromkeys(STAGES, 0.0)
    before = {(owner, name): getattr(owner, name) for parts in STAGES.values() for owner, name in parts}
    for stage, parts in STAGES.items():
        for owner, name in parts:
            setattr(owner, name, _timer(before[owner, name], spent, stage))
    try:
        yield spent
    finally:
        for (owner, name), function in before.items():
            setattr(owner, name, function)


def _timer(function: Callable[..., object], spent: dict[str, float], stage: str) -> Callable[..., object]:
    def call(*given: object, **named: object) -> object:
        started = process_time()
        try:
            return function(*given, **named)
        finally:
            spent[stage] += process_time() - started

    return call


def own_figures() -> Iterator[Figure]:
    """The default policy over the years, and where its days go; then many policies at once."""
    started = process_time()
    past = sample()
    reader = Reader(past)
    yield Figure("history read and made ready", process_time() - started, "s", None, 1)
    whole = lead((default_policy(),), reader, FIRST, LAST, Assumptions())
    days = len(whole.found[0].dates)
    yield Figure(f"replay, default policy, {days:,} days", whole.seconds, "s", None, 1)
    yield Figure("asset-days a second", days * len(past.instruments) / whole.seconds / 1000, "thousand", None, 1)
    with timed() as spent:
        again = lead((default_policy(),), reader, FIRST, LAST, Assumptions())
    for stage, seconds in spent.items():
        yield Figure(f"of it {stage}", 100 * seconds / again.seconds, "%", None, days)
    for count in MANY:
        found = lead(_varied(count), reader, *SPAN, Assumptions())
        target = DAY_TARGET if count == max(MANY) else None
        yield Figure(f"a policy's day, {count} at once", found.milliseconds, "ms", target, count)


def _varied(count: int) -> tuple[Policy, ...]:
    """As a sweep draws them."""
    drawn, base = np.random.default_rng(count), default_policy()
    return tuple(
        base.model_copy(
            update={
                "exits": base.exits.model_copy(update={"stop_loss": float(drawn.uniform(0.05, 0.25))}),
                "allocation": base.allocation.model_copy(update={"drift_threshold": float(drawn.uniform(0.02, 0.1))}),
            }
        )
        for _ in range(count)
    )


def command_figures() -> Iterator[Figure]:
    """The whole command with its report, in a process of its own: policy, benchmarks, intervals."""
    with tempfile.TemporaryDirectory() as folder:
        started = os.times()
        report = Path(folder, "report.html")
        call = [
            str(Path(sys.executable).with_name("portfolio")), "backtest", "--from", str(FIRST), "--to", str(LAST),
            "--state", folder, "--report", str(report),
        ]  # fmt: skip
        subprocess.run(call, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not report.stat().st_size:
            raise OSError("the command wrote no report")
        spent = os.times()
    seconds = spent.children_user + spent.children_system - started.children_user - started.children_system
    yield Figure("portfolio backtest with its report, one policy", seconds, "s", COMMAND_TARGET, 1)


def even() -> Policy:
    """As near as a policy comes to the simple rule: every month equal parts of nine tenths, and nothing else.

    It differs: whole shares; parts of what is held and eligible; the day's gate, its checks and its statistics all the
    same; sizes by the price of decision; nothing is bought that comes to less than a dollar.
    """
    base = default_policy()
    rules = base.strategies
    return base.model_copy(
        update={
            "universe": base.universe.model_copy(update={"max_volatility_30d": 1e6}),
            "risk_limits": base.risk_limits.model_copy(
                update={
                    "max_drawdown": 1.0, "max_position": 1.0, "max_sector": 1.0, "max_annual_volatility": 1e6,
                    "max_var_95_1d": 1e6, "max_daily_loss": 1.0, "max_correlated": 1.0, "min_cash_reserve": 0.0,
                    "max_exposure": rivals.INVESTED + 0.01,
                }
            ),
            "exits": base.exits.model_copy(
                update={"stop_loss": 1.0, "take_profit": 1e6, "drawdown_action": DrawdownAction.HOLD}
            ),
            "allocation": base.allocation.model_copy(
                update={"asset_classes": {}, "sectors": {}, "drift_threshold": 0.0, "frequency": Frequency.MONTHLY}
            ),
            "strategies": rules.model_copy(
                update={
                    "reinforce_winners": rules.reinforce_winners.model_copy(update={"enabled": False}),
                    "sector_rotation": rules.sector_rotation.model_copy(update={"enabled": False}),
                    "cut_losers": rules.cut_losers.model_copy(update={"enabled": False}),
                    "cool_down_sessions": 0,
                }
            ),
            "market": MarketRules(bear_exposure_pct=100),
            "execution": base.execution.model_copy(
                update={
                    "min_order_value": Decimal(1), "max_order_value": Decimal(10**12), "max_orders_per_day": 10**6,
                    "max_turnover": 2.0, "max_share_of_volume": 1e9,
                }
            ),
        }
    )  # fmt: skip


def month_fills(past: History) -> Rows:
    """Rows of the second sessions of months: decided on the first, filled a session later."""
    months = np.array([day.month for day in past.dates])
    rows = np.flatnonzero(months[1:] != months[:-1]) + 2
    return rows[rows < len(months)]


def by_day(closes: Array, fills: Rows) -> float:
    """The rule in plain numpy, a day at a time; the final value. Shape: closes [T, N]."""
    due = set(fills.tolist())
    cash, shares = rivals.CASH, np.zeros(closes.shape[1])
    value = cash
    for row, prices in enumerate(closes):
        value = cash + (shares * prices).sum()
        if row in due:
            wanted = np.full(len(prices), rivals.INVESTED / len(prices)) * value / prices
            traded = (wanted - shares) * prices
            cash -= traded.sum() + rivals.FEE * np.abs(traded).sum()
            shares = wanted
    return float(value)


def rival_figures(uv: str | None) -> Iterator[Figure]:
    """The same rule on the same prices in each engine, and how many times as long as the plain loop it takes."""
    past = sample()
    rows = graded(past, FIRST, LAST)
    few = replace(
        past, dates=past.dates[rows.start - 252 : rows.stop], closes=past.closes[rows.start - 252 : rows.stop],
        index=None if past.index is None else past.index[rows.start - 252 : rows.stop],
    )  # fmt: skip
    closes, fills = np.ascontiguousarray(past.closes[rows.start : rows.stop]), month_fills(few)
    fills = fills[fills >= 252] - 252
    plain, final = _least(lambda: by_day(closes, fills))
    yield Figure("one rule, a plain loop a day", plain * 1000, "ms", None, rivals_rounds())
    yield Figure("    grows to", final / rivals.CASH, "x", None, 1)
    own = lead((even(),), Reader(few), FIRST, LAST, Assumptions(commission=NO_COMMISSION, slippage_bps=Decimal(5)))
    yield Figure("one rule, this engine as a policy", own.seconds * 1000, "ms", None, 1)
    yield Figure("    grows to", float(own.found[0].nav[-1] / own.found[0].nav[0]), "x", None, 1)
    yield Figure("    in plain loops", own.seconds / plain, "x", None, 1)
    for engine in rivals.ENGINES:
        told = _of_rival(uv, engine, closes, fills)
        if told is None:
            continue
        yield Figure(f"one rule, {engine} {told['version']}", told["seconds"] * 1000, "ms", None, rivals_rounds())
        yield Figure("    its first call", told["first"], "s", None, 1)
        yield Figure("    grows to", told["final"] / rivals.CASH, "x", None, 1)
        yield Figure("    in plain loops", told["seconds"] / plain, "x", None, 1)
        yield Figure("    this engine takes of it", own.seconds / told["seconds"], "x", None, 1)


def rivals_rounds() -> int:
    """How often each is called; the quickest counts."""
    return rivals.ROUNDS


def _least(call: Callable[[], float]) -> tuple[float, float]:
    taken = []
    for _ in range(rivals.ROUNDS):
        started = process_time()
        final = call()
        taken.append(process_time() - started)
    return min(taken), final


def _of_rival(uv: str | None, engine: str, closes: Array, fills: Rows) -> Mapping[str, float] | None:
    """None, with a sentence on standard error, where it cannot be had."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder, "venv", "bin", "python")
        np.save(f"{folder}/closes.npy", closes, allow_pickle=False)
        np.save(f"{folder}/fills.npy", fills, allow_pickle=False)
        script = [str(python), rivals.__file__, engine, f"{folder}/closes.npy", f"{folder}/fills.npy"]
        steps = [
            [uv or "uv", "venv", "--quiet", str(python.parent.parent)],
            [uv or "uv", "pip", "install", "--quiet", "--python", str(python), engine],
            script,
        ]
        try:
            for step in steps:
                done = subprocess.run(step, check=True, capture_output=True, text=True, timeout=600)
        except (OSError, subprocess.SubprocessError) as error:
            sys.stderr.write(
                f"{engine} is left out: {type(error).__name__} in `{' '.join(error_step(error, steps))}`\n"
            )
            return None
    found: Mapping[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def error_step(error: Exception, steps: list[list[str]]) -> list[str]:
    """What was being done, for people."""
    return list(getattr(error, "cmd", steps[0]))[:4]


def memory_figures() -> Iterator[Figure]:
    """What a policy's account takes by names, at the most; linear where each policy adds the same."""
    past, found = sample(), {}
    for count, names in ROOMS:
        few = replace(past, instruments=past.instruments[:names], closes=np.ascontiguousarray(past.closes[:, :names]))
        reader, policies = Reader(few), _varied(count)
        lead(policies[:1], reader, *ROOM_SPAN, Assumptions())
        tracemalloc.start()
        lead(policies, reader, *ROOM_SPAN, Assumptions())
        found[count, names] = tracemalloc.get_traced_memory()[1] / 1024
        tracemalloc.stop()
        yield Figure(f"peak, {count} policies x {names} names", found[count, names], "KiB", None, 1)
    for names in sorted({names for _, names in ROOMS}):
        low, middle, high = (found[count, names] for count in sorted({count for count, _ in ROOMS}))
        yield Figure(f"a policy more, {names} names: 4 to 16", (middle - low) / 12, "KiB", None, 1)
        yield Figure(f"a policy more, {names} names: 16 to 64", (high - middle) / 48, "KiB", None, 1)


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.backtest", description="Measures the backtest.")
    parser.add_argument("--json", action="store_true", help="JSON alone on standard output")
    parser.add_argument("--uv", default=shutil.which("uv"), help="what installs the other engines, for a while")
    parser.add_argument("--only", choices=("own", "command", "rivals", "memory"), help="one part alone")
    given = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        # The threads of numpy's matrix products are set before it is loaded: once more, in a process of its own.
        again = [sys.executable, "-m", "tests.benchmarks.backtest", *sys.argv[1:]]
        return subprocess.run(again, env={**os.environ, **ONE_THREAD}, check=False).returncode
    parts: dict[str, Callable[[], Iterator[Figure]]] = {
        "own": own_figures,
        "command": command_figures,
        "rivals": lambda: rival_figures(given.uv),
        "memory": memory_figures,
    }
    found = [figure for name, part in parts.items() if given.only in {None, name} for figure in part()]
    if given.json:
        sys.stdout.write(json.dumps({"figures": [figure.as_json() for figure in found]}, indent=2) + "\n")
    else:
        show(found, "Backtest on one thread")
    return 0


if __name__ == "__main__":
    sys.exit(main())
