"""A backtest at a glance: what is left after costs, beside what else could have been done, and how sure that is."""

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from app.backtest.result import Backtest, Benchmark, Estimate, Judged
from app.commands.terminal_parts import percent
from app.risk.metrics import SESSIONS_PER_YEAR

_NAMES = {
    "buy_and_hold": "buy and hold",
    "equal_weight": "equal weight",
    "index": "price index",
    "unguarded": "no guard",
    "same_exposure": "same share",
    "same_targets": "same targets",
}


def show_backtest(console: Console, backtest: Backtest) -> None:
    """For a person."""
    parts: list[RenderableType] = [Text(mark, style="bold yellow") for mark in backtest.marks]
    for judged in backtest.judged:
        parts += _policy(judged, backtest)
    parts += [Text(f"check {one.name}: {'passed' if one.passed else 'FAILED'}: {one.said}") for one in backtest.checks]
    parts.append(_foot(backtest))
    console.print(Group(*parts))


def _policy(judged: Judged, backtest: Backtest) -> Iterator[RenderableType]:
    replayed = judged.replayed
    yield Text(
        f"{replayed.policy.name}, {replayed.dates[0]} to {replayed.dates[-1]}: {replayed.nav[0]:,.0f} became "
        f"{replayed.nav[-1]:,.0f} {replayed.start.currency} after costs",
        style="bold",
    )
    yield Padding(_table(judged), (1, 0, 1, 0))
    for line in _lines(judged, backtest):
        yield Text(line)
    if judged.without:
        yield Padding(_without(judged), (1, 0, 0, 0))
    yield Text("")


def _table(judged: Judged) -> Table:
    # A year that was not lived through is not told.
    whole = len(judged.replayed.dates) >= SESSIONS_PER_YEAR
    title, growth = ("% a year", "cagr") if whole else ("% in all", "total_return")
    table = _columns("", title, "fall", "Sharpe", "policy less it")
    table.add_row(judged.replayed.policy.name, *_row(judged, growth), "")
    for one in judged.benchmarks:
        table.add_row(_name(one.name), *_row(one, growth), _percent(one.differences[growth], sign="+"))
    return table


def _columns(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for number, name in enumerate(names):
        table.add_column(name, justify="right" if number else "left", no_wrap=bool(number), overflow="fold")
    return table


def _name(benchmark: str) -> str:
    return _NAMES.get(benchmark, benchmark)


def _row(one: Judged | Benchmark, growth: str) -> tuple[str, str, str]:
    found = one.statistics
    return _percent(found[growth]), percent(found["max_drawdown"].value), _sharpe(found["sharpe"])


def _lines(judged: Judged, backtest: Backtest) -> Iterator[str]:
    """What the table does not say."""
    found, days = judged.statistics, len(judged.replayed.dates)
    trials = "one policy tried" if backtest.trials == 1 else f"{backtest.trials} policies tried"
    sure = "too few days for intervals" if backtest.block is None else "95 % intervals in brackets, differences paired"
    yield f"{days:,} session{'s' * (days > 1)}, {trials}; {sure}"
    yield from _luck(judged)
    if judged.drawdown is not None:
        back = f"regained {judged.drawdown.recovery}" if judged.drawdown.recovery else "not regained"
        yield (
            f"fell most from {judged.drawdown.peak} to {judged.drawdown.trough}, {back}; "
            f"under water {percent(found['time_under_water'].value, 0)} of days"
        )
    yield from _worst(judged)
    out = found["sessions_below_20pct"].value
    yield (
        f"invested {percent(found['exposure_mean'].value, 0)} on average, under 20% on {out or 0:,.0f} sessions; "
        f"exits only on {percent(found['days_reducing'].value, 0)} of days"
    )
    yield (
        f"turnover {percent(found['turnover'].value, 0)}, costs {percent(found['costs'].value, 2)} a year; "
        f"{len(judged.replayed.done):,} orders; {_wins(found['win_rate'])}"
    )
    yield from _claims(judged)


def _claims(judged: Judged) -> Iterator[str]:
    against = judged.claims.get("drawdown_30_percent_less", {}).get("against")
    if isinstance(against, dict):
        for name, told in against.items():
            less = _percent(told["less"])
            yield f"30% less drawdown than {_name(name)}: {told['verdict']} ({less} % less)"


def _worst(judged: Judged) -> Iterator[str]:
    if not judged.periods:
        return
    number = min(range(len(judged.periods)), key=lambda n: judged.periods[n].total_return)
    own = judged.periods[number]
    hold = judged.benchmark("buy_and_hold")
    beside = f", buy and hold {hold.periods[number].total_return:+.1%}" if hold is not None else ""
    yield f"{own.name}: {own.total_return:+.1%}{beside}"


def _luck(judged: Judged) -> Iterator[str]:
    deflated = judged.statistics.get("deflated_sharpe")
    if deflated is not None and deflated.value is not None:
        yield f"more than luck with a probability of {deflated.value:.0%} (deflated Sharpe ratio)"


def _wins(rate: Estimate) -> str:
    return "no trade was closed" if rate.value is None else f"{rate.value:.0%} of closed trades won"


def _without(judged: Judged) -> Table:
    table = _columns("what it brought", "% a year", "largest fall")
    for name, found in judged.without.items():
        table.add_row(name, _percent(found["cagr"], sign="+"), _percent(found["max_drawdown"], sign="+"))
    return table


def _foot(backtest: Backtest) -> Text:
    notes = [*backtest.history.notes[:1], "assumptions: in the report and in --json"]
    return Text("\n".join(notes), style="dim")


def _percent(one: Estimate, sign: str = "") -> str:
    if one.value is None:
        return "undefined"
    between = "" if one.low is None or one.high is None else f" [{one.low * 100:z.1f}, {one.high * 100:z.1f}]"
    return f"{one.value * 100:{sign}z.1f}{between}"


def _sharpe(one: Estimate) -> str:
    """None without its interval."""
    if one.value is None:
        return "undefined"
    if one.low is None or one.high is None:
        return "too few days"
    return f"{one.value:z.1f} [{one.low:z.1f}, {one.high:z.1f}]"
