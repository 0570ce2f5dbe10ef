"""`portfolio backtest`: what policies would have done, beside what else could have been done."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from app.backtest.assumptions import Assumptions, FillRule, Resume, commission_named
from app.backtest.book_files import book_of
from app.backtest.document import document
from app.backtest.judge import Asked, Tell, backtest
from app.backtest.replay import graded
from app.backtest.result import Backtest, Check
from app.backtest.sources import history_named
from app.commands.backtest_options import DEFAULT_BOOK, day_of, number, policies_of, span
from app.commands.backtest_progress import course
from app.commands.backtest_summary import show_backtest
from app.commands.output import JsonOption, StateOption, print_json, say, settings_of, tell
from app.commands.report_file import require_writable, write_report

INTERRUPTED = 130
Found = TypeVar("Found")
PolicyOption = Annotated[
    list[Path] | None, typer.Option("--policy", help="Policy file, as often as there are; else the configured one.")
]
FromOption = Annotated[str | None, typer.Option("--from", help="First session that is decided, YYYY-MM-DD.")]
ToOption = Annotated[str | None, typer.Option("--to", help="Last session, YYYY-MM-DD.")]
DataOption = Annotated[str, typer.Option("--data", help="History by name: sample, or an imported one.")]
BookOption = Annotated[str, typer.Option("--book", help="Starting account: FILE, cash:AMOUNT, even:AMOUNT, account.")]
FillOption = Annotated[FillRule, typer.Option("--fill", help="Where orders fill.")]
CostsOption = Annotated[str, typer.Option("--costs", help="Commission: ibkr, none, or basis points of an order.")]
SlippageOption = Annotated[str, typer.Option("--slippage", help="Basis points that every price is worse.")]
RateOption = Annotated[str, typer.Option("--cash-rate", help="Interest on cash in percent a year.")]
ResumeOption = Annotated[Resume, typer.Option("--resume", help="When a person lowers a level that was raised.")]
ReportOption = Annotated[Path | None, typer.Option("--report", help="Write the report to this HTML file.")]
TrialsOption = Annotated[int, typer.Option("--trials", min=1, help="Policies that were tried to come to these.")]
InSampleOption = Annotated[
    str | None, typer.Option("--in-sample-until", help="Last day that the choice of the policy looked at, YYYY-MM-DD.")
]


def command(
    policy: PolicyOption = None,
    first: FromOption = None,
    last: ToOption = None,
    data: DataOption = "sample",
    book: BookOption = DEFAULT_BOOK,
    fill: FillOption = FillRule.NEXT_CLOSE,
    lag: Annotated[int, typer.Option("--lag", min=1, help="Sessions from decision to fill.")] = 1,
    costs: CostsOption = "ibkr",
    slippage: SlippageOption = "2",
    cash_rate: RateOption = "0",
    dividends: Annotated[bool, typer.Option("--dividends/--no-dividends", help="Paid in cash where known.")] = True,
    resume: ResumeOption = Resume.AT_ONCE,
    report: ReportOption = None,
    check: Annotated[bool, typer.Option("--check", help="Try the promises of honesty on these very inputs.")] = False,
    by_rule: Annotated[bool, typer.Option("--by-rule", help="What each action and rule earned or cost.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the intervals.")] = 0,
    trials: TrialsOption = 1,
    in_sample_until: InSampleOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """What policies would have done, net of costs, beside buy and hold, equal weight, the index and no guard."""
    settings = settings_of(state)
    if report is not None:
        require_writable(report)
    policies = policies_of(policy or (), settings)
    history = history_named(data, settings.state_dir)
    begins, ends = span(history, day_of("--from", first), day_of("--to", last))
    asked = Asked(
        policies=policies,
        history=history,
        book=book_of(book, history, graded(history, begins, ends).start - 1, policies[0].currency, settings),
        assumptions=Assumptions(
            fill=fill,
            lag=lag,
            commission=commission_named(costs),
            slippage_bps=number("--slippage", slippage, "0", "1000"),
            cash_rate=float(number("--cash-rate", cash_rate, "-20", "50")) / 100,
            dividends=dividends,
            resume=resume,
        ),
        first=begins,
        last=ends,
        seed=seed,
        trials=trials,
        without=by_rule,
        in_sample_until=day_of("--in-sample-until", in_sample_until),
    )
    found = _carried_out(asked, check)
    if report is not None:
        # Only who asks for it pays for its start.
        from app.backtest.report import html

        write_report(report, html(found))
    print_json(document(found)) if as_json else show_backtest(Console(), found)
    if not all(one.passed for one in found.checks):
        raise typer.Exit(1)


def _carried_out(asked: Asked, check: bool) -> Backtest:
    found = _with_progress("sessions", lambda count: backtest(asked, count))
    return replace(found, checks=_checks(asked)) if check else found


def _checks(asked: Asked) -> tuple[Check, ...]:
    # Only who asks for it pays for its start.
    from app.backtest.checks.run import run_checks

    tell("trying the promises of honesty; this takes minutes")
    inputs = asked.policies, asked.history, asked.book, asked.assumptions, asked.first, asked.last, asked.seed
    return _with_progress("checks", lambda count: run_checks(*inputs, count))


def _with_progress(what: str, work: Callable[[Tell], Found]) -> Found:
    """Ends the command where a person interrupts it."""
    with course(what) as progress:
        try:
            return work(progress.count)
        except KeyboardInterrupt:
            say(f"portfolio: interrupted after {progress.done:,} of {progress.total:,} {what}; nothing is kept")
            raise typer.Exit(INTERRUPTED) from None
