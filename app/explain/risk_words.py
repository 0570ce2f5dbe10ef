"""What limits, exits, targets, strategies and the market's rules come to on a report's day, in words."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from app.decision.conditions import LIMIT_OF
from app.domain.policy import Policy
from app.domain.tolerance import TOLERANCE
from app.explain.day import Day, Words, listed
from app.risk.limits import severity

NO_PROFITS = "profits are never taken"


def _limit(name: str, limit: Callable[[Policy], float], *, floor: bool = False) -> Words:
    def words(day: Day, _: str) -> str:
        metric = day.metric(name)
        if metric["value"] is None:
            return f"{name} is unknown ({metric['note']}): nothing that adds risk is bought"
        level = severity(metric["value"], limit(day.policy), floor)
        note = f", {metric['note']}" if metric["note"] else ""
        return f"{name} is {metric['value']:.1%}: {level}{note}"

    return words


def _gains(limit: Callable[[Policy], float], does: str) -> Words:
    """Names beyond a gain, or the one that is nearest to it."""

    def words(day: Day, _: str) -> str:
        found, threshold = day.returns(), limit(day.policy)
        return _beyond({symbol: gain - threshold for symbol, gain in found.items()}, found, does)

    return words


def _profit(day: Day, value: str) -> str:
    nearest = _gains(lambda policy: policy.exits.take_profit, "a profit to take")
    return nearest(day, value) if day.policy.exits.takes_profit else NO_PROFITS


def _losses(level: Callable[[Policy], tuple[float, float]], does: str) -> Words:
    """Names beyond a loss, or the one that is nearest to it; `level`: (percentage, multiple of volatility)."""

    def words(day: Day, _: str) -> str:
        found, levels = day.returns(), day.loss_levels(*level(day.policy))
        return _beyond({symbol: -gain - levels[symbol] for symbol, gain in found.items()}, found, does)

    return words


def _beyond(over: Mapping[str, float], returns: Mapping[str, float], does: str) -> str:
    if not over:
        return "nothing is held"
    ordered = sorted(over, key=lambda symbol: -over[symbol])
    beyond = [f"{symbol} ({returns[symbol]:+.1%})" for symbol in ordered if over[symbol] >= 0]
    if beyond:
        return f"{does}: {listed(beyond)}"
    nearest = ordered[0]
    return f"nothing is that far; nearest is {nearest} at {returns[nearest]:+.1%}, {-over[nearest]:.1%} away"


def _stop(policy: Policy) -> tuple[float, float]:
    return policy.exits.stop_loss, policy.exits.volatility_multiple


def _cut_at(policy: Policy) -> tuple[float, float]:
    return policy.strategies.cut_losers.trigger_loss, policy.strategies.cut_losers.volatility_multiple


def _widened(level: Callable[[Policy], tuple[float, float]]) -> Words:
    def words(day: Day, _: str) -> str:
        least, multiple = level(day.policy)
        levels = day.loss_levels(least, multiple)
        wider = sorted((symbol for symbol in levels if levels[symbol] > least), key=lambda symbol: -levels[symbol])
        texts = [f"{symbol} from {-levels[symbol]:.1%}" for symbol in wider]
        return f"later than at {-least:.1%}: {listed(texts)}" if texts else f"every holding at {-least:.1%}"

    return words


def _taken_over(day: Day, _: str) -> str:
    found = day.report.get("adoption")
    if not found:
        return "nobody took the account over"
    legacy = listed(found["legacy"]) or "none"
    return f"taken over on {found['session_date']} as {found['mode']}; held outside the universe: {legacy}"


def _pace(day: Day, _: str) -> str:
    found = day.report.get("adoption")
    if not found or not found["working_off"]:
        return "nothing is being worked off"
    most = day.policy.adoption.turnover * day.nav
    return f"{most:,.0f} {day.currency} a day at most"


def _weeks(day: Day, _: str) -> str:
    found = day.report.get("adoption")
    if not found or not found["inherited"]:
        return "nothing over a limit is from before"
    return f"from before and until {found['until']}: {listed([row['name'] for row in found['inherited']])}"


def _resting(day: Day, _: str) -> str:
    least, memory = day.policy.strategies.min_holding_sessions, day.memory
    kept, barred = (
        sorted(symbol for symbol, ago in memory.get(side, {}).items() if ago < least) for side in ("bought", "sold")
    )
    return f"sold by exits alone: {listed(kept) or 'none'}; not bought: {listed(barred) or 'none'}"


def _drawdown_action(day: Day, _: str) -> str:
    drawdown, limit = day.report["evaluation"]["drawdown"], day.policy.risk_limits.max_drawdown
    if drawdown is None:
        return "the drawdown is unknown: nothing is done on its account"
    due = drawdown >= limit - TOLERANCE
    return f"the drawdown is {drawdown:.1%}: {'due' if due else f'not due before {limit:.1%}'}"


def _drawdown_exposure(day: Day, path: str) -> str:
    exposure = day.metric("exposure")["value"]
    return f"{_drawdown_action(day, path)}; {exposure:.1%} is invested"


def _vix(day: Day, path: str) -> str:
    value, row = day.market["vix"], int(path.split(".")[2])
    band = day.policy.market.vix_bands[row]
    if value is None:
        return "the volatility index is unknown: nothing that adds risk is bought"
    inside = value >= band.vix
    return f"the volatility index is {value:.1f}: the band {'holds' if inside else 'is not reached'}"


def _bear(day: Day, _: str) -> str:
    trend = day.market["trend"] or "unknown"
    return f"the trend is {trend}: {'it holds' if trend == 'bear' else 'no effect'}"


def _trend(day: Day, _: str) -> str:
    return f"the trend is {day.report['market']['trend'] or 'unknown'}"


def _taken(day: Day, _: str) -> str:
    exits, taken = day.policy.exits, day.memory.get("profit_levels_taken", {})
    if not exits.takes_profit:
        return NO_PROFITS
    due = [s for s, gain in day.returns().items() if gain >= (taken.get(s, 0) + 1) * exits.take_profit]
    return f"{exits.take_profit_sell:.0%} of {listed(due)} is sold" if due else "no profit is due"


def _added(day: Day, _: str) -> str:
    rules = day.policy.strategies.reinforce_winners
    winners = [s for s, gain in reversed(day.returns().items()) if gain >= rules.trigger_gain]
    worth = {row["symbol"]: row["weight"] * day.nav * rules.add for row in day.positions}
    texts = [f"{symbol} {worth[symbol]:,.0f} {day.currency}" for symbol in winners]
    return f"as far as limits allow: {listed(texts)}" if texts else "no winner to add to"


def _times(day: Day, _: str) -> str:
    most, done = day.policy.strategies.reinforce_winners.max_times, day.memory.get("reinforced", {})
    texts = [f"{symbol} {len(ago)} of {most}" for symbol, ago in sorted(done.items())]
    return f"added to: {listed(texts)}" if texts else "nothing held was added to yet"


def _apart(day: Day, _: str) -> str:
    least, done = day.policy.strategies.reinforce_winners.min_sessions_between, day.memory.get("reinforced", {})
    texts = [f"{symbol} {min(ago)} sessions ago" for symbol, ago in sorted(done.items()) if min(ago) < least]
    return f"too recent: {listed(texts) or 'none'}"


def _sentiment(day: Day, _: str) -> str:
    least, found = day.policy.strategies.reinforce_winners.min_sentiment, day.market.get("sentiment", {})
    held = {row["symbol"]: found.get(row["symbol"]) for row in day.positions}
    known = {symbol: value for symbol, value in held.items() if value is not None}
    heard = f"insufficient news: known of {len(known)} of {len(held)} holdings" if len(known) < len(held) else "known"
    if least is None:
        return f"{heard}; nothing asks for it"
    low = [symbol for symbol, value in known.items() if value < least]
    return f"{heard}; what is unknown or lower is not added to; lower: {listed(low) or 'none'}"


def _move(day: Day, _: str) -> str:
    return f"{day.policy.strategies.sector_rotation.move * day.nav:,.0f} {day.currency} at most"


def _cut(day: Day, _: str) -> str:
    rules, levels = day.policy.strategies.cut_losers, day.loss_levels(*_cut_at(day.policy))
    losers = [symbol for symbol, gain in day.returns().items() if gain <= -levels[symbol]]
    return f"{rules.sell:.0%} of {listed(losers)} would be sold" if losers else "no loser to cut"


def _cooling(day: Day, _: str) -> str:
    rest, sold = day.policy.strategies.cool_down_sessions, day.memory.get("sold_at_loss", {})
    texts = [f"{symbol} for {rest - ago} more sessions" for symbol, ago in sorted(sold.items()) if ago < rest]
    return f"not bought back: {listed(texts) or 'none'}"


def _fund_limit(day: Day, _: str) -> str:
    funds = [row for row in day.positions if row["symbol"] in day.policy.universe.diversified_funds]
    largest = max(funds, key=lambda row: row["weight"], default=None)
    return f"the largest is {largest['symbol']} at {largest['weight']:.1%}" if largest else "no such fund is held"


def _correlation(day: Day, _: str) -> str:
    found = day.metric("correlated_cluster")
    if found["value"] is None:
        return f"correlated_cluster is unknown ({found['note']})"
    threshold = "" if day.same else ", at the threshold of the run's own policy"
    return f"the heaviest group that moves as one is {found['value']:.1%}{threshold}"


def _bands(day: Day, _: str) -> str:
    value = day.market["vix"]
    inside = [cap["limit"] for cap in day.report["evaluation"]["exposure_caps"] if cap["rule"] == "vix"]
    found = f"the volatility index is {value:.1f}" if value is not None else "the volatility index is unknown"
    return f"{found}, and a band held at {inside[0]:.0%}" if inside else f"{found}, and no band held"


def _limits() -> Iterator[tuple[str, Words]]:
    for name, path in LIMIT_OF.items():
        attribute = path.removeprefix("risk_limits.").removesuffix("_pct")

        def limit(policy: Policy, attribute: str = attribute) -> float:
            return float(getattr(policy.risk_limits, attribute))

        yield path, _limit(name, limit, floor=name == "cash_reserve")


WORDS: Mapping[str, Words] = MappingProxyType(
    {
        **dict(_limits()),
        "risk_limits.max_diversified_fund_pct": _fund_limit,
        "risk_limits.correlation": _correlation,
        "exits.stop_loss_pct": _losses(_stop, "sold"),
        "exits.volatility_multiple": _widened(_stop),
        "exits.take_profit_pct": _profit,
        "exits.take_profit_sell_pct": _taken,
        "exits.drawdown_action": _drawdown_action,
        "exits.drawdown_exposure_pct": _drawdown_exposure,
        "strategies.cut_losers.trigger_loss_pct": _losses(_cut_at, "losers to cut"),
        "strategies.cut_losers.volatility_multiple": _widened(_cut_at),
        "strategies.cut_losers.sell_pct": _cut,
        "strategies.reinforce_winners.trigger_gain_pct": _gains(
            lambda p: p.strategies.reinforce_winners.trigger_gain, "winners to add to"
        ),
        "strategies.reinforce_winners.add_pct": _added,
        "strategies.reinforce_winners.max_times": _times,
        "strategies.reinforce_winners.min_sessions_between": _apart,
        "strategies.reinforce_winners.min_sentiment": _sentiment,
        "strategies.sector_rotation.move_pct": _move,
        "strategies.cool_down_sessions": _cooling,
        "strategies.min_holding_sessions": _resting,
        "adoption.mode": _taken_over,
        "adoption.turnover_pct": _pace,
        "adoption.weeks": _weeks,
        "market.vix_bands": _bands,
        "market.vix_bands.vix": _vix,
        "market.vix_bands.max_exposure_pct": _vix,
        "market.vix_hysteresis": _bands,
        "market.bull_threshold_pct": _trend,
        "market.bear_threshold_pct": _trend,
        "market.bear_exposure_pct": _bear,
    }
)
