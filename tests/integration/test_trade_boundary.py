"""No ticket but an honest one lets an order out, whichever of the two tools it is shown to.

In process: the server's own tools in front of the simulator, on a clock of the test.
"""

import json
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import httpx2
import pytest
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic import SecretStr

from api_gateway.clientportal.client import ClientPortal
from api_gateway.mcp_server.server import create_server
from api_gateway.settings import Settings
from api_gateway.simulator import application
from api_gateway.simulator.world import Options, World
from tests.integration.mcp_desk import KEY, signature_of, signed, ticket
from tests.unit.simulator.worlds import world_of

STARTED: Final = 1_800_000_000
AAPL: Final = 265598
OTHERS: Final = (
    "DU0000001",
    "DU9999999",
    "U7654321",
    "du7654321",
    "DU7654321 ",
    "ＤＵ７６５４３２１",
    "DU765432１",
    "",
)
CASES: Final = 1500
Fields = dict[str, Any]
Case = tuple[Fields, str]


@dataclass
class Trader:
    """A server that trades, its simulator, and the tools as a caller calls them."""

    world: World
    http: httpx2.AsyncClient
    server: MCPServer[None]
    price: str = ""
    outcomes: list[str] = field(default_factory=list)

    @property
    def account(self) -> str:
        return self.world.account

    @property
    def resting(self) -> str:
        """A price at which a buy stays open."""
        return f"{float(self.price) * 0.98:.2f}".rstrip("0").rstrip(".")

    def honest(self, **changes: object) -> Fields:
        """A ticket for a buy at the market's own price."""
        return ticket(self.account, **{"expires": STARTED + 60, "limit_price": self.price, **changes})

    def order(self, fields: Mapping[str, Any]) -> Fields:
        """The order that the ticket seems to allow, as the gateway's own tool takes it."""
        named = {"conid": "conid", "side": "side", "quantity": "quantity", "price": "limit_price", "cOID": "coid"}
        return {**{name: fields.get(held) for name, held in named.items()}, "orderType": "LMT", "tif": "DAY"}

    async def show(self, fields: Fields, signature: str, order: Fields | None = None) -> str:
        """To both tools; the better outcome for the ticket."""
        both = [
            await self.call("place_order", ticket=fields, signature=signature),
            await self.call(
                "place_order_iserver_account",
                accountId=fields.get("account"),
                orders=[order or self.order(fields)],
                ticket=fields,
                signature=signature,
            ),
        ]
        self.outcomes += both
        return next((each for each in both if each == "accepted"), both[0])

    async def call(self, tool: str, **arguments: object) -> str:
        try:
            result = await self.server.call_tool(tool, arguments)
        except ToolError:
            return "invalid"
        assert isinstance(result, CallToolResult)
        content = result.structured_content or {}
        if result.is_error:
            return str(content["error"]["kind"])
        return str(content.get("data", content)["outcome"])

    async def refusals(self) -> int:
        result = await self.server.call_tool("trade_boundary", {})
        assert isinstance(result, CallToolResult)
        assert result.structured_content is not None
        return sum(result.structured_content["refusals"].values())

    def sent(self) -> int:
        """Requests that could have changed the order book."""
        changing = ("/orders", "/order/{id}", "/reply/", "/questions/suppress")
        return sum(
            count
            for call, count in self.world.calls.items()
            if not call.startswith("GET ") and any(part in call for part in changing) and "whatif" not in call
        )


def settings(key: str = KEY) -> Settings:
    return Settings(
        trading_mode="paper",
        mcp_token=SecretStr("token"),
        ticket_key=SecretStr(key),
        ibkr_account_id=(),
        mcp_tools="all",
        max_order_value=Decimal(50_000),
    )


@asynccontextmanager
async def trader(now: Callable[[], float] = lambda: STARTED) -> AsyncIterator[Trader]:
    world = world_of(Options(None, 7, 0, data="synthetic"))
    transport = httpx2.ASGITransport(app=application.create_app(world))
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway/v1/api") as http:
        portal = ClientPortal(http, refuse_simulator=False)
        (quote,), _ = await portal.market.quotes([AAPL])
        assert quote.ask is not None
        price = f"{quote.ask:.2f}".rstrip("0").rstrip(".")
        yield Trader(world, http, create_server(settings(), portal, now), price)


def forgeries(here: Trader, chance: random.Random) -> Iterator[Case]:
    """Without end: tickets that differ from an honest one in what was signed, how, by whom, when or for whom."""
    kinds = (_tampered, _missigned, _misdated, _misspelled, _for_others, _otherwise_signed, _of_wrong_types)
    while True:
        good = here.honest(coid=f"PM{chance.randrange(16**12):012x}")
        yield chance.choice(kinds)(good, chance)


