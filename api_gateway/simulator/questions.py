"""Questions the order system asks before it accepts an order, and the thresholds that provoke them.

Thresholds are the simulator's own (the real ones are an account's presets); ids and text fragments are the gateway's.
Texts contain line breaks, as the real ones do.
"""

from dataclasses import dataclass
from decimal import Decimal

from api_gateway.simulator.orders import OrderRequest

PRICE_SHARE_LIMIT = Decimal("0.03")
SIZE_LIMIT = 10_000
VALUE_LIMIT = Decimal(100_000)


@dataclass(frozen=True)
class Question:
    message_id: str
    text: str


def questions_for(request: OrderRequest, market_price: Decimal, has_market_data: bool) -> tuple[Question, ...]:
    """In the order they are asked; each is asked on its own."""
    symbol, limit = request.contract.symbol, request.limit_price
    price = limit if limit is not None else market_price
    asked: list[Question] = []
    if limit is not None and abs(limit - market_price) > PRICE_SHARE_LIMIT * market_price:
        text = (
            f"price exceeds the Percentage constraint of 3%.\nAre you sure you want to submit this order for {symbol}?"
        )
        asked.append(Question("o163", text))
    if not has_market_data:
        text = (
            "You are submitting an order without market data. We strongly recommend against this as it may result in\n"
            "erroneous and unexpected trades. Are you sure you want to submit this order?"
        )
        asked.append(Question("o354", text))
    if request.quantity > SIZE_LIMIT:
        text = f"{symbol} order size exceeds the Size Limit of {SIZE_LIMIT:,}.\nAre you sure you want to submit it?"
        asked.append(Question("o383", text))
    if request.quantity * price > VALUE_LIMIT:
        text = f"{symbol} order value exceeds the Total Value Limit of {VALUE_LIMIT:,} USD.\nAre you sure?"
        asked.append(Question("o451", text))
    return tuple(asked)
