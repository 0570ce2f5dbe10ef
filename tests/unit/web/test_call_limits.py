"""How often one address may call: generous, by its own clock, and nobody can use up somebody else's budget."""

import httpx2
import pytest
from starlette.types import ASGIApp

from app.web.call_limits import CallLimits
from app.web.guard import CallerGuard
from tests.unit.web.test_guard import TOKEN, guarded


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def limited(token: str | None, clock: Clock, a_minute: int = 3) -> CallerGuard:
    """The application of the guard's tests with a small budget."""
    return CallerGuard(guarded(token), token, CallLimits(a_minute, clock))


async def status(
    app: ASGIApp, path: str = "/runs", client: str = "127.0.0.1", **headers: str
) -> tuple[int, str | None]:
    """Of one call from that address, with its Retry-After."""
    transport = httpx2.ASGITransport(app, client=(client, 50000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8085") as http:
        answer = await http.get(path, headers=headers)
    return answer.status_code, answer.headers.get("retry-after")


async def test_more_calls_than_a_minute_holds_are_told_when_to_come_again() -> None:
    clock = Clock()
    app = limited(None, clock)
    assert [(await status(app))[0] for _ in range(3)] == [200, 200, 200]
    assert await status(app) == (429, "20")
    clock.now += 19
    assert await status(app) == (429, "1")
    clock.now += 1
    assert await status(app) == (200, None)
    clock.now += 3600
    assert [(await status(app))[0] for _ in range(4)] == [200, 200, 200, 429]


async def test_health_is_free() -> None:
    app = limited(None, Clock(), 1)
    assert [(await status(app, "/health"))[0] for _ in range(5)] == [200] * 5
    assert (await status(app))[0] == 200


async def test_each_address_has_a_budget_of_its_own() -> None:
    app = limited(TOKEN, Clock(), 1)
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert (await status(app, client="10.0.0.1", **bearer))[0] == 200
    assert (await status(app, client="10.0.0.1", **bearer))[0] == 429
    assert (await status(app, client="10.0.0.2", **bearer))[0] == 200


async def test_those_who_only_try_use_up_their_own_budget_and_not_the_owners() -> None:
    app = limited(TOKEN, Clock(), 2)
    tries = [(await status(app, authorization="Bearer guess"))[0] for _ in range(4)]
    assert tries == [401, 401, 429, 429]
    assert (await status(app, authorization=f"Bearer {TOKEN}"))[0] == 200


async def test_a_page_of_another_site_cannot_use_up_the_owners_budget() -> None:
    app = limited(None, Clock(), 2)
    assert [(await status(app, origin="http://evil.example"))[0] for _ in range(3)] == [403, 403, 429]
    assert (await status(app))[0] == 200


async def test_a_crowd_of_addresses_is_not_remembered_for_ever() -> None:
    limits = CallLimits(1, Clock())
    assert limits.wait("first", known=True) is None
    for number in range(10_000):
        limits.wait(f"caller {number}", known=True)
    assert limits.wait("caller 9999", known=True) == 60
    assert limits.wait("first", known=True) is None


@pytest.mark.parametrize("a_minute", [1, 7, 60, 600])
def test_whoever_waits_as_told_is_let_through(a_minute: int) -> None:
    clock = Clock()
    limits = CallLimits(a_minute, clock)
    assert [limits.wait("me", known=True) for _ in range(a_minute)] == [None] * a_minute
    wait = limits.wait("me", known=True)
    assert wait is not None
    clock.now += wait
    assert limits.wait("me", known=True) is None
