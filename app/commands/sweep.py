"""`portfolio sweep`: one policy with other values in a few fields, over history, and which of them did best."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer
from rich.console import Console

from app.backtest.assumptions import Assumptions, commission_named
from app.backtest.book_files import book_of
from app.backtest.document import data as data_of
from app.backtest.history import History
from app.backtest.judge import NEAR_CASH, names_lacking, require_names
from app.backtest.replay import graded
from app.backtest.sources import history_named
from app.backtest.sweep.candidates import Candidates, candidates, varied
from app.backtest.sweep.judge import Swept, judge
from app.backtest.sweep.plain import plain
from app.backtest.sweep.report import html
from app.backtest.sweep.run import Progress, carry_through, store_of
from app.backtest.sweep.shards import Ground, Shard, shards
from app.backtest.sweep.store import Store
from app.backtest.sweep.walk_forward import Objective, Split, windows
from app.backtest.sweep.workers import Workers, cluster, cores, here, processes
from app.commands.backtest import BookOption, CostsOption, DataOption, FromOption, ReportOption, ToOption
from app.commands.backtest_options import DEFAULT_BOOK, day_of, span
from app.commands.output import JsonOption, StateOption, print_json, settings_of
from app.commands.report_file import require_writable, write_report
from app.commands.speech import tell
from app.commands.sweep_tables import show_sweep
from app.domain.errors import UsageError
from app.settings import policy_values

NAMED = 5


def sweep(
    policy: Annotated[Path, typer.Option("--policy", help="Policy file whose fields are varied.")],
    vary: Annotated[list[str], typer.Option("--vary", help="FIELD=A..B/STEP or FIELD=A,B,C, for each field.")],
    random: Annotated[
        int | None, typer.Option("--random", min=1, help="So many combinations, drawn, instead of all.")
    ] = None,
    walk_forward: Annotated[
        str | None,
        typer.Option("--walk-forward", help="Y,M: choose by Y years, try for the M months after, roll on."),
    ] = None,
    objective: Annotated[
        Objective, typer.Option("--objective", help="What the best is best at, net of costs.")
    ] = Objective.SHARPE,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=512, help="Processes; one for each core if not given.")
    ] = None,
    cluster_url: Annotated[
        str | None, typer.Option("--cluster", help="Scheduler of a Dask cluster, tcp:// or tls://.")
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Allow tcp:// beyond this machine.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what an earlier call began, and refuse to begin.")
    ] = False,
    first: FromOption = None,
    last: ToOption = None,
    data: DataOption = "sample",
    book: BookOption = DEFAULT_BOOK,
    costs: CostsOption = "ibkr",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of what is drawn.")] = 0,
    state: StateOption = None,
    report: ReportOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay a policy with other values in its fields, compare, and say how much of the best is hindsight."""
    if report is not None:
        require_writable(report)
    settings, values = settings_of(state), policy_values(policy)
    directory = settings.state_dir
    fields = [varied(one) for one in vary]
    history = history_named(data, directory)
    begins, ends = span(history, day_of("--from", first), day_of("--to", last))
    rows = graded(history, begins, ends)
    dates, split = history.dates[rows.start : rows.stop], _split(walk_forward)
    if split is not None:
        windows(dates, split)
    found = candidates(values, fields, random, seed)
    assumptions = Assumptions(commission=commission_named(costs))
    for one in found.valid:
        require_names(one.policy, history)
    start = book_of(book, history, rows.start - 1, found.base.policy.currency, settings)
    parts = shards(Ground(history, start, assumptions, begins, ends, seed), found.valid)
    store = store_of(parts, directory)
    work = _workers(workers, cluster_url, insecure, len(parts))
    if resume and not store.count(one.address for one in parts):
        raise UsageError("there is nothing to resume: no part of this sweep is finished", "Leave --resume out")
    _announce(found, parts, len(dates), history, store)
    with _kept_when_stopped(store, parts):
        collected = carry_through(parts, history, store, work, _progress(len(found.valid)))
    swept = judge(found, fields, collected, dates, objective, split, seed)
    words = _assumption_words(swept, history, assumptions)
    if report is not None:
        write_report(report, html(swept, words))
    best = store.keep_policy(swept.rows[0].candidate.values)
    shown_by = f"portfolio backtest --policy {best} --trials {swept.trials} --in-sample-until {swept.dates[-1]}"
    if as_json:
        result = plain(swept)
        result["best"] |= {"file": str(best), "shown_by": shown_by}
        print_json({**result, "assumptions": words, "data": data_of(history, dates), "seed": seed})
    else:
        show_sweep(Console(), swept, words)
        typer.echo(f"\nShow the best: {shown_by}")
    if collected.failures:
        raise typer.Exit(1)


