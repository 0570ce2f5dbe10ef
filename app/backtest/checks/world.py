"""A seeded history of a policy's names, for what the asked data cannot bear to be tried on. Its prices are nobody's."""

import numpy as np

from app.backtest.history import Adjustment, History
from app.backtest.replay import WARM_UP
from app.domain.instrument import Instrument
from app.domain.policy import Policy
from app.market.calendar import ExchangeCalendar
from app.market.sectors import sector_of

_FIRST_CONID, _FIRST_SESSION, _NAMES = 1000, 7000, 12


def made_world(policy: Policy, days: int, seed: int, currency: str = "USD") -> History:
    """Complete prices of some names and an index, `days` of them after the warm-up."""
    names = [one for one in policy.universe.symbols if one not in policy.universe.restricted][:_NAMES]
    count = WARM_UP + days
    moves = np.random.default_rng([seed, count]).normal(0.0003, 0.015, (count, len(names)))
    return History(
        name="made",
        source="check",
        adjustment=Adjustment.TOTAL,
        instruments=tuple(
            Instrument(_FIRST_CONID + n, name, currency, sector=sector_of(name)) for n, name in enumerate(names)
        ),
        dates=tuple(ExchangeCalendar().sessions()[_FIRST_SESSION : _FIRST_SESSION + count]),
        closes=np.round(50 * np.exp(np.cumsum(moves, axis=0)), 2),
        index=1000 * np.exp(np.cumsum(moves.mean(axis=1))),
    )
