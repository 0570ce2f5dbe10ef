"""What the universe, the orders' rules, approval and notifications come to on a report's day, in words."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.instrument import UNKNOWN_SECTOR, AssetClass
from app.domain.market import QuoteKind
from app.domain.order_size import largest_order, smallest_order
from app.domain.policy import Policy
from app.domain.slots import slots
from app.explain.day import Day, Words, listed

EXCHANGE_ZONE = ZoneInfo("America/New_York")
Row = Mapping[str, Any]


def _run(day: Day, _: str) -> str:
    own = day.report["policy"]
    under = "this very policy" if day.same else "another policy or version"
    return f"the newest run was made under {own['name']} version {own['version']}: {under}"


def _currency(day: Day, _: str) -> str:
    others = sorted(day.report["portfolio"]["fx_rates"])
    return f"the account's is {day.currency}; other currencies: {listed(others) or 'none'}"


def _invested(day: Day, _: str) -> str:
    exposure, volatility = (day.metric(name)["value"] for name in ("exposure", "annual_volatility"))
    wild = "unknown" if volatility is None else f"{volatility:.1%}"
    return f"{exposure:.1%} is invested, at a volatility of {wild}"


def _classes(day: Day, _: str) -> str:
    found = [row for row in day.report["evaluation"]["drift"] if row["kind"] == "asset_class"]
    return listed([f"{row['name']} {row['weight']:.1%}" for row in found]) or "held by class: not measured"


def _sectors(day: Day, _: str) -> str:
    admitted = day.policy.universe.sectors
    outside = [row["symbol"] for row in day.positions if admitted and row["sector"] not in admitted]
    return f"held and outside: {listed(outside) or 'none'}" if admitted else "every sector is admitted"


def _held(day: Day, among: Sequence[str], *, inside: bool) -> list[str]:
    return [row["symbol"] for row in day.positions if (row["symbol"] in among) is inside]


def _symbols(day: Day, _: str) -> str:
    others = _held(day, day.policy.universe.symbols, inside=False)
    count = len(day.policy.universe.symbols)
    return f"{count} names; held and not among them: {listed(others) or 'none'}"


def _restricted(day: Day, _: str) -> str:
    return f"held and frozen: {listed(_held(day, day.policy.universe.restricted, inside=True)) or 'none'}"


def _funds(day: Day, _: str) -> str:
    return f"held: {listed(_held(day, day.policy.universe.diversified_funds, inside=True)) or 'none'}"


def _least(name: str, least: Callable[[Policy], float]) -> Words:
    def words(day: Day, _: str) -> str:
        values = {row["symbol"]: row.get(name) for row in day.market["quotes"]}
        low = [symbol for symbol, value in values.items() if value is not None and float(value) < least(day.policy)]
        unknown = [symbol for symbol, value in values.items() if value is None]
        if least(day.policy) <= 0:
            return "no name is too small"
        return f"not bought, too small: {listed(low) or 'none'}; not bought, unknown: {listed(unknown) or 'none'}"

    return words


def _wild(day: Day, _: str) -> str:
    known: Mapping[str, float | None] = day.market.get("volatility_30d", {})
    most = day.policy.universe.max_volatility_30d
    wild = [f"{symbol} ({value:.0%})" for symbol, value in known.items() if value is not None and value > most]
    return f"too wild to be bought: {listed(wild) or 'none'}"


def _of_nav(value: Callable[[Policy], float]) -> Words:
    return lambda day, _: f"{value(day.policy) / day.nav:.2%} of net asset value"


def _smallest(day: Day, _: str) -> str:
    least = smallest_order(day.policy.execution, Decimal(str(day.nav)))
    return f"the smallest order is {least:,.0f} {day.currency}, {float(least) / day.nav:.2%} of net asset value"


def _largest(day: Day, _: str) -> str:
    """Of each name where its volume has a say: the tightest of them."""
    rules, nav = day.policy.execution, Decimal(str(day.nav))
    sizes = {row["symbol"]: largest_order(rules, nav, _traded(row)) for row in day.market["quotes"]}
    symbol = min(sizes, key=lambda one: sizes[one], default=None)
    most = largest_order(rules, nav) if symbol is None else sizes[symbol]
    if not most.is_finite():
        return "what is traded in a day is not known of any name"
    of = f", of {symbol}" if rules.max_order_volume is not None and symbol else ""
    return f"the largest order is {most:,.0f} {day.currency}, {float(most) / day.nav:.2%} of net asset value{of}"


def _traded(row: Row) -> Decimal | None:
    """Value of a day's average volume at the quote's middle, as far as the report tells; not converted."""
    known = row.get("average_volume") and row["bid"] and row["ask"]
    return Decimal(row["average_volume"]) * (Decimal(row["bid"]) + Decimal(row["ask"])) / 2 if known else None


def _turnover(day: Day, _: str) -> str:
    after = day.chosen["post_trade"] if day.chosen else None
    traded = f"; the plan that was chosen trades {after['turnover']:.1%}" if after else ""
    return f"at most {day.policy.execution.max_turnover * day.nav:,.0f} {day.currency}{traded}"


def _orders(day: Day, _: str) -> str:
    return f"the day had {len(day.report['orders'])}"


def _filled(day: Day, _: str) -> str:
    states = [row["state"] for row in day.report["orders"]]
    texts = [f"{state} {states.count(state)}" for state in sorted(set(states))]
    return f"the day's orders: {listed(texts) or 'none'}"


def _offset(day: Day, _: str) -> str:
    worth = sum(float(row["quantity"]) * float(row["reference_price"]) for row in day.report["orders"])
    most = worth * day.policy.execution.limit_offset
    return f"costs at most {most:,.2f} on the day's orders" if worth else "the day has no order"


def _spreads(day: Day, _: str) -> str:
    width = day.policy.execution.price_collar
    sides = {r["symbol"]: (float(r["bid"]), float(r["ask"])) for r in day.market["quotes"] if r["bid"] and r["ask"]}
    wide = [symbol for symbol, (bid, ask) in sides.items() if ask - bid > width * (ask + bid)]
    return f"quotes too wide to be met inside it: {listed(wide) or 'none'}"


def _jumps(day: Day, _: str) -> str:
    rows = [r for r in day.market["quotes"] if r["bid"] and r["ask"] and r["prior_close"]]
    moves = {r["symbol"]: (float(r["bid"]) + float(r["ask"])) / 2 / float(r["prior_close"]) - 1 for r in rows}
    far = [f"{s} ({m:+.1%})" for s, m in moves.items() if abs(m) > day.policy.execution.max_price_jump]
    return f"moved too far to be bought: {listed(far) or 'none'}"


def _ages(day: Day, _: str) -> str:
    now = datetime.fromisoformat(day.report["as_of"])
    ages = {r["symbol"]: (now - datetime.fromisoformat(r["as_of"])).total_seconds() for r in day.market["quotes"]}
    old = [symbol for symbol, age in ages.items() if age > day.policy.execution.max_quote_age_seconds]
    return f"older when the market was read: {listed(old) or 'none'}; each is read again before its order"


def _delayed(day: Day, _: str) -> str:
    kinds = [row["kind"] for row in day.market["quotes"]]
    return f"{kinds.count(QuoteKind.DELAYED.value)} of {len(kinds)} quotes are delayed"


def _clock(day: Day, _: str) -> str:
    now = datetime.fromisoformat(day.report["as_of"]).astimezone(EXCHANGE_ZONE)
    return f"the newest run read the market at {now:%H:%M}, the exchange's time"


def _slots(day: Day, _: str) -> str:
    return f"the newest run was the {day.report['slot']} run; a caller may ask for {listed(slots(day.policy))}"


def _volume(day: Day, _: str) -> str:
    volumes = {row["symbol"]: row.get("average_volume") for row in day.market["quotes"]}
    buys = [row for row in day.report["orders"] if row["side"] == "BUY" and volumes.get(row["symbol"])]
    shares = {row["symbol"]: float(row["quantity"]) / float(volumes[row["symbol"]] or 1) for row in buys}
    if not shares:
        return "nothing is bought"
    most = max(shares, key=lambda symbol: shares[symbol])
    return f"the largest share that is bought is {shares[most]:.4%}, of {most}"


def _commission(day: Day, _: str) -> str:
    previews: dict[str, Row] = {row["symbol"]: row["what_if"] for row in day.report["orders"] if row["what_if"]}
    known = {s: w for s, w in previews.items() if w["commission"] and w["amount"] and float(w["amount"]) > 0}
    shares = {symbol: float(w["commission"]) / float(w["amount"]) for symbol, w in known.items()}
    if not shares:
        return "no order was previewed"
    most = max(shares, key=lambda symbol: shares[symbol])
    return f"the dearest order costs {shares[most]:.3%} of its value, of {most}"


def _other_cash(day: Day, _: str) -> str:
    rates = day.report["portfolio"]["fx_rates"]
    abroad = [row["symbol"] for row in day.positions if row["currency"] != day.currency]
    return f"cash in {len(rates)} other currencies; held in another one: {listed(abroad) or 'none'}"


def _answers(day: Day, _: str) -> str:
    asked = [(row["symbol"], q) for row in day.report["orders"] for q in row.get("questions", ())]
    left = [f"{symbol} ({', '.join(q['ids']) or 'no id'})" for symbol, q in asked if not q["answered"]]
    return f"the newest run was asked {len(asked)} times; left unanswered: {listed(left) or 'none'}"


def _mode(day: Day, _: str) -> str:
    return f"the newest run's mode was {day.report['mode']}: {day.report['mode_reason']}"


def _scope(day: Day, _: str) -> str:
    orders = day.chosen["orders"] if day.chosen else ()
    due = sum(order["mandatory"] for order in orders)
    return f"the plan that was chosen has {due} mandatory orders and {len(orders) - due} others"


def _waiting(day: Day, _: str) -> str:
    waits = day.report["status"] == "awaiting_approval"
    return "the newest run waits for approval" if waits else "nothing waits for approval"


def _review(day: Day, _: str) -> str:
    most = day.policy.approval.review_after_runs
    told = f"after {most} runs that sent orders a person is told to look" if most else "nobody is asked to look"
    return f"{told}; the runs go on"


def _channels(day: Day, _: str) -> str:
    return f"{len(day.policy.notifications.urls)} channels are written to"


def _notifications(day: Day, _: str) -> str:
    return f"the newest run ended as {day.report['status']}; told are {listed(day.policy.notifications.on) or 'none'}"


def _gains(day: Day, _: str) -> str:
    part = day.report.get("tax")
    if not part:
        return "the newest run does not tell"
    total = next(row for row in part["totals"] if row["base"])
    gain = total["realised"]["counted"]
    return f"realised so far in {part['year']}, by {part['lot_method']}: {gain or 'unknown'} {total['currency']}"


def _losses(day: Day, _: str) -> str:
    losing = [symbol for symbol, value in day.returns().items() if value < 0]
    return f"held at a loss: {listed(losing) or 'none'}"


def _unsettled(day: Day, _: str) -> str:
    named = day.policy.universe.sector_of
    unknown = [
        row["symbol"]
        for row in day.positions
        if row["sector"] == UNKNOWN_SECTOR and row.get("asset_class") != AssetClass.ETF and row["symbol"] not in named
    ]
    return f"of no known sector: {listed(unknown)}" if unknown else "every share that is held has a sector"


ORDER_WORDS: Mapping[str, Words] = MappingProxyType(
    {
        "name": _run,
        "version": _run,
        "currency": _currency,
        "investor.risk_tolerance": _invested,
        "investor.horizon_years": _invested,
        "universe.asset_classes": _classes,
        "universe.symbols": _symbols,
        "universe.sectors": _sectors,
        "universe.restricted": _restricted,
        "universe.diversified_funds": _funds,
        "universe.sector_of": _unsettled,
        "universe.min_market_cap": _least("market_cap", lambda p: float(p.universe.min_market_cap)),
        "universe.min_average_volume": _least("average_volume", lambda p: float(p.universe.min_average_volume)),
        "universe.max_volatility_30d_pct": _wild,
        "tax.lot_method": _gains,
        "tax.prefer": _losses,
        "execution.order_type": _orders,
        "execution.limit_offset_pct": _offset,
        "execution.time_in_force": _filled,
        "execution.min_order_value": _of_nav(lambda p: float(p.execution.min_order_value)),
        "execution.min_order_nav_pct": _smallest,
        "execution.max_order_value": _largest,
        "execution.max_order_nav_pct": _largest,
        "execution.max_order_volume_pct": _largest,
        "execution.max_orders_per_day": _orders,
        "execution.max_turnover_pct": _turnover,
        "execution.price_collar_pct": _spreads,
        "execution.max_price_jump_pct": _jumps,
        "execution.max_quote_age_seconds": _ages,
        "execution.allow_delayed_quotes": _delayed,
        "execution.trade_from": _clock,
        "execution.trade_until": _clock,
        "execution.avoid_open_minutes": _clock,
        "execution.avoid_close_minutes": _clock,
        "execution.latest_start": _clock,
        "execution.slots": _slots,
        "execution.max_share_of_volume_pct": _volume,
        "execution.max_commission_pct": _commission,
        "execution.follow_seconds": _filled,
        "execution.fx": _other_cash,
        "execution.answer_questions": _answers,
        "approval.mode": _mode,
        "approval.scope": _scope,
        "approval.expires_minutes": _waiting,
        "approval.price_tolerance_pct": _waiting,
        "approval.review_after_runs": _review,
        "notifications.urls": _channels,
        "notifications.on": _notifications,
    }
)
