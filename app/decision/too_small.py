"""Whether any buy is possible at all for an account of this size: said where nothing is bought, never decided by."""

from app.decision.situation import Situation
from app.domain.account_size import Listing, can_buy, room
from app.domain.instrument import Instrument
from app.domain.order_size import smallest_order


def no_buy_is_possible(situation: Situation) -> str | None:
    """Why, in words, where even an empty account could buy none of today's names; None where it could."""
    policy, nav, names = situation.policy, situation.evaluation.nav, situation.evaluation.eligible
    listings = {one: listing for one in names if (listing := _listing(situation, one)) is not None}
    if not listings or any(can_buy(policy, nav, one.symbol, listing) for one, listing in listings.items()):
        return None
    most = max(room(policy, nav, one.symbol) for one in listings)
    least, currency = smallest_order(policy.execution, nav), policy.currency
    limit = f"one name may be worth {most:,.0f} of {nav:,.0f} {currency}"
    if most < least:
        why = f"the smallest order is {least:,.0f} (execution.min_order_value), and {limit}"
    else:
        cheapest = min(listings, key=lambda one: listings[one].price)
        price = listings[cheapest].price
        why = (
            f"{limit}, an order is worth {least:,.0f} at least, and no whole number of shares fits between; "
            f"the cheapest is {cheapest.symbol} at {price:,.2f}"
        )
    return f"no buy is possible: {why}; `portfolio policy check --nav {nav:.0f}` says what would work"


def _listing(situation: Situation, instrument: Instrument) -> Listing | None:
    """None without a price, and of a name in whose currency there is no cash: it is another rule's."""
    price, portfolio = situation.reference(instrument), situation.portfolio
    paid_in = {portfolio.currency, *(balance.currency for balance in portfolio.cash)}
    if price is None or instrument.currency not in paid_in:
        return None
    return Listing(price * portfolio.rate(instrument.currency), situation.traded(instrument))
