"""The first four lines of a report: what was done, what it cost, what the account is now, what needs a person."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from app.desk.records import RunStatus
from app.desk.report.after import OPEN, AfterPart
from app.desk.report.order import OrderPart
from app.desk.report.part import Part
from app.domain.order import OrderState, Side
from app.domain.ruling import KillLevel

if TYPE_CHECKING:
    from app.desk.report.schema import Report

ZERO = Decimal(0)
NAMES_SHOWN = 4
NOTHING = "Nothing."
# Of a run that had no say over orders, and why; the note says the rest.
_APART = {
    RunStatus.SKIPPED: "Nothing was to be done",
    RunStatus.MISSED: "Nothing was done, it was too late",
    RunStatus.NOT_READY: "Nothing was done, the broker's session was not ready",
    RunStatus.RECONCILED: "Nothing new was sent, earlier orders were looked up",
    RunStatus.REJECTED: "Nothing by choice was sent, a person said no",
    RunStatus.FAILED: "The run failed",
    RunStatus.HALTED: "Trading is halted",
}


class SummaryPart(Part):
    """Sentences for people, made of the report's own numbers; null in reports of earlier versions."""

    done: str
    cost: str
    now: str
    needs: str


def summary_part(report: "Report") -> SummaryPart:
    """`report` complete but for this."""
    return SummaryPart(
        done=_done(report),
        cost=_cost(report),
        now=_now(report),
        needs=" ".join(_needs(report)) or NOTHING,
    )


def _done(report: "Report") -> str:
    note = f": {report.note}" if report.note else ""
    apart = _APART.get(report.status)
    said = [] if apart is None else [_sentence(apart + note)]
    filled = [order for order in report.orders if order.filled_quantity > 0]
    sent = _listed(filled, "sold", "bought", filled=True)
    action = _action(report)
    if report.status is RunStatus.DRY_RUN:
        would = " and ".join(_listed(report.orders, "sell", "buy", filled=False))
        said.append(f"Nothing was sent, this was a preview: {action} would {would}." if would else _quiet(report))
    elif sent:
        said.append(f"{action}: {'; '.join(sent)}.")
    elif apart is None:
        said.append(_quiet(report))
    if report.status is RunStatus.AWAITING_APPROVAL:
        waiting = [order for order in report.orders if order.state == OrderState.PLANNED]
        said.append(f"Not sent yet: {' and '.join(_listed(waiting, 'sell', 'buy', filled=False))}.")
    return " ".join([*said, *_unfilled(report)])


def _action(report: "Report") -> str:
    return (report.decision.shown_as or report.decision.action) if report.decision else "By hand"


def _quiet(report: "Report") -> str:
    if report.decision is None:
        return "Nothing was bought or sold."
    return f"Nothing was bought or sold, {_action(report)}: {_sentence(report.decision.rationale)}"


def _listed(orders: Sequence[OrderPart], sell: str, buy: str, *, filled: bool) -> list[str]:
    """Sales and purchases, each with its first names."""
    found = []
    for side, verb in ((Side.SELL, sell), (Side.BUY, buy)):
        own = [order for order in orders if order.side == side]
        words = [_worded(order, filled=filled) for order in own[:NAMES_SHOWN]]
        more = f" and {len(own) - NAMES_SHOWN} more" if len(own) > NAMES_SHOWN else ""
        found += [f"{verb} {', '.join(words)}{more}"] if own else []
    return found


def _worded(order: OrderPart, *, filled: bool) -> str:
    if not filled or order.filled_quantity == order.quantity:
        return f"{_shares(order.quantity)} {order.symbol}"
    return f"{_shares(order.filled_quantity)} of {_shares(order.quantity)} {order.symbol}"


def _shares(quantity: Decimal) -> str:
    return f"{quantity.normalize():,f}"


def _unfilled(report: "Report") -> Iterator[str]:
    """Orders that came to nothing or to less, and are over."""
    ended = {OrderState.CANCELLED, OrderState.REJECTED, OrderState.NOT_SENT, "REFUSED"}
    rest = [order for order in report.orders if order.state in ended and order.filled_quantity < order.quantity]
    if rest and report.status is not RunStatus.DRY_RUN:
        names = ", ".join(f"{order.side} {order.symbol} ({order.state})" for order in rest[:NAMES_SHOWN])
        yield f"Not filled, or not wholly: {names}."


