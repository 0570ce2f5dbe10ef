"""The report's first four lines: what was done, what it cost, what the account is now, what needs a person.

As numbers, and as the sentences that are made of them here, so that every reader is told the same. A run that left no
report has its summary made of what the ledger holds of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.desk.records import RunStatus
from app.desk.report.after import IN_DOUBT, STILL_OPEN, AfterPart
from app.desk.report.part import Amount, Part
from app.desk.states import EffectiveMode, OrderResult
from app.domain.order import OrderState, Side

NAMES_SHOWN = 6
# Of these nothing else than the note tells what was done.
_NOTED = frozenset(
    {
        RunStatus.HALTED,
        RunStatus.SKIPPED,
        RunStatus.MISSED,
        RunStatus.NOT_READY,
        RunStatus.FAILED,
        RunStatus.REJECTED,
        RunStatus.RECONCILED,
    }
)


class DonePart(Part):
    """Orders by what became of them: one that was partly filled is in `filled` and `partly_filled`.

    `previewed` ones were never to be sent. `waiting` for a person, `in_doubt`: the broker may have it or not.
    `text` is the sentence.
    """

    text: str
    filled: int
    partly_filled: int
    open: int
    in_doubt: int
    waiting: int
    rejected: int
    not_sent: int
    previewed: int


class CostPart(Part):
    """In the account's base currency, null where not known: see `after`. `model` in USD."""

    text: str
    commissions: Amount | None
    price_difference: Amount | None
    model: Amount | None


class NowPart(Part):
    """The account after the run's orders; where the run could not read it, as of `as_of`, by the newest run that did.

    Null where no run ever did. `sure`: nothing is open, in doubt or not known.
    """

    text: str
    currency: str | None
    nav: Amount | None
    cash: Amount | None
    positions: int | None
    as_of: date | None
    sure: bool


class NeedsPart(Part):
    """What only a person can do, each as a sentence; nothing else waits for anybody."""

    text: str
    actions: tuple[str, ...]


class SummaryPart(Part):
    """Four questions answered: what was done with the money, what it cost, what is there now, what needs me?"""

    done: DonePart
    cost: CostPart
    now: NowPart
    needs: NeedsPart


@dataclass(frozen=True, slots=True)
class LastKnown:
    """The account as the newest run left it that read it."""

    session_date: date
    currency: str
    nav: Decimal | None
    cash: Decimal | None
    positions: int


@dataclass(frozen=True, slots=True)
class Told:
    """What a summary is made of; `after` is None where the run read no account, and `last` is told in its place.

    `opening` is what was done beside orders.
    """

    session_date: date
    status: RunStatus
    results: Sequence[OrderResult]
    note: str | None = None
    mode: EffectiveMode | None = None
    opening: str | None = None
    after: AfterPart | None = None
    last: LastKnown | None = None
    model_calls: int = 0
    model_cost: Decimal | None = Decimal(0)
    needs: tuple[str, ...] = ()


def summary_part(told: Told) -> SummaryPart:
    """All four."""
    return SummaryPart(
        done=_done(told), cost=_cost(told), now=_now(told), needs=NeedsPart(text=_needs(told.needs), actions=told.needs)
    )


def _done(told: Told) -> DonePart:
    results = told.results
    found = {
        "filled": [one for one in results if one.filled_quantity > 0],
        "partly_filled": [one for one in results if 0 < one.filled_quantity < one.order.quantity],
        "open": _in(results, *STILL_OPEN),
        "in_doubt": _in(results, *IN_DOUBT),
        "waiting": _in(results, OrderState.PLANNED),
        "rejected": _in(results, OrderState.REJECTED),
        "not_sent": _in(results, OrderState.NOT_SENT, "REFUSED"),
        "previewed": _in(results, "PREVIEWED"),
    }
    counts = {name: len(orders) for name, orders in found.items()}
    return DonePart(text=f"on {told.session_date}: {'; '.join(_done_words(told))}", **counts)


def _in(results: Iterable[OrderResult], *states: str) -> list[OrderResult]:
    return [one for one in results if one.state in states]


def _done_words(told: Told) -> list[str]:
    results = told.results
    filled = [one for one in results if one.filled_quantity > 0]
    left = [one for one in results if one.state == OrderState.CANCELLED and one.filled_quantity < one.order.quantity]
    words = [told.opening] if told.opening else []
    words += _traded(told, filled)
    for orders, what in (
        (_in(results, *STILL_OPEN), "still open at the broker"),
        (_in(results, *IN_DOUBT), "it is unknown whether the broker has"),
        (_in(results, OrderState.REJECTED), "the broker rejected"),
        (left, "cancelled before all was filled"),
        (_in(results, OrderState.NOT_SENT), "not sent"),
        (_in(results, OrderState.PLANNED), "waiting for a person" if _waits(told) else "not sent yet"),
    ):
        if orders:
            words.append(f"{what}: {_listed([_wanted(one) for one in orders])}")
    return [*words, *_previewed(told), *([told.note] if told.note and told.status in _NOTED else [])]


def _waits(told: Told) -> bool:
    return told.status is RunStatus.AWAITING_APPROVAL


