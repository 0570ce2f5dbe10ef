"""Opens a paper account with what another account holds, or with money alone."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from app.broker.paper.book import AccountType, Cash, Close, CommissionPlan, Holding, PaperBook
from app.domain.portfolio import Portfolio


def opened(
    portfolio: Portfolio,
    session_date: date,
    *,
    account: str | None = None,
    account_type: AccountType = "margin",
    closes: Sequence[tuple[date, Decimal]] = (),
    commission: CommissionPlan | None = None,
    participation: Decimal | None = None,
) -> PaperBook:
    """The portfolio's cash and positions, all settled; its orders stay where they are.

    `closes` are earlier closing values, oldest first. Nothing held short can be taken over: that fails validation.
    """
    return PaperBook(
        account=account or portfolio.account,
        currency=portfolio.currency,
        session_date=session_date,
        day=session_date,
        account_type=account_type,
        commission=commission or CommissionPlan(),
        participation=participation,
        cash=tuple(
            Cash(currency=one.currency, amount=one.cash, exchange_rate=one.exchange_rate) for one in portfolio.cash
        ),
        holdings=tuple(
            Holding(instrument=one.instrument, quantity=one.quantity, average_cost=one.average_cost, price=one.price)
            for one in portfolio.positions
        ),
        closes=tuple(Close(session_date=day, nav=nav) for day, nav in closes),
    )
