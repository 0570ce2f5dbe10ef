"""One drill: days with orders, a copy of the ledger at some moment of them, more orders, the copy restored, recovered.

Everything is drawn from the seed. A violation is a sentence; what the ledger says is compared with what the broker got.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

from app.desk.desk import Desk
from app.desk.records import RunStatus
from app.desk.run.attempt import RunResult
from app.desk.run.recover import Wishes, recover, show_recovery
from app.domain.order import BrokerOrder
from app.domain.policy import Mode
from app.domain.ruling import KillLevel
from tests.reliability.restore.house import House
from tests.support.ledgers import Databases
from tests.support.world import ACCOUNT, symbol_of
from tests.unit.ledger.builders import rows

MOST_TRIES = 12
PROBE = Wishes("Ann", "the disk broke", adopt=("all",))


@dataclass
class Outcome:
    """What a seed showed. `lost`: orders of ours that the copy did not have as sent. `moment`: where it was taken."""

    seed: int
    database: str
    moment: str = ""
    orders: int = 0
    lost: int = 0
    adopted: int = 0
    abandoned: int = 0
    halted: int = 0
    deaths: int = 0
    double_orders: list[str] = field(default_factory=list)
    lost_fills: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    @property
    def violations(self) -> list[str]:
        """All of them."""
        return [*self.double_orders, *self.lost_fills, *self.other]

    def as_json(self) -> dict[str, Any]:
        """A line of the suite."""
        return asdict(self)


@dataclass(frozen=True)
class _Told:
    """What the broker still told when the ledger was recovered, and what a person was told then.

    `doubted`: symbols or contract ids that do not follow; None where the copy had no past to follow from.
    """

    coids: frozenset[str] = frozenset()
    doubted: frozenset[str] | None = None


def drill(seed: int, databases: Databases, migrated: str, database: str) -> Outcome:
    """From the first day to the judgement."""
    rng = Random(seed)  # noqa: S311  # a drill must be the same every time
    days_told = 7 if rng.random() < 0.85 else 1
    house = House(rng, databases, databases.copy(migrated), days_told, rng.choice((Mode.AUTO, Mode.AUTO, Mode.APPROVE)))
    outcome = Outcome(seed, database)
    try:
        _first_life(house, rng)
        outcome.moment = house.copied_after
        house.restore()
        _second_life(house, rng, outcome)
    finally:
        house.close()
    return outcome


def _first_life(house: House, rng: Random) -> None:
    """Until the ledger is lost: perhaps in the middle of a run, perhaps overnight."""
    before, after = rng.randint(0, 2), rng.randint(0, 2)
    for _ in range(before):
        house.play_day()
        house.end_day(recorded=rng.random() < 0.8)
    if rng.random() < 0.2:
        house.take_copy("before the day")
    else:
        house.copies_in = rng.randint(1, 70)
    if rng.random() < 0.3 and after == 0:
        house.dies_in = rng.randint(20, 70)
    house.play_day()
    house.take_copy("after the day's runs")
    for _ in range(after):
        house.end_day(recorded=rng.random() < 0.8)
        house.play_day()
    house.later()
    if rng.random() < 0.3:
        house.end_day(recorded=rng.random() < 0.5)


def _second_life(house: House, rng: Random, outcome: Outcome) -> None:
    ours = _ours(house)
    known = _known(house)
    outcome.orders = len(ours)
    outcome.lost = sum(coid not in known for coid in ours)
    past = house.ledger.last_snapshot(house.book) is not None
    _as_if_nothing_had_happened(house, rng, outcome)
    adopts_all = rng.random() < 0.6
    told = _recover(house, rng, outcome, adopts_all, past)
    house.calm = True
    if adopts_all:
        outcome.lost_fills += _lost_fills(house, told)
    house.ledger.set_level(house.book, KillLevel.ACTIVE, "recovered", "Ann", house.world.now())
    _go_on(house, outcome)
    outcome.double_orders += _doubles(house)
    outcome.other += [*house.broker.oversold, *house.ledger.verify().problems]
    if adopts_all:
        outcome.lost_fills += [each for each in _lost_fills(house, told) if each not in outcome.lost_fills]


def _as_if_nothing_had_happened(house: House, rng: Random, outcome: Outcome) -> None:
    """Whoever restored it may not know, and neither does the scheduler."""
    acts = (
        house.run,
        lambda: house.run("extra"),
        house.reconcile,
        lambda: house.answer(rng.random() < 0.7),
    )
    for _ in range(rng.randint(0, 3)):
        result = rng.choice(acts)()
        house.time.advance(400)
        outcome.halted += result is not None and result.status is RunStatus.HALTED


def _recover(house: House, rng: Random, outcome: Outcome, adopts_all: bool, past: bool) -> _Told:
    """Interrupted again and again, until it has come to its end; what a person is told then."""
    level, posts = house.ledger.level(house.book).level, house.broker.posts.total()
    wishes = PROBE
    for number in range(MOST_TRIES):
        house.time.advance(400)
        if not adopts_all:
            wishes = _drawn(house, rng) or PROBE
        dying = number < 3 and rng.random() < 0.5
        house.dies_in = rng.randint(1, 16) if dying else None
        result = house.ask(partial(recover, wishes=wishes, account=ACCOUNT))
        outcome.deaths += dying and result is None
        if result is not None and result.report is not None and not result.report["left"]:
            break
    else:
        outcome.other.append(f"recovery does not come to its end: {house.words[-1:]}")
        return _Told()
    outcome.adopted = _events(house, "recovery_adopted")
    outcome.abandoned = _events(house, "recovery_abandoned")
    if house.broker.posts.total() != posts:
        outcome.other.append("recovery sent an order")
    if house.ledger.level(house.book).level is not level:
        outcome.other.append("recovery changed the kill level")
    return _told(house, result.report, past)


def _drawn(house: House, rng: Random) -> Wishes | None:
    """Each of what is there adopted or abandoned by chance, as far as it can be."""
    seen = house.ask(_show)
    assert seen is not None
    assert seen.report is not None
    wished: dict[str, list[str]] = {"adopt": [], "abandon": []}
    for order in seen.report["orders"]:
        if order["may"]:
            wished[rng.choice(order["may"])].append(order["coid"])
    if not any(wished.values()):
        return None
    return Wishes("Ann", "the disk broke", tuple(wished["adopt"]), tuple(wished["abandon"]))


async def _show(desk: Desk) -> RunResult:
    return RunResult("", RunStatus.RECONCILED, await show_recovery(desk, ACCOUNT))


def _go_on(house: House, outcome: Outcome) -> None:
    """The rest of the day, and two more; nothing stands in the way of them any more."""
    for slot in ("daily", "extra"):
        house.later()
        _must_not_halt(house.run(slot), slot, outcome)
    for _ in range(2):
        house.end_day(recorded=True)
        for answer in (True, True):
            result = house.run()
            house.answer(answer)
            house.time.advance(400)
        _must_not_halt(result, f"day {house.day}", outcome)
        if result is None or result.status not in {RunStatus.DONE, RunStatus.REJECTED, RunStatus.AWAITING_APPROVAL}:
            outcome.other.append(f"day {house.day} cannot be worked: {result and result.status} {house.words[-1:]}")
    house.reconcile()


def _events(house: House, kind: str) -> int:
    house.ledger.dispose()
    return int(rows(house.url, f"SELECT COUNT(*) FROM events WHERE kind = '{kind}'")[0][0])  # noqa: S608 (ours)


def _must_not_halt(result: RunResult | None, when: str, outcome: Outcome) -> None:
    if result is not None and result.fresh and result.status is RunStatus.HALTED:
        outcome.other.append(f"{when} halts after the recovery: {(result.report or {}).get('note')}")


def _ours(house: House) -> dict[str, BrokerOrder]:
    return {order.coid: order for order in house.broker.orders if order.coid is not None}


def _known(house: House) -> frozenset[str]:
    found = house.ledger.find_intents(house.book, [*_ours(house)])
    return frozenset(coid for coid, intent in found.items() if intent.sends == 1)


def _doubles(house: House) -> Iterator[str]:
    for coid, count in Counter(order.coid for order in house.broker.orders).items():
        if count > 1:
            yield f"{count} orders under {coid}"
    for (day, slot), runs in house.sent.items():
        if len(runs) > 1:
            yield f"day {day}, {slot}: orders of {len(runs)} runs arrived"


def _told(house: House, report: Mapping[str, Any], past: bool) -> _Told:
    coids = frozenset(coid for coid in _ours(house) if house.broker.still_told(coid))
    doubted = frozenset(row["symbol"] for row in (*report["doubts"], *report["quarantined"]))
    return _Told(coids, doubted if past else None)


def _lost_fills(house: House, told: _Told) -> Iterator[str]:
    """A fill that the broker told is in an intent; one that it no longer tells is among what does not follow."""
    intents = house.ledger.find_intents(house.book, [*_ours(house)])
    gone: Counter[int] = Counter()
    for coid, order in _ours(house).items():
        intent = intents.get(coid)
        held = intent.filled_quantity if intent is not None and intent.sends == 1 else Decimal(0)
        if coid not in told.coids:
            gone[order.conid] += int(order.filled_quantity - held) * order.side.sign
        elif held != order.filled_quantity:
            yield f"{order.filled_quantity:f} of {coid} filled, the ledger has {held:f}"
    for conid, quantity in gone.items():
        if quantity != 0 and told.doubted is not None and told.doubted.isdisjoint({symbol_of(conid), str(conid)}):
            yield f"{quantity} of {symbol_of(conid)} are lost and nobody was told"
