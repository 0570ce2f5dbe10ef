"""What a person is told: the events that the policy names, once each, when they are on record, at no run's cost."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.desk.desk import Desk
from app.desk.records import RunStatus
from app.desk.run.approvals import approve
from app.desk.run.attempt import RunRequest
from app.desk.run.catch_up import login_missing
from app.desk.run.daily import run_daily
from app.desk.run.exit_by_hand import exit_position
from app.desk.run.notify import deliver, is_time_to_remind
from app.domain.errors import BrokerUnavailable, NotReady, OrderUncertain
from app.domain.order import Side
from app.domain.plan import Action
from app.domain.policy import ApprovalScope, Mode, Notifications, Occasion
from app.domain.ruling import KillLevel
from app.domain.session import SessionState
from app.domain.slots import CLOSE_SLOT
from app.ledger.sql_ledger import SqlLedger
from tests.support.broker_model import Fate
from tests.support.fakes import Office, policy
from tests.support.world import ACCOUNT, HELD, TODAY
from tests.unit.ledger.builders import ManualTime, rows

DAY = RunRequest()
URL = "json://me:s3cret@localhost"


@dataclass
class Post:
    """Keeps what it was given; `works` False loses it."""

    works: bool = True
    sent: list[tuple[str, str]] = field(default_factory=list)
    tried: int = 0

    async def send(self, addresses: Sequence[str], title: str, text: str) -> bool:
        self.tried += 1
        assert tuple(addresses) == (URL,)
        await asyncio.sleep(0)
        if self.works:
            self.sent.append((title, text))
        return self.works


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def office(office: Office) -> Office:
    """Everything is told."""
    office.account = ACCOUNT
    return telling(office, tuple(Occasion))


def telling(office: Office, on: tuple[Occasion, ...], **approval: object) -> Office:
    told = Notifications(urls=(URL,), on=on)
    office.policy = policy(approval or None).model_copy(update={"notifications": told})
    return office


def desk_of(office: Office, post: Post) -> Desk:
    return replace(office.desk(), notifier=post)


async def told(office: Office, post: Post) -> list[str]:
    """The titles that have been sent, without the day; no text names the account or the address."""
    await deliver(desk_of(office, post))
    assert not any(ACCOUNT in part or "s3cret" in part for message in post.sent for part in message)
    return [title.partition(": ")[2] for title, _ in post.sent]


def log_out(office: Office) -> None:
    office.world.set_session(state=SessionState.LOGIN_REQUIRED, accounts=(), message="log in", remedy="Log in")


async def test_a_day_that_went_well_is_told_to_nobody(office: Office, post: Post) -> None:
    assert (await run_daily(office.desk(), DAY)).status is RunStatus.DONE
    assert await told(office, post) == []


async def test_a_session_that_is_not_ready_is_told_once_however_often_it_is_tried(office: Office, post: Post) -> None:
    log_out(office)
    for _ in range(3):
        with pytest.raises(NotReady):
            await run_daily(office.desk(), DAY)
        assert await told(office, post) == ["the broker's session is not ready"]
    assert post.sent[0][1] == "the broker's session is LOGIN_REQUIRED: log in. Log in"


async def test_on_a_closed_day_nobody_is_asked_to_log_in(office: Office, post: Post) -> None:
    log_out(office)
    office.calendar.closed.add(office.calendar.local_date(office.world.now()))
    with pytest.raises(NotReady):
        await run_daily(office.desk(), DAY)
    assert await told(office, post) == []


async def test_a_failed_run_is_told(office: Office, post: Post) -> None:
    office.broker.unreachable = {"portfolio"}
    with pytest.raises(BrokerUnavailable):
        await run_daily(office.desk(), DAY)
    assert await told(office, post) == ["the run failed"]


async def test_an_order_of_unknown_fate_is_told_as_that_and_not_again_when_it_is_resumed(
    office: Office, post: Post
) -> None:
    office.broker.fates["AAPL"] = Fate.REQUEST_LOST
    for _ in range(2):
        with pytest.raises(OrderUncertain):
            await run_daily(office.desk(), DAY)
    assert await told(office, post) == ["it is unknown what became of an order"]


async def test_a_halt_is_told(office: Office, post: Post) -> None:
    office.broker.appear("PM0123456789abcdef0123", "KO", Side.BUY, Decimal(5))
    assert (await run_daily(office.desk(), DAY)).status is RunStatus.HALTED
    assert await told(office, post) == ["trading is halted"]


async def test_a_missed_day_is_told(office: Office, post: Post) -> None:
    office.world.session = replace(office.world.session, now=office.world.session.now + timedelta(hours=5))
    assert (await run_daily(office.desk(), DAY)).status is RunStatus.MISSED
    assert await told(office, post) == ["the day was missed"]


async def test_an_exit_that_cannot_be_ordered_is_told_with_its_name(office: Office, post: Post) -> None:
    office.world.missing_quotes["AAPL"] = "no market data subscription"
    await run_daily(office.desk(), DAY)
    assert await told(office, post) == ["an exit is due and cannot be ordered"]
    assert "stop_loss of AAPL: no quote." in post.sent[0][1]


async def test_orders_that_wait_are_told_and_so_is_that_nobody_approved(office: Office, post: Post) -> None:
    telling(office, tuple(Occasion), mode=Mode.APPROVE, scope=ApprovalScope.ALL)
    waiting = await run_daily(office.desk(), DAY)
    assert waiting.status is RunStatus.AWAITING_APPROVAL
    assert await told(office, post) == ["orders wait for your approval"]
    assert f"`portfolio approve {waiting.run_id}`" in post.sent[0][1]
    office.world.session = replace(office.world.session, now=office.world.session.now + timedelta(hours=3))
    await approve(office.desk(), waiting.run_id, "me")
    assert await told(office, post) == ["orders wait for your approval", "nobody approved in time"]


async def test_at_the_close_too(office: Office, post: Post) -> None:
    telling(office, (Occasion.APPROVAL_EXPIRED,), mode=Mode.APPROVE, scope=ApprovalScope.ALL)
    await run_daily(office.desk(), DAY)
    office.world.session = replace(office.world.session, now=office.world.session.now + timedelta(hours=6))
    await run_daily(office.desk(), RunRequest(slot=CLOSE_SLOT))
    assert await told(office, post) == ["nobody approved in time"]


@pytest.mark.parametrize("urls", [(), (URL,)])
async def test_what_the_policy_does_not_name_is_not_even_put_down(
    office: Office, post: Post, ledger_url: str, urls: tuple[str, ...]
) -> None:
    named = () if urls else tuple(Occasion)
    office.policy = office.policy.model_copy(update={"notifications": Notifications(urls=urls, on=named)})
    log_out(office)
    with pytest.raises(NotReady):
        await run_daily(office.desk(), DAY)
    assert rows(ledger_url, "SELECT * FROM notices") == []


async def test_a_preview_tells_nobody(office: Office, post: Post) -> None:
    office.broker.unreachable = {"portfolio"}
    with pytest.raises(BrokerUnavailable):
        await run_daily(office.desk(), RunRequest(dry_run=True))
    assert await told(office, post) == []


async def test_what_is_not_taken_is_tried_again_later_and_five_times_in_all(
    office: Office, post: Post, lease_time: ManualTime
) -> None:
    log_out(office)
    with pytest.raises(NotReady):
        await run_daily(office.desk(), DAY)
    post.works = False
    for _ in range(10):
        await told(office, post)
        await told(office, post)
        lease_time.advance(301)
    assert post.tried == 5


async def test_a_message_that_got_through_late_is_sent_once(office: Office, post: Post, lease_time: ManualTime) -> None:
    log_out(office)
    with pytest.raises(NotReady):
        await run_daily(office.desk(), DAY)
    post.works = False
    await told(office, post)
    post.works = True
    lease_time.advance(301)
    for _ in range(3):
        await told(office, post)
        lease_time.advance(301)
    assert len(post.sent) == 1


async def test_several_senders_send_it_once(office: Office, post: Post) -> None:
    log_out(office)
    with pytest.raises(NotReady):
        await run_daily(office.desk(), DAY)
    await asyncio.gather(*(deliver(desk_of(office, post)) for _ in range(5)))
    assert len(post.sent) == 1


async def reminded(office: Office, post: Post, minutes_before: float) -> list[str]:
    """What is told that long before the exchange opens at 13:30 UTC."""
    opens = office.world.session.now.replace(hour=13, minute=30, second=0)
    office.world.set_session(now=opens - timedelta(minutes=minutes_before))
    desk = desk_of(office, post)
    await login_missing(desk, await desk.broker.session(), 60)
    return await told(office, post)


async def test_a_login_that_is_missing_before_the_exchange_opens_is_asked_for_once(office: Office, post: Post) -> None:
    log_out(office)
    assert await reminded(office, post, 61) == []
    assert await reminded(office, post, 59) == ["the broker's session is not ready"]
    assert await reminded(office, post, 5) == ["the broker's session is not ready"]
    assert post.sent[0][1].startswith("The exchange opens at 13:30 UTC. LOGIN_REQUIRED: log in. Log in")
    assert len(await reminded(office, post, -60)) == 1


async def test_once_the_exchange_is_open_nobody_is_reminded_of_the_login(office: Office, post: Post) -> None:
    log_out(office)
    assert await reminded(office, post, -60) == []


@pytest.mark.parametrize(("seconds_before", "due"), [(3601, False), (3600, True), (1, True), (0, False), (-1, False)])
def test_the_time_to_remind_ends_the_moment_the_exchange_opens(seconds_before: float, due: bool) -> None:
    opens = datetime(2022, 3, 14, 13, 30, tzinfo=UTC)
    assert is_time_to_remind(opens - timedelta(seconds=seconds_before), opens, 60) is due


async def test_nobody_is_reminded_of_a_login_that_stands_or_on_a_closed_day(office: Office, post: Post) -> None:
    assert await reminded(office, post, 30) == []
    log_out(office)
    office.calendar.closed.add(office.calendar.local_date(office.world.now()))
    assert await reminded(office, post, 30) == []


async def test_a_ledger_that_takes_no_notice_fails_no_run(office: Office, post: Post, ledger: SqlLedger) -> None:
    office.world.missing_quotes["AAPL"] = "no market data subscription"
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE notices")
    assert (await run_daily(office.desk(), DAY)).status is RunStatus.DONE
    assert await told(office, post) == []


async def test_that_a_look_is_due_is_told_once_a_count_and_counted_anew_once_a_person_has_looked(
    office: Office, post: Post, ledger: SqlLedger
) -> None:
    telling(office, (Occasion.REVIEW_DUE,), review_after_runs=2)
    office.chooser.action = Action.HOLD
    # Nothing is due of itself: an exit by hand is the only order of a day.
    office.world.positions = {n: replace(p, average_cost=p.price) for n, p in office.world.positions.items()}

    async def day(number: int, symbol: str) -> int:
        """How many messages there were after it."""
        if number:
            office.world.next_day(TODAY + timedelta(days=number))
        await exit_position(office.desk(), symbol, "owner", ACCOUNT)
        await run_daily(office.desk(), DAY)
        await run_daily(office.desk(), RunRequest(slot="afternoon"))
        office.broker.end_day()
        return len(await told(office, post))

    assert [await day(number, HELD[number]) for number in range(4)] == [0, 1, 1, 2]
    (book,) = ledger.books()
    ledger.set_level(book.name, KillLevel.ACTIVE, "looked at it", "owner", office.world.now())
    # A Friday and the Monday after it.
    assert [await day(number, HELD[number]) for number in (4, 7)] == [2, 3]
    assert [text.split(" ", 1)[0] for _, text in post.sent] == ["2", "4", "2"]
    assert set(await told(office, post)) == {"nobody has looked for long"}
