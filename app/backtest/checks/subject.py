"""What the checks try: a backtest's own inputs, and the parts of the program that they are led through."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from app.backtest.assumptions import Assumptions
from app.backtest.checks.oracle import equal_weight_led
from app.backtest.checks.significance import significant
from app.backtest.history import History
from app.backtest.model_guard import mark_of_model
from app.backtest.reader import Reader
from app.backtest.replay import Replayed, graded, replay
from app.backtest.statistics.figures import Way, figures
from app.broker.paper.book import PaperBook
from app.domain.kept import kept_property
from app.domain.market import Array
from app.domain.policy import Policy
from app.record.capture import Inputs
from app.record.replay import decide_again

# Sessions of a probe: enough for the starting book to be traded.
PROBE = 80
Ways = tuple[Replayed, ...]


@dataclass(frozen=True)
class Parts:
    """What is on trial. A test puts a broken one in its place, and the check must say so."""

    lead: Callable[..., Ways] = replay
    reader: Callable[[History, int], Reader] = Reader
    make_history: Callable[..., History] = History
    figures: Callable[[Way], Mapping[str, float | None]] = figures
    significant: Callable[[Array, Array, int], bool] = significant
    decide_again: Callable[[Inputs], Mapping[str, Any]] = decide_again
    equal_weight_led: Callable[[Policy, Reader, range, int], Array] = equal_weight_led
    mark_of_model: Callable[[date, date, bool], str | None] = mark_of_model


@dataclass(frozen=True)
class Subject:
    """A backtest as it was asked for. `worlds`: without an edge, in which something is looked for."""

    policies: tuple[Policy, ...]
    history: History = field(repr=False)
    book: PaperBook = field(repr=False)
    assumptions: Assumptions
    first: date
    last: date
    seed: int = 0
    worlds: int = 1000
    parts: Parts = Parts()

    @property
    def rows(self) -> range:
        """Of all graded days."""
        return graded(self.history, self.first, self.last)

    @property
    def probed(self) -> range:
        """Of the graded days that most checks look at."""
        return self.rows[:PROBE]

    @kept_property
    def way(self) -> Ways:
        """Every policy through the probe."""
        return self.led(self.history, self.probed)

    def reader(self, history: History) -> Reader:
        """Of a history, as the replay would read it."""
        return self.parts.reader(history, self.assumptions.carried)

    def led(self, history: History, rows: range, assumptions: Assumptions | None = None) -> Ways:
        """Every policy through some rows of a history, from the asked book."""
        return self.led_from(self.book, history, rows, assumptions)

    def led_from(self, book: PaperBook, history: History, rows: range, assumptions: Assumptions | None = None) -> Ways:
        """The same from another book."""
        assumed = assumptions or self.assumptions
        return self.parts.lead(
            self.policies, history, book, assumed, history.dates[rows.start], history.dates[rows.stop - 1],
            keep_metrics=True, reader=self.parts.reader(history, assumed.carried),
        )  # fmt: skip

    def of(self, *policies: Policy) -> "Subject":
        """The same of other policies."""
        return replace(self, policies=policies)