def _tampered(good: Fields, chance: random.Random) -> Case:
    """A term is changed after the signature."""
    name = chance.choice(sorted(good))
    value = good[name]
    changed = value + chance.choice((-1, 1, 60, 10**6)) if isinstance(value, int) else _misread(str(value), chance)
    return {**good, name: changed}, _signature(good)


def _misread(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text))
    return chance.choice(
        (
            text + "0",
            text + " ",
            "\u200b" + text,
            text[:place] + chance.choice("0123456789ABab.-\u0661\uff11\u0430\u0410") + text[place:],
            text[::-1] + "x",
            text.swapcase() + "\n",
        )
    )


def _missigned(good: Fields, chance: random.Random) -> Case:
    right = _signature(good)
    place = chance.randrange(len(right))
    other = f"{(int(right[place], 16) + chance.randrange(1, 16)) % 16:x}"
    forged = (
        right[:place] + other + right[place + 1 :],
        right[:-1],
        right + "0",
        right[:place] + "\uff11" + right[place:],
        " " + right,
        "0" * 64,
        "",
        f"{chance.randrange(16**64):064x}",
        _signature(good, "another key"),
        _signature(good, ""),
    )
    return good, chance.choice(forged)


def _misdated(good: Fields, chance: random.Random) -> Case:
    """Properly signed: over, not yet possible, or from before the server started."""
    expires = STARTED + chance.choice((-(10**6), -3600, -1, 0, 1, 30, 59, 121, 3600, 10**9))
    return _signed({**good, "expires": expires})


def _misspelled(good: Fields, chance: random.Random) -> Case:
    """Properly signed, and no order that this server sends."""
    wrong: dict[str, tuple[str, ...]] = {
        "quantity": (
            "10.0",
            "1e1",
            "+10",
            "010",
            "-10",
            "0",
            "0.5",
            "\uff11\uff10",
            "10 ",
            "1_0",
            "1,000",
            "NaN",
            "inf",
        ),
        "limit_price": ("101.250", "1.0125e2", "-1", "0", "NaN", "Infinity", ".5", "101.", "\u0661", "101,25", ""),
        "side": ("buy", "Buy", "BUY ", "HOLD", "SELLSHORT", "\u0412UY", ""),
        "time_in_force": ("GTC", "day", "IOC", "OPG", "DAY ", ""),
        "coid": ("",),
    }
    name = chance.choice([*wrong, "version"])
    return _signed({**good, name: chance.choice((0, 3, -1)) if name == "version" else chance.choice(wrong[name])})


def _for_others(good: Fields, chance: random.Random) -> Case:
    """Properly signed for an account that is not this server's, or is no account at all."""
    return _signed({**good, "account": chance.choice(OTHERS)})


def _otherwise_signed(good: Fields, chance: random.Random) -> Case:
    """The right key over the right terms, written in another way than the agreed one."""
    names = list(good)
    chance.shuffle(names)
    floats = {**good, "quantity": float(good["quantity"]), "limit_price": float(good["limit_price"])}
    written = (
        json.dumps(good, separators=(",", ":")),
        json.dumps(good, sort_keys=True),
        json.dumps([good[name] for name in names if name != "version"], separators=(",", ":")),
        json.dumps([floats[name] for name in floats], separators=(",", ":")),
        json.dumps(list(good.values())),
        ",".join(str(value) for value in good.values()),
        json.dumps([str(value) for value in good.values()], separators=(",", ":")),
    )
    return good, signature_of(chance.choice(written))


def _of_wrong_types(good: Fields, chance: random.Random) -> Case:
    right = _signature(good)
    wrong: tuple[Fields, ...] = (
        {**good, "conid": str(good["conid"])},
        {**good, "conid": float(good["conid"])},
        {**good, "version": True},
        {**good, "quantity": 10},
        {**good, "limit_price": float(good["limit_price"])},
        {**good, "expires": float(good["expires"])},
        {**good, "side": None},
        {**good, "account": [good["account"]]},
        {**good, "price": "1"},
        {name: value for name, value in good.items() if name != "expires"},
    )
    return chance.choice(wrong), right


def _signed(fields: Fields) -> Case:
    arguments = signed(fields)
    return arguments["ticket"], str(arguments["signature"])


def _signature(fields: Fields, key: str = KEY) -> str:
    return str(signed(fields, key)["signature"])


async def test_an_honest_ticket_is_good_for_one_order_through_either_tool() -> None:
    for through in ("place_order", "place_order_iserver_account"):
        async with trader() as here:
            fields, signature = _signed(here.honest())
            if through == "place_order":
                assert await here.call(through, ticket=fields, signature=signature) == "accepted"
            else:
                order = {**here.order(fields), "quantity": 10, "price": float(here.price), "acctId": here.account}
                more = {"accountId": here.account, "orders": [order]}
                assert await here.call(through, ticket=fields, signature=signature, **more) == "accepted"
            assert here.sent() == 1


