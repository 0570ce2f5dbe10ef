"""`python -m app.commands.child MODULE …`: that module as `python -m` runs it, until it ends or its parent has ended.

The parent holds the other end of standard input, writes nothing into it, and lets nobody inherit it: where it ends,
so has the parent, whatever ended that. It starts this in a process group of its own: apart from the terminal's signals,
but in its session, so that its end orphans the group. Imports nothing of the project: what runs here stays a stranger.
"""

import ctypes
import os
import runpy
import select
import signal
import sys
from threading import Thread
from time import sleep
from types import FrameType

# What a server has for the answer to an order on the wire. Nothing is alive ten seconds after its parent.
GRACE_SECONDS = 7.0
LOOK_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """The module's own exit status."""
    parent = os.getppid()
    heartbeat = os.dup(0)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    signal.signal(signal.SIGHUP, _stop)
    signal.signal(signal.SIGQUIT, _stop)
    _wake_when_the_parent_ends()
    Thread(target=_end_with, args=(parent, heartbeat), name="parent", daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_with(parent: int, heartbeat: int) -> None:
    # A process that the parent forked and did not replace may still hold the pipe: the parent's id is looked at, too.
    while os.getppid() == parent and not select.select([heartbeat], [], [], LOOK_SECONDS)[0]:
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    sleep(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def _wake_when_the_parent_ends() -> None:
    """A stopped process notices nothing, so the system continues it; to one that runs SIGCONT does nothing.

    Elsewhere than on Linux the parent's end orphans this process's group, which continues a stopped one just so.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGCONT), 0, 0, 0)


def _stop(number: int, frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    main()
