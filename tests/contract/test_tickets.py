"""One ticket allows one order, once, soon, and exactly as it was signed."""

import asyncio
import time
from dataclasses import replace
from decimal import Decimal

import pytest

from app.domain.order import OrderState, Outcome, Side, Ticket
from tests.contract.venue import Venue


async def good(venue: Venue, **changes: object) -> Ticket:
    """But for the changes."""
    ticket = venue.ticket("AAPL", Side.BUY, 3, await venue.price("AAPL", Side.BUY))
    return replace(ticket, **changes)  # type: ignore[arg-type]  # fields by name, as dataclasses.replace takes them


async def orders(venue: Venue) -> int:
    return len((await venue.broker.report(venue.account)).orders)


async def test_a_ticket_that_is_presented_again_places_nothing_more(venue: Venue) -> None:
    ticket = await good(venue)
    assert (await venue.present(ticket)).outcome is Outcome.ACCEPTED
    assert (await venue.present(ticket)).outcome is Outcome.ALREADY_REGISTERED
    assert await orders(venue) == 1


async def test_a_client_order_id_is_taken_once_in_a_day(venue: Venue) -> None:
    ticket = await good(venue)
    assert (await venue.present(ticket)).outcome is Outcome.ACCEPTED
    again = replace(ticket, quantity=Decimal(4), expires=ticket.expires + 1)
    assert (await venue.present(again)).outcome is Outcome.ALREADY_REGISTERED
    assert await orders(venue) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"account": "DU0000001"},
        {"conid": 410627},
        {"side": Side.SELL},
        {"quantity": Decimal(4)},
        {"limit_price": Decimal("1.01")},
        {"time_in_force": "GTC"},
        {"coid": "PM99999999999999999999"},
        {"run_id": "another"},
        {"policy_hash": "sha256:another"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_ticket_that_was_changed_after_it_was_signed_is_refused(
    venue: Venue, change: dict[str, object]
) -> None:
    ticket = await good(venue)
    signature = venue.signer.sign(ticket)
    tampered = replace(ticket, **change)  # type: ignore[arg-type]  # fields by name
    assert (await venue.present(tampered, signature)).outcome is Outcome.REFUSED
    assert await orders(venue) == 0
    # The honest one is as good as before.
    assert (await venue.present(ticket, signature)).outcome is Outcome.ACCEPTED


async def test_nobody_prolongs_a_ticket(venue: Venue) -> None:
    ticket = await good(venue)
    longer = replace(ticket, expires=ticket.expires + 1)
    assert (await venue.present(longer, venue.signer.sign(ticket))).outcome is Outcome.REFUSED
    assert await orders(venue) == 0


@pytest.mark.parametrize("signature", ["", "0" * 64, "é" * 64, "\ud800"])
async def test_a_ticket_without_its_signature_is_refused(venue: Venue, signature: str) -> None:
    assert (await venue.present(await good(venue), signature)).outcome is Outcome.REFUSED
    assert await orders(venue) == 0


async def test_an_expired_ticket_is_refused_and_so_is_one_that_lives_too_long(venue: Venue) -> None:
    now = int(time.time())
    for expires in (0, now - 1, now, now + 1000):
        assert (await venue.present(await good(venue, expires=expires))).outcome is Outcome.REFUSED
    assert await orders(venue) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": Decimal("1.5")},
        {"quantity": Decimal(0)},
        {"quantity": Decimal(-1)},
        {"limit_price": Decimal(0)},
        {"time_in_force": "GTC"},
        {"coid": ""},
        {"account": "DU0000001"},
        {"conid": 1},
    ],
    ids=lambda change: "-".join(f"{name} {value}" for name, value in change.items()),
)
async def test_a_ticket_for_what_is_not_traded_is_refused_however_well_it_is_signed(
    venue: Venue, change: dict[str, object]
) -> None:
    before = await venue.portfolio()
    assert (await venue.present(await good(venue, **change))).outcome is Outcome.REFUSED
    assert await venue.portfolio() == before


async def test_a_ticket_is_used_up_by_a_rejection(venue: Venue) -> None:
    ticket = await good(venue, quantity=Decimal(10**6))
    assert (await venue.present(ticket)).outcome is Outcome.REJECTED
    assert (await venue.present(ticket)).outcome is Outcome.ALREADY_REGISTERED
    assert await orders(venue) == 0


async def test_two_at_once_with_one_ticket_are_one_order(venue: Venue) -> None:
    ticket = await good(venue)
    outcomes = [placed.outcome for placed in await asyncio.gather(*(venue.present(ticket) for _ in range(5)))]
    assert sorted(outcomes) == sorted([Outcome.ACCEPTED, *[Outcome.ALREADY_REGISTERED] * 4])
    (order,) = (await venue.broker.report(venue.account)).orders
    assert (order.coid, order.state) == (ticket.coid, OrderState.FILLED)
