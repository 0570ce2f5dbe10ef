"""Tickets: the agreed canonical form, and when a good signature is still not enough."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api_gateway.mcp_server.results import Ticket
from api_gateway.mcp_server.tickets import TicketVerifier, canonical, order_of, signature

GOLDEN_KEY = "golden-key"
GOLDEN_TEXT = (
    '[1,"DU1234567",265598,"BUY","10","101.25","DAY","PM0123456789abcdef0123","run_x","sha256:abc",1700000060]'
)
GOLDEN_SIGNATURE = "71b768f637b953f65796e8c74ff1cb5431ece2624a15e4641bbd1d4161ad417c"
GOLDEN = Ticket(
    version=1,
    account="DU1234567",
    conid=265598,
    side="BUY",
    quantity="10",
    limit_price="101.25",
    time_in_force="DAY",
    coid="PM0123456789abcdef0123",
    run_id="run_x",
    policy_hash="sha256:abc",
    expires=1700000060,
)


def verifier(started: float = 1_700_000_000.0, now: float | None = None) -> TicketVerifier:
    moments = iter([started])
    return TicketVerifier(GOLDEN_KEY, lambda: next(moments, started if now is None else now))


def test_the_golden_ticket_has_the_agreed_text_and_signature() -> None:
    assert canonical(GOLDEN) == GOLDEN_TEXT.encode()
    expected = hmac.new(GOLDEN_KEY.encode(), GOLDEN_TEXT.encode(), hashlib.sha256).hexdigest()
    assert expected == GOLDEN_SIGNATURE
    assert signature(GOLDEN_KEY, GOLDEN) == GOLDEN_SIGNATURE
    assert signature(f" {GOLDEN_KEY}\n", GOLDEN) == GOLDEN_SIGNATURE
    assert verifier().refusal(GOLDEN, GOLDEN_SIGNATURE) is None


def test_text_outside_ascii_is_signed_as_utf_8() -> None:
    ticket = GOLDEN.model_copy(update={"run_id": "lauf_ä"})
    assert "lauf_ä".encode() in canonical(ticket)


@given(
    st.sampled_from(sorted(Ticket.model_fields)),
    st.one_of(st.integers(-(10**9), 10**9), st.text(max_size=12)),
)
def test_any_changed_field_breaks_the_signature(field: str, value: int | str) -> None:
    changed = GOLDEN.model_copy(update={field: value})
    if getattr(GOLDEN, field) == value and type(getattr(GOLDEN, field)) is type(value):
        return
    assert verifier().refusal(changed, GOLDEN_SIGNATURE) == "ticket: the signature does not match"


@given(st.text(max_size=80))
def test_no_made_up_signature_passes(presented: str) -> None:
    assert verifier().refusal(GOLDEN, presented) == (
        None if presented == GOLDEN_SIGNATURE else "ticket: the signature does not match"
    )


def refusal_of(moment: float, started: float = 1_700_000_000.0, **changes: object) -> str | None:
    ticket = GOLDEN.model_copy(update=changes)
    return verifier(started, moment).refusal(ticket, signature(GOLDEN_KEY, ticket))


def test_a_ticket_lives_until_it_expires_and_not_a_second_longer() -> None:
    assert refusal_of(1_700_000_059.9) is None
    assert "expired" in str(refusal_of(1_700_000_060.0))


def test_a_ticket_that_would_live_for_long_is_refused() -> None:
    assert refusal_of(1_700_000_000.0, expires=1_700_000_120) is None
    assert "121 s" in str(refusal_of(1_700_000_000.0, expires=1_700_000_121))


def test_a_ticket_of_an_earlier_server_life_is_refused() -> None:
    assert refusal_of(1_700_000_001.0, started=1_700_000_000.9) is None
    assert "before this server started" in str(refusal_of(1_700_000_002.0, started=1_700_000_001.0))


def test_a_used_ticket_is_refused_until_it_has_expired_anyway() -> None:
    here = verifier()
    here.use(GOLDEN)
    assert "already used" in str(here.refusal(GOLDEN, GOLDEN_SIGNATURE))
    other = GOLDEN.model_copy(update={"quantity": "11"})
    assert "already used" in str(here.refusal(other, signature(GOLDEN_KEY, other)))


@pytest.mark.parametrize("text", ["10.0", "010", "+1", "1e2", "1_000", " 1", "1,000", "-5", "0", "", "NaN", "٣", "1."])
def test_a_quantity_has_one_spelling(text: str) -> None:
    assert refusal_of(1_700_000_001.0, quantity=text) is not None
    assert refusal_of(1_700_000_001.0, limit_price=text) is not None


def test_a_limit_price_may_have_decimals_and_a_quantity_may_not() -> None:
    assert refusal_of(1_700_000_001.0, limit_price="0.0001") is None
    assert "whole shares" in str(refusal_of(1_700_000_001.0, quantity="0.5"))


def test_types_are_not_coerced_and_no_field_is_added() -> None:
    fields = GOLDEN.model_dump()
    for changes in ({"conid": "265598"}, {"expires": 1700000060.0}, {"quantity": 10}, {"extra": 1}):
        with pytest.raises(ValidationError):
            Ticket.model_validate({**fields, **changes})


def test_the_order_of_a_ticket_is_the_tickets() -> None:
    order = order_of(GOLDEN)
    assert (order.account, order.conid, order.side, order.coid) == (
        "DU1234567",
        265598,
        "BUY",
        "PM0123456789abcdef0123",
    )
    assert format(order.limit_price, "f") == "101.25"


def test_there_is_no_verifier_without_a_key() -> None:
    with pytest.raises(ValueError, match="key"):
        TicketVerifier("  ")


# The second version: the same fields, and the answers that the policy gives in advance.
ANSWERS_TEXT = (
    '[2,"DU1234567",265598,"BUY","10","101.25","DAY","PM0123456789abcdef0123","run_x","sha256:abc",1700000060,'
    '[["o10331","104.29"],["o354",""]]]'
)
ANSWERS_SIGNATURE = "63fa2d6d51c5ce835000941e1e7f03d261ee622b911b7d537c4ac960baf9dc0d"
WITH_ANSWERS = GOLDEN.model_copy(update={"version": 2, "answers": (("o10331", "104.29"), ("o354", ""))})


def test_the_golden_ticket_with_answers_has_the_agreed_text_and_signature() -> None:
    assert canonical(WITH_ANSWERS) == ANSWERS_TEXT.encode()
    assert signature(GOLDEN_KEY, WITH_ANSWERS) == ANSWERS_SIGNATURE
    assert verifier().refusal(WITH_ANSWERS, ANSWERS_SIGNATURE) is None


def test_answers_arrive_as_lists_of_json() -> None:
    sent = {**GOLDEN.model_dump(), "version": 2, "answers": [["o10331", "104.29"], ["o354", ""]]}
    assert Ticket.model_validate(sent) == WITH_ANSWERS


@pytest.mark.parametrize(
    ("version", "answers", "reason"),
    [
        (1, (("o10331", "104.29"),), "version 1 carries no answers"),
        (3, (), "version 3, expected 1 or 2"),
        (2, (("o2136", "1"),), "o2136 is not a question that may be confirmed in advance"),
        (2, (("o99999", ""),), "o99999 is not a question that may be confirmed in advance"),
        (2, (("o10331", ""),), "o10331 needs a positive number"),
        (2, (("o10331", "1e9"),), "o10331 needs a positive number"),
        (2, (("o10331", "NaN"),), "o10331 needs a positive number"),
        (2, (("o10331", "-1"),), "o10331 needs a positive number"),
        (2, (("o451", "0"),), "o451 needs a positive number"),
        (2, (("o354", "1"),), "o354 takes no bound"),
        (2, (("o383", "10"), ("o383", "20")), "two answers to one question"),
    ],
)
def test_even_a_signed_answer_does_not_widen_the_list(
    version: int, answers: tuple[tuple[str, str], ...], reason: str
) -> None:
    ticket = GOLDEN.model_copy(update={"version": version, "answers": answers})
    assert reason in str(verifier().refusal(ticket, signature(GOLDEN_KEY, ticket)))


@pytest.mark.parametrize(
    "changes",
    [
        {"answers": (("o10331", "999"), ("o354", ""))},
        {"answers": (("o10331", "104.29"), ("o354", ""), ("o383", "9"))},
        {"answers": (("o354", ""), ("o10331", "104.29"))},
        {"answers": ()},
        {"version": 1, "answers": ()},
        {"version": 1},
    ],
    ids=str,
)
def test_answers_that_were_not_signed_are_refused(changes: dict[str, object]) -> None:
    changed = WITH_ANSWERS.model_copy(update=changes)
    assert verifier().refusal(changed, ANSWERS_SIGNATURE) == "ticket: the signature does not match"
    added = GOLDEN.model_copy(update={"answers": (("o10331", "999"),)})
    assert verifier().refusal(added, GOLDEN_SIGNATURE) == "ticket: the signature does not match"