def _split(text: str | None) -> Split | None:
    if text is None:
        return None
    years, comma, months = (part.strip() for part in text.partition(","))
    if not (comma and years.isdecimal() and months.isdecimal() and int(years) and int(months)):
        raise UsageError(f"--walk-forward {text} is not Y,M", "Write years and months, as in 5,12")
    return Split(int(years), int(months))


def _workers(count: int | None, url: str | None, insecure: bool, parts: int) -> Workers:
    if url is not None:
        if count is not None:
            raise UsageError("--workers and --cluster exclude each other", "A cluster has workers of its own")
        return cluster(url, insecure=insecure)
    count = min(count or cores(), parts)
    return here if count == 1 else processes(count)


def _announce(found: Candidates, parts: Sequence[Shard], sessions: int, history: History, store: Store) -> None:
    tell(
        f"{len(found.valid)} policies, the one as it is among them, over {sessions:,} sessions of {history.name}, "
        f"in {len(parts)} shards; kept in {store.directory}"
    )
    if found.repeated:
        tell(f"combinations that say what another one says already: {found.repeated}")
    if found.invalid:
        tell(f"combinations that make no policy: {len(found.invalid)}")
        for one in found.invalid[:NAMED]:
            tell(f"  {one.why.splitlines()[0]}")
        if len(found.invalid) > NAMED:
            tell(f"  and {len(found.invalid) - NAMED} more; --json lists them")


def _progress(policies: int) -> Callable[[Progress], None]:
    """How long it will take is known when the first shard is there."""
    began, before = monotonic(), 0

    def say(progress: Progress) -> None:
        nonlocal before
        if progress.done == progress.reused:
            before = progress.policies
            if progress.reused:
                tell(f"shards that were finished before and are used again: {progress.reused}")
        elif progress.done < progress.shards:
            each = (monotonic() - began) / max(1, progress.policies - before)
            tell(
                f"{progress.policies} of {policies} policies, {_time_left(each * (policies - progress.policies))} left"
            )

    return say


def _time_left(seconds: float) -> str:
    return f"about {seconds / 60:.0f} min" if seconds >= 90 else f"about {seconds:.0f} s"


@contextmanager
def _kept_when_stopped(store: Store, parts: Sequence[Shard]) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        ready = store.count(one.address for one in parts)
        tell(f"stopped: {ready} of {len(parts)} shards are kept in {store.directory}; the same command goes on there")
        raise


def _assumption_words(swept: Swept, history: History, assumptions: Assumptions) -> list[str]:
    words = [*assumptions.words(), *names_lacking(swept.base.candidate.policy, history), *history.notes]
    words += dict.fromkeys(mark for row in swept.rows for mark in row.marks)
    if swept.objective is not Objective.CAGR:
        words.append(f"a policy that varies by less than {NEAR_CASH:.1%} a year is next to cash: no ratio chooses it")
    if swept.split is not None:
        words += [
            "every policy is replayed once over all days: in the months it is tried it has the account that it would "
            "have had by then",
            "going over to another policy costs as much as selling all of the old book and buying all of the new one",
        ]
    return words
