"""`synthetic:MARKET[:SEED[:NAMES]]`, as a person writes it."""

from app.backtest.history import History
from app.backtest.synthetic.draw import draw
from app.backtest.synthetic.markets import MARKETS
from app.backtest.synthetic.names import NAMES
from app.backtest.synthetic.resample import resample
from app.domain.errors import UsageError
from app.domain.spelling import nearest

NAME, RESAMPLED = "synthetic", "resampled"
FORM = f"{NAME}:MARKET[:SEED[:{'|'.join(NAMES)}]]"


def synthetic(name: str) -> History:
    """The history with that whole name; seed 0 and stocks where it tells none. Raises: UsageError."""
    _, market, seed, names, *more = (*name.split(":"), "", "", "")[: max(4, name.count(":") + 1)]
    if market not in {*MARKETS, RESAMPLED}:
        near = nearest(market, (*MARKETS, RESAMPLED))
        hint = f"Did you mean {near}?" if near else f"They are {', '.join((*MARKETS, RESAMPLED))}"
        raise UsageError(f"there is no synthetic market {market[:60] or 'without a name'}", hint)
    if more or not (seed or "0").isdecimal() or (names or "stocks") not in NAMES:
        raise UsageError(f"{name[:60]} is no synthetic history", f"Write it as {FORM}, like {NAME}:{market}:7")
    if market == RESAMPLED:
        if (names or "stocks") != "stocks":
            raise UsageError("the sample that is resampled has no funds", f"Write {NAME}:{RESAMPLED}:{seed or 0}")
        return resample(int(seed or 0), name)
    return draw(market, int(seed or 0), NAMES[names or "stocks"])
