"""A placement is one call, whatever becomes of its answer; its ticket is signed in the agreed form."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from app.broker.connection import McpConnection
from app.broker.mcp import McpBroker
from app.broker.signing import HmacSigner, canonical, plain
from app.domain.order import Outcome, Side, Ticket
from tests.support.serving import listening
from tests.unit.broker.canned import TOKEN, Canned

GOLDEN = "71b768f637b953f65796e8c74ff1cb5431ece2624a15e4641bbd1d4161ad417c"
TICKET = Ticket(
    account="DU1234567",
    conid=265598,
    side=Side.BUY,
    quantity=Decimal("10.00"),
    limit_price=Decimal("101.250"),
    time_in_force="DAY",
    coid="PM0123456789abcdef0123",
    run_id="run_x",
    policy_hash="sha256:abc",
    expires=1700000060,
)


def test_the_tickets_canonical_form_is_the_agreed_one() -> None:
    assert canonical(TICKET) == (
        b'[1,"DU1234567",265598,"BUY","10","101.25","DAY","PM0123456789abcdef0123","run_x","sha256:abc",1700000060]'
    )


def test_the_signature_is_the_golden_one() -> None:
    assert HmacSigner("golden-key").sign(TICKET) == GOLDEN
    assert HmacSigner("golden-key\n").sign(TICKET) == GOLDEN
    assert HmacSigner("another-key").sign(TICKET) != GOLDEN


WITH_ANSWERS = replace(TICKET, answers=(("o10331", Decimal("104.290")), ("o354", None)))
GOLDEN_WITH_ANSWERS = "63fa2d6d51c5ce835000941e1e7f03d261ee622b911b7d537c4ac960baf9dc0d"


def test_a_ticket_with_answers_is_of_the_second_version_with_its_own_golden_signature() -> None:
    assert canonical(WITH_ANSWERS) == (
        b'[2,"DU1234567",265598,"BUY","10","101.25","DAY","PM0123456789abcdef0123","run_x","sha256:abc",1700000060,'
        b'[["o10331","104.29"],["o354",""]]]'
    )
    assert HmacSigner("golden-key").sign(WITH_ANSWERS) == GOLDEN_WITH_ANSWERS


@pytest.mark.parametrize(
    ("number", "text"),
    [("10", "10"), ("10.00", "10"), ("1E+3", "1000"), ("0.0100", "0.01"), ("100", "100"), ("1E-7", "0.0000001")],
)
def test_numbers_are_plain_and_without_trailing_zeros(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


async def test_a_placement_carries_the_ticket_as_it_was_signed(canned: Canned, connection: McpConnection) -> None:
    placement = await McpBroker(connection).place(TICKET, "the signature")
    assert (placement.outcome, placement.order_id, placement.status) == (Outcome.ACCEPTED, "9001", "Submitted")
    assert canned.arguments["place_order"] == {
        "ticket": {
            "version": 1,
            "account": "DU1234567",
            "conid": 265598,
            "side": "BUY",
            "quantity": "10",
            "limit_price": "101.25",
            "time_in_force": "DAY",
            "coid": "PM0123456789abcdef0123",
            "run_id": "run_x",
            "policy_hash": "sha256:abc",
            "expires": 1700000060,
        },
        "signature": "the signature",
    }


async def test_answers_go_with_the_ticket_as_they_were_signed(canned: Canned, connection: McpConnection) -> None:
    await McpBroker(connection).place(WITH_ANSWERS, "s")
    sent = canned.arguments["place_order"]["ticket"]
    assert (sent["version"], sent["answers"]) == (2, [["o10331", "104.29"], ["o354", ""]])


@pytest.mark.parametrize(
    ("outcome", "confirmed", "means"),
    [
        ("unknown", [False], Outcome.UNANSWERED),
        ("unknown", [True, False], Outcome.UNANSWERED),
        ("unknown", [True], Outcome.UNKNOWN),
        ("unknown", [], Outcome.UNKNOWN),
        ("accepted", [True], Outcome.ACCEPTED),
        ("rejected", [False], Outcome.REJECTED),
    ],
)
async def test_an_open_outcome_behind_a_question_that_nobody_answered_is_no_lost_answer(
    canned: Canned, connection: McpConnection, outcome: str, confirmed: list[bool], means: Outcome
) -> None:
    """Servers of before say nothing of why."""
    asked = [{"message_ids": ["o10331"], "text": "Sure?\x00" + "x" * 9_000, "confirmed": yes} for yes in confirmed]
    said = {"outcome": outcome, "order_id": None, "status": None, "message": "m", "questions": asked}
    canned.answers["place_order"] = said
    placement = await McpBroker(connection).place(TICKET, "s")
    assert placement.outcome is means
    assert [question.answered for question in placement.questions] == confirmed
    assert all("\x00" not in question.text and len(question.text) == 4_000 for question in placement.questions)


@pytest.mark.parametrize("outcome", list(Outcome))
async def test_every_outcome_arrives_as_it_was_said(
    canned: Canned, connection: McpConnection, outcome: Outcome
) -> None:
    canned.answers["place_order"] = {"outcome": outcome.value, "order_id": None, "status": None, "message": "why"}
    placement = await McpBroker(connection).place(TICKET, "s")
    assert (placement.outcome, placement.message) == (outcome, "why")


@pytest.mark.parametrize(
    "answer", [{"outcome": "perhaps", "order_id": None, "status": None, "message": None}, {}, "accepted"]
)
async def test_an_answer_that_cannot_be_read_is_an_unknown_outcome(
    canned: Canned, connection: McpConnection, answer: object
) -> None:
    canned.answers["place_order"] = answer
    placement = await McpBroker(connection).place(TICKET, "s")
    assert placement.outcome is Outcome.UNKNOWN
    assert canned.calls["place_order"] == 1


async def test_an_error_of_the_tool_is_an_unknown_outcome(canned: Canned, connection: McpConnection) -> None:
    canned.errors["place_order"] = "something broke inside"
    placement = await McpBroker(connection).place(TICKET, "s")
    assert (placement.outcome, placement.message) == (Outcome.UNKNOWN, "something broke inside")
    assert canned.calls["place_order"] == 1


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """(address of a server that dies while it places an order, the file in which it notes that one arrived)."""
    note = tmp_path / "arrived"
    with listening() as listener:
        descriptor = listener.fileno()
        command = [sys.executable, "-m", "tests.unit.broker.canned", str(descriptor), str(note)]
        with subprocess.Popen(command, pass_fds=(descriptor,), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "READY\n"
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", note
            process.terminate()


@pytest.mark.slow
async def test_a_server_killed_in_the_middle_of_a_placement_leaves_it_unknown_and_it_is_not_sent_again(
    mortal: tuple[str, Path],
) -> None:
    address, note = mortal
    connection = McpConnection(address, TOKEN)
    broker = McpBroker(connection)
    await broker.session()
    placement = await broker.place(TICKET, "s")
    await connection.close()
    assert placement.outcome is Outcome.UNKNOWN
    assert note.read_text() == "place_order\n"
