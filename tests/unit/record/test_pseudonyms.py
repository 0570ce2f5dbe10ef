"""No account's id leaves, wherever it stands; what only resembles one stays."""

import json
from datetime import date

import pytest

from app.domain.order import Side, client_order_id
from app.record.pseudonyms import pseudonym, pseudonymiser

KEY = "a key that is long enough"
ACCOUNT = "U1234567"
IDS = ["U1234567", "DU1234567", "DU7654321", "F7654321", "DF123456", "I1234567", "U123456789", "U1234567C", "u1234567"]


def test_the_same_key_and_account_have_the_same_name_and_others_another() -> None:
    names = {pseudonym(key, account) for key in (KEY, "another") for account in ("U1234567", "U1234568")}
    assert pseudonym(KEY, ACCOUNT) == pseudonym(KEY, ACCOUNT) == pseudonym(KEY, ACCOUNT.lower())
    assert len(names) == 4
    assert {len(name) for name in names} == {len("account-") + 16}


@pytest.mark.parametrize("account", IDS)
@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{}/2020-03-02/daily",
        "world:{}@7",
        "order of {}: refused",
        "transfer_{}_ok",
        "({}), and again {}",
        "a\n{}\tb",
        "é{}–50",
        '"{}"',
    ],
)
def test_an_account_is_replaced_in_any_text_also_where_nobody_named_it(text: str, account: str) -> None:
    hide = pseudonymiser(KEY)
    written = json.dumps({"note": text.format(account, account)})
    hidden = hide(written)
    assert account not in hidden
    assert json.loads(hidden)["note"] == text.replace("{}", pseudonym(KEY, account))


def test_a_named_account_is_replaced_also_inside_a_word() -> None:
    assert ACCOUNT not in pseudonymiser(KEY, [ACCOUNT])(f"ref{ACCOUNT}x")


def test_a_short_name_is_replaced_as_a_word_only() -> None:
    assert pseudonymiser(KEY, ["AB1"])("CAB12 AB1") == f"CAB12 {pseudonym(KEY, 'AB1')}"


def test_an_order_id_is_a_plain_hash_with_the_account_in_it_and_is_replaced() -> None:
    coid = client_order_id(ACCOUNT, date(2020, 3, 2), "daily", 265598, Side.BUY, 0)
    hidden = pseudonymiser(KEY)(f"working: {coid}")
    assert coid not in hidden
    assert hidden.startswith("working: PM-")


@pytest.mark.parametrize(
    "text",
    [
        "AAPL",
        "265598",
        "2020-03-02T14:30:00",
        "hold-f1234567",
        "sha256:" + "0f1234567u" * 6,
        "—50000 is a loss",
        "UNH 12345",
    ],
)
def test_what_only_resembles_an_account_stays(text: str) -> None:
    written = json.dumps({"text": text})
    assert pseudonymiser(KEY, [ACCOUNT])(written) == written


@pytest.mark.parametrize("account", IDS)
def test_what_was_replaced_is_not_replaced_again(account: str) -> None:
    hide = pseudonymiser(KEY, [ACCOUNT])
    coid = client_order_id(ACCOUNT, date(2020, 3, 2), "daily", 265598, Side.BUY, 0)
    once = hide(f"{account} {coid}")
    assert hide(once) == once
