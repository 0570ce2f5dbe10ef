"""What a sweep says of its best in words, the same on a terminal and on a page."""

from collections.abc import Iterator, Mapping

from app.backtest.report.words import STATISTICS, estimate, percent
from app.backtest.result import Estimate
from app.backtest.sweep.candidates import told
from app.backtest.sweep.judge import Swept
from app.explain.difference import changes

FORWARD_HEADS = ("tried from", "until", "chosen", "promised", "came", "going over")
_BESIDE = ("cagr", "max_drawdown")


def figure(name: str, value: float | None) -> str:
    """A statistic as a person reads it."""
    return STATISTICS[name][1](value)


def in_sample(swept: Swept) -> str:
    """The mark that stands on every output."""
    return f"in sample until {swept.dates[-1]}: the best was chosen by the days that it is shown for"


def best_lines(swept: Swept) -> Iterator[str]:
    """What it changes, what it is worth, and how much of that may be luck."""
    base, best = swept.base, swept.rows[0]
    for one in changes(base.candidate.policy, best.candidate.policy):
        yield f"{one.field}: {one.first} → {one.second}"
    yield _estimated(swept.objective.value, swept.best.statistics)
    if best is base:
        yield f"none of the {swept.trials - 1} others is better than the policy as it is"
    else:
        yield from _less_base(swept, swept.best.less_base)
    if swept.deflated_sharpe is not None:
        yield f"probability of a Sharpe ratio above luck's among {swept.trials}: {percent(swept.deflated_sharpe, 0)}"
    if swept.overfitting is not None:
        yield (
            "probability that the best of one half of the days is no better than the middle in the other: "
            f"{percent(swept.overfitting, 0)}"
        )


def forward_rows(swept: Swept) -> Iterator[tuple[str, ...]]:
    """A row of `FORWARD_HEADS` for each window."""
    name = swept.objective.value
    for one in swept.forward.choices if swept.forward is not None else ():
        yield (
            str(swept.dates[one.window.middle]),
            str(swept.dates[one.window.end - 1]),
            told(swept.tried[one.chosen].candidate.point),
            figure(name, one.in_sample),
            figure(name, one.out_of_sample),
            percent(one.switch, 2),
        )


def forward_lines(swept: Swept) -> Iterator[str]:
    """What was promised and what came, on the days that were tried."""
    if swept.forward is None or swept.forward_compared is None:
        return
    name = swept.objective.value
    yield f"promised on average {figure(name, swept.forward.in_sample)}, came to:"
    yield _estimated(name, swept.forward_compared.statistics)
    yield from _less_base(swept, swept.forward_compared.less_base)


def _estimated(name: str, found: Mapping[str, Estimate]) -> str:
    words, tell = STATISTICS[name]
    lacks = "" if found[name].low is not None else ", too few days for an interval"
    return f"{words} {estimate(found[name], tell)}{lacks}"


def _less_base(swept: Swept, less: Mapping[str, Estimate]) -> Iterator[str]:
    for name in dict.fromkeys((swept.objective.value, *_BESIDE)):
        yield f"against the policy as it is: {_estimated(name, less)}"
