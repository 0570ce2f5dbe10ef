"""Questions of the broker: which are confirmed, for which order, and what a person gets to see of the others."""

import asyncio
import json
from collections.abc import Mapping
from decimal import Decimal

import httpx2
import pytest

from api_gateway.clientportal.orders import NO_ANSWERS
from api_gateway.clientportal.questions import ANSWERABLE, readable
from api_gateway.clientportal.records import Limit, Placement
from tests.unit.gateway.scripted import ACCOUNT, ScriptedGateway, ok, portal_to, raw, ready_gateway

PLACE = f"POST /iserver/account/{ACCOUNT}/orders"
REPLY = "POST /iserver/reply/r1"
ACCEPTED = ok([{"order_id": "1370093239", "order_status": "PreSubmitted"}])
CAP = (
    "<h4>Confirm Mandatory Cap Price</h4>To avoid trading at a price that is not consistent with a fair and orderly "
    "market, IB may set a cap (for a buy order) or floor (for a sell order)."
)
DATA = "You are submitting an order without market data. We strongly recommend against this."
SIZE = 'The following order "BUY 10 AAPL" size exceeds the Size Limit of 5.\nAre you sure?'
VALUE = "value estimate of 1,012.50 USD exceeds the Total Value Limit of 1,000 USD."


def order(side: str = "BUY", quantity: str = "10", limit_price: str = "101.25") -> Limit:
    fields = {"side": side, "quantity": Decimal(quantity), "limit_price": Decimal(limit_price)}
    return Limit.model_validate({"account": ACCOUNT, "conid": 265598, "time_in_force": "DAY", "coid": "PM01", **fields})


def row(message_id: str, text: str, **changes: object) -> dict[str, object]:
    return {"id": "r1", "message": [text], "isSuppressed": False, "messageIds": [message_id], **changes}


def without(message_id: str, text: str, *names: str) -> dict[str, object]:
    return {name: value for name, value in row(message_id, text).items() if name not in names}


async def answered(
    body: object, answers: Mapping[str, str] = NO_ANSWERS, placed: Limit | None = None
) -> tuple[Placement, ScriptedGateway]:
    """What became of the order, and the gateway that would have taken a yes."""
    reply = body if isinstance(body, httpx2.Response) else ok(body)
    gateway = ready_gateway().on(PLACE, reply).on(REPLY, ACCEPTED)
    return await portal_to(gateway).orders.place_once(placed or order(), answers), gateway


