"""One socket's side of the conversation, in time that moves only when told."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api_gateway.simulator.orders.order import OrderRequest
from api_gateway.simulator.streaming.subscriber import Subscriber
from tests.unit.simulator.worlds import AAPL, ACCOUNT, decimal, fresh_world

Messages = list[dict[str, Any]]


class Talk:
    """A socket whose session is known, on accounts that were asked for."""

    def __init__(self, known: bool = True) -> None:
        self.world, self.time = fresh_world()
        self.world.session.accounts_queried = True
        self.socket = Subscriber(self.world, known)
        self.opening = self.socket.opened()

    def say(self, text: str) -> Messages:
        return self.socket.heard(text)

    def due(self, seconds: float = 0.0) -> Messages:
        self.time.advance(seconds)
        return self.socket.due()

    def quoted(self, fields: str = '["31","84","86","7289"]') -> Messages:
        """What a subscription tells until all fields were there."""
        return [*self.say(f'smd+{AAPL}+{{"fields":{fields}}}'), *self.due(), *self.due()]

    def buy(self, coid: str, quantity: int = 10, limit: float | None = None) -> int:
        contract = self.world.universe.by_conid[AAPL]
        request = OrderRequest(
            contract=contract,
            side="BUY",
            quantity=quantity,
            order_type="MKT" if limit is None else "LMT",
            limit_price=None if limit is None else decimal(limit),
            time_in_force="DAY",
            coid=coid,
            account=ACCOUNT,
        )
        return self.world.desk.place_elsewhere(request, self.world.look()).order_id


def topics(messages: Messages) -> list[str]:
    return [str(message.get("topic")) for message in messages]


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_a_known_session_is_greeted_with_user_accounts_and_status(talk: Talk) -> None:
    system, accounts, status = talk.opening
    assert (system["topic"], system["success"], system["isPaper"]) == ("system", "simulated", True)
    assert accounts["args"]["accounts"] == [ACCOUNT]
    assert (status["topic"], status["args"]["authenticated"], status["args"]["established"]) == ("sts", True, True)
    assert talk.due() == []


def test_an_unknown_session_is_waited_for_and_told_nothing_else() -> None:
    talk = Talk(known=False)
    waiting = [{"message": "waiting for session"}]
    assert talk.opening == waiting
    assert talk.say("sor+{}") == waiting
    assert talk.say('{"session":"another"}') == waiting
    assert talk.due(60) == []
    assert topics(talk.say(json.dumps({"session": talk.world.session_token}))) == ["system", "act", "sts"]
    assert talk.say(json.dumps({"session": talk.world.session_token})) == []


def test_quotes_come_as_snapshots_do_and_then_only_what_has_changed(talk: Talk) -> None:
    first, second, third = talk.quoted()
    assert first == {"topic": f"smd+{AAPL}", "conid": AAPL, "conidEx": str(AAPL)}
    assert {"31", "84", "86"} <= second.keys()
    assert "7289" not in second
    assert "7289" in third
    assert "31" not in third
    assert talk.due() == []
    _, moved = talk.due(600)
    assert moved["31"] != second["31"]
    assert set(moved["simulator"]["simulated"]) <= moved.keys()


def test_quotes_end_after_fifteen_minutes_without_a_word_and_begin_again_when_asked_for(talk: Talk) -> None:
    talk.quoted('["31"]')
    talk.due(899)
    assert talk.world.sockets.feeds[AAPL] == 1
    talk.due(1)
    assert talk.world.sockets.feeds[AAPL] == 0
    talk.due(3600)
    assert topics(talk.due()) == []
    assert talk.quoted('["31"]')[0]["31"]


def test_fields_are_added_by_asking_again(talk: Talk) -> None:
    talk.quoted('["31"]')
    both = talk.quoted('["84"]')[0]
    assert {"31", "84"} <= both.keys()
    assert talk.world.sockets.feeds[AAPL] == 1


def test_a_feed_that_the_session_closes_is_closed_here_too(talk: Talk) -> None:
    talk.quoted()
    talk.world.session.snapshot_reads.clear()
    assert topics(talk.due(600)) == ["system"]
    assert talk.world.sockets.feeds[AAPL] == 0


def test_more_contracts_than_there_are_lines_are_refused() -> None:
    talk = Talk()
    talk.world.sockets.feeds.update(range(1, 101))
    (told,) = talk.say(f"smd+{AAPL}+{{}}")
    assert "100 market data lines" in told["error"]
    talk.world.sockets.feeds.subtract([1])
    assert "error" not in talk.say(f"smd+{AAPL}+{{}}")[0]


def test_orders_are_whole_at_first_and_then_what_has_changed(talk: Talk) -> None:
    assert talk.say("sor+{}") == []
    waiting = talk.buy("far", limit=1.0)
    (placed,) = talk.due()[0]["args"]
    assert (placed["orderId"], placed["status"], placed["order_ref"]) == (waiting, "Submitted", "far")
    talk.world.desk.cancel(waiting, ACCOUNT)
    (changed,) = talk.due()[0]["args"]
    assert (changed["orderId"], changed["status"]) == (waiting, "Cancelled")
    assert "ticker" not in changed
    assert talk.due() == []
    again = talk.say("sor+{}")
    assert [row["ticker"] for row in again[0]["args"]] == ["AAPL"]


def test_orders_of_one_status_are_told_alone(talk: Talk) -> None:
    talk.say('sor+{"filters":["Filled"]}')
    talk.buy("far", limit=1.0)
    filled = talk.buy("near")
    assert [row["orderId"] for row in talk.due()[0]["args"]] == [filled]


def test_trades_of_before_come_at_once_and_new_ones_first_without_their_commission(talk: Talk) -> None:
    talk.buy("before")
    talk.world.look()
    (told,) = talk.say("str+{}")
    assert [row["order_ref"] for row in told["args"]] == ["before"]
    talk.buy("after")
    first, second = talk.due()[0]["args"], talk.due()[0]["args"]
    assert [row["order_ref"] for row in first] == [row["order_ref"] for row in second] == ["after"]
    assert ("commission" in first[0], "commission" in second[0]) == (False, True)
    assert talk.due() == []


def test_only_new_trades_are_told_where_that_is_asked_for(talk: Talk) -> None:
    talk.buy("before")
    talk.world.look()
    assert talk.say('str+{"realtimeUpdatesOnly":true}') == [{"topic": "str", "args": []}]
    talk.buy("after")
    assert [row["order_ref"] for row in talk.due()[0]["args"]] == ["after"]


def test_profit_and_loss_speaks_once_a_second_at_most(talk: Talk) -> None:
    assert topics(talk.say("spl")) == ["spl"]
    talk.buy("one", quantity=100)
    assert talk.due(0.9) == []
    assert topics(talk.due(0.1)) == ["spl"]
    assert talk.say("upl+{}") == []
    talk.buy("two", quantity=100)
    assert talk.due(5) == []


def test_the_summary_has_amounts_and_texts_and_comes_again_when_it_has_changed(talk: Talk) -> None:
    (told,) = talk.say(f"ssd+{ACCOUNT}+{{}}")
    rows = {row["key"]: row for row in told["result"]}
    assert rows["AccountCode"]["value"] == ACCOUNT
    assert rows["NetLiquidation-S"]["currency"] == "USD"
    assert [one for one in talk.due(30) if one["topic"] == f"ssd+{ACCOUNT}"] == []
    talk.buy("one", quantity=100)
    assert f"ssd+{ACCOUNT}" in topics(talk.due(30))
    assert talk.say(f"usd+{ACCOUNT}+{{}}") == [{"result": "unsubscribed from summary"}]


def test_of_the_summary_some_keys_and_fields_are_told_where_they_are_asked_for(talk: Talk) -> None:
    (told,) = talk.say(f'ssd+{ACCOUNT}+{{"keys":["ExcessLiquidity-S"],"fields":["monetaryValue"]}}')
    assert [row.keys() for row in told["result"]] == [{"key", "timestamp", "monetaryValue"}]


def test_the_ledger_speaks_every_ten_seconds_and_says_nothing_of_what_stands_still(talk: Talk) -> None:
    ledger = f"sld+{ACCOUNT}"
    (first,) = talk.say(f'{ledger}+{{"fields":["cashBalance"]}}')
    assert [(row["key"], "cashbalance" in row) for row in first["result"]] == [
        ("LedgerListBASE", True),
        ("LedgerListUSD", True),
    ]
    assert ledger not in topics(talk.due(9))
    still = next(one for one in talk.due(1) if one["topic"] == ledger)
    assert [row.keys() for row in still["result"]] == [{"key", "timestamp"}] * 2
    assert talk.say(f"uld+{ACCOUNT}") == [{"result": "unsubscribed from ledger"}]
    assert ledger not in topics(talk.due(60))


def test_a_chart_takes_one_of_five_places_until_it_is_given_up(talk: Talk) -> None:
    asked = f'smh+{AAPL}+{{"period":"1w","bar":"1d","format":"%o/%c"}}'
    charts = [talk.say(asked)[0] for _ in range(5)]
    assert charts[0]["data"][0].keys() == {"o", "c", "t"}
    assert "at most 5" in talk.say(asked)[0]["error"]
    assert talk.say(f"umh+{charts[0]['serverId']}") == [{"message": f"Unsubscribed {charts[0]['serverId']}"}]
    assert talk.say(asked)[0]["topic"] == f"smh+{AAPL}"
    assert talk.due() == []


def test_a_lost_brokerage_session_is_told_and_takes_the_subscriptions_along(talk: Talk) -> None:
    talk.quoted()
    for one in ("sor+{}", "spl+{}", f"ssd+{ACCOUNT}+{{}}"):
        talk.say(one)
    talk.world.session.happen("bridge_lost")
    (status,) = talk.due()
    assert (status["args"]["connected"], status["args"]["authenticated"]) == (True, False)
    assert talk.say("sor+{}") == [{"topic": "sor", "error": "no bridge"}]
    talk.world.session.open_bridge(compete=False)
    for _ in range(2):
        talk.world.session.polled()
    assert topics(talk.due()) == ["act", "sts"]
    talk.buy("one")
    assert talk.due() == []


def test_another_session_that_competes_is_told(talk: Talk) -> None:
    talk.world.session.happen("competing")
    assert talk.due()[0]["args"]["competing"] is True


def test_another_account_that_is_selected_is_told(talk: Talk) -> None:
    talk.world.session.selected = "DU1"
    assert talk.due()[0]["args"]["selectedAccount"] == "DU1"


def test_before_the_accounts_were_asked_for_nothing_of_the_brokerage_is_told(talk: Talk) -> None:
    talk.world.session.accounts_queried = False
    for one in (f"smd+{AAPL}+{{}}", f"smh+{AAPL}+{{}}", "sor+{}", "str+{}", "spl+{}"):
        assert "Please query /accounts first" in talk.say(one)[0]["error"]


def test_a_heartbeat_comes_every_ten_seconds_and_a_ping_is_answered(talk: Talk) -> None:
    assert talk.due(9) == []
    assert [sorted(one) for one in talk.due(1)] == [["hb", "topic"]]
    (answer,) = talk.say("tic")
    assert (answer["alive"], answer["id"]) == (True, talk.world.session_token)
    assert talk.say("ech+hb") == []


def test_a_ping_keeps_the_brokerage_session_and_not_the_login() -> None:
    talk = Talk()
    session = talk.world.session
    session.mode = "strict"
    session.touch("/tickle")
    talk.time.advance(350)
    session.touch("/portfolio/accounts")
    talk.say("tic")
    talk.due(350)
    assert (session.logged_in, session.polls_left) == (True, 0)
    talk.say("tic")
    (status,) = [one for one in talk.due(20) if one["topic"] == "sts"]
    assert status["args"] == {"connected": False, "authenticated": False, "competing": False}


def test_what_is_announced_is_heard_once_by_every_socket_that_is_open(talk: Talk) -> None:
    bulletin = {"topic": "blt", "args": [{"id": 1, "message": "halted"}]}
    talk.world.sockets.announced.append(bulletin)
    assert talk.due() == [bulletin]
    assert talk.due() == []
    late = Subscriber(talk.world, True)
    late.opened()
    assert late.due() == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "+",
        "xyz",
        "smd",
        "SMD+265598+{}",
        "smd+265598+{",
        "smd+265598+[]",
        "{",
        "[]",
        '{"session"}',
        "\x00",
        "ubd+1",
    ],
)
def test_a_message_that_says_nothing_is_answered_with_an_error_and_changes_nothing(talk: Talk, text: str) -> None:
    (told,) = talk.say(text)
    assert told["error"]
    assert talk.due() == []
    assert topics(talk.say("tic")) == ["tic"]


@pytest.mark.parametrize(
    "text",
    [
        "smd+1+{}",
        "smd+abc+{}",
        "smd++{}",
        f"smd+{AAPL}+{AAPL}+{{}}",
        "smh+1+{}",
        'str+{"days":0}',
        'str+{"days":"1"}',
        'str+{"days":8}',
        "ssd+{}",
        "ssd+DU1+{}",
        "sld+DU1+{}",
    ],
)
def test_a_subscription_to_what_is_not_there_is_refused(talk: Talk, text: str) -> None:
    (told,) = talk.say(text)
    assert told["error"]
    assert talk.world.sockets.charts == 0


@pytest.mark.parametrize("text", ["umd+265598+{}", "umd", "umh+7", "uor", "utr", "upl+{}", "umd+x+{}"])
def test_the_end_of_nothing_is_no_error(talk: Talk, text: str) -> None:
    assert talk.say(text) == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
ARGUMENTS = st.dictionaries(
    st.sampled_from(["fields", "filters", "days", "realtimeUpdatesOnly", "keys", "period", "bar", "format", "session"]),
    VALUES | st.sampled_from(["1d", "1w", "%o/%c", ["31"], 7, True]),
    max_size=4,
)
TOPICS = [
    "smd",
    "umd",
    "smh",
    "umh",
    "sor",
    "uor",
    "str",
    "utr",
    "spl",
    "upl",
    "ssd",
    "usd",
    "sld",
    "uld",
    "tic",
    "ech",
]
TARGETS = st.sampled_from(["", str(AAPL), f"{AAPL}@SMART", "1", ACCOUNT, "9" * 40]) | st.text(max_size=6)


@given(
    st.lists(st.tuples(st.sampled_from(TOPICS), TARGETS, ARGUMENTS.map(json.dumps) | st.text(max_size=12)), max_size=6)
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_message_breaks_the_conversation(talk: Talk, frames: list[tuple[str, str, str]]) -> None:
    for topic, target, arguments in frames:
        assert all(isinstance(told, dict) for told in talk.say(f"{topic}+{target}+{arguments}"))
    talk.due()
    assert topics(talk.say("tic")) == ["tic"]
    assert 0 <= talk.world.sockets.charts <= 5
    assert all(count >= 0 for count in talk.world.sockets.feeds.values())


def test_what_is_closed_gives_its_places_back(talk: Talk) -> None:
    talk.quoted()
    talk.say(f'smh+{AAPL}+{{"period":"1w","bar":"1d"}}')
    talk.socket.closed()
    talk.socket.closed()
    assert (talk.world.sockets.feeds[AAPL], talk.world.sockets.charts) == (0, 0)
