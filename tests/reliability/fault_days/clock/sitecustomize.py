"""A machine whose clock can be wrong: processes with FAULT_DAYS_CLOCK are as many seconds ahead as that file says.

Python imports this module at the start of a process that finds its folder on the path. The clock steps while the
process runs, as that of a real machine does. The simulator is another machine, and keeps its own time.
"""

import os
import sys
import threading
import time
from pathlib import Path

import time_machine

_LOOK_SECONDS = 0.05


def _wrong(file: Path) -> None:
    shown = _ahead(file)
    traveller = time_machine.travel(time.time() + shown, tick=True)
    clock = traveller.start()
    # The clock runs from the first look at it.
    time.time()

    def step() -> None:
        nonlocal shown
        while True:
            time.sleep(_LOOK_SECONDS)
            wanted = _ahead(file)
            if wanted != shown:
                clock.shift(wanted - shown)
                shown = wanted

    threading.Thread(target=step, name="clock", daemon=True).start()


def _ahead(file: Path) -> float:
    return float(file.read_text(encoding="ascii"))


if "FAULT_DAYS_CLOCK" in os.environ and "api_gateway.simulator" not in sys.orig_argv:
    _wrong(Path(os.environ["FAULT_DAYS_CLOCK"]))
