"""One pure day: from what is known of accounts to what may be done with them, and what the rules would choose.

The desk, the benchmarks, the stress days and the replay all decide with it. Pure: no clock, file, network or
environment.
"""

from app.engine.by_hand import leave
from app.engine.day import DayDecision, Given, decide, decide_all, options
from app.engine.levels import Standing, standing_after

__all__ = ["DayDecision", "Given", "Standing", "decide", "decide_all", "leave", "options", "standing_after"]
