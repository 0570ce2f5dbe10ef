"""The limit price of an order about to be sent: marketable, collared, on the exchange's grid, never a guess."""

from decimal import Decimal

from app.domain.instrument import ContractRules
from app.domain.market import Quote, QuoteKind, known
from app.domain.order import Side
from app.domain.policy import Policy
from app.domain.ruling import Refusal


def limit_price(
    policy: Policy, side: Side, quote: Quote, rules: ContractRules, symbol: str | None = None
) -> Decimal | Refusal:
    """BUY at ask x (1 + offset), SELL at bid x (1 - offset), inside the collar; a refusal where no such price exists.

    The collar is `collar_width` around the mid and `max_price_jump` around the prior close. A live two-sided quote
    confirms a jump for a sell, so that the prior close does not hold an exit back.
    """
    name = symbol or f"conid {quote.conid}"
    if not quote.two_sided or quote.bid is None or quote.ask is None:
        return Refusal("two_sided_quote", name, f"bid {quote.bid}, ask {quote.ask}", "a bid and an ask")
    if not known(quote.prior_close) and side is Side.BUY:
        return Refusal("prior_close", name, "unknown", "a prior close to collar a buy")
    offset = _fraction(policy.execution.limit_offset)
    low, high = collar(policy, side, quote)
    if low > high:
        jump = f"mid {quote.price} against prior close {quote.prior_close}"
        return Refusal("price_collar", name, jump, f"{policy.execution.max_price_jump:.3f} of the prior close")
    if side is Side.BUY:
        price = rules.ceiling(min(quote.ask * (1 + offset), high))
        price = price if price <= high else rules.floor(high)
    else:
        price = rules.floor(max(quote.bid * (1 - offset), low))
        price = price if price >= low else rules.ceiling(low)
    if not (price > 0 and low <= price <= high):
        return Refusal("price_collar", name, f"{price}", f"{low:.4f} to {high:.4f} on the price grid")
    return price


def collar_width(policy: Policy, quote: Quote) -> Decimal:
    """How far from the mid an order's price may be, as a fraction; twice `price_collar` around a delayed mid."""
    width = _fraction(policy.execution.price_collar)
    return 2 * width if quote.kind is QuoteKind.DELAYED else width


def _fraction(value: float) -> Decimal:
    return Decimal(str(value))


def collar(policy: Policy, side: Side, quote: Quote) -> tuple[Decimal, Decimal]:
    """(lowest, highest) limit price; they cross where the price has jumped too far for there to be one."""
    width = collar_width(policy, quote)
    low, high = quote.price * (1 - width), quote.price * (1 + width)
    confirmed = side is Side.SELL and quote.kind is QuoteKind.LIVE
    if known(quote.prior_close) and not confirmed:
        jump = _fraction(policy.execution.max_price_jump)
        low, high = max(low, quote.prior_close * (1 - jump)), min(high, quote.prior_close * (1 + jump))
    return low, high
