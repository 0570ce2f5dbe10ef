"""What share of a whole each of some names gets."""

from collections.abc import Mapping, Sequence

from app.allocation.history import kept
from app.allocation.optimised import optimised
from app.allocation.scores import volatility
from app.domain.market import Market
from app.domain.policy import Weighting
from app.domain.totals import total_of


def shares(
    weighting: Weighting,
    market: Market,
    conids: Sequence[int],
    scores: Mapping[int, float],
    most: Mapping[int, float],
) -> dict[int, float] | None:
    """By conid, 1 in all; even where nothing tells the names apart, None where an optimiser finds nothing.

    `inverse_volatility` is of 63 daily returns, and a name without them counts as the wildest of the others; `score` is
    in proportion to `scores`, above zero, and a name without one counts as the last of the others. An optimiser gives
    none more than its `most`, where they leave room for the whole.
    """
    if not conids:
        return {}
    match weighting:
        case Weighting.EQUAL:
            return _even(conids)
        case Weighting.INVERSE_VOLATILITY:
            spreads = kept(market, volatility, conids, volatility)
            # A price that never moves is no calm name but one that is not traded.
            return _in_proportion(conids, {conid: 1 / spread for conid, spread in spreads.items() if spread > 0})
        case Weighting.SCORE:
            return _in_proportion(conids, {conid: scores[conid] for conid in conids if conid in scores})
        case Weighting.MIN_VARIANCE | Weighting.RISK_PARITY | Weighting.HRP:
            found = optimised(weighting, market, conids, most)
            return None if found is None else _in_proportion(conids, found)
        case _:
            raise ValueError(f"{weighting} is no weighting of single names")


def _even(conids: Sequence[int]) -> dict[int, float]:
    return dict.fromkeys(conids, 1 / len(conids))


def _in_proportion(conids: Sequence[int], known: Mapping[int, float]) -> dict[int, float]:
    """Names that are not known get as much as the least of those that are."""
    if not known:
        return _even(conids)
    least = min(known.values())
    parts = {conid: known.get(conid, least) for conid in conids}
    whole = total_of(parts.values())
    return {conid: part / whole for conid, part in parts.items()}
