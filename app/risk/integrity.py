"""The gate's first class: what makes any order impossible, exits included."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from app.domain.instrument import AssetClass, Instrument
from app.domain.market import Market, Quote, QuoteKind, known
from app.domain.order import Order, Side
from app.domain.policy import Policy
from app.domain.pricing import collar_width
from app.domain.ruling import KillLevel, Refusal
from app.domain.sizing import sellable, whole
from app.domain.universe import blocked
from app.risk.today import Today

EXCHANGE_ZONE = "America/New_York"
NOTHING = Decimal(0)
ONE_SHARE = Decimal(1)
# More shares than any order of a private account: a slip, and beyond what the arithmetic of limits is made for.
MOST_SHARES = Decimal(10**9)


def possible(today: Today, level: KillLevel, orders: Sequence[Order]) -> tuple[tuple[Order, ...], tuple[Refusal, ...]]:
    """(orders that may be judged further, sells first and cut to the holding; refusals)."""
    allowed: list[Order] = []
    refusals: list[Refusal] = []
    closed = _closed(today.policy, today.market) if orders else None
    for order in sorted(orders, key=lambda one: one.side.sign):
        refusal = _impossible(today, level, closed, order) or _conflict(today, order, allowed)
        if refusal is not None:
            refusals.append(refusal)
            continue
        fits, cut = _quantity(today, order, allowed)
        if fits > 0:
            allowed.append(order if fits == order.quantity else replace(order, quantity=fits))
        if cut is not None:
            refusals.append(cut)
    return tuple(allowed), tuple(refusals)


def _refuse(order: Order, rule: str, value: str, limit: str) -> Refusal:
    return Refusal(rule, order.instrument.symbol, value, limit)


Closed = tuple[str, str, str]


def _closed(policy: Policy, market: Market) -> Closed | None:
    """(rule, time, hours) where no order may be sent now."""
    now, session, rules = market.as_of, market.session, policy.execution
    if not session.opens <= now < session.closes:
        rule = "session_open"
        return rule, _clock(now), f"{_clock(session.opens)} to {_clock(session.closes)}"
    opens = session.opens + timedelta(minutes=rules.avoid_open_minutes)
    closes = session.closes - timedelta(minutes=rules.avoid_close_minutes)
    local = now.astimezone(ZoneInfo(EXCHANGE_ZONE)).time()
    if opens <= now < closes and rules.trade_from <= local < rules.trade_until:
        return None
    rule = "trading_hours"
    return rule, _clock(now), f"{_clock(opens)} to {_clock(closes)}, within {rules.trade_from} to {rules.trade_until}"


def _impossible(today: Today, level: KillLevel, closed: Closed | None, order: Order) -> Refusal | None:
    out_of_hours = None if closed is None else _refuse(order, *closed)
    return _stopped(level, order) or _identity(today, order) or out_of_hours or _quote(today, order)


def _stopped(level: KillLevel, order: Order) -> Refusal | None:
    stopped = level is KillLevel.HALTED or (level is KillLevel.REDUCING and order.side is Side.BUY)
    allowed = "nothing is sent" if level is KillLevel.HALTED else "sells only"
    return _refuse(order, "kill_level", level.value, allowed) if stopped else None


def _identity(today: Today, order: Order) -> Refusal | None:
    instrument = order.instrument
    listed = today.market.instruments.get(instrument.conid)
    if listed is None:
        held = today.portfolio.position(instrument.conid)
        listed = held.instrument if held is not None else None
    if listed is None:
        return _refuse(order, "identity", f"conid {instrument.conid}", "a known instrument")
    if _names(listed) != _names(instrument):
        said, found = (" ".join(_names(one)) for one in (instrument, listed))
        return _refuse(order, "identity", f"conid {instrument.conid} as {said}", found)
    if instrument.asset_class is AssetClass.INDEX:
        return _refuse(order, "identity", "an index", "a stock or fund")
    reason = blocked(today.policy, today.market, instrument)
    return _refuse(order, "untradable", reason, "no order today") if reason is not None else None


def _names(instrument: Instrument) -> tuple[str, str, str]:
    return instrument.symbol, instrument.asset_class, instrument.currency


def _clock(moment: datetime) -> str:
    return moment.astimezone(ZoneInfo(EXCHANGE_ZONE)).strftime("%Y-%m-%d %H:%M:%S %Z")


def _quote(today: Today, order: Order) -> Refusal | None:
    quote = today.market.quotes.get(order.instrument.conid)
    if quote is None:
        return _refuse(order, "quote", "none", "a quote")
    if not quote.two_sided:
        return _refuse(order, "two_sided_quote", f"bid {quote.bid}, ask {quote.ask}", "a bid and an ask")
    rules = today.policy.execution
    if not _kind_allowed(today, quote):
        return _refuse(order, "quote_kind", quote.kind.value, "live")
    # A quote from the future is as wrong as an old one.
    age = abs((today.market.as_of - quote.as_of).total_seconds())
    if not age <= rules.max_quote_age_seconds:
        return _refuse(order, "quote_age", f"{age:.0f} s", f"{rules.max_quote_age_seconds} s")
    return _price(today.policy, order, quote)


def _kind_allowed(today: Today, quote: Quote) -> bool:
    """Delayed prices move no real money unless the policy says so."""
    if quote.kind is QuoteKind.LIVE:
        return True
    return quote.kind is QuoteKind.DELAYED and (not today.market.live or today.policy.execution.allow_delayed_quotes)


def _price(policy: Policy, order: Order, quote: Quote) -> Refusal | None:
    """Every price that the order states is near the market: what it costs and brings is reckoned with them."""
    width, mid = collar_width(policy, quote), quote.price
    prices = [order.reference_price] if order.limit_price is None else [order.reference_price, order.limit_price]
    for price in prices:
        if not (known(price) and abs(price - mid) <= width * mid):
            return _refuse(order, "price_collar", f"{price} against mid {mid}", f"{width:.3f} of the mid")
    return None


def _conflict(today: Today, order: Order, allowed: Sequence[Order]) -> Refusal | None:
    conid = order.instrument.conid
    same = [one for one in allowed if one.instrument.conid == conid]
    if any((one.side, one.leg) == (order.side, order.leg) for one in same):
        return _refuse(order, "duplicate", f"{order.side} leg {order.leg} twice", "once")
    if any(one.side is not order.side for one in same):
        return _refuse(order, "one_side_per_session", "buy and sell", "one side in a session")
    ours = [one for one in today.portfolio.orders if one.is_ours and one.conid == conid]
    if any(one.side is not order.side and (one.is_open or one.filled_quantity > 0) for one in ours):
        return _refuse(order, "one_side_per_session", f"{order.side} after the other side", "one side in a session")
    # A sell does not come this far beside an open buy.
    if any(one.is_open and one.side is Side.BUY for one in ours):
        return _refuse(order, "duplicate", "an open buy of the same name", "once")
    return None


def _quantity(today: Today, order: Order, allowed: Sequence[Order]) -> tuple[Decimal, Refusal | None]:
    """(quantity that fits, refusal for what does not): whole lots, a sell no more than held less other sells."""
    conid = order.instrument.conid
    lot = today.market.lot(conid)
    if lot is None:
        step = f"the broker's step is {today.market.lots[conid]}"
        return NOTHING, _refuse(order, "quantity_increment", step, "a whole number of shares")
    most, rule = _in_lots(order, lot), "quantity"
    limit = "whole shares above zero" if lot == 1 else f"lots of {lot} above zero"
    if order.side is Side.SELL and known(order.quantity):
        earlier = sum((one.quantity for one in allowed if one.instrument.conid == conid), NOTHING)
        left = max(NOTHING, sellable(today.portfolio, conid) - earlier)
        if order.quantity >= left:
            # All that is left may go whatever the lot: an odd one cannot be sold in any other way.
            most = left
        if _in_lots(order, ONE_SHARE) > left:
            rule, limit = "held_quantity", f"{left} held and unsold"
    if 0 < most == order.quantity:
        return most, None
    return most, Refusal(rule, order.instrument.symbol, f"{order.quantity}", limit, most)


def _in_lots(order: Order, lot: Decimal) -> Decimal:
    """Nothing of a buy that nobody can have meant; a sell is bounded by the holding in any case."""
    if not known(order.quantity) or (order.side is Side.BUY and order.quantity > MOST_SHARES):
        return NOTHING
    return whole(min(order.quantity, MOST_SHARES), lot)
