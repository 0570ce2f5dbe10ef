"""The invariants of orders, each checked from what the broker got and what the database holds, past desk and ledger.

What the ledger's own answers say is no evidence here. A violation begins with the invariant's name.

I1  one run a day and slot is done, and every caller hears of that run
I2  one order at the broker for an intent
I3  no order without an intent that was committed as sent
I4  an old claim changes nothing
I5  an unknown outcome is never resent and never guessed
I6  a read that failed is never taken for an empty account: it would show as I7, I8 or I12
I7  nothing is sent that could not be, such as more than is held
I8  what is sent is part of one committed plan
I9  the day's counters hold, orders in flight included
I10 after a halt nothing begins to be sent, and what a person or an alarm set nothing lowers by itself
I11 every change is in a chain that verifies
I12 in the end ledger and broker agree
I13 nothing is sent outside the session
I14 no account id in words, reports or prompts
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from app.desk.ports import Ledger
from app.desk.records import Claim
from app.desk.stages.reconcile import ABSENT_READS, SETTLE_SECONDS
from app.domain.order import BrokerOrder, Ticket
from app.domain.policy import Policy
from tests.reliability.interleaving.parts import Store
from tests.support.broker_model import BrokerModel
from tests.support.world import ACCOUNT, World

CLAIM = "SELECT owner, fence FROM runs WHERE run_id = ?"
SENT = "SELECT conid, side, quantity, limit_price FROM intents WHERE coid = ? AND sends = 1"
GIVEN_UP = "SELECT sent_at, absent_reads, session_date FROM intents WHERE coid = ? AND sends = 1"
EVENTS = "SELECT book, seq, run_id, kind, payload FROM events ORDER BY book, seq"
INTENTS = "SELECT coid, state, filled_quantity, run_id FROM intents WHERE sends = 1"
DONE = "SELECT book, session_date, slot, COUNT(*) FROM runs WHERE status = 'done' GROUP BY 1, 2, 3 HAVING COUNT(*) > 1"
SIZES = "SELECT coid, session_date, quantity FROM intents"
# A state that no order at the broker contradicts.
WITHOUT_ORDER = frozenset({"ABANDONED", "UNKNOWN", "SENDING", "NOT_SENT", "REJECTED", "CANCELLED"})


@dataclass
class Watch:
    """Looks at every write and at every request as they happen; `violations` is what it has seen so far."""

    store: Store
    model: BrokerModel
    now: Callable[[], datetime]
    violations: list[str] = field(default_factory=list)

    def wire(self, ticket: Ticket) -> None:
        """A request is about to leave."""
        self._expect(self.model.posts[ticket.coid] <= 1, f"I5: {ticket.coid} was sent again")
        stored = self.store.rows(SENT, ticket.coid)
        if not stored:
            self.violations.append(f"I3: {ticket.coid} left before its intent was committed as sent")
            return
        conid, side, quantity, limit = stored[0]
        as_sent = (ticket.conid, ticket.side.value, ticket.quantity, ticket.limit_price)
        self._expect(
            as_sent == (conid, side, Decimal(quantity), Decimal(limit)), f"I3: {ticket.coid} left as {as_sent}"
        )
        at = self.model.world.now()
        opens, closes = at.replace(hour=13, minute=30, second=0), at.replace(hour=20, minute=0, second=0)
        self._expect(opens <= at < closes, f"I13: {ticket.coid} was sent at {at:%H:%M} UTC")

    def written(self, name: str, arguments: Sequence[object]) -> None:
        """A call of the ledger has committed."""
        if not arguments or not isinstance(arguments[0], Claim):
            return
        claim = arguments[0]
        current = self.store.rows(CLAIM, claim.run_id)[0]
        self._expect(current == (claim.owner, claim.fence), f"I4: {name} by {claim.owner} under an old claim")
        if name == "settle" and "ABANDONED" in arguments:
            self._given_up(claim, str(arguments[1]))

    def _given_up(self, claim: Claim, coid: str) -> None:
        sent_at, reads, session_date = self.store.rows(GIVEN_UP, coid)[0]
        if session_date < claim.key.session_date.isoformat():
            return
        waited = self.now() - datetime.fromisoformat(sent_at)
        enough = reads >= ABSENT_READS and waited > timedelta(seconds=SETTLE_SECONDS)
        self._expect(enough, f"I5: {coid} was given up after {reads} reads and {waited}")

    def _expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.violations.append(otherwise)


@dataclass(frozen=True)
class End:
    """How a case ended. `heard` holds (slot, run id) of every caller, `words` what was said to people and models."""

    store: Store
    model: BrokerModel
    ledger: Ledger
    policy: Policy
    heard: Sequence[tuple[str, str]]
    words: Sequence[str]
    nav: Decimal = World().nav
    may_halt: bool = False


def violations(end: End) -> list[str]:
    """Everything that can be told at the end; what `Watch` saw comes in addition."""
    return [*standing(end), *([] if end.may_halt else agreement(end))]


def standing(end: End) -> list[str]:
    """What must hold at any moment."""
    told = [Told(book, seq, run, kind, json.loads(text)) for book, seq, run, kind, text in end.store.rows(EVENTS)]
    return [
        *_one_run(end),
        *_one_order(end),
        *_replayed(end, told),
        *_silence(end),
        *(f"I7: {words}" for words in end.model.oversold),
        *([f"I7: cash is {end.model.world.cash:f}"] if end.model.world.cash < 0 else []),
        *(f"I11: {problem}" for problem in end.ledger.verify().problems),
    ]


@dataclass(frozen=True, slots=True)
class Told:
    """One event of the chain."""

    book: str
    seq: int
    run_id: str | None
    kind: str
    payload: Mapping[str, Any]


def _one_run(end: End) -> Iterator[str]:
    for book, day, slot, count in end.store.rows(DONE):
        yield f"I1: {count} runs of {book} {day} {slot} are done"
    runs = defaultdict(set)
    for slot, run_id in end.heard:
        runs[slot].add(run_id)
    yield from (f"I1: callers of {slot} heard of {sorted(ids)}" for slot, ids in runs.items() if len(ids) > 1)


def _one_order(end: End) -> Iterator[str]:
    arrived = Counter(arrival.ticket.coid for arrival in end.model.arrivals)
    yield from (f"I2: {count} orders for {coid}" for coid, count in arrived.items() if count > 1)


def _replayed(end: End, told: Sequence[Told]) -> Iterator[str]:
    yield from _plans(end, told)
    yield from _levels(end, told)
    yield from _statements(end, told)


def _plans(end: End, told: Sequence[Told]) -> Iterator[str]:
    """Planned once, sent as planned, within what a day may use."""
    planned: dict[str, Decimal] = {}
    exits: set[str] = set()
    plans: Counter[str | None] = Counter()
    for event in told:
        if event.kind == "plan_committed":
            plans[event.run_id] += 1
            planned |= {row["coid"]: Decimal(row["quantity"]) for row in event.payload["intents"]}
            exits |= {row["coid"] for row in event.payload["intents"] if row["exit"]}
    yield from (f"I8: run {run} committed {count} plans" for run, count in plans.items() if count > 1)
    sent = {arrival.ticket.coid: arrival.ticket for arrival in end.model.arrivals}
    for coid, ticket in sent.items():
        if ticket.quantity > planned.get(coid, Decimal(0)):
            yield f"I8: {coid} was sent as {ticket.quantity:f}, the plan has {planned.get(coid)}"
    yield from _counters(end, told, exits)


def _counters(end: End, told: Sequence[Told], exits: set[str]) -> Iterator[str]:
    """Replayed from the chain, a day at a time; what an exit takes counts, and an exit is never held up."""
    rules = end.policy.execution
    # Prices stand still here, so that the account is worth what it was, give or take the spread.
    most = Decimal(str(rules.max_turnover)) * end.nav * Decimal("1.01")
    sizes = {coid: (day, Decimal(quantity)) for coid, day, quantity in end.store.rows(SIZES)}
    used: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
    for event in told:
        if event.kind != "intent_moved":
            continue
        coid, to = event.payload["coid"], event.payload["to"]
        day, quantity = sizes[coid]
        if to == "SENDING":
            if coid not in exits and len(used[day]) >= rules.max_orders_per_day:
                yield f"I9: {coid} is order {len(used[day]) + 1} of a day of {rules.max_orders_per_day}"
            used[day][coid] = Decimal(event.payload["value"])
            if coid not in exits and sum(used[day].values()) > most:
                yield f"I9: {coid} brings the day's turnover to {sum(used[day].values()):f}, limit {most:f}"
        elif to in {"REJECTED", "NOT_SENT"}:
            used[day].pop(coid, None)
        elif to == "CANCELLED" and "filled_quantity" in event.payload:
            used[day][coid] *= Decimal(event.payload["filled_quantity"]) / quantity


def _levels(end: End, told: Sequence[Told]) -> Iterator[str]:
    halted, measured = False, False
    for event in told:
        if event.kind in {"level_raised", "level_lowered", "level_set"}:
            if event.kind == "level_lowered" and not measured:
                yield f"I10: lowered by itself, and no metric had raised it: {event.payload['reason']}"
            measured = event.kind == "level_raised" and bool(event.payload.get("causes"))
            halted = event.payload["level"] == "HALTED"
            if halted and event.kind == "level_raised" and not end.may_halt:
                yield f"I3: halted without a cause: {event.payload['reason']}"
        elif halted and _moved(event, "SENDING") and not event.payload.get("by_person"):
            yield f"I10: {event.payload['coid']} began to be sent after a halt"


def _moved(event: Told, to: str) -> bool:
    return event.kind == "intent_moved" and event.payload["to"] == to


def _statements(end: End, told: Sequence[Told]) -> Iterator[str]:
    """Rejected is what the broker said, never what was concluded."""
    for event in told:
        if _moved(event, "REJECTED") and event.payload["coid"] not in end.model.rejected:
            yield f"I5: {event.payload['coid']} is rejected and the broker never said so"


def agreement(end: End) -> Iterator[str]:
    """What must hold once everything has come to rest and was looked at."""
    orders: dict[str, BrokerOrder] = {o.coid: o for o in end.model.orders if o.is_ours and o.coid is not None}
    for coid, state, filled, run_id in end.store.rows(INTENTS):
        order = orders.pop(coid, None)
        if order is None:
            if state not in WITHOUT_ORDER or Decimal(filled) != 0:
                yield f"I12: {coid} of {run_id} is {state} with {filled} filled, and no order is at the broker"
        elif (state, Decimal(filled)) != (order.state.value, order.filled_quantity):
            theirs = f"{order.state} with {order.filled_quantity:f} filled"
            yield f"I12: {coid} of {run_id} is {state} with {filled} filled, at the broker {theirs}"
    yield from (f"I3: order {coid} is at the broker and has no intent" for coid in orders)


def _silence(end: End) -> Iterator[str]:
    yield from (f"I14: the account id is in: {words[:80]}" for words in end.words if ACCOUNT in words)