def _traded(told: Told, filled: Sequence[OrderResult]) -> list[str]:
    """Sales, then purchases; and that nothing was sent, where nothing was."""
    if not filled:
        ordered = [one for one in told.results if one.state not in {"PREVIEWED", "REFUSED", OrderState.NOT_SENT}]
        sent = [one for one in ordered if one.state != OrderState.PLANNED]
        if told.status is RunStatus.DONE and not told.results and not told.opening:
            return ["nothing was due, and nothing was bought or sold"]
        return ["nothing was bought or sold"] if sent else ["nothing was sent"]
    words = []
    for side, verb in ((Side.SELL, "sold"), (Side.BUY, "bought")):
        own = _by_name(one for one in filled if one.order.side is side)
        worth = (told.after.proceeds if side is Side.SELL else told.after.spent) if told.after else None
        if own:
            total = f" for {_amount(worth)} {told.after.currency}" if told.after and worth is not None else ""
            words.append(f"{verb} {_count(len(own), 'name')}{total}: {_listed([_fill(legs) for legs in own])}")
    return words


def _previewed(told: Told) -> list[str]:
    """What would have been ordered, and why it was not."""
    would = _in(told.results, "PREVIEWED")
    refused = _in(told.results, "REFUSED")
    words = [f"it would have ordered {_listed([_wanted(one) for one in would])}"] if would else []
    if refused:
        words.append(f"it could not have ordered {_listed([_wanted(one) for one in refused])}")
    if told.status is RunStatus.DRY_RUN:
        why = f" ({told.mode.because})" if told.mode else ""
        words.insert(0, f"a preview{why}")
        if not told.results:
            words.append("nothing was due")
    return words


def _by_name(results: Iterable[OrderResult]) -> list[list[OrderResult]]:
    """Large orders of one name go in several legs."""
    found: dict[int, list[OrderResult]] = {}
    for one in results:
        found.setdefault(one.order.instrument.conid, []).append(one)
    return list(found.values())


def _fill(legs: Sequence[OrderResult]) -> str:
    """At the average price, where that of every leg is known."""
    rows = [(one.filled_quantity, one.order.quantity) for one in legs]
    filled, wanted = (sum(found, Decimal(0)) for found in zip(*rows, strict=True))
    paid = [one.filled_quantity * one.average_price for one in legs if one.average_price is not None]
    of = f" of {_shares(wanted)}" if filled < wanted else ""
    at = f" at {_amount(sum(paid, Decimal(0)) / filled)}" if len(paid) == len(legs) else ""
    return f"{_shares(filled)}{of} {legs[0].order.instrument.symbol}{at}"


def _wanted(one: OrderResult) -> str:
    return f"{one.order.side} {_shares(one.order.quantity)} {one.order.instrument.symbol}"


def _cost(told: Told) -> CostPart:
    after, filled = told.after, [one for one in told.results if one.filled_quantity > 0]
    words = _trading_cost(told, bool(filled))
    if told.model_calls:
        price = "of unknown price" if told.model_cost is None else f"for {told.model_cost:f} USD"
        words.append(f"{_count(told.model_calls, 'model call')} {price}")
    nothing = Decimal(0) if not filled else None
    return CostPart(
        text="; ".join(words),
        commissions=after.commissions if after else nothing,
        price_difference=after.price_difference if after else nothing,
        model=told.model_cost,
    )


def _trading_cost(told: Told, filled: bool) -> list[str]:
    after = told.after
    if _in(told.results, *IN_DOUBT) and not filled:
        return ["not known before it is known what became of the orders"]
    if not filled:
        return ["nothing"]
    if after is None:
        return ["not known yet: the run ended before it could be told; the next run reads it"]
    by = {"executions": "as charged", "previews": "by the broker's previews"}.get(after.commissions_from or "", "")
    words = [
        "commissions are not known yet"
        if after.commissions is None
        else f"{_amount(after.commissions)} {after.currency} in commissions, {by}"
    ]
    off = after.price_difference
    if off is not None and off != 0:
        better = "worse" if off > 0 else "better"
        words.append(
            f"filled {_amount(abs(off))} {after.currency} {better} than at the prices the orders were sized with"
        )
    return words


def _now(told: Told) -> NowPart:
    after, last = told.after, told.last
    if after is not None:
        sure = not after.unknown and not after.open_orders
        text = "; ".join([_worth(after.currency, after.nav, after.cash, len(after.positions)), *_doubts(after)])
        return NowPart(
            text=text, currency=after.currency, nav=after.nav, cash=after.cash, positions=len(after.positions),
            as_of=told.session_date, sure=sure,
        )  # fmt: skip
    if last is None:
        return NowPart(
            text="not known: the account was not read",
            currency=None, nav=None, cash=None, positions=None, as_of=None, sure=False,
        )  # fmt: skip
    text = f"not read by this run; on {last.session_date} {_worth(last.currency, last.nav, last.cash, last.positions)}"
    return NowPart(
        text=text, currency=last.currency, nav=last.nav, cash=last.cash, positions=last.positions,
        as_of=last.session_date, sure=False,
    )  # fmt: skip


def _worth(currency: str, nav: Decimal | None, cash: Decimal | None, positions: int) -> str:
    worth = "its worth is not known" if nav is None else f"worth {_amount(nav)} {currency}"
    share = f" ({float(cash / nav):.1%})" if cash is not None and nav else ""
    money = "cash not known" if cash is None else f"{_amount(cash)} of it in cash{share}"
    return f"{worth}, {money}, {_count(positions, 'holding')}"


def _doubts(after: AfterPart) -> list[str]:
    words = []
    if after.open_orders:
        words.append(f"may still change by open orders: {_listed(after.open_orders)}")
    if after.unknown:
        words.append(f"not known: {_listed(after.unknown)}")
    return words


def _needs(actions: Sequence[str]) -> str:
    return "; ".join(actions) or "nothing"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _amount(amount: Decimal | None) -> str:
    return "–" if amount is None else f"{amount:,.2f}"


def _shares(quantity: Decimal) -> str:
    return f"{quantity.normalize():,f}"
