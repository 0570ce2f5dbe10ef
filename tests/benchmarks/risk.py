"""`python -m tests.benchmarks.risk`: what the statistics, the clusters and one whole decision cost on one thread.

Processor time, the least of several rounds, so that other programs on the machine count as little as possible. It
judges, and fails only where something cannot be measured.
"""

import argparse
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from time import process_time

import numpy as np
from rich.console import Console
from rich.table import Table

from app.decision import Situation, anything_to_decide
from app.domain.market import Array
from app.domain.ruling import DayUse, KillLevel
from app.engine import DayDecision, Given, decide, decide_all
from app.risk import Today, metrics
from app.risk.clusters import clusters
from tests.benchmarks.figures import Figure
from tests.support.sample import day_of, default_policy, prices
from tests.support.walk import Account

ROUNDS = 7
LEAST_SECONDS = 0.03
SESSIONS = 252
GROUPS = 11
# Names → milliseconds allowed for the statistics, and for the clusters.
TARGETS = {20: (0.15, 0.2), 500: (0.4, 2.0), 10_000: (8.0, 300.0)}
# Milliseconds of processor time, and days in a hundred.
DAY_TARGET, WORST_DAY_TARGET, FIRES_TARGET = 1.2, 6.0, 30.0
DAY_ROUNDS = 3
# Nothing due and a rebalance; a calm year; two crashes.
DAYS = (date(2014, 5, 12), date(2017, 6, 1), date(2008, 10, 10), date(2020, 3, 16))
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def milliseconds(call: Callable[[], object]) -> float:
    """Processor time of one call, the least of several rounds."""
    call()
    count, spent = 1, 0.0
    while (spent := _spent(call, count)) < LEAST_SECONDS:
        count = max(count * 2, int(count * LEAST_SECONDS / spent) if spent > 0 else 0)
    return min(spent, *(_spent(call, count) for _ in range(ROUNDS))) / count * 1000


def _spent(call: Callable[[], object], count: int) -> float:
    started = process_time()
    for _ in range(count):
        call()
    return process_time() - started


def returns_of(names: int, sessions: int = SESSIONS) -> Array:
    """The sample's own returns of its twenty names; of more names made-up ones with a common part. Shape: [T, N]."""
    if names == len(prices().symbols):
        closes = prices().closes
        return closes[-sessions:] / closes[-sessions - 1 : -1] - 1
    generator = np.random.default_rng(names)
    common = generator.normal(0, 0.01, (sessions, GROUPS))[:, np.arange(names) % GROUPS]
    result: Array = 0.0004 + common + generator.normal(0, 0.009, (sessions, names))
    return result


def statistics(weights: Array, returns: Array, membership: Array, index: Array) -> tuple[Array, ...]:
    """All of them but the clusters."""
    series = metrics.portfolio_returns(weights, returns)
    return (
        np.abs(weights).max(axis=1),
        metrics.group_weights(weights, membership),
        metrics.volatility(series),
        metrics.recent_volatility(series),
        metrics.historical_var(series),
        metrics.ewma_var(series),
        metrics.expected_shortfall(series),
        metrics.implied_correlation(weights, metrics.spreads(returns), series),
        metrics.beta(series, index),
        metrics.sharpe(series),
        metrics.sortino(series),
        metrics.max_drawdown(series),
        metrics.win_rate(series),
    )


def _time_statistics(names: int, sessions: int = SESSIONS, portfolios: int = 1) -> tuple[float, float]:
    """(milliseconds of the statistics, of one pass over the same returns)."""
    returns = returns_of(names, sessions)
    weights = np.full((portfolios, names), 0.9 / names)
    membership = np.eye(GROUPS)[:, np.arange(names) % GROUPS].copy()
    index = returns[:, 0].copy()
    own = milliseconds(lambda: statistics(weights, returns, membership, index))
    return own, milliseconds(lambda: returns.sum())


