"""Every number of a policy that cannot work for an account of some size is named, with what would work."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.domain.account_size import Account, Listing, can_buy, does_not_fit, room
from app.domain.policy import Policy
from app.settings import load_policy
from tests.unit.policy import samples

DEEP = Decimal(10**10)
CHEAP: Mapping[str, Listing] = {"KO": Listing(Decimal(60), DEEP), "PFE": Listing(Decimal(40), DEEP)}
FORMER: Mapping[str, Any] = {
    "execution__max_order_value": 25_000,
    "execution__max_order_nav_pct": None,
    "execution__min_order_nav_pct": None,
}


def policy(**changes: object) -> Policy:
    return Policy.model_validate(samples.changed(**changes))


def told(nav: int, listings: Mapping[str, Listing] = CHEAP, sent: int | None = 10**9, **changes: Any) -> list[str]:  # noqa: ANN401 - any field
    most = None if sent is None else Decimal(sent)
    return [str(finding) for finding in does_not_fit(policy(**changes), Account(Decimal(nav), "USD", listings, most))]


@pytest.mark.parametrize("file", samples.SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_policies_work_for_a_small_and_a_large_account_alike(file: Path) -> None:
    rules = load_policy(file)
    for nav in (250_000, 50_000_000):
        assert does_not_fit(rules, Account(Decimal(nav), "USD", CHEAP, Decimal(10**9))) == ()
    small = does_not_fit(rules, Account(Decimal(2_000), "USD", CHEAP, Decimal(10**9)))
    # A target of 3 % is sixty dollars, and stays in cash; so does what eight names would share.
    assert {finding.field for finding in small} <= {"allocation.sectors_pct", "allocation.selection.names"}


@pytest.mark.parametrize(
    ("nav", "changes", "message"),
    [
        (
            2_000, FORMER,
            "execution.min_order_value: the smallest order is 500, and one name may be worth 280 of 2,000 USD "
            "(risk_limits.max_position_pct less a point): no buy is possible; min_order_nav_pct: 14 or less works, "
            "or an account of 3,572",
        ),
        (
            5_000, FORMER,
            "allocation.sectors_pct: targets below the smallest order of 500 USD are never bought: "
            "Consumer Discretionary (350), Energy (350), Industrials (350); min_order_nav_pct: 7 or less works",
        ),
        (
            50_000_000, FORMER,
            "execution.max_order_value: 20 orders of 25,000 USD at most are 500,000 a day: to invest 42,500,000 takes "
            "85 sessions; max_order_nav_pct: 0.22 or more in its place works",
        ),
        (
            10_000, {**FORMER, "execution__max_turnover_pct": 4},
            "execution.max_turnover_pct: a day may trade 400 USD, and the smallest order is 500: no buy is possible; "
            "max_turnover_pct: 5 or more works",
        ),
        (
            500, {},
            "execution.max_commission_pct: the broker takes about 1 for an order at least: no buy is possible, for "
            "none may be worth 100; max_commission_pct: 1.43 or more works, or a larger account",
        ),
        (
            1_000, {},
            "execution.max_commission_pct: the broker takes about 1 for an order at least: buys below 100 are refused; "
            "a smallest order of that size plans none of them",
        ),
    ],
)  # fmt: skip
def test_a_number_that_cannot_work_is_named_with_what_does(nav: int, changes: Mapping[str, Any], message: str) -> None:
    assert message in told(nav, **changes)


FIXED: Mapping[str, Any] = {"allocation__symbols_pct": {"KO": 3}, "allocation__sectors_pct": {}}
CHOSEN: Mapping[str, Any] = {"allocation__selection": {"names": 4, "scores": {"trend": 1}}}


def test_fixed_targets_are_held_against_the_smallest_order_and_one_share() -> None:
    assert told(2_000, **FIXED) == [
        "allocation.symbols_pct: targets below the smallest order of 100 USD are never bought: KO (60.00); "
        "min_order_nav_pct: 3 or less works"
    ]
    assert told(2_000, **FIXED, execution__min_order_nav_pct=3, execution__max_commission_pct=2) == []
    dear = {**CHEAP, "KO": Listing(Decimal(600), DEEP)}
    assert told(19_000, dear, **FIXED) == [
        "allocation.symbols_pct: one share is more than the target is worth: KO at 600 (570): never bought; a larger "
        "target works, or an account of 20,000"
    ]
    assert told(20_000, dear, **FIXED) == []


def test_more_names_than_orders_fit_a_target_are_told() -> None:
    (line,) = [one for one in told(12_000, **CHOSEN) if one.startswith("allocation.selection.names")]
    assert line == (
        "allocation.selection.names: of 4 names fewer fit a target in orders of 500 USD, the others are never bought: "
        "Information Technology (3), Consumer Staples (3), Financials (3), Consumer Discretionary (1), Energy (1) and "
        "1 more; 1 works, or min_order_nav_pct: 1.75 or less"
    )
    assert told(12_000, **CHOSEN, execution__min_order_nav_pct=1.75) == []
    assert told(12_000, **{**CHOSEN, "allocation__selection": {"names": 1}}) == []


def test_the_day_that_a_selection_needs_is_that_of_the_names_it_holds() -> None:
    thin = {"KO": Listing(Decimal(60), Decimal(3_000_000))}
    every: Mapping[str, Any] = {"allocation__sectors_pct": {}, "execution__max_order_nav_pct": 20}
    slow = told(10_000_000, thin, **every, allocation__selection={"names": 7, "scores": {"trend": 1}})
    assert any("takes long: KO (40 sessions)" in line for line in slow)
    assert not any("takes long" in line for line in told(10_000_000, thin, **every))


def test_what_is_said_to_work_does() -> None:
    assert not told(2_000, **{**FORMER, "execution__min_order_nav_pct": 5})
    assert not told(3_572, **{**FORMER, "allocation__sectors_pct": {}})
    assert not told(50_000_000, execution__max_order_nav_pct=0.22)
    assert not told(500, execution__max_commission_pct=4)


def test_names_of_which_one_share_is_too_much_are_told_dearest_first() -> None:
    dear = {**CHEAP, "LLY": Listing(Decimal(900), DEEP), "MSFT": Listing(Decimal(400), DEEP)}
    assert told(2_000, dear) == [
        "risk_limits.max_position_pct: one share is more than one name may be worth of 2,000 USD: LLY at 900, "
        "MSFT at 400: never bought; a larger limit works, cheaper names, or an account of 6,429"
    ]
    only = {"LLY": dear["LLY"]}
    assert "no name can be bought" in told(2_000, only)[0]


def test_a_name_of_which_little_is_traded_is_told() -> None:
    thin = {"KO": Listing(Decimal(60), Decimal(9_000)), "PFE": Listing(Decimal(40), Decimal(2_000_000))}
    field = "execution.max_share_of_volume_pct"
    cure = "a larger share, or names of which more is traded (universe.min_average_volume), works"
    assert told(250_000_000, thin, execution__max_order_nav_pct=20)[0] == (
        f"{field}: less than an order of 500: KO (90.00 a day): never bought; {cure}"
    )
    assert any("takes long: PFE (" in line for line in told(250_000_000, thin))


def test_the_servers_own_limit_is_told_where_the_policy_would_go_beyond_it() -> None:
    assert told(50_000_000, sent=50_000) == [
        "execution.max_order_value: a buy may be worth 7,000,000 USD, and the MCP server sends none above 50,000: "
        "larger ones are refused; MAX_ORDER_VALUE=7000000 there, or max_order_value: 50000 here, works"
    ]
    assert told(250_000, sent=50_000) == []
    assert told(50_000_000, sent=None) == []
    assert "no buy is possible" in told(250_000, sent=400)[0]


def test_an_account_without_value_buys_nothing() -> None:
    assert told(0) == ["currency: a net asset value of 0.00 buys nothing"]


@pytest.mark.parametrize(
    ("price", "traded", "possible"),
    [(280, DEEP, True), (281, DEEP, False), (90, DEEP, True), (90, Decimal(10**4), False)],
)
def test_a_name_can_be_bought_where_whole_shares_are_an_order_and_fit(
    price: int, traded: Decimal, possible: bool
) -> None:
    listing = Listing(Decimal(price), traded)
    assert room(policy(), Decimal(2_000), "KO") == 280
    assert can_buy(policy(), Decimal(2_000), "KO", listing) is possible
