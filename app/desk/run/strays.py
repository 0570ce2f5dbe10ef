"""Which orders the broker holds under our name and the ledger does not have so, and whose day each belonged to.

A client order id is a hash of book, session, slot, contract, side and leg: computed for all that could have been, it
says which run of which day sent the order.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from app.desk.records import IntentRecord, RunKey
from app.desk.recovery import Decision, Gap, Shown, Stray
from app.desk.run.exit_by_hand import MANUAL_EXITS_A_DAY
from app.desk.stages.reconcile import filled_of, our_ids
from app.domain.order import BrokerOrder, OrderReport, OrderState, Side, Trade, client_order_id
from app.domain.slots import DAILY_SLOT, exit_slot

# The broker tells executions of seven days at most, and no plan has more legs.
DAYS_BACK = 14
MOST_LEGS = 20
_BOTH = (Decision.ADOPT, Decision.ABANDON)


def shown_by(report: OrderReport, today: date, days: Mapping[str, date]) -> tuple[Shown, ...]:
    """What the broker has under our name, by client order id; `days`: of its executions, by execution id."""
    return tuple(_shown(coid, report, today, days) for coid in sorted(our_ids(report.orders, report.trades)))


def strays(
    shown: Sequence[Shown],
    intents: Mapping[str, IntentRecord],
    symbols: Mapping[int, str],
    slots: Collection[str],
    key: RunKey,
) -> tuple[Stray, ...]:
    """`slots`: those that runs of the book can have had, beside exits by hand; `key`: of today's run of the account."""
    found = (_stray(each, intents.get(each.coid), symbols, slots, key) for each in shown)
    return tuple(stray for stray in found if stray is not None)


def _shown(coid: str, report: OrderReport, today: date, days: Mapping[str, date]) -> Shown:
    orders = [order for order in report.orders if order.coid == coid]
    trades = [trade for trade in report.trades if trade.coid == coid]
    order = orders[0] if orders else None
    filled, price = filled_of(order, trades)
    one: BrokerOrder | Trade = order or trades[0]
    return Shown(
        coid=coid,
        order_id=one.order_id,
        conid=one.conid,
        side=one.side,
        quantity=order.quantity if order else filled,
        filled_quantity=filled,
        average_price=price,
        limit_price=order.limit_price if order else None,
        state=order.state if order else OrderState.FILLED,
        status=order.status if order else None,
        session_date=max((days[trade.execution_id] for trade in trades), default=today),
        symbol=order.symbol if order else None,
        currency=one.currency,
        orders=len({each.order_id for each in orders} | {each.order_id for each in trades}),
    )


def _stray(
    shown: Shown, intent: IntentRecord | None, symbols: Mapping[int, str], slots: Collection[str], key: RunKey
) -> Stray | None:
    gap, may, why = _judged(shown, intent)
    if gap is None:
        return None
    symbol = shown.symbol or symbols.get(shown.conid) or (intent.symbol if intent else str(shown.conid))
    origin = _origin(shown, symbol, slots, key)
    session, slot, leg = origin or (shown.session_date, DAILY_SLOT, 1)
    if intent is None and origin is None and gap is Gap.UNKNOWN:
        may = may[::-1]
        why = "its id follows from no session, slot and leg of this account: another installation may have sent it"
    day = RunKey(key.book, key.account, session, slot)
    return Stray(shown, gap, symbol, day, leg, origin is not None, intent, may, why)


def _judged(shown: Shown, intent: IntentRecord | None) -> tuple[Gap | None, tuple[Decision, ...], str]:
    """(what is missing, what can be decided, why); None where the ledger has it as the broker does."""
    if intent is not None and intent.is_abandoned:
        return None, (), ""
    never_sent = intent is None or intent.sends == 0
    contradiction = _contradiction(shown, intent)
    if contradiction is not None:
        return Gap.CONTRADICTS, (Decision.ABANDON,) if never_sent else (), contradiction
    if intent is None:
        return Gap.UNKNOWN, _BOTH, "the ledger does not know it"
    if never_sent:
        return Gap.NEVER_SENT, _BOTH, f"the ledger has it as {intent.state} of run {intent.run_id}, never sent"
    more = shown.filled_quantity > intent.filled_quantity
    if not intent.state.is_final:
        same = not more and state_of(shown, intent) is intent.state
        return None if same else Gap.BEHIND, (Decision.ADOPT,), f"the ledger has it as {intent.state}"
    if more or not state_of(shown, intent).is_final:
        return Gap.CONTRADICTS, (Decision.ADOPT,), f"the ledger has it as {intent.state}, for good"
    return None, (), ""


def state_of(shown: Shown, intent: IntentRecord | None) -> OrderState:
    """Executions alone tell what has filled of a known order, not that no more will."""
    known = intent is not None and shown.status is None and shown.filled_quantity < intent.quantity
    return OrderState.PARTIAL if known else shown.state


def _contradiction(shown: Shown, intent: IntentRecord | None) -> str | None:
    if shown.orders > 1:
        return f"the broker holds {shown.orders} orders under this id"
    if shown.average_price is None and shown.limit_price is None:
        return "the broker tells no price of it"
    if intent is None:
        return None
    fits = shown.quantity <= intent.quantity if intent.sends == 0 else shown.quantity == intent.quantity
    # Of executions alone some may be too old to be told.
    fits = fits or (shown.status is None and shown.quantity <= intent.quantity)
    if (shown.conid, shown.side) == (intent.conid, intent.side) and fits:
        return None
    return f"the ledger has {intent.side} {intent.quantity:f} of {intent.conid} under this id"


def _origin(shown: Shown, symbol: str, slots: Iterable[str], key: RunKey) -> tuple[date, str, int] | None:
    """(session, slot, leg) of which the id is made."""
    exits = (exit_slot(symbol, number) for number in range(1, MANUAL_EXITS_A_DAY + 1))
    candidates = [*slots, *exits]
    for day, slot, leg in _possible(key.session_date, candidates):
        if client_order_id(key.book, day, slot, shown.conid, Side(shown.side), leg) == shown.coid:
            return day, slot, leg
    return None


def _possible(today: date, slots: Sequence[str]) -> Iterator[tuple[date, str, int]]:
    for back in range(DAYS_BACK + 1):
        for slot in slots:
            for leg in range(1, MOST_LEGS + 1):
                yield today - timedelta(days=back), slot, leg


def price_of(shown: Shown) -> Decimal:
    """Its limit, else what it filled at; a stray that can be adopted has one."""
    price = shown.limit_price or shown.average_price
    if price is None:
        raise ValueError(f"the broker tells no price of {shown.coid}")
    return price
