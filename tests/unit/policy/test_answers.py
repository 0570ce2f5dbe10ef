"""`execution.answer_questions`: which of the broker's questions a person may confirm in advance, and how far."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from api_gateway.clientportal.questions import ANSWERABLE
from app.domain.answering import answers_to
from app.domain.errors import PolicyError
from app.domain.market import Quote, QuoteKind
from app.domain.order import Order, Side
from app.domain.policy import Policy
from app.domain.policy.check import check
from app.domain.questions import DOCUMENTED, Bound, advice, meaning, nearest
from app.market.sectors import SECTORS
from app.settings import load_policy, shipped_policy
from tests.support.worlds import buy, conid, instrument, quote
from tests.unit.policy.pairs import document

FIELD = "execution.answer_questions"


def policy(answers: object, **changes: object) -> Policy:
    return Policy.model_validate(
        document({FIELD: answers}, {f"execution.{name}": value for name, value in changes.items()})
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("[]", {}),
        ("{}", {}),
        ("[o163, o10331]", {"o163": None, "o10331": None}),
        ("{o163: , o10331: collar, o354: delayed, o403: ticket}",
         {"o163": None, "o10331": None, "o354": None, "o403": None}),
        ("{o383: 200, o451: 50000.5}", {"o383": Decimal(200), "o451": Decimal("50000.5")}),
        ("[o163, {o383: 200}]", {"o163": None, "o383": Decimal(200)}),
        ("\n    - o163\n    - o354", {"o163": None, "o354": None}),
    ],
)  # fmt: skip
def test_a_list_of_ids_and_ids_with_their_bounds_are_both_read(
    tmp_path: Path, written: str, read: dict[str, Decimal | None]
) -> None:
    assert load_policy(_file(tmp_path, written)).execution.answer_questions == read


def _file(folder: Path, written: str) -> Path:
    text = shipped_policy().read_text(encoding="utf-8")
    begin = text.index("  answer_questions: {}")
    changed = f"{text[:begin]}  answer_questions: {written}{text[text.index(chr(10), begin) :]}"
    path = folder / "policy.yaml"
    path.write_text(changed, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("[o10332x]", "o10332x is not a question that the broker documents; did you mean o10332?"),
        ("[O10331]", "did you mean o10331?"),
        ("[10331]", "10331 is not a question that the broker documents; did you mean o10331?"),
        ("[o1063]", "did you mean o163?"),
        ("[everything]", "everything is not a question that the broker documents"),
        ("{yes: collar}", "yes is not a question"),
        ("[o2136]", "o2136 cannot be confirmed in advance: Mixed allocation"),
        ("[p12]", "p12 cannot be confirmed in advance"),
        ("[o10151]", "o10151 cannot be confirmed in advance: The risks of market orders"),
        ("[o383]", "o383 needs the most it is confirmed for in shares, like `o383: 5000`"),
        ("{o451: }", "o451 needs the most it is confirmed for in base currency"),
        ("{o451: 0}", "o451 needs the most"),
        ("{o451: -5}", "o451 needs the most"),
        ("{o451: .inf}", "o451 needs the most"),
        ("{o451: .nan}", "o451 needs the most"),
        ("{o451: 1e400}", "o451 needs the most"),
        ("{o451: '5000'}", "o451 needs the most"),
        ("{o451: true}", "o451 needs the most"),
        ("{o163: 5}", "o163: 5 is no bound for it; write `o163: collar`"),
        ("{o163: true}", "o163: True is no bound for it"),
        ("{o163: delayed}", "o163: 'delayed' is no bound for it"),
        ("{o354: collar}", "o354: 'collar' is no bound for it; write `o354: delayed`"),
        ("[o163, o163]", "o163 is listed twice"),
        ("o163", "is neither a list of question ids nor ids with a bound each"),
        ("true", "is neither a list"),
        ("[[o163]]", "['o163'] is not a question"),
    ],
)
def test_what_cannot_be_answered_is_an_error_that_says_what_to_write(tmp_path: Path, written: str, says: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(_file(tmp_path, written))
    assert f"{FIELD}: " in str(caught.value)
    assert says in str(caught.value)


def test_the_two_sides_agree_on_what_may_be_confirmed_and_what_is_confirmed_anyway() -> None:
    ours = {one.id: (one.bound, one.by_default) for one in DOCUMENTED.values() if one.bound is not None}
    names = {
        Bound.TICKET: "ticket", Bound.COLLAR: "price", Bound.DELAYED: "quote", Bound.QUANTITY: "quantity",
        Bound.VALUE: "value",
    }  # fmt: skip
    assert {name: (names[bound], default) for name, (bound, default) in ours.items() if bound} == {
        name: (known.bound.value, known.by_default) for name, known in ANSWERABLE.items()
    }


def _priced(side: Side = Side.BUY) -> Order:
    return replace(buy("II", 50), side=side, limit_price=Decimal(100))


def _answers(policy: Policy, side: Side, on: Quote, rate: str = "1", *, live: bool = True) -> dict[str, Decimal | None]:
    return dict(answers_to(policy, _priced(side), on, Decimal(rate), live=live))


def test_a_price_question_is_confirmed_up_to_the_collar_and_no_further() -> None:
    on = replace(quote("II"), bid=Decimal(99), ask=Decimal(101), prior_close=Decimal(100))
    wanted = policy(["o163", "o10331"])
    assert _answers(wanted, Side.BUY, on) == {"o163": Decimal(103), "o10331": Decimal(103)}
    assert _answers(wanted, Side.SELL, on) == {"o163": Decimal(97), "o10331": Decimal(97)}
    assert _answers(policy(["o163"], price_collar_pct=1), Side.BUY, on) == {"o163": Decimal(101)}


@pytest.mark.parametrize(
    ("allowed", "live", "confirmed"), [(False, True, False), (True, True, True), (False, False, True)]
)
def test_a_question_about_market_data_is_confirmed_only_where_delayed_quotes_may_be_used(
    allowed: bool, live: bool, confirmed: bool
) -> None:
    on = replace(quote("II"), kind=QuoteKind.DELAYED)
    wanted = policy(["o354"], allow_delayed_quotes=allowed)
    assert ("o354" in _answers(wanted, Side.BUY, on, live=live)) is confirmed


@pytest.mark.parametrize(
    ("rate", "most", "bound"),
    [("1", 5000, "5000"), ("1.25", 5000, "4000"), ("0.000000001", 900_000_000_000, "100000000000000"),
     ("1000000", 0.001, "0.00000001")],
)  # fmt: skip
def test_a_value_is_signed_in_the_instruments_currency_and_as_a_ticket_can_say_it(
    rate: str, most: float, bound: str
) -> None:
    assert _answers(policy({"o451": most}), Side.BUY, quote("II"), rate) == {"o451": Decimal(bound)}


def test_answers_that_do_nothing_are_pointed_out() -> None:
    rules = policy({"o354": None, "o403": None, "o451": 25_000}, max_order_value=25_000)
    said = [str(finding) for finding in check(rules, SECTORS)]
    assert [line for line in said if FIELD in line] == [
        f"{FIELD}.o354: with real money it is never confirmed while allow_delayed_quotes is false",
        f"{FIELD}.o403: adds nothing: it is confirmed anyway",
        f"{FIELD}.o451: 25000 is not below max_order_value (25000): it binds nothing",
    ]


def test_every_documented_question_is_explained_and_an_unknown_one_is_not_made_up() -> None:
    for name, one in DOCUMENTED.items():
        assert one.meaning in meaning([name])
        assert advice([name])
    assert meaning(["o7"]) == "o7: not among the questions that the broker documents"
    assert "only the text" in meaning([])
    assert "answer_questions" not in advice(["o7"])
    assert "answer_questions" not in advice(["o10331", "o7"])
    assert "answer_questions may name o163, o10331" in advice(["o163", "o10331"])
    assert nearest("o10331 ") == "o10331"
    assert instrument("II").conid == conid("II")