UNANSWERED = {
    "an unlisted id": ([row("o10331", CAP)], "the policy does not confirm it"),
    "an id that nobody knows": ([row("o99999", "Is it raining?")], "o99999 is not on the list"),
    "no reply id": ([without("o383", SIZE, "id")], "no id to answer by"),
    "a reply id that is a number": ([row("o383", SIZE, id=17)], "no id to answer by"),
    "a reply id that is a path": ([row("o383", SIZE, id="../account/x/orders")], "no id to answer by"),
    "no message ids": ([without("o383", SIZE, "messageIds")], "no message id"),
    "message ids that are null": ([row("o383", SIZE, messageIds=None)], "no message id"),
    "message ids that are text": ([row("o383", SIZE, messageIds="o383")], "no message id"),
    "a number for a message id": ([row("o383", SIZE, messageIds=[383])], "383 is not on the list"),
    "a NUL in the text of an unknown id": ([row("o99999", "Sell \x00 all?")], "o99999 is not on the list"),
    "an id with a blank": ([row("o383 ", SIZE)], "is not on the list"),
    "several ids, one of them unlisted": ([row("o383", SIZE, messageIds=["o383", "o163"])], "o163"),
    "no text at all": ([row("o383", "", message=None)], "not the documented one"),
    "empty text": ([row("o383", "")], "not the documented one"),
    "an empty list of texts": ([row("o383", "", message=[])], "not the documented one"),
    "another text under a listed id": ([row("o383", DATA)], "not the documented one"),
    "a listed text that asks for more": (
        [row("o383", f"{SIZE} Would you like to cancel all open orders?")], "asks for more",
    ),
    "one that is called suppressed": ([row("o383", SIZE, isSuppressed=True)], "suppressed"),
    "two questions at once": ([row("o383", SIZE), row("o451", VALUE, id="r2")], "several questions"),
    "a question outside of a list": (row("o10331", CAP), "the policy does not confirm it"),
    "an object for a text": ([row("o383", "", message=[{"a": SIZE}], messageIds=["o9"])], "o9 is not on the list"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNANSWERED, ids=str)
async def test_a_question_that_is_not_surely_harmless_is_left_unanswered_and_told(case: str) -> None:
    body, why = UNANSWERED[case]
    found, gateway = await answered(body)
    assert found.outcome == "unknown_question"
    assert found.questions
    assert not any(each.confirmed for each in found.questions)
    assert why in str(found.questions[-1].why)
    assert gateway.count(PLACE) == 1
    assert not [call for call in gateway.calls if "/iserver/reply/" in call]


DOUBTFUL = {
    "an order and a question in one entry": [row("o383", SIZE, order_id="7", order_status="Submitted")],
    "an order beside a question": [row("o383", SIZE), {"order_id": "7", "order_status": "Submitted"}],
    "text without a mark of a question": [{"message": ["well"]}],
}


@pytest.mark.parametrize("case", DOUBTFUL, ids=str)
async def test_an_answer_that_may_be_an_order_is_no_mere_question(case: str) -> None:
    found, _ = await answered(DOUBTFUL[case])
    assert (found.outcome, found.questions) == ("unknown", ())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (CAP, "Confirm Mandatory Cap Price To avoid trading at a price that is not consistent with a fair"),
        ("<script>x()</script>Are <b>you</b>\nsure?<br/>", "x() Are you sure?"),
        ("a &lt;b&gt; &amp; c", "a & c"),
        ("price < 5 and > 3", "price < 5 and > 3"),
        ("half a pair \ud800 of them", "half a pair \N{REPLACEMENT CHARACTER} of them"),
        ("NUL \x00 bell \x07 \u202e turned", "NUL bell turned"),
        ("account DU1234567 of U7654321", "account DU*** of U***"),
        ("", ""),
    ],
)
async def test_a_persons_text_is_one_plain_line(text: str, shown: str) -> None:
    found, _ = await answered(raw(json.dumps([row("o99999", text)])))
    (question,) = found.questions
    assert question.text.startswith(shown)
    assert question.text == shown or len(text) > 100
    question.model_dump_json()


async def test_a_text_of_ten_thousand_characters_is_cut_and_says_so() -> None:
    found, _ = await answered([row("o99999", "word " * 2_048, messageIds=["o" * 500, *["o1"] * 500])])
    (question,) = found.questions
    assert question.text.endswith("… (10,239 characters in all)")
    assert len(question.model_dump_json()) < 4_000


@pytest.mark.parametrize(
    ("message_id", "text", "bound", "outcome"),
    [
        ("o10331", CAP, "101.25", "accepted"),
        ("o10331", CAP, "101.24", "unknown_question"),
        ("o10153", CAP, "102", "accepted"),
        ("o10223", CAP, "102", "accepted"),
        ("o163", "price exceeds the Percentage constraint of 3%.", "102", "accepted"),
        ("o163", "price exceeds the Percentage constraint of 3%.", "101", "unknown_question"),
        ("o382", "The following value exceeds the tick size limit", "102", "accepted"),
        ("o10331", "You are about to submit a stop order. Please be aware of the risks.", "102", "unknown_question"),
        ("o10223", "Cash Quantity Order Confirmation. Orders with a cash quantity are simulated.", "102",
         "unknown_question"),
        ("o354", DATA, "", "accepted"),
        ("o354", CAP, "", "unknown_question"),
        ("o383", SIZE, "10", "accepted"),
        ("o383", SIZE, "9", "unknown_question"),
        ("o451", VALUE, "1012.5", "accepted"),
        ("o451", VALUE, "1012.4", "unknown_question"),
        ("o10336", "This security has limited liquidity.", "102", "accepted"),
    ],
)  # fmt: skip
async def test_an_answer_of_the_ticket_holds_inside_its_bound_and_for_the_documented_text_only(
    message_id: str, text: str, bound: str, outcome: str
) -> None:
    found, gateway = await answered([row(message_id, text)], {message_id: bound})
    assert found.outcome == outcome
    assert gateway.count(REPLY) == (1 if outcome == "accepted" else 0)


