"""Questions the order system asks before it accepts an order, and the thresholds that provoke them.

Thresholds are the simulator's own (the real ones are an account's presets); ids and text fragments are the gateway's.
Texts contain line breaks, as the real ones do.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from api_gateway.simulator.orders.order import OrderRequest

PRICE_SHARE_LIMIT = Decimal("0.03")
SIZE_LIMIT = 10_000
VALUE_LIMIT = Decimal(100_000)


@dataclass(frozen=True)
class Question:
    """`more_ids` come with the first one; `without` names keys that its row lacks."""

    message_id: str
    text: str
    more_ids: tuple[str, ...] = ()
    suppressed: bool = False
    without: tuple[str, ...] = ()

    def row(self, reply_id: str) -> dict[str, Any]:
        """As the gateway writes it."""
        whole: dict[str, Any] = {
            "id": reply_id,
            "message": [self.text],
            "isSuppressed": self.suppressed,
            "messageIds": [self.message_id, *self.more_ids],
            "messageOptions": ["Yes", "No"],
        }
        return {key: value for key, value in whole.items() if key not in self.without}


def _about_a_stop(request: OrderRequest, stop: Decimal, market_price: Decimal) -> list[Question]:
    text = "You are about to submit a stop order.\nPlease be aware of the risks of stop orders. Are you sure?"
    asked = [Question("o10331", text)]
    if stop <= market_price if request.side == "BUY" else stop >= market_price:
        text = (
            "The stop price will most likely trigger and fill immediately.\nAre you sure you want to submit this order?"
        )
        asked.append(Question("o403", text))
    return asked


def questions_for(request: OrderRequest, market_price: Decimal, has_market_data: bool) -> tuple[Question, ...]:
    """In the order they are asked; each is asked on its own."""
    symbol, limit, stop = request.contract.symbol, request.limit_price, request.stop_price
    price = next((one for one in (limit, stop) if one is not None), market_price)
    asked: list[Question] = []
    if stop is not None:
        asked += _about_a_stop(request, stop, market_price)
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