def statistics_figures() -> Iterator[Figure]:
    """By size, as multiples of one pass over the data, and per number as the data grow."""
    for names, (target, _) in TARGETS.items():
        own, once = _time_statistics(names)
        yield Figure(f"statistics, {names:,} names", own, "ms", target, ROUNDS)
        yield Figure(f"statistics, {names:,} names, in passes over the returns", own / once, "x", None, ROUNDS)
    for portfolios in (10, 100):
        own, _ = _time_statistics(20, portfolios=portfolios)
        yield Figure(f"statistics, 20 names, {portfolios} portfolios at once", own, "ms", None, ROUNDS)
    for names, sessions in ((2_500, 252), (5_000, 252), (10_000, 252), (10_000, 504), (10_000, 1008)):
        own, _ = _time_statistics(names, sessions)
        per_return = own * 1e6 / (names * sessions)
        yield Figure(f"statistics, {names:,} names x {sessions} days, per return", per_return, "ns", None, ROUNDS)


def cluster_figures() -> Iterator[Figure]:
    """Time and the most memory held."""
    for names, (_, target) in TARGETS.items():
        spent = milliseconds(partial(clusters, returns_of(names), range(names), 0.7))
        yield Figure(f"clusters, {names:,} names", spent, "ms", target, ROUNDS)
    for names in (2_500, 5_000, 10_000):
        yield Figure(f"clusters, {names:,} names: memory per name", _peak(names) / names, "bytes", None, 1)


def _peak(names: int) -> float:
    returns = returns_of(names)
    tracemalloc.start()
    clusters(returns, range(names), 0.7)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return float(peak)


def library_figures() -> Iterator[Figure]:
    """The same numbers of one ready series by the other libraries that are installed, as multiples of ours."""
    for length in (252, 2520):
        returns = returns_of(20, length)
        series = metrics.portfolio_returns(np.full((1, 20), 0.045), returns)
        one = series[0].copy()
        for library, (theirs, ours) in _libraries(series, one).items():
            if find_spec(library.partition(".")[0]) is None:
                continue
            own, other = milliseconds(ours), milliseconds(partial(theirs, library))
            yield Figure(f"{library}, {length} days", other, "ms", None, ROUNDS)
            yield Figure(f"{library}, {length} days, against ours", other / own, "x", None, ROUNDS)


Comparison = tuple[Callable[[str], object], Callable[[], object]]


def _libraries(series: Array, one: Array) -> dict[str, Comparison]:
    """Library → (its numbers, ours)."""

    def alike() -> object:
        return (
            metrics.volatility(series),
            metrics.sharpe(series),
            metrics.sortino(series),
            metrics.max_drawdown(series),
            metrics.historical_var(series),
            metrics.expected_shortfall(series),
        )

    def empyrical(name: str) -> object:
        library = import_module(name)
        return (
            library.annual_volatility(one),
            library.sharpe_ratio(one),
            library.sortino_ratio(one),
            library.max_drawdown(one),
            library.value_at_risk(one),
            library.conditional_value_at_risk(one),
        )

    def skfolio(name: str) -> object:
        library = import_module(name)
        spread, downside = library.standard_deviation(one), library.semi_deviation(one)
        falls = library.get_drawdowns(one, compounded=True)
        mean = library.mean(one)
        ratios = (mean / spread, mean / downside)
        return spread, ratios, library.max_drawdown(falls), library.value_at_risk(one), library.cvar(one)

    def quantstats(name: str) -> object:
        library, pandas = import_module(f"{name}.stats"), import_module("pandas")
        frame = pandas.Series(one, index=pandas.date_range("2000-01-03", periods=len(one), freq="B"))
        return (
            library.volatility(frame, prepare_returns=False),
            library.sharpe(frame),
            library.sortino(frame),
            library.max_drawdown(frame),
            library.value_at_risk(frame, prepare_returns=False),
            library.cvar(frame, prepare_returns=False),
        )

    return {"empyrical": (empyrical, alike), "skfolio.measures": (skfolio, alike), "quantstats": (quantstats, alike)}


def decision_figures() -> Iterator[Figure]:
    """Twenty positions on days with much to do: every plan made, gated and measured after it, as the desk does."""
    for on in DAYS:
        spent = milliseconds(partial(decide_fresh, twenty(on)))
        yield Figure(f"{on}: decide twenty positions", spent, "ms", None, ROUNDS)


