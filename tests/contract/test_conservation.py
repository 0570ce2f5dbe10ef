"""Whatever is done in whatever order, executions add up to positions and cash, to the cent."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.order import OrderReport, Outcome, Side
from app.domain.portfolio import Portfolio
from tests.contract.conftest import OpenVenue
from tests.contract.venue import CENT, Venue

Step = tuple[str, str, Side, int]
Kind = Literal["send", "rest", "cancel", "elsewhere", "wait", "night", "deposit", "dividend"]
KINDS: tuple[Kind, ...] = ("send", "send", "rest", "cancel", "elsewhere", "wait", "night", "deposit", "dividend")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(KINDS), st.sampled_from(("AAPL", "KO", "AMD")), st.sampled_from(Side), st.integers(1, 3000)
    ),
    min_size=4,
    max_size=14,
)
# Executions are listed for seven sessions, and there is no way to trade outside one.
STEPS = STEPS.filter(lambda steps: sum(step[0] == "night" for step in steps) < 7)


# Each example opens the account anew.
@settings(settings.get_profile("brief"), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, account_type=st.sampled_from(("margin", "cash")))
async def test_executions_add_up_to_positions_and_cash(
    open_venue: OpenVenue, steps: Sequence[Step], account_type: str
) -> None:
    venue = await open_venue(account_type=account_type)
    before, paid = await venue.portfolio(), Decimal(0)
    for step in steps:
        paid += await _taken(venue, step)
        now = await venue.portfolio()
        assert now.broker_net_liquidation is not None
        assert abs(now.nav - now.broker_net_liquidation) <= CENT
        assert all(position.quantity > 0 for position in now.positions)
        assert now.cash[0].settled_cash <= now.cash[0].cash
        assert account_type == "margin" or now.cash[0].cash >= 0
    _adds_up(before, await venue.portfolio(), await venue.broker.report(venue.account), paid)


async def _taken(venue: Venue, step: Step) -> Decimal:
    """What the step paid into the account that no execution explains."""
    kind, symbol, side, quantity = step
    if kind in {"send", "rest"}:
        away = "0.02" if kind == "rest" else "0"
        placed = await venue.send(symbol, side, quantity, await venue.price(symbol, side, away))
        assert placed.outcome in {Outcome.ACCEPTED, Outcome.REFUSED, Outcome.REJECTED}
    elif kind == "cancel":
        for order in (await venue.portfolio()).orders:
            expected = "requested" if order.is_open and order.is_ours else "refused"
            assert await venue.broker.cancel(venue.account, order.order_id) == expected
    elif kind == "wait":
        await venue.exchange.move(advance_seconds=quantity // 2)
    elif kind == "night":
        await venue.exchange.move(next_session=True)
    else:
        return await _from_outside(venue, kind, symbol, quantity)
    return Decimal(0)


async def _from_outside(venue: Venue, kind: str, symbol: str, quantity: int) -> Decimal:
    if kind == "deposit":
        await venue.deposit(Decimal(quantity))
        return Decimal(quantity)
    if kind == "dividend":
        held = (await venue.portfolio()).held(venue.conid(symbol))
        await venue.pay_dividend(symbol, Decimal("0.25"))
        return held * Decimal("0.25")
    # The owner, too, can only sell what is held and not being sold.
    free = await _free(venue, symbol)
    if free:
        await venue.trade_elsewhere(symbol, Side.SELL, min(quantity, free))
    return Decimal(0)


async def _free(venue: Venue, symbol: str) -> int:
    portfolio = await venue.portfolio()
    sales = (o for o in portfolio.orders if o.is_open and o.side is Side.SELL and o.conid == venue.conid(symbol))
    return int(portfolio.held(venue.conid(symbol)) - sum(order.quantity - order.filled_quantity for order in sales))


def _adds_up(before: Portfolio, after: Portfolio, report: OrderReport, paid: Decimal) -> None:
    flows = (-trade.side.sign * trade.quantity * trade.price - (trade.commission or 0) for trade in report.trades)
    assert after.total_cash - before.total_cash == sum(flows, paid)
    conids = {p.instrument.conid for p in (*before.positions, *after.positions)} | {t.conid for t in report.trades}
    for conid in conids:
        traded = sum((t.side.sign * t.quantity for t in report.trades if t.conid == conid), Decimal(0))
        assert after.held(conid) - before.held(conid) == traded
    for order in report.orders:
        executed = sum((t.quantity for t in report.trades if t.order_id == order.order_id), Decimal(0))
        assert executed == order.filled_quantity <= order.quantity
    assert len({trade.execution_id for trade in report.trades}) == len(report.trades)
