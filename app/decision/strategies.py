"""CUT_LOSERS and REINFORCE: what single positions call for by their gain or loss on cost."""

from app.decision.situation import DesiredBuy, Situation, buys, sell, shares
from app.domain.order import Order, OrderRule
from app.domain.plan import Action, Plan
from app.domain.portfolio import Position
from app.domain.price_levels import cut_level, gain_bases_of
from app.domain.sizing import ZERO
from app.domain.tolerance import TOLERANCE, by_size


def losers(situation: Situation) -> tuple[tuple[Position, float], ...]:
    """Holdings whose loss calls for a cut, each with its gain."""
    rules = situation.policy.strategies.cut_losers
    if not rules.enabled:
        return ()
    gains = situation.gains
    return tuple(
        (position, gain)
        for position in situation.holdings
        if (gain := gains[position.instrument.conid]) is not None
        and not gain > -rules.trigger_loss + TOLERANCE
        and not gain > -cut_level(situation.policy, situation.market, position.instrument.conid) + TOLERANCE
        and kept_from_cutting(situation, position) is None
    )


def kept_from_cutting(situation: Situation, position: Position) -> str | None:
    """Why a loser is not cut, in words; None where it may be. The stop asks nothing of this."""
    conid, least = position.instrument.conid, situation.policy.strategies.cool_down_sessions
    if conid in situation.spared:
        return "held from before and outside the universe: only exits sell it"
    bought = situation.memory.bought.get(conid, least)
    if bought < least:
        return f"bought {bought} sessions ago, sold at a loss from {least} on"
    cut = situation.memory.cut.get(conid)
    if cut is None or _half_recovered(situation, position, cut):
        return None
    return f"cut {cut} sessions ago, again once half of the loss is made good or more of it was bought"


def _half_recovered(situation: Situation, position: Position, sessions: int) -> bool:
    """Whether the price came back to half of the loss that a cut asks for, on a close of so many sessions."""
    conid = position.instrument.conid
    base = gain_bases_of(situation.portfolio, situation.memory).get(conid)
    series = situation.market.history.get(conid)
    if base is None or series is None or sessions < 2:
        return False
    half = cut_level(situation.policy, situation.market, conid) / 2
    return float(series.closes[-(sessions - 1) :].max()) >= float(base) * (1 - half)


def cut_losers(situation: Situation) -> Plan | None:
    """Sell losers before the stop does; what a mandatory sale takes already is not counted twice."""
    rules = situation.policy.strategies.cut_losers
    orders: list[Order] = []
    losses: list[str] = []
    for position, gain in losers(situation):
        conid = position.instrument.conid
        already = sum(order.quantity for order in situation.mandatory if order.instrument.conid == conid)
        more = shares(rules.sell, position.quantity) - already
        level = -cut_level(situation.policy, situation.market, conid)
        text = f"{position.instrument.symbol} {gain:.1%} against {level:.1%}"
        cut = sell(situation, position, more, (OrderRule.CUT_LOSERS,), f"cut_losers: unrealised {text}")
        orders += cut
        losses += [text] if cut else []
    if not orders:
        return None
    return Plan(Action.CUT_LOSERS, (*situation.mandatory, *orders), f"Losers to cut: {', '.join(losses)}")


def winners(situation: Situation) -> tuple[tuple[Position, float], ...]:
    """Holdings that may be added to, each with its gain, the strongest first."""
    rules = situation.policy.strategies.reinforce_winners
    may_buy = (
        rules.enabled
        and situation.buying
        and situation.allows(rules.require_trend)
        and situation.evaluation.risk_may_rise
    )
    if not may_buy:
        return ()
    gains = situation.gains
    found = (
        (position, gain)
        for position in situation.without_exit
        if (gain := gains[position.instrument.conid]) is not None
        and gain >= rules.trigger_gain - TOLERANCE
        and kept_from_growing(situation, position) is None
    )
    return tuple(sorted(found, key=lambda pair: (-by_size(pair[1]), pair[0].instrument.symbol)))


def reinforce(situation: Situation) -> Plan | None:
    """Add to winners, the strongest first, within their target and its band."""
    rules = situation.policy.strategies.reinforce_winners
    desired: list[DesiredBuy] = []
    told: dict[int, str] = {}
    for position, gain in winners(situation):
        text = f"unrealised {gain:.1%} against {rules.trigger_gain:.1%}"
        value = rules.add * float(situation.portfolio.value(position))
        ceiling = _target(situation, position) + situation.policy.allocation.drift_threshold
        desired.append(DesiredBuy(position.instrument, value, ceiling, OrderRule.REINFORCE, f"reinforce: {text}"))
        told[position.instrument.conid] = text
    orders = buys(situation, situation.mandatory, desired) if desired else ()
    if not orders:
        return None
    names = ", ".join(f"{o.instrument.symbol} {told[o.instrument.conid]}" for o in orders)
    return Plan(Action.REINFORCE, (*situation.mandatory, *orders), f"Winners to add to: {names}")


def kept_from_growing(situation: Situation, position: Position) -> str | None:
    """Why a winner is not added to, in words; None where it may be."""
    rules = situation.policy.strategies.reinforce_winners
    conid = position.instrument.conid
    earlier, sold = situation.memory.reinforced.get(conid, ()), situation.memory.sold.get(conid)
    if len(earlier) >= rules.max_times:
        return f"added to {len(earlier)} times, at most {rules.max_times}"
    recent = min(earlier, default=rules.min_sessions_between)
    if recent < rules.min_sessions_between:
        return f"added to {recent} sessions ago, at least {rules.min_sessions_between} apart"
    # Not while a sale of the same name is as recent as a reinforcement would have to be, or as any purchase.
    apart = max(rules.min_sessions_between, situation.policy.strategies.min_holding_sessions)
    if sold is not None and sold < apart:
        return f"sold from {sold} sessions ago, at least {apart} apart"
    if situation.tilts.get(conid, ZERO) < 0:
        return "a rotation that is in force moved out of it"
    mood = situation.market.sentiment.get(conid)
    if rules.min_sentiment is not None and not (mood is not None and mood >= rules.min_sentiment):
        return f"its sentiment is {'unknown' if mood is None else f'{mood:.2f}'}, at least {rules.min_sentiment:.2f}"
    return None


def _target(situation: Situation, position: Position) -> float:
    """The name's share of the attainable targets; its weight where the policy sets none for it."""
    instrument, drifts = position.instrument, situation.evaluation.drifts
    own = next((d for d in drifts if d.kind == "name" and d.name == instrument.symbol), None)
    if own is not None:
        return own.attainable
    sector = situation.sector(instrument)
    shared = next((d for d in drifts if d.kind == "sector" and d.name == sector), None)
    if shared is None:
        return situation.weight(instrument)
    return shared.attainable / situation.held_in[sector]