def day_figures() -> Iterator[Figure]:
    """An account of the default policy led through every day of the sample after its first year."""
    spent, fires, account = [], 0, Account()
    while account.at < len(prices().dates):
        day = account.today()
        today = Today(default_policy(), day.portfolio, day.market, day.navs, day.memory)
        copies = [fresh(today) for _ in range(DAY_ROUNDS)]
        spent.append(min(_spent(partial(decide, copy, DayUse(), KillLevel.ACTIVE), 1) for copy in copies) * 1000)
        decided = decide_fresh(today)
        situation = Situation(today.policy, day.portfolio, day.market, decided.evaluation, day.memory)
        fires += anything_to_decide(situation)
        account.carry_out(decided)
    days = len(spent)
    yield Figure("decide a day, mean", sum(spent) / days, "ms", DAY_TARGET, days)
    yield Figure("decide a day, 99 of 100 within", sorted(spent)[days * 99 // 100], "ms", WORST_DAY_TARGET, days)
    yield Figure("days on which the screen fires", fires / days * 100, "%", FIRES_TARGET, days)


def replay_figures() -> Iterator[Figure]:
    """Accounts of many policies on one day of one market, as a replay has them."""
    for count in (1, 100):
        spent = milliseconds(partial(decide_together, twenty(DAYS[1]), count)) / count
        yield Figure(f"decide a day, {count} accounts of twenty names at once, each", spent, "ms", None, ROUNDS)


def twenty(on: date) -> Today:
    """The sample's names, as much of each."""
    inputs = day_of(on, dict.fromkeys(prices().symbols, Decimal("4.4")))
    return Today(default_policy(), inputs.portfolio, inputs.market, inputs.navs)


def fresh(today: Today) -> Today:
    """Copies that nothing was worked out of before: what they keep for the next who asks is paid for each time."""
    return replace(today, portfolio=replace(today.portfolio), market=replace(today.market))


def decide_fresh(today: Today) -> DayDecision:
    """As the desk decides a day."""
    return decide(fresh(today), DayUse(), KillLevel.ACTIVE)


def decide_together(today: Today, count: int) -> tuple[DayDecision, ...]:
    """Accounts that are alike, each with copies of its own, in one fresh market."""
    market = replace(today.market)
    accounts = [replace(today, portfolio=replace(today.portfolio), market=market) for _ in range(count)]
    return decide_all([Given(account, DayUse(), KillLevel.ACTIVE) for account in accounts])


def figures() -> Iterator[Figure]:
    """All of them, in the order in which they are shown."""
    yield from statistics_figures()
    yield from cluster_figures()
    yield from library_figures()
    yield from decision_figures()
    yield from replay_figures()
    yield from day_figures()


def show(found: list[Figure], title: str) -> None:
    """A table for people."""
    table = Table(title=title)
    for name in ("figure", "measured", "target", "met"):
        table.add_column(name, justify="left" if name == "figure" else "right")
    for figure in found:
        target = "" if figure.target is None else f"≤ {figure.target:g}"
        met = {True: "yes", False: "NO", None: ""}[figure.met]
        table.add_row(figure.name, f"{figure.value:.3g} {figure.unit}", target, met)
    Console(width=120).print(table)


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.risk", description="Measures the risk engine.")
    parser.add_argument("--json", action="store_true", help="JSON alone on standard output")
    parser.add_argument("--days", action="store_true", help="the days of the sample alone")
    given = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        # The threads of numpy's matrix products are set before it is loaded: once more, in a process of its own.
        again = [sys.executable, "-m", "tests.benchmarks.risk", *sys.argv[1:]]
        return subprocess.run(again, env={**os.environ, **ONE_THREAD}, check=False).returncode
    found = list(day_figures() if given.days else figures())
    if given.json:
        sys.stdout.write(json.dumps({"figures": [figure.as_json() for figure in found]}, indent=2) + "\n")
    else:
        show(found, "Risk engine on one thread")
    return 0


if __name__ == "__main__":
    sys.exit(main())