async def test_the_bound_of_a_sale_is_its_lowest_price() -> None:
    for bound, outcome in (("101.25", "accepted"), ("101.26", "unknown_question")):
        found, _ = await answered([row("o163", "Percentage constraint of 3%")], {"o163": bound}, order("SELL"))
        assert found.outcome == outcome


async def test_several_ids_are_confirmed_only_where_each_of_them_is() -> None:
    both = [row("o383", f"{SIZE} {VALUE}", messageIds=["o383", "o451"])]
    assert (await answered(both))[0].outcome == "accepted"
    assert (await answered(both, {"o451": "1000"}))[0].outcome == "unknown_question"


async def test_what_was_confirmed_before_an_unlisted_question_is_told_with_it() -> None:
    gateway = ready_gateway().on(PLACE, ok([row("o383", SIZE)]))
    gateway.on(REPLY, ok([row("o10331", CAP, id="r2"), row("o7", "Really?", id="r3")]))
    found = await portal_to(gateway).orders.place_once(order())
    assert found.outcome == "unknown_question"
    assert [(each.message_ids, each.confirmed) for each in found.questions] == [
        (("o383",), True),
        (("o10331",), False),
        (("o7",), False),
    ]
    assert [call for call in gateway.calls if "/iserver/reply/" in call] == [REPLY]


@pytest.mark.parametrize(
    ("status", "body"), [(503, {"error": "Service Unavailable"}), (400, {"error": "reply id not found: 'r1'"})]
)
async def test_a_confirmed_question_whose_id_was_invalidated_is_an_open_outcome_and_no_open_question(
    status: int, body: object
) -> None:
    gateway = ready_gateway().on(PLACE, ok([row("o383", SIZE)])).on(REPLY, ok(body, status))
    found = await portal_to(gateway).orders.place_once(order())
    assert found.outcome == "unknown"
    assert [each.confirmed for each in found.questions] == [True]


async def test_an_advanced_reject_with_something_to_choose_tells_it_and_is_final() -> None:
    reject = {
        "orderId": 7, "reqId": "1", "dismissable": [], "text": "<b>Too</b> far", "options": ["Send anyway"],
        "type": "ADVANCED_REJECT", "messageId": "201", "prompt": True,
    }  # fmt: skip
    for body in ({"advancedOrderReject": reject}, [{"advancedOrderReject": reject}]):
        found, _ = await answered(body)
        assert (found.outcome, found.message) == ("rejected", "Too far")
        assert [(each.message_ids, each.confirmed) for each in found.questions] == [(("201",), False)]


@pytest.mark.parametrize("listed", [True, False])
async def test_a_question_in_the_reply_to_a_cancel_is_told_and_not_answered(listed: bool) -> None:
    asked = row("o7", "<h4>Cancel</h4>all of the bracket?")
    gateway = ready_gateway().on(f"DELETE /iserver/account/{ACCOUNT}/order/7", ok([asked] if listed else asked))
    found = await portal_to(gateway).orders.cancel(ACCOUNT, "7")
    assert found.outcome == "unknown"
    assert found.message == "the broker asked before it cancels: o7: Cancel all of the bracket?"
    assert [(each.message_ids, each.confirmed) for each in found.questions] == [(("o7",), False)]
    assert not [call for call in gateway.calls if "/iserver/reply/" in call]


async def test_an_open_question_of_one_order_does_not_hold_up_the_next() -> None:
    gateway = ready_gateway().on(PLACE, ok([row("o10331", CAP)]), ACCEPTED)
    portal = portal_to(gateway)
    found = await asyncio.gather(*(portal.orders.place_once(order()) for _ in range(2)))
    assert [each.outcome for each in found] == ["unknown_question", "accepted"]


@pytest.mark.parametrize("message_id", sorted(ANSWERABLE))
async def test_no_answer_of_a_ticket_makes_another_text_harmless(message_id: str) -> None:
    bound = {"quantity": "1000", "value": "100000", "price": "1000"}.get(ANSWERABLE[message_id].bound.value, "")
    for text in ("", "Are you sure?", "Sell all? Yes", f"{ANSWERABLE[message_id].words[0]} stop order"):
        found, _ = await answered([row(message_id, text)], {message_id: bound})
        assert found.outcome == "unknown_question"


def test_what_is_cut_is_never_taken_for_something_listed() -> None:
    assert readable("o383" + "x" * 100, 4) not in ANSWERABLE
