"""The day's target vector as far as it may be bought: inside what the gate admits of the portfolio's statistics."""

from dataclasses import replace

from app.domain.errors import InsufficientHistory
from app.domain.tolerance import TOLERANCE
from app.risk.arrays import arrays_of, history
from app.risk.bisection import largest_passing
from app.risk.limits import STATISTIC_ROOM, statistic_limits
from app.risk.names import Weights
from app.risk.statistics import Statistics
from app.risk.today import Today
from app.risk.vector import Aim, Vector, vector

# In twice the weights these are twice as large. Of a cluster not all names would have to be fewer.
PROPORTIONAL = ("annual_volatility", "var_95_1d")
STEPS = 100


def bearable_vector(today: Today, aim: Aim) -> Vector:
    """All purchases made smaller together, by hundredths of what may be invested, until the statistics admit them.

    Otherwise the first names bought would use up a limit and the others never get in. Nothing is sold for it.
    """
    whole = vector(aim)
    known = today.limited_statistics
    if isinstance(known, InsufficientHistory):
        return whole
    limits = statistic_limits(today.policy)
    # What is beyond it already must not go farther.
    most = {name: max(STATISTIC_ROOM * limits[name], known[name]) for name in PROPORTIONAL}

    def borne(found: Vector) -> bool:
        values = _statistics(today, aim, found.targets)
        return all(values[name] <= most[name] + TOLERANCE for name in values)

    if borne(whole):
        return whole
    room = min(aim.room, aim.room_to_buy)

    def smaller(step: int) -> Vector:
        return vector(replace(aim, room_to_buy=room * step / STEPS))

    return smaller(largest_passing(STEPS, lambda step: borne(smaller(step))))


def _statistics(today: Today, aim: Aim, targets: Weights) -> dict[str, float]:
    """Of the account at its targets; empty where nothing is to be bought, or a name to be bought has no history."""
    now = {name.conid: weight for name, weight in aim.held}
    moved = {conid: weight for conid, weight in targets.items() if weight != now.get(conid, 0.0)}
    bought = [name for name in aim.names() if moved.get(name.conid, 0.0) > now.get(name.conid, 0.0)]
    if not bought:
        return {}
    arrays = arrays_of(today.policy, today.portfolio, today.market, bought)
    panel = history(today.market, arrays)
    if isinstance(panel, InsufficientHistory):
        return {}
    weights = arrays.weights
    for column, name in enumerate(arrays.instruments):
        weights[column] = moved.get(name.conid, weights[column])
    found = Statistics(weights[None, :], panel)
    return {name: float(getattr(found, name)[0]) for name in PROPORTIONAL}
