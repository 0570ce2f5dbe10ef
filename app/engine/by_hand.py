"""The plan of a person who asks to leave one name: all that can be sold of it, whatever the rules would do."""

from app.domain.instrument import Instrument
from app.domain.market import Market
from app.domain.order import Order, OrderRule, Side
from app.domain.plan import Action, Choice, Plan
from app.domain.portfolio import Portfolio
from app.domain.sizing import sellable


def leave(portfolio: Portfolio, market: Market, instrument: Instrument, actor: str) -> tuple[Choice, Plan]:
    """Raises: MissingQuote, and KeyError for a name that has no quote at all."""
    order = Order(
        instrument=instrument,
        side=Side.SELL,
        quantity=sellable(portfolio, instrument.conid),
        reference_price=market.quotes[instrument.conid].price,
        reason=f"manual_exit: asked for by {actor}",
        exit=True,
        mandatory=True,
        rules=(OrderRule.MANUAL_EXIT,),
    )
    plan = Plan(Action.HOLD, (order,), f"{actor} asked to leave {instrument.symbol}")
    return Choice(plan.id, plan.reason, chosen_by=f"person:{actor}"), plan
