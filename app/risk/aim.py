"""What a day's target vector is made from."""

import math
from collections.abc import Collection, Mapping, Sequence

from app.allocation import scores, shares
from app.domain.instrument import Instrument
from app.domain.market import Market
from app.domain.order_size import smallest_order
from app.domain.policy import Policy, Weighting
from app.domain.resting import resting
from app.domain.sizing import ABOVE_RESERVE, HEADROOM
from app.domain.tilts import tilted_shares
from app.domain.universe import sectors_of
from app.risk.names import Ranking, Sizes, Weights
from app.risk.today import Today
from app.risk.vector import Aim


def aim(
    today: Today, buyable: tuple[Instrument, ...], locked: Collection[int], leaving: Collection[int] = frozenset()
) -> Aim:
    """`buyable` as the universe admits them; by conid `locked`: not to be ordered, `leaving`: given up."""
    policy, arrays = today.policy, today.arrays
    columns = zip(arrays.instruments, arrays.weights.tolist(), arrays.dust.tolist(), strict=True)
    rests = resting(policy, today.memory)
    room = _room(today)
    return Aim(
        policy=policy,
        held=tuple((name, abs(weight)) for name, weight, dust in columns if weight != 0 and not dust),
        buyable=tuple(name for name in buyable if name.conid not in rests) if rests else buyable,
        locked=locked,
        leaving=leaving,
        classes={one.symbol: one.asset_class.value for one in today.market.instruments.values()}
        if policy.allocation.symbols
        else {},
        sectors=sectors_of(policy, today.market)
        | dict(zip((name.conid for name in arrays.instruments), arrays.sector_of, strict=True)),
        room=room,
        room_to_buy=room - arrays.unmanaged,
        tilts=_tilts(today),
        sizes=Sizes(float(smallest_order(policy.execution, today.portfolio.nav)) / arrays.nav, today.share_weight),
        ranking=ranking(policy, today.market),
    )


def _room(today: Today) -> float:
    """The most that may be invested. What only binds buys is no reason to sell."""
    evaluation, reserve = today.before, 1 - today.policy.risk_limits.min_cash_reserve - ABOVE_RESERVE
    sold_for = min(evaluation.exposure_limit - HEADROOM, reserve)
    bought_for = min(evaluation.max_exposure - HEADROOM, reserve)
    return max(0.0, bought_for, min(sold_for, today.arrays.exposure))


def _tilts(today: Today) -> Weights:
    memory = today.memory
    if not memory.rotated and not memory.added:
        return {}
    found = tilted_shares(today.policy, memory, today.gains, today.regime.trend)
    weights = {conid: float(quantity) * today.share_weight(conid) for conid, quantity in found.items()}
    return {conid: weight for conid, weight in weights.items() if math.isfinite(weight)}


def ranking(policy: Policy, market: Market) -> Ranking:
    """As the policy ranks and weights names by their closes."""
    wanted, weighting = policy.allocation.selection.scores, policy.allocation.weighting

    def scored(conids: Sequence[int]) -> Mapping[int, float]:
        return scores(market, conids, wanted) if wanted else {}

    def shared(conids: Sequence[int], most: Weights) -> Weights | None:
        # Without sectors there are no proportions to keep.
        way = Weighting.EQUAL if weighting is Weighting.AS_HELD else weighting
        return shares(way, market, conids, scored(conids), most)

    return Ranking(scored, shared)
