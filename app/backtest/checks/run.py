"""All checks of one backtest, in order."""

from collections.abc import Callable, Mapping
from datetime import date

from app.backtest.assumptions import Assumptions
from app.backtest.checks import counted, engines, ladders, models, past, placebo, prices
from app.backtest.checks.subject import Subject
from app.backtest.history import History
from app.backtest.result import Check
from app.broker.paper.book import PaperBook
from app.domain.policy import Policy

CHECKS: Mapping[str, Callable[[Subject], Check]] = {
    "future poison": past.future_poison,
    "truncation": past.truncation,
    "lag ladder": ladders.lag_ladder,
    "cost ladder": ladders.cost_ladder,
    "placebo": placebo.placebo,
    "survivors": prices.survivors,
    "adjustments": prices.adjustments,
    "gaps": prices.gaps,
    "first bar": counted.first_bar,
    "warm-up": counted.warm_up,
    "targets and fills": counted.exposure_from_fills,
    "units": prices.units,
    "undefined stays undefined": counted.undefined,
    "ten-line oracle": engines.ten_lines,
    "second engine": engines.second_engine,
    "live equality": engines.live_equality,
    "model guard": models.model_guard,
}


def run_checks(
    policies: tuple[Policy, ...],
    history: History,
    book: PaperBook,
    assumptions: Assumptions,
    first: date,
    last: date,
    seed: int,
    tell: Callable[[int, int], None] | None = None,
) -> tuple[Check, ...]:
    """`tell` is called with (checks done, of how many) after each. Raises: UsageError."""
    return tried(Subject(policies, history, book, assumptions, first, last, seed), tell)


def tried(subject: Subject, tell: Callable[[int, int], None] | None = None) -> tuple[Check, ...]:
    """Every check, in order; `tell` as in `run_checks`."""
    found = []
    for check in CHECKS.values():
        found.append(check(subject))
        if tell is not None:
            tell(len(found), len(CHECKS))
    return tuple(found)
