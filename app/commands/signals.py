"""What a signal that asks this process to stop does: a command ends in order; a run first gets its answer on record."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn, TypeVar

Result = TypeVar("Result")
Handler = Callable[[int, FrameType | None], None]
STOPPING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Stopped(SystemExit):
    """This process was asked to stop; the status is what a shell makes of that signal."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.name = signal.Signals(number).name


def end_in_order() -> None:
    """From now on each of them ends this process by `Stopped`."""
    _set(_stop)


@contextmanager
def until_stopped() -> Iterator[None]:
    """A block that has nothing left to do when it is stopped: status 0."""
    try:
        yield
    except Stopped:
        raise SystemExit(0) from None


def run_cancellable(work: Coroutine[Any, Any, Result]) -> Result:
    """`asyncio.run`, in which the first signal cancels the work and later ones change nothing, as Ctrl-C does anyway.

    Raises asyncio.CancelledError, after which they still change nothing.
    """
    before = {number: signal.getsignal(number) for number in STOPPING}
    told = False

    async def cancellable() -> Result:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()

        def cancel(number: int, frame: FrameType | None) -> None:
            nonlocal told
            told = True
            _set(_nothing)
            loop.call_soon_threadsafe(task.cancel)  # type: ignore[union-attr]  # there is one: this runs in it

        _set(cancel)
        return await work

    try:
        return asyncio.run(cancellable())
    finally:
        if not told:
            for number, handler in before.items():
                signal.signal(number, handler)


def _set(handler: Handler) -> None:
    """Where one is ignored from the start, as `nohup` ignores SIGHUP, it stays so."""
    for number in STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    # A closed terminal sends more than one, and the next must not cut off what the first began.
    _set(_nothing)
    raise Stopped(number)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Instead of ignoring it: of a signal that is ignored after it has arrived the interpreter prints a trace."""
