"""Under HALTED nothing runs but what a person confirmed, and own open buys are cancelled; sells lower the risk."""

from app.desk.desk import Desk
from app.desk.records import Event, RunStatus
from app.desk.run.end import End
from app.desk.run.notify import tell
from app.desk.stages.reconcile import our_ids, without_abandoned
from app.desk.states import Run
from app.domain.policy import Occasion
from app.domain.ruling import KillLevel


async def stop_if_halted(desk: Desk, run: Run) -> End | None:
    """Why the run goes no further; None where trading is not halted. A preview cancels nothing."""
    control = await desk.in_thread(desk.ledger.level, run.key.book)
    if control.level is not KillLevel.HALTED:
        return None
    with run.journal.listening():
        cancelled = 0 if run.key.dry_run else await cancel_open_buys(desk, run)
    tail = f"; {cancelled} open buys were asked to be cancelled" if cancelled else ""
    return End(run, RunStatus.HALTED, f"trading is halted by {control.actor}: {control.reason}{tail}")


async def cancel_open_buys(desk: Desk, run: Run) -> int:
    """Ask the broker to cancel this system's open buys. How many were asked for."""
    portfolio = await desk.broker.portfolio(run.key.account)
    buys = [order for order in portfolio.orders if order.is_ours and order.is_open and order.side.sign > 0]
    if buys:
        known = await desk.in_thread(desk.ledger.find_intents, run.key.book, our_ids(buys))
        buys = [order for order in without_abandoned(buys, known) if order.is_ours]
    for order in buys:
        outcome = await desk.broker.cancel(run.key.account, order.order_id)
        run.journal.add(Event("cancel_requested", {"order_id": order.order_id, "coid": order.coid, "outcome": outcome}))
        if outcome.startswith("unknown: "):
            text = f"{order.side} {order.quantity:f} {order.symbol} is not cancelled: {outcome}. Cancel it by hand."
            await tell(desk, run.key, Occasion.ORDER_UNCERTAIN, text, order.order_id, "the broker asked about a cancel")
    return len(buys)
