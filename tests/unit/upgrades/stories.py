"""States that a ledger can be left in, and how the days go on from there: played by each version in the same way.

What a version sees of a day is put down as JSON, so that a later one can be held against it.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from app.desk.desk import Desk
from app.desk.run.approvals import approve
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.stages.continuity import Continuity
from app.desk.stages.pipeline import perform_stages
from app.desk.states import Executed, Run
from app.domain.errors import PortfolioError
from app.domain.order import BrokerOrder, Trade
from app.domain.plan import Action, Choice, Memory, Plan
from app.domain.policy import Mode
from app.domain.portfolio import Position
from app.domain.session import BrokerSession
from app.domain.unmanaged import UnmanagedHolding
from app.ledger.engine import open_ledger
from tests.support.broker_model import Fate
from tests.support.fakes import Office, policy
from tests.support.world import ACCOUNT, HELD, OPENING, TODAY, World, conid
from tests.unit.ledger.builders import ManualTime

DAY = RunRequest()
TOMORROW = TODAY + timedelta(days=1)
SECOND = "DU7654321"
Told = dict[str, Any]


class Killed(BaseException):
    """Nothing of ours catches it."""


@dataclass(frozen=True)
class Story:
    """`until` leaves the ledger in its state; each of `then` goes on from there, and says what it saw."""

    until: Callable[[Office], Awaitable[None]]
    then: Mapping[str, Callable[[Office], Awaitable[Told]]]


@dataclass(frozen=True)
class Broker:
    """The broker's side when the state was reached."""

    session: BrokerSession
    positions: tuple[Position, ...]
    unmanaged: tuple[UnmanagedHolding, ...]
    cash: Decimal
    performance: tuple[tuple[date, Decimal], ...]
    orders: tuple[BrokerOrder, ...]
    trades: tuple[Trade, ...]
    posts: dict[str, int]


