"""A broker in the process itself, for what trades on paper: the same port, the same answers, and no way to a market.

What it fills at comes from a market-data port and nowhere else; it never invents a price, a fill or a rate of exchange.
"""

from app.broker.paper.book import CommissionPlan, PaperBook
from app.broker.paper.broker import PaperBroker
from app.broker.paper.opening import opened

__all__ = ["CommissionPlan", "PaperBook", "PaperBroker", "opened"]