async def test_of_more_than_a_thousand_forged_tickets_none_is_accepted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="ibkr.boundary")
    async with trader() as here:
        source = forgeries(here, random.Random(20261120))  # noqa: S311 - drawn, not secret
        for _ in range(CASES):
            fields, signature = next(source)
            assert await here.show(fields, signature) != "accepted", fields
        assert len(here.outcomes) == 2 * CASES
        assert not {"accepted", "unknown", "rejected"} & set(here.outcomes)
        assert here.sent() == 0
        assert (await here.http.get("http://gateway/simulator/orders")).json()["orders"] == []
        assert await here.refusals() == len(caplog.records) >= CASES
    lines = [json.loads(record.getMessage()) for record in caplog.records]
    assert {line["tool"] for line in lines} == {"place_order", "place_order_iserver_account"}
    told = "".join(caplog.messages)
    assert KEY not in told
    assert here.account not in told
    assert all("\n" not in message for message in caplog.messages)


async def test_a_ticket_that_was_used_is_never_good_again_whatever_else_it_says() -> None:
    async with trader() as here:
        good = here.honest()
        assert await here.call("place_order", **signed(good)) == "accepted"
        for changes in (
            {},
            {"quantity": "1"},
            {"limit_price": "1"},
            {"run_id": "another"},
            {"expires": STARTED + 61},
        ):
            for _ in range(10):
                assert await here.show(*_signed({**good, **changes})) == "already_registered"
        assert here.sent() == 1


async def test_after_a_restart_no_ticket_from_before_it_is_good() -> None:
    moment = [float(STARTED)]
    async with trader(lambda: moment[0]) as here:
        used, unused = here.honest(coid="PM1"), here.honest(coid="PM2")
        assert await here.call("place_order", **signed(used)) == "accepted"
        moment[0] += 2
        portal = ClientPortal(here.http, refuse_simulator=False)
        again = Trader(here.world, here.http, create_server(settings(), portal, lambda: moment[0]))
        for fields in (used, unused):
            assert await again.show(*_signed(fields)) == "refused"
        assert here.sent() == 1


async def test_a_good_ticket_lets_out_its_own_order_and_no_other() -> None:
    async with trader() as here:
        fields, signature = _signed(here.honest())
        honest_order = here.order(fields)
        others: tuple[Fields, ...] = (
            {"quantity": "11"},
            {"quantity": 10.5},
            {"price": f"{here.price}1"},
            {"price": float(here.price) * 100},
            {"side": "SELL"},
            {"conid": AAPL + 1},
            {"cOID": "PM2"},
            {"cOID": None},
            {"tif": "GTC"},
            {"orderType": "MKT"},
            {"orderType": "STP"},
            {"acctId": "DU0000001"},
            {"outsideRTH": True},
            {"cashQty": 100},
            {"parentId": "x"},
            {"conidex": "265598@SMART"},
            {"isSingleGroup": True},
            {"useAdaptive": True},
        )
        call = {"ticket": fields, "signature": signature, "accountId": here.account}
        for changes in others:
            orders = [{**honest_order, **changes}]
            assert await here.call("place_order_iserver_account", orders=orders, **call) in (
                "Refused",
                "InvalidArguments",
            )
        for orders in ([], [honest_order, honest_order], [honest_order, {**honest_order, "cOID": "PM3"}]):
            assert await here.call("place_order_iserver_account", orders=orders, **call) == "InvalidArguments"
        other = {**call, "accountId": "DU0000001"}
        assert await here.call("place_order_iserver_account", orders=[honest_order], **other) == "AccountNotAllowed"
        assert here.sent() == 0


async def test_changing_an_order_answering_for_it_and_silencing_the_broker_are_always_refused() -> None:
    async with trader() as here:
        fields, signature = _signed(here.honest(quantity="1", limit_price=here.resting))
        assert await here.call("place_order", ticket=fields, signature=signature) == "accepted"
        order = str(here.world.desk.arrivals.rows()[0].order_ids[0])
        terms = {"orderType": "LMT", "side": "BUY", "tif": "DAY", "quantity": 1000, "price": 200}
        own = {"accountId": here.account}
        refused: dict[str, Fields] = {
            "modify_order_iserver_account": {**own, "orderId": order, **terms},
            "place_order_reply_iserver_reply": {"replyId": "a1b2c3d4-0000-4000-8000-000000000000", "confirmed": True},
            "suppress_questions_iserver_questions_suppress_post": {"messageIds": ["o163", "o354"]},
        }
        for tool, arguments in refused.items():
            assert await here.call(tool, **arguments) == "Refused"
        for number in ("-1", -1, "0", "", "all", f"{order}/..", "１"):
            assert await here.call("cancel_order_iserver_account", **own, orderId=number) == "InvalidArguments"
        assert here.sent() == 1
        assert await here.call("cancel_order_iserver_account", **own, orderId=order) == "requested"
        assert here.sent() == 2
