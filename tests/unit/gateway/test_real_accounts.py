"""What real accounts say they are worth and who they are: what is strange is set aside, and the rest is read."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from api_gateway.clientportal.errors import Incomplete, Malformed
from api_gateway.clientportal.records import Ledger, NavHistory, Summary
from api_gateway.clientportal.session_health import PrimedSession
from tests.unit.gateway import shapes
from tests.unit.gateway.scripted import ACCOUNT, ScriptedGateway, Time, ok, portal_to, ready_gateway

UTC = "2025-11-18T15:00:00+00:00"


def _ledger_gateway(rows: object) -> ScriptedGateway:
    return ready_gateway().on(f"GET /portfolio/{ACCOUNT}/ledger", ok(rows))


async def ledger(**changes: object) -> Ledger:
    """Of dollars, euros and their sum; a row that is changed to ... is dropped."""
    rows = {name: row for name, row in (shapes.LEDGER | changes).items() if row is not ...}
    return await portal_to(_ledger_gateway(rows), utc=UTC).portfolio.ledger(ACCOUNT)


def usd(**changes: object) -> dict[str, Any]:
    return {key: value for key, value in (shapes.LEDGER["USD"] | changes).items() if value is not ...}


async def test_the_parts_of_the_account_are_told_by_the_brokers_names() -> None:
    base = shapes.LEDGER["BASE"] | {"interest": 150.0, "funds": 61.0, "zzlatervalue": 7.0, "cryptocurrencyvalue": -3.0}
    found = await ledger(BASE=base)
    assert {each.name: each.amount for each in found.nav_parts} == {
        "cashbalance": Decimal("1225.5"),
        "stockmarketvalue": Decimal("535.5"),
        "dividends": Decimal("12.5"),
        "interest": Decimal("150.0"),
        "funds": Decimal("61.0"),
        "zzlatervalue": Decimal("7.0"),
        "cryptocurrencyvalue": Decimal("-3.0"),
    }


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (usd(settledcash=...), "settled_cash"),
        (usd(settledcash=None), "settled_cash"),
        (usd(settledcash="n/a"), "settled_cash"),
        (usd(exchangerate=...), "exchange_rate"),
        (usd(exchangerate=0), "exchange_rate"),
        (usd(exchangerate=0.9, timestamp=1_763_000_000), "exchange_rate"),
        (usd(exchangerate=0.9, cashbalance=1111.6667, netliquidationvalue=1720.5556, timestamp="then"), None),
    ],
)
async def test_what_a_currency_lacks_is_none_and_named(row: object, field: str | None) -> None:
    found = await ledger(USD=row)
    dollars, euros = found.cash
    assert (euros.settled_cash, euros.exchange_rate) == (Decimal(200), Decimal("1.125"))
    assert [name for name in ("settled_cash", "exchange_rate") if getattr(dollars, name) is None] == [
        name for name in (field,) if name
    ]
    assert [each.symbol for each in found.strange] == ["USD"]


@pytest.mark.parametrize("rate", [0, None, "n/a"])
async def test_a_currency_without_money_needs_no_rate(rate: object) -> None:
    found = await ledger(CHF=shapes.ledger_row("CHF", 0.0, exchangerate=rate))
    assert [(each.currency, each.exchange_rate) for each in found.cash][2:] == [("CHF", None)]


async def test_a_coin_with_a_rate_is_a_currency_like_others_and_one_without_a_code_is_set_aside() -> None:
    base = shapes.LEDGER["BASE"] | {"cashbalance": 1625.5, "netliquidationvalue": 2173.5}
    coin = shapes.ledger_row("BTC", 0.02, exchangerate=15000)
    found = await ledger(BASE=base, BTC=coin, USDT=shapes.ledger_row("USDT", 100.0))
    assert [each.currency for each in found.cash] == ["USD", "EUR", "BTC"]
    (strange,) = found.strange
    assert (strange.what, strange.symbol) == ("ledger", "USDT")


@pytest.mark.parametrize("row", [None, [], "x", 7])
async def test_a_ledger_row_that_is_none_is_set_aside(row: object) -> None:
    found = await ledger(CHF=row)
    assert [each.currency for each in found.cash] == ["USD", "EUR"]
    assert [each.reason for each in found.strange] == ["ledger CHF: it is no object"]


async def test_a_row_under_another_currencys_name_is_set_aside() -> None:
    found = await ledger(USD=usd(secondkey="GBP"))
    assert [each.currency for each in found.cash] == ["EUR"]
    assert found.strange[0].reason == "ledger USD: a row of GBP stands under another currency"


@pytest.mark.parametrize("base", [..., {}, None])
async def test_a_ledger_without_its_total_tells_the_currencies_and_that_nothing_shows_them_all(base: object) -> None:
    found = await ledger(BASE=base)
    assert ([each.currency for each in found.cash], found.nav_parts, found.invested) == (["USD", "EUR"], (), True)
    assert "ledger BASE" in found.strange[0].reason


@pytest.mark.parametrize("row", [..., usd(cashbalance=500.0), usd(netliquidationvalue=9_000.0)])
async def test_currencies_that_contradict_the_total_stop_and_name_row_and_field(row: object) -> None:
    with pytest.raises(Incomplete, match=r"BASE (cashbalance|netliquidationvalue) is 1\d+\.\d, in base currency there"):
        await ledger(USD=row)


async def summary(**changes: object) -> Summary:
    rows = {name: row for name, row in (shapes.SUMMARY | changes).items() if row is not ...}
    gateway = ready_gateway().on(f"GET /portfolio/{ACCOUNT}/summary", ok(rows))
    return await portal_to(gateway).portfolio.summary(ACCOUNT)


def trading(word: object) -> dict[str, Any]:
    return shapes.summary_entry(0.0, None, None) | {"value": word}


# Figures that tell of no loan: the word alone decides.
PLAIN = {
    "buyingpower": shapes.summary_entry(1225.5),
    "initmarginreq": shapes.summary_entry(535.5),
}


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("STKCASH", "cash"),
        ("STKMRGN", "margin"),
        ("STKNOPT", "margin"),
        ("FUTNOPT", "margin"),
        ("PMRGN", "margin"),
        ("GPMRGN", "margin"),
        ("IRAMRGN", "margin"),
        ("NEWMRGN", "margin"),
        ("stkcash", "cash"),
        ("STKLATER", None),
        ("INDIVIDUAL", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
async def test_cash_or_margin_is_the_brokers_word(word: object, kind: str | None) -> None:
    assert (await summary(**PLAIN, **{"tradingtype-s": trading(word)})).account_type == kind


@pytest.mark.parametrize(
    "figures",
    [
        {"buyingpower": shapes.summary_entry(4902.0)},
        {"totalcashvalue": shapes.summary_entry(-10.0)},
        {"initmarginreq": shapes.summary_entry(160.0)},
    ],
)
@pytest.mark.parametrize("word", [..., trading("STKLATER"), "x"])
async def test_where_the_word_says_nothing_the_accounts_figures_do(figures: Mapping[str, object], word: object) -> None:
    assert (await summary(**{**PLAIN, **figures, "tradingtype-s": word})).account_type == "margin"


async def test_a_cash_account_stays_one_whatever_its_figures() -> None:
    assert (await summary(**{"tradingtype-s": trading("STKCASH")})).account_type == "cash"


@pytest.mark.parametrize(
    ("told", "remaining"),
    [("Unlimited", None), ("unlimited", None), ("3", 3), (3, 3), ("-1", None), ("2.5", None), ("", None), ([], None)],
)
async def test_day_trades_are_a_number_or_no_limit(told: object, remaining: int | None) -> None:
    found = await summary(daytradesremaining=shapes.summary_entry(0.0, None, None) | {"value": told})
    assert (found.day_trades_remaining, found.net_liquidation) == (remaining, Decimal("1773.5"))


@pytest.mark.parametrize("row", [..., None, [], {"amount": None}, {"amount": "n/a"}, {"amount": 1, "isNull": True}])
async def test_a_summary_says_what_it_lacks_and_tells_the_rest(row: object) -> None:
    found = await summary(netliquidation=row)
    assert (found.net_liquidation, found.currency, found.available_funds) == (None, "USD", Decimal("1225.5"))
    (strange,) = found.strange
    assert strange.reason.startswith("summary netliquidation: ")


async def test_an_amount_in_another_currency_than_the_base_is_none_of_it() -> None:
    found = await summary(availablefunds=shapes.summary_entry(1000.0, currency="EUR"))
    assert (found.currency, found.available_funds) == ("USD", None)


async def performance(answer: object) -> NavHistory:
    gateway = ready_gateway().on("POST /pa/performance", ok(answer))
    return await portal_to(gateway).portfolio.performance(ACCOUNT)


@pytest.mark.parametrize(
    "nav",
    [
        {"data": [], "dates": []},
        {"data": [], "freq": "D", "dates": []},
        {"data": None, "dates": None},
        {"data": [{"id": ACCOUNT, "baseCurrency": "USD", "navs": []}], "dates": []},
        {"data": [{"id": ACCOUNT}], "dates": []},
        {"dates": []},
        {},
        None,
    ],
)
async def test_a_young_account_has_no_performance_and_that_is_no_error(nav: object) -> None:
    assert (await performance({"rc": 0, "nav": nav})).points == ()
    assert (await performance({"nav": nav})).points == ()


async def test_an_answer_without_a_word_of_performance_is_none() -> None:
    answers: tuple[object, ...] = ({}, {"nav": []}, {"rc": 0, "nav": "x"})
    for answer in answers:
        with pytest.raises(Malformed):
            await performance(answer)


async def test_a_day_without_a_value_costs_that_day() -> None:
    nav = {"data": [shapes.SERIES | {"navs": [1701.5, None, 1773.5]}], "dates": shapes.DATES}
    found = await performance(shapes.PERFORMANCE | {"nav": nav})
    assert [f"{each.date:%Y%m%d}" for each in found.points] == ["20251113", "20251117"]
    assert [each.reason for each in found.strange] == ["nav of 20251114: not a number: NoneType"]


async def test_an_empty_performance_is_asked_for_again_once_the_broker_answers_again() -> None:
    empty, full = ok({"rc": 0, "nav": {"data": [], "dates": []}}), ok(shapes.PERFORMANCE)
    gateway, time = ready_gateway().on("POST /pa/performance", empty, full), Time()
    portfolio = portal_to(gateway, time).portfolio
    for _ in range(2):
        assert (await portfolio.performance(ACCOUNT)).points == ()
    assert gateway.count("POST /pa/performance") == 1
    time.now += 900.0
    for _ in range(2):
        assert len((await portfolio.performance(ACCOUNT)).points) == 3
    assert gateway.count("POST /pa/performance") == 2


@pytest.mark.parametrize("extra", [None, 7, "x", []])
async def test_what_is_no_series_stands_beside_the_accounts_own(extra: object) -> None:
    nav = {"data": [extra, shapes.SERIES], "dates": shapes.DATES}
    assert len((await performance(shapes.PERFORMANCE | {"nav": nav})).points) == 3
    with pytest.raises(Malformed):
        await performance(shapes.PERFORMANCE | {"nav": {"data": [extra], "dates": []}})


async def test_an_advisors_answer_is_read_for_the_account_alone() -> None:
    other = shapes.SERIES | {"id": "DU7777777", "navs": [1.0, 2.0, 3.0]}
    nav = {"data": [other, shapes.SERIES], "dates": shapes.DATES}
    found = await performance(shapes.PERFORMANCE | {"nav": nav})
    assert [each.nav for each in found.points] == [Decimal("1701.5"), Decimal("1712.25"), Decimal("1773.5")]
    with pytest.raises(Malformed, match="another account"):
        await performance(shapes.PERFORMANCE | {"nav": {"data": [other], "dates": shapes.DATES}})


async def accounts(**changes: object) -> PrimedSession:
    rows = {name: row for name, row in (shapes.ACCOUNTS | changes).items() if row is not ...}
    return await portal_to(ready_gateway().on("GET /iserver/accounts", ok(rows))).session.brokerage_accounts()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, (ACCOUNT, "DU1234568")),
        ({"selectedAccount": None}, (ACCOUNT, "DU1234568")),
        ({"acctProps": ..., "aliases": ..., "groups": ...}, (ACCOUNT, "DU1234568")),
        ({"acctProps": {ACCOUNT: {}}}, (ACCOUNT, "DU1234568")),
        ({"acctProps": [], "aliases": 7, "groups": {}}, (ACCOUNT, "DU1234568")),
        ({"accounts": [ACCOUNT, "Savings"]}, (ACCOUNT, "DU1234568")),
        ({"accounts": [ACCOUNT, "Everybody", "GR1234567"], "groups": ["Everybody", "GR1234567"]}, (ACCOUNT,)),
        ({"accounts": [ACCOUNT, None, 7, {}, ACCOUNT]}, (ACCOUNT,)),
        ({"accounts": ["DF1234567", ACCOUNT]}, ("DF1234567", ACCOUNT)),
    ],
)
async def test_the_accounts_of_a_login_are_those_with_an_id(changes: Mapping[str, object], named: object) -> None:
    found = await accounts(**changes)
    assert (found.accounts, found.paper) == (named, True)


@pytest.mark.parametrize("listed", [[], ["All"], ["Everybody"], None, "All", [None]])
async def test_a_login_without_an_account_says_what_it_lists(listed: object) -> None:
    with pytest.raises(Malformed, match="accounts: "):
        await accounts(accounts=listed)


@pytest.mark.parametrize(
    ("listed", "flag", "paper"),
    [([ACCOUNT], ..., True), ([ACCOUNT], None, True), (["U1234567"], ..., False), (["U1234567"], False, False)],
)
async def test_without_the_flag_the_ids_say_what_is_paper(listed: list[str], flag: object, paper: bool) -> None:
    assert (await accounts(accounts=listed, isPaper=flag, acctProps=...)).paper is paper


@pytest.mark.parametrize("flag", [True, "true", 1, []])
async def test_real_money_is_never_taken_for_paper_by_a_flag(flag: object) -> None:
    with pytest.raises(Malformed):
        await accounts(accounts=["U1234567"], isPaper=flag, acctProps=...)


async def test_one_account_of_real_money_makes_a_login_no_paper_login() -> None:
    listed = [ACCOUNT, "U1234567"]
    assert not (await accounts(accounts=listed, isPaper=..., acctProps=...)).paper
    with pytest.raises(Malformed, match="said to be paper, its accounts are not"):
        await accounts(accounts=listed, isPaper=True, acctProps=...)


@pytest.mark.parametrize("below", [ok([]), ok({"error": "no"}, 500), ok({"error": "Resource not found"}, 404)])
async def test_accounts_below_another_are_listed_before_they_are_read_where_the_gateway_lists_them(
    below: httpx2.Response,
) -> None:
    gateway = ready_gateway().on("GET /iserver/accounts", ok(shapes.ACCOUNTS)).on("GET /portfolio/subaccounts", below)
    assert (await portal_to(gateway).session.prime()).tiered
    assert gateway.count("GET /portfolio/subaccounts") >= 1
    alone = ready_gateway()
    await portal_to(alone).session.prime()
    assert alone.count("GET /portfolio/subaccounts") == 0
