"""The gate on a single order: its volume, its lot, its price, delayed prices, and an account that cannot be valued."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.domain.errors import DataError
from app.domain.instrument import AssetClass
from app.domain.market import Market, QuoteKind
from app.domain.order import Side
from app.domain.portfolio import CashBalance
from app.domain.pricing import collar_width
from app.domain.ruling import DayUse, Refusal, Ruling
from tests.support.worlds import (
    NOW,
    SESSION,
    buy,
    conid,
    even,
    instrument,
    market,
    order,
    policy,
    portfolio,
    quote,
    quoted,
    rule_on,
    sell,
    working,
)


def only(ruling: Ruling) -> Refusal:
    assert ruling.allowed == ()
    (refusal,) = ruling.refusals
    return refusal


def bought(ruling: Ruling) -> list[int]:
    return [int(one.quantity) for one in ruling.allowed if one.side is Side.BUY]


def thin(volume: int | None) -> Market:
    """II with that average volume; a hundredth of it may be bought."""
    return quoted(market(), "II", average_volume=None if volume is None else Decimal(volume))


NO_FLOOR = policy(universe__min_average_volume=Decimal(0))


def test_a_buy_shrinks_to_its_share_of_the_average_volume() -> None:
    ruling = rule_on((buy("II", 90),), NO_FLOOR, on=thin(5000))
    assert bought(ruling) == [50]
    assert [str(refusal) for refusal in ruling.refusals] == [
        "max_share_of_volume: II 0.0180, limit 0.0100; at most 50 would pass"
    ]
    assert bought(rule_on((buy("II", 50),), NO_FLOOR, on=thin(5000))) == [50]


def test_an_unknown_volume_refuses_a_buy_unless_any_share_will_do() -> None:
    refusal = only(rule_on((buy("II", 90),), NO_FLOOR, on=thin(None)))
    assert (refusal.rule, refusal.value) == ("max_share_of_volume", "average volume unknown")
    any_share = policy(universe__min_average_volume=Decimal(0), execution__max_share_of_volume=1.0)
    assert bought(rule_on((buy("II", 90),), any_share, on=thin(None))) == [90]
    assert bought(rule_on((buy("II", 90),), any_share, on=thin(60))) == [60]


def test_the_share_of_volume_never_holds_an_exit_back() -> None:
    dry = quoted(market(), "AA", average_volume=Decimal(10))
    assert rule_on((sell("AA", 100),), NO_FLOOR, on=dry).allowed == (sell("AA", 100),)


def test_what_was_bought_today_counts_towards_the_share_of_volume() -> None:
    done = replace(working("II", Side.BUY, 20), status="Filled", filled_quantity=Decimal(20))
    part = replace(working("II", Side.BUY, 15, "other"), filled_quantity=Decimal(5))
    sold = replace(working("II", Side.SELL, 20), status="Filled", filled_quantity=Decimal(20))
    elsewhere = replace(working("JJ", Side.BUY, 20), status="Filled", filled_quantity=Decimal(20))
    busy = even(orders=(done, part, sold, elsewhere))
    assert bought(rule_on((buy("II", 40),), NO_FLOOR, account=busy, on=thin(5000))) == [15]
    both = (buy("II", 30), buy("II", 30, leg=2))
    assert bought(rule_on(both, NO_FLOOR, on=thin(5000))) == [30, 20]


@pytest.mark.parametrize(
    ("live", "lenient", "passes"), [(True, False, False), (True, True, True), (False, False, True)]
)
def test_delayed_prices_trade_on_paper_and_with_real_money_only_by_policy(
    live: bool, lenient: bool, passes: bool
) -> None:
    on = replace(quoted(market(), "AA", kind=QuoteKind.DELAYED), live=live)
    ruling = rule_on((sell("AA", 1),), policy(execution__allow_delayed_quotes=lenient), on=on)
    assert bool(ruling.allowed) is passes
    assert passes or only(ruling).rule == "quote_kind"


@pytest.mark.parametrize("kind", [QuoteKind.FROZEN, QuoteKind.PREVIOUS_CLOSE])
def test_other_than_delayed_prices_do_not_trade_on_paper_either(kind: QuoteKind) -> None:
    assert (
        only(rule_on((sell("AA", 1),), on=replace(quoted(market(), "AA", kind=kind), live=False))).rule == "quote_kind"
    )


def test_a_market_moves_real_money_unless_it_says_otherwise() -> None:
    assert market().live


def test_with_real_money_a_buy_at_delayed_prices_has_half_the_size_and_an_exit_its_own() -> None:
    rules = policy(
        execution__allow_delayed_quotes=True,
        execution__max_order_value=Decimal(6000),
        universe__min_average_volume=Decimal(0),
    )
    for symbol, wanted, live, quantity in (
        ("II", buy("II", 90), True, 30),
        ("II", buy("II", 90), False, 60),
        ("AA", sell("AA", 100), True, 100),
    ):
        on = replace(quoted(market(), symbol, kind=QuoteKind.DELAYED), live=live)
        assert [int(o.quantity) for o in rule_on((wanted,), rules, on=on).allowed] == [quantity]
    delayed = quoted(thin(5000), "II", kind=QuoteKind.DELAYED)
    assert bought(rule_on((buy("II", 90),), rules, on=delayed)) == [25]
    assert bought(rule_on((buy("II", 90),), rules, on=replace(delayed, live=False))) == [50]


def test_the_collar_around_a_delayed_mid_is_twice_as_wide() -> None:
    delayed = replace(quote("AA"), kind=QuoteKind.DELAYED)
    assert collar_width(policy(), quote("AA")) == Decimal("0.03")
    assert collar_width(policy(), delayed) == Decimal("0.06")
    lenient = policy(execution__allow_delayed_quotes=True)
    far = buy("II", 10, limit_price=Decimal(105))
    assert only(rule_on((far,))).rule == "price_collar"
    assert rule_on((far,), lenient, on=quoted(market(), "II", kind=QuoteKind.DELAYED)).allowed


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("price", ["103.01", "96.99", "0", "-100", "NaN", "sNaN", "Infinity"])
def test_an_order_priced_away_from_the_market_is_refused_on_both_sides(side: Side, price: str) -> None:
    symbol = "II" if side is Side.BUY else "AA"
    for field in ("limit_price", "reference_price"):
        wanted = order(symbol, side, 10, **{field: Decimal(price)})
        assert only(rule_on((wanted,))).rule == "price_collar"


@pytest.mark.parametrize("price", ["103", "97"])
def test_the_edge_of_the_collar_itself_passes(price: str) -> None:
    for wanted in (buy("II", 10, limit_price=Decimal(price)), sell("AA", 10, limit_price=Decimal(price))):
        assert rule_on((wanted,)).allowed == (wanted,)


def lots(symbol: str, step: str) -> Market:
    return market(lots={conid(symbol): Decimal(step)})


def test_quantities_round_down_to_the_lot() -> None:
    ruling = rule_on((buy("II", 49),), on=lots("II", "20"))
    assert bought(ruling) == [40]
    assert [(r.rule, r.limit, int(r.largest)) for r in ruling.refusals] == [("quantity", "lots of 20 above zero", 40)]
    assert only(rule_on((buy("II", 19),), on=lots("II", "20"))).largest == 0
    assert [o.quantity for o in rule_on((sell("AA", 95),), on=lots("AA", "20")).allowed] == [80]
    held = rule_on((sell("AA", 200),), on=lots("AA", "30"))
    assert [int(o.quantity) for o in held.allowed] == [100]
    assert [(r.rule, r.limit) for r in held.refusals] == [("held_quantity", "100 held and unsold")]


@pytest.mark.parametrize("step", ["30", "100", "1000"])
def test_a_whole_holding_may_go_though_it_is_an_odd_lot(step: str) -> None:
    account = portfolio({"AA": 44, "BB": 100}, 80000)
    ruling = rule_on((sell("AA", 44),), account=account, on=lots("AA", step))
    assert [int(o.quantity) for o in ruling.allowed] == [44]
    assert ruling.refusals == ()
    part = only(rule_on((sell("AA", 20),), account=account, on=lots("AA", step)))
    assert (part.rule, int(part.largest)) == ("quantity", 0)


def test_a_buy_shrinks_in_whole_lots() -> None:
    ruling = rule_on((buy("EE", 90),), on=lots("EE", "15"))
    assert bought(ruling) == [45]
    assert [(r.rule, int(r.largest)) for r in ruling.refusals] == [("max_position", 45)]


def test_a_step_below_one_share_means_whole_shares() -> None:
    assert bought(rule_on((buy("II", "30.5"),), on=lots("II", "0.0001"))) == [30]


@pytest.mark.parametrize("step", ["0", "-1", "2.5", "NaN", "Infinity"])
def test_a_step_that_makes_no_sense_refuses_both_sides(step: str) -> None:
    for wanted in (buy("AA", 20), sell("AA", 20)):
        refusal = only(rule_on((wanted,), on=lots("AA", step)))
        assert (refusal.rule, refusal.limit) == ("quantity_increment", "a whole number of shares")


def test_a_quantity_that_nobody_can_have_meant_is_dropped_and_an_exit_cut_to_the_holding() -> None:
    for quantity in ("1000000001", "1E+400"):
        assert only(rule_on((buy("II", quantity),))).rule == "quantity"
        assert [int(o.quantity) for o in rule_on((sell("AA", quantity),)).allowed] == [100]
    assert bought(rule_on((buy("II", 10**9),))) == [100]


@pytest.mark.parametrize(
    "disguise",
    [{"symbol": "BB"}, {"currency": "EUR"}, {"asset_class": AssetClass.ETF}],
    ids=["symbol", "currency", "class"],
)
def test_an_order_must_name_the_instrument_as_the_market_does(disguise: dict[str, object]) -> None:
    other = replace(instrument("AA"), **disguise)  # type: ignore[arg-type]  # fields by name
    for wanted in (buy("AA", 10), sell("AA", 10)):
        refusal = only(rule_on((replace(wanted, instrument=other),)))
        assert refusal.rule == "identity"
        assert refusal.limit == "AA STK USD"


def test_an_index_under_its_own_name_is_no_identity_to_trade() -> None:
    index = replace(instrument("AA"), asset_class=AssetClass.INDEX)
    on = market(instruments={**market().instruments, conid("AA"): index})
    refusal = only(rule_on((replace(sell("AA", 10), instrument=index),), on=on))
    assert (refusal.rule, refusal.value) == ("identity", "an index")


def test_a_held_name_that_the_market_does_not_list_may_be_sold() -> None:
    on = market(instruments={c: i for c, i in market().instruments.items() if c != conid("AA")})
    assert rule_on((sell("AA", 10),), on=on).allowed == (sell("AA", 10),)


@pytest.mark.parametrize("bid", ["NaN", "0", "-1"])
def test_a_bid_that_is_no_price_is_not_two_sided(bid: str) -> None:
    assert only(rule_on((sell("AA", 10),), on=quoted(market(), "AA", bid=Decimal(bid)))).rule == "two_sided_quote"


def test_a_prior_close_that_is_no_price_bars_a_buy() -> None:
    for close in ("0", "NaN"):
        assert (
            only(rule_on((buy("II", 30),), on=quoted(market(), "II", prior_close=Decimal(close)))).rule == "price_jump"
        )


def test_an_account_that_cannot_be_valued_buys_nothing_and_exits_pass() -> None:
    foreign = replace(instrument("BB"), currency="CHF")
    positions = tuple(replace(p, instrument=foreign) if p.instrument.symbol == "BB" else p for p in even().positions)
    account = replace(even(), positions=positions)
    with pytest.raises(DataError, match="no exchange rate from CHF to USD"):
        account.rate("CHF")
    ruling = rule_on((buy("II", 30), sell("AA", 10)), account=account, history=())
    assert [o.side for o in ruling.allowed] == [Side.SELL]
    assert [(r.rule, r.value) for r in ruling.refusals] == [
        ("unknown_risk", "the account has no exchange rate from CHF to USD")
    ]


def test_a_day_without_room_for_one_more_order_refuses_the_next_buy() -> None:
    assert bought(rule_on((buy("II", 30),), day=DayUse(orders=19))) == [30]
    assert only(rule_on((buy("II", 30),), day=DayUse(orders=20))).rule == "max_orders_per_day"


def test_the_first_moment_of_the_session_counts_and_the_oldest_quote_allowed() -> None:
    oldest = quoted(market(), "AA", as_of=NOW - timedelta(seconds=15))
    assert rule_on((sell("AA", 1),), on=oldest).allowed
    rules = policy(execution__avoid_open_minutes=0)
    at_open = replace(quoted(market(), "AA", as_of=SESSION.opens), as_of=SESSION.opens)
    assert rule_on((sell("AA", 1),), rules, on=at_open).allowed


def test_orders_that_are_over_and_open_sells_bring_and_take_nothing() -> None:
    cancelled = replace(working("II", Side.BUY, 60, "other"), status="Cancelled")
    pending = working("AA", Side.SELL, 90, "other")
    tight = policy(risk_limits__max_exposure=0.85)
    account = even(orders=(cancelled, pending))
    assert bought(rule_on((buy("JJ", 90),), tight, account=account)) == [50]


def test_money_is_counted_to_the_cent() -> None:
    assert bought(rule_on((buy("II", 90),), account=even(available_funds=Decimal("3999.99")))) == [39]
    assert bought(rule_on((buy("II", 90),), day=DayUse(turnover=Decimal("25000.01")))) == [49]
    assert bought(rule_on((buy("II", 90),), day=DayUse(turnover=Decimal("25000.00")))) == [50]


def test_an_order_of_ours_that_ended_without_a_fill_is_in_nobodys_way() -> None:
    ended = replace(working("EE", Side.BUY, 20, "PM1"), status="Cancelled")
    account = even(orders=(ended,))
    assert rule_on((sell("EE", 20),), account=account).allowed == (sell("EE", 20),)
    assert bought(rule_on((buy("EE", 20),), account=account)) == [20]


def test_what_is_unknown_or_no_whole_share_is_said_in_words() -> None:
    assert only(rule_on((buy("II", 30),), on=market(vix=None))).value == "unknown: vix"
    assert only(rule_on((buy("II", "0.5"),))).limit == "whole shares above zero"
    assert [refusal.rule for refusal in rule_on((sell("AA", "100.5"),)).refusals] == ["quantity"]


def test_a_limit_above_the_mark_costs_net_asset_value_and_so_leaves_room_for_less() -> None:
    # 150 shares at 100 would be 15.0 % of 100,000; two dollars more a share make it 15.04 % of what is left.
    account = portfolio({"AA": 100}, 90000)
    assert bought(rule_on((buy("II", 150),), account=account)) == [150]
    assert bought(rule_on((buy("II", 150, limit_price=Decimal(102)),), account=account)) == [149]


def test_what_is_held_already_is_no_part_of_the_days_volume() -> None:
    dry = quoted(market(), "AA", average_volume=Decimal(5000))
    assert bought(rule_on((buy("AA", 40),), NO_FLOOR, account=portfolio({"AA": 60}, 90000), on=dry)) == [40]


def test_a_second_sale_beside_our_own_open_one_takes_what_that_one_leaves() -> None:
    account = even(orders=(working("AA", Side.SELL, 30, "PM1"),))
    assert rule_on((sell("AA", 100, leg=2),), account=account).allowed == (sell("AA", 70, leg=2),)


def test_our_own_orders_of_another_name_are_no_conflict() -> None:
    account = even(orders=(working("BB", Side.SELL, 30, "PM1"), working("CC", Side.BUY, 1, "PM2")))
    ruling = rule_on((buy("II", 20), sell("AA", 20)), account=account)
    assert {(one.instrument.symbol, one.side) for one in ruling.allowed} == {("II", Side.BUY), ("AA", Side.SELL)}


def test_one_share_that_was_filled_settles_the_side_of_the_session() -> None:
    done = replace(working("AA", Side.BUY, 20, "PM1"), status="Cancelled", filled_quantity=Decimal(1))
    assert only(rule_on((sell("AA", 20),), account=even(orders=(done,)))).rule == "one_side_per_session"
    none = replace(done, filled_quantity=Decimal(0))
    assert rule_on((sell("AA", 20),), account=even(orders=(none,))).allowed == (sell("AA", 20),)


def test_where_not_one_share_fits_nothing_is_bought_however_small_an_order_may_be() -> None:
    any_size = policy(execution__min_order_value=Decimal(0))
    refusal = only(rule_on((buy("AA", 10),), any_size, account=portfolio({"AA": 150}, 85000)))
    assert (refusal.rule, refusal.largest) == ("max_position", Decimal(0))


def test_in_a_cash_account_proceeds_are_not_spent_though_more_is_settled_than_is_left_after_todays_buys() -> None:
    # 15,000 of the settled cash are owed for what was bought today.
    account = replace(even(5000, account_type="CASH"), cash=(CashBalance("USD", Decimal(5000), Decimal(20000)),))
    assert bought(rule_on((sell("AA", 100), buy("JJ", 60)), account=account)) == [50]


def test_every_order_counts_once_towards_the_orders_of_the_day() -> None:
    three = policy(execution__max_orders_per_day=3)
    wanted = (sell("AA", 10), buy("II", 10), buy("JJ", 10))
    assert rule_on(wanted, three).allowed == wanted
    assert only(rule_on((buy("GG", 10),), three, day=DayUse(orders=3))).rule == "max_orders_per_day"


@pytest.mark.parametrize(("prior", "passes"), [("100", True), ("99.99", False)])
def test_a_move_of_exactly_the_jump_is_bought(prior: str, passes: bool) -> None:
    on = quoted(
        market(), "JJ", bid=Decimal("114.99"), ask=Decimal("115.01"), last=Decimal(115), prior_close=Decimal(prior)
    )
    ruling = rule_on((buy("JJ", 10, reference_price=Decimal(115)),), on=on)
    assert bool(ruling.allowed) is passes
    assert passes or only(ruling).rule == "price_jump"


ROOMY = {"risk_limits__max_position": 0.9, "risk_limits__max_sector": 0.9}


@pytest.mark.parametrize(
    ("changes", "account", "told"),
    [
        ({"execution__max_order_value": Decimal(7500)}, {}, "max_order_value: JJ 9000.00, limit 7500.00"),
        ({"execution__max_turnover": 0.05}, {}, "max_turnover: JJ 9000.00, limit 5000.00"),
        ({}, {"available_funds": Decimal(2000)}, "available_cash: JJ 9000.00, limit 2000.00"),
        (
            {},
            {"cash": (CashBalance("EUR", Decimal(16000), Decimal(16000)), CashBalance("USD", *[Decimal(4000)] * 2))},
            "funding_currency: JJ 9000.00, limit 4000.00",
        ),
    ],
)
def test_money_that_is_refused_is_told_in_cents(
    changes: dict[str, object], account: dict[str, object], told: str
) -> None:
    ruling = rule_on((buy("JJ", 90),), policy(**ROOMY, **changes), account=replace(even(), **account))  # type: ignore[arg-type]  # fields by name
    assert str(ruling.refusals[0]).startswith(f"{told}; at most")
