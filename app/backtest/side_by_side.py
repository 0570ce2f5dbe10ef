"""Policies led in two processes where there are two cores: each comes to what it comes to alone, to the bit."""

import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from multiprocessing.connection import Connection

from app.backtest.assumptions import Assumptions
from app.backtest.history import History
from app.backtest.reader import Reader
from app.backtest.replay import Replayed, graded, replay
from app.broker.paper.book import PaperBook
from app.domain.policy import Policy

Tell = Callable[[int, int], None]
Ways = tuple[Replayed, ...]
WORTH_IT = 4_000
# Sessions between two words of the other process, and seconds between two looks for one.
_EVERY, _PATIENCE = 20, 0.2


def replay_side_by_side(
    policies: Sequence[Policy],
    history: History,
    book: PaperBook,
    assumptions: Assumptions,
    first: date,
    last: date,
    *,
    keep_metrics: bool = False,
    tell: Tell | None = None,
    least: int = WORTH_IT,
) -> Ways:
    """As `replay`; half of the policies in a copy of this process, where the system can make one.

    `least`: days of all policies below which a copy costs more than it saves.
    """
    reader = Reader(history, assumptions.carried)

    def lead(some: Sequence[Policy], told: Tell | None) -> Ways:
        return replay(
            some, history, book, assumptions, first, last, keep_metrics=keep_metrics, tell=told, reader=reader
        )

    days, half = len(graded(history, first, last)), -(-len(policies) // 2)
    if days * len(policies) < least or len(policies) < 2 or not _is_worth_a_copy():
        return lead(policies, tell)
    theirs = policies[half:]
    ours, found = _together(lambda told: lead(policies[:half], told), lambda told: lead(theirs, told), history, tell)
    # A copy that was ended from outside costs time and nothing else.
    return (*ours, *(found if found is not None else lead(theirs, tell)))


def _is_worth_a_copy() -> bool:
    """There is a second core, and a way to make one without starting the program anew."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


def _together(
    ours: Callable[[Tell], Ways], theirs: Callable[[Tell], Ways], history: History, tell: Tell | None
) -> tuple[Ways, Ways | None]:
    """What is told is what both have done. Raises: what either raises."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    copy = context.Process(target=_in_the_copy, args=(sending, theirs), daemon=True)
    with warnings.catch_warnings():
        # The copy computes and touches no lock that another thread could hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        copy.start()
    sending.close()
    other = _Other(receiving, tell)
    try:
        found = ours(other.tell)
        answer = other.answer()
    finally:
        copy.terminate()
        copy.join()
        receiving.close()
    if isinstance(answer, BaseException):
        raise answer
    return found, None if answer is None else tuple(replace(one, history=history) for one in answer)


class _Other:
    """The other process as it is heard."""

    def __init__(self, receiving: Connection, tell: Tell | None) -> None:
        self._receiving = receiving
        self._tell = tell
        self._ours, self._theirs, self._total = 0, 0, 0
        self._answer: Ways | BaseException | None = None
        self._ended = False

    def tell(self, done: int, total: int) -> None:
        """What this process has done."""
        self._ours, self._total = done, total
        if done % _EVERY == 0:
            self._hear(0)
        self._say()

    def answer(self) -> Ways | BaseException | None:
        """Waits for it; None where the process ended without one."""
        while not self._ended:
            self._hear(_PATIENCE)
            self._say()
        return self._answer

    def _hear(self, patience: float) -> None:
        while not self._ended and self._receiving.poll(patience):
            try:
                told = self._receiving.recv()
            except EOFError:
                self._ended = True
                return
            if isinstance(told, int):
                self._theirs, patience = told, 0
            else:
                self._answer, self._ended = told, True

    def _say(self) -> None:
        if self._tell is not None and self._total:
            self._tell(self._ours if self._ended else min(self._ours, max(self._theirs, 1)), self._total)


def _in_the_copy(sending: Connection, work: Callable[[Tell], Ways]) -> None:
    # Whoever interrupts the program interrupts it there.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def told(done: int, total: int) -> None:
        if done % _EVERY == 0:
            sending.send(done)

    try:
        # The history is there already.
        sending.send(tuple(replace(one, history=None) for one in work(told)))  # type: ignore[arg-type]
    except Exception as error:  # noqa: BLE001 - it is raised where the work was asked for
        sending.send(error)