@cache
def _form(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - as pydantic takes them
    return TypeAdapter(kind)


def broker_of(office: Office) -> Any:  # noqa: ANN401 (JSON)
    """As JSON."""
    world, model = office.world, office.broker
    found = Broker(
        session=replace(world.session, now=world.now()),
        positions=tuple(world.positions.values()),
        unmanaged=world.unmanaged,
        cash=world.cash,
        performance=world.performance,
        orders=tuple(model.orders),
        trades=tuple(model.trades),
        posts=dict(model.posts),
    )
    return _form(Broker).dump_python(found, mode="json")


def put_back(office: Office, stored: object) -> None:
    """What `broker_of` gave, into a new office."""
    found: Broker = _form(Broker).validate_json(json.dumps(stored))
    office.world.set_session(now=found.session.now)
    office.world.positions = {position.instrument.conid: position for position in found.positions}
    office.world.unmanaged, office.world.cash = found.unmanaged, found.cash
    office.world.performance = found.performance
    office.broker.orders, office.broker.trades = list(found.orders), list(found.trades)
    office.broker.posts.update(found.posts)


async def gone_on(url: str, broker: object, then: Callable[[Office], Awaitable[Told]]) -> Told:
    """What is seen of the ledger at that address, minutes later, by a process that has only just begun."""
    later = ManualTime()
    later.advance(400)
    ledger = open_ledger(url, now=later)
    office = Office(ledger)
    put_back(office, broker)
    told = await then(office)
    ledger.dispose()
    return told


async def rotated(office: Office) -> None:
    """A rotation, one sale of which was filled by half; a line that nobody manages is held."""
    office.world.unmanaged = (
        UnmanagedHolding("GOLD", "FUND", "no rule", 77, "USD", Decimal(10), Decimal("1234.56"), Decimal("1234.56")),
    )
    office.chooser.action = Action.ROTATE
    office.broker.fates = {"JNJ": Fate.FILLS_HALF}
    await run_daily(office.desk(), DAY)
    office.broker.end_day()


async def profit_taken(office: Office) -> None:
    """The first level of one name, the day after the account was taken over."""
    exits = office.policy.exits.model_copy(update={"take_profit_sell": 0.25})
    office.policy = office.policy.model_copy(update={"exits": exits})
    await run_daily(office.desk(), DAY)
    await _at_prices(office, TOMORROW, {"KO": 160})


async def cooling_down(office: Office) -> None:
    """One name was stopped out and one cut."""
    await run_daily(office.desk(), DAY)
    office.chooser.action = Action.CUT_LOSERS
    await _at_prices(office, TOMORROW, {"AAPL": 80, "XOM": 88})


async def drawn_down(office: Office) -> None:
    """Everything rose and then fell: the drawdown action has acted, and the day's loss has raised the level."""
    await run_daily(office.desk(), DAY)
    await _at_prices(office, TOMORROW, dict.fromkeys(HELD, 125))
    await _at_prices(office, TOMORROW + timedelta(days=1), dict.fromkeys(HELD, 91))


async def _at_prices(office: Office, day: date, prices: Mapping[str, int]) -> None:
    """A whole day on which what is held of these names is worth so much."""
    office.world.next_day(day)
    for symbol, price in prices.items():
        held = office.world.positions.get(conid(symbol))
        office.world.moved[symbol] = Decimal(price)
        if held is not None:
            office.world.positions[conid(symbol)] = replace(held, price=Decimal(price))
    await run_daily(office.desk(), DAY)
    office.broker.end_day()


async def waiting(office: Office) -> None:
    """A person was asked."""
    office.policy = policy({"mode": Mode.APPROVE, "price_tolerance": 0.02})
    await run_daily(office.desk(), DAY)


async def two_accounts(office: Office) -> None:
    """Each with a book of its own: the second begins a day later, with more of one name at another price."""
    office.world.set_session(accounts=(ACCOUNT, SECOND))
    office.account = ACCOUNT
    await run_daily(office.desk(), DAY)
    office.world.next_day(TOMORROW)
    fresh = World()
    held = fresh.positions[conid("KO")]
    office.world.positions = fresh.positions | {conid("KO"): replace(held, quantity=Decimal(175), price=Decimal(102))}
    office.world.cash = fresh.cash
    office.broker.orders, office.broker.trades = [], []
    office.account = SECOND
    await run_daily(office.desk(), DAY)


async def lapsed(office: Office) -> None:
    """A plan is committed, its first order was about to be sent, and the process is gone."""
    await _killed(office, "place")


async def interrupted(office: Office) -> None:
    """A plan is committed, nothing of it was sent, and the process is gone."""
    await _killed(office, "preview")


async def _killed(office: Office, at: str) -> None:
    async def die(question: str) -> None:
        if question == at:
            raise Killed

    heard, office.broker.pause = office.broker.pause, die
    try:
        await run_daily(office.desk("dead"), DAY)
    except Killed:
        office.broker.pause = heard


async def next_day(office: Office) -> Told:
    """The next session, by the rules; nobody tells any more what is worth what no rule manages."""
    office.world.next_day(office.world.now().date() + timedelta(days=1))
    office.world.unmanaged = tuple(replace(line, value=None, exposure=None) for line in office.world.unmanaged)
    return await _seen(office, DAY)


async def next_day_of_second(office: Office) -> Told:
    """The session after that."""
    office.world.set_session(accounts=(ACCOUNT, SECOND))
    office.world.next_day(TOMORROW + timedelta(days=1))
    office.account = SECOND
    return await _seen(office, DAY)


async def same_day(office: Office) -> Told:
    """The same day's run by another process."""
    office.world.set_session(now=OPENING + timedelta(minutes=20))
    return await _seen(office, DAY)


async def approved(office: Office) -> Told:
    """At a price that has moved by more than the person agreed to, and then at that price."""
    office.policy = policy({"mode": Mode.APPROVE, "price_tolerance": 0.02})
    run_id = office.ledger.runs()[0].run_id
    ordered = [intent.symbol for intent in office.ledger.intents(run_id)]
    office.world.moved["MSFT" if "MSFT" in ordered else ordered[-1]] = Decimal(97)
    office.world.set_session(now=OPENING + timedelta(minutes=20))
    first = await approve(office.desk("two"), run_id, "owner")
    asked_again = [order["reason"] for order in (first.report or {})["orders"]]
    second = await approve(office.desk("two"), run_id, "owner")
    return {"asked_again": asked_again, "status": [first.status, second.status], **_left(office)}


async def _seen(office: Office, request: RunRequest) -> Told:
    seen: list[Executed] = []

    async def watched(desk: Desk, run: Run) -> Executed:
        seen.append(await perform_stages(desk, run))
        return seen[-1]

    try:
        await run_daily(office.desk("two"), request, watched)
    except PortfolioError as error:
        return {"error": str(error), **_left(office)}
    (run,) = seen
    return {
        "nav": f"{run.portfolio.nav:f}",
        "memory": _form(Memory).dump_python(run.memory, mode="json"),
        # What every version knew of it.
        "continuity": _form(Continuity).dump_python(
            run.continuity, mode="json", include={"detected", "recorded", "doubts", "external_trades"}
        ),
        "plans": [_plan(plan) for plan in run.plans],
        "choice": _form(Choice | None).dump_python(run.choice, mode="json"),
        **_left(office),
    }


def _plan(plan: Plan) -> list[object]:
    orders = [
        [o.instrument.symbol, o.side, f"{o.quantity:f}", f"{o.reference_price:f}", o.reason, o.exit, o.mandatory, o.leg]
        for o in plan.orders
    ]
    return [plan.id, plan.action, plan.reason, plan.on_breach, orders]


def _left(office: Office) -> Told:
    """How the runs and their orders stand, oldest first, and what arrived at the broker."""
    ledger = office.ledger
    return {
        "runs": [
            [run.key.session_date.isoformat(), run.status, [[i.symbol, i.state] for i in ledger.intents(run.run_id)]]
            for run in ledger.runs()[::-1]
        ],
        "arrived": sorted(f"{o.side} {o.filled_quantity:f} of {o.quantity:f} {o.symbol}" for o in office.broker.orders),
    }


STORIES: Mapping[str, Story] = {
    "rotated": Story(rotated, {"next_day": next_day}),
    "profit_taken": Story(profit_taken, {"next_day": next_day}),
    "cooling_down": Story(cooling_down, {"next_day": next_day}),
    "drawn_down": Story(drawn_down, {"next_day": next_day}),
    "waiting": Story(waiting, {"next_day": next_day, "approved": approved}),
    "two_accounts": Story(two_accounts, {"next_day_of_second": next_day_of_second}),
    "lapsed": Story(lapsed, {"next_day": next_day, "same_day": same_day}),
    "interrupted": Story(interrupted, {"next_day": next_day, "same_day": same_day}),
}