def _cost(report: "Report") -> str:
    after = report.after
    if not any(order.filled_quantity > 0 for order in report.orders):
        return "Nothing: no order was filled."
    if after is None:
        return "Unknown: the fills cannot be valued in the account's currency."
    fees = "unknown commissions" if after.commissions is None else f"about {after.commissions:,.2f} in commissions"
    worse = after.slippage
    prices = f"fills {abs(worse):,.2f} {'worse' if worse > 0 else 'better'} than decided on"
    return _sentence(f"{fees[0].upper()}{fees[1:]}, {prices}; {_turnover(report, after)}")


def _turnover(report: "Report", after: AfterPart) -> str:
    traded = after.proceeds + after.purchases
    share = float(traded / report.portfolio.nav) if report.portfolio else 0.0
    words = f"{traded:,.2f} {after.currency} traded, {share:.1%} of the account"
    limit = report.policy.max_turnover
    if limit is None or share <= limit:
        return words
    return f"{words} (the limit of {limit:.0%} does not bind exits)"


def _now(report: "Report") -> str:
    after = report.after
    if after is None:
        return "Not known: the account was not read." if report.portfolio is None else "As it was read, see below."
    count = len(after.positions)
    held = "no positions" if count == 0 else "1 position" if count == 1 else f"{count} positions"
    level = "" if report.level.level == KillLevel.ACTIVE else f" The level is {report.level.level}."
    doubt = "" if after.settled else " But for orders of which the outcome is open."
    cash = f"{after.cash:,.2f} in cash ({1 - after.invested:.1%})"
    return f"{after.nav:,.2f} {after.currency}: {cash}, {held}.{doubt}{level}"


def _needs(report: "Report") -> Iterator[str]:
    """The most urgent first, each with what to do."""
    if report.status is RunStatus.AWAITING_APPROVAL:
        waiting = sum(order.state == OrderState.PLANNED for order in report.orders)
        orders = "1 order waits" if waiting == 1 else f"{waiting} orders wait"
        yield f"{orders} for you: `portfolio approve {report.run_id}`, or `reject` with a --reason."
    if open_orders := [order for order in report.orders if order.state in OPEN]:
        yield f"It is open what became of {_names(open_orders)}: `portfolio reconcile`."
    yield from _stopped(report)
    if asked := [order for order in report.orders if any(not one.answered for one in order.questions)]:
        yield f"The broker asked about {_names(asked)}: `portfolio questions` says what it means."
    yield from _of_account(report)


def _stopped(report: "Report") -> Iterator[str]:
    if report.status is RunStatus.FAILED:
        yield "Read why it failed, mend it, and run again: the day is free."
    elif report.status is RunStatus.NOT_READY:
        yield "Log in at the broker's gateway; `portfolio doctor` says where."
    elif report.level.level == KillLevel.HALTED or report.status is RunStatus.HALTED:
        yield "Nothing is sent until you have looked: `portfolio level`, then `portfolio resume --reason`."
    elif report.level.level != KillLevel.ACTIVE:
        yield "Only exits are sent: `portfolio level` says what holds it, and what would lift it."


def _of_account(report: "Report") -> Iterator[str]:
    seen = report.continuity
    if seen is not None and seen.unexplained_flow != 0:
        yield f"{seen.unexplained_flow:,.2f} came or went unexplained: `portfolio flow add` tells what it was."
    if seen is not None and seen.quarantine:
        names = ", ".join(one.symbol for one in seen.quarantine)
        yield f"No order goes out in {names} until you have looked: `portfolio release SYMBOL`."
    blocked = report.market.untradable if report.market else {}
    due = [one.symbol for one in report.evaluation.exits_due if one.symbol in blocked] if report.evaluation else []
    if due:
        yield f"An exit is due and cannot be ordered: {', '.join(due)}."
    if report.market and (waiting := [one.symbol for one in report.market.unsettled if one.buys_wait]):
        yield f"The sector of {', '.join(waiting)} is unknown, and purchases wait for it: see below."


def _names(orders: Iterable[OrderPart]) -> str:
    return ", ".join(f"{order.side} {_shares(order.quantity)} {order.symbol}" for order in orders)


def _sentence(words: str) -> str:
    return words if words.endswith((".", "!", "?")) else f"{words}."
