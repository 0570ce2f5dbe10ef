"""Every rule of the gate: what it refuses, what it says, and what it leaves."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest

from app.domain.instrument import UNKNOWN_SECTOR, AssetClass, Instrument
from app.domain.market import Market, QuoteKind
from app.domain.order import Order, Side
from app.domain.plan import NO_MEMORY
from app.domain.portfolio import CashBalance
from app.domain.ruling import DayUse, KillLevel, Refusal, Ruling
from tests.support.worlds import (
    NOW,
    QUIET,
    SESSION,
    buy,
    closes,
    conid,
    even,
    instrument,
    market,
    navs,
    order,
    policy,
    portfolio,
    quoted,
    rule_on,
    sell,
    series,
    with_history,
    working,
)


def only(ruling: Ruling) -> Refusal:
    """The single refusal of a ruling that lets nothing through."""
    assert ruling.allowed == ()
    (refusal,) = ruling.refusals
    return refusal


def test_orders_inside_every_limit_pass_unchanged_sells_first() -> None:
    orders = (buy("II", 30), sell("AA", 20), buy("JJ", 30))
    ruling = rule_on(orders)
    assert ruling.allowed == (orders[1], orders[0], orders[2])
    assert ruling.refusals == ()


INTEGRITY: dict[str, Callable[[Market], Market]] = {
    "quote": lambda m: replace(m, quotes={}),
    "two_sided_quote": lambda m: quoted(m, "AA", bid=None),
    "quote_age": lambda m: quoted(m, "AA", as_of=NOW - timedelta(seconds=16)),
    "quote_kind": lambda m: quoted(m, "AA", kind=QuoteKind.DELAYED),
    "untradable": lambda m: replace(m, untradable={conid("AA"): "disputed price"}),
    "session_open": lambda m: replace(m, as_of=SESSION.closes),
    "trading_hours": lambda m: replace(m, as_of=SESSION.opens + timedelta(minutes=14)),
    "identity": lambda m: replace(m, instruments={**m.instruments, conid("AA"): instrument("BB")}),
}


@pytest.mark.parametrize("rule", INTEGRITY)
@pytest.mark.parametrize("wanted", [sell("AA", 10), buy("AA", 10)], ids=["exit", "buy"])
def test_integrity_binds_exits_and_buys_alike(rule: str, wanted: Order) -> None:
    refusal = only(rule_on((wanted,), on=INTEGRITY[rule](market())))
    assert (refusal.rule, refusal.symbol) == (rule, "AA")


def test_a_crossed_quote_is_not_two_sided() -> None:
    crossed = quoted(market(), "AA", bid=Decimal(101), ask=Decimal(100))
    assert only(rule_on((sell("AA", 1),), on=crossed)).rule == "two_sided_quote"


def test_a_quote_from_the_future_is_refused() -> None:
    ahead = quoted(market(), "AA", as_of=NOW + timedelta(minutes=1))
    assert only(rule_on((sell("AA", 1),), on=ahead)).rule == "quote_age"


def test_a_halted_name_is_untradable() -> None:
    refusal = only(rule_on((sell("AA", 1),), on=quoted(market(), "AA", kind=QuoteKind.HALTED)))
    assert (refusal.rule, refusal.value) == ("untradable", "trading is halted")


def test_a_restricted_name_is_neither_bought_nor_sold() -> None:
    rules = policy(universe__restricted=("AA",))
    for wanted in (sell("AA", 1), buy("AA", 10)):
        assert only(rule_on((wanted,), rules)).value == "restricted by the policy"


def test_halted_sends_nothing_and_reducing_only_sells() -> None:
    both = (sell("AA", 10), buy("II", 30))
    assert {r.rule for r in rule_on(both, level=KillLevel.HALTED).refusals} == {"kill_level"}
    assert rule_on(both, level=KillLevel.HALTED).allowed == ()
    reducing = rule_on(both, level=KillLevel.REDUCING)
    assert reducing.allowed == both[:1]
    assert [(r.rule, r.value, r.limit) for r in reducing.refusals] == [("kill_level", "REDUCING", "sells only")]


@pytest.mark.parametrize(
    ("at", "passes"),
    [("09:44", False), ("09:45", True), ("15:44", True), ("15:45", False)],
)
def test_the_minutes_after_the_open_and_before_the_close_are_avoided(at: str, passes: bool) -> None:
    moment = datetime.fromisoformat(f"2026-11-19T{at}:00-05:00")
    fresh = quoted(market(as_of=moment), "AA", as_of=moment)
    assert bool(rule_on((sell("AA", 1),), on=fresh).allowed) is passes


def test_on_a_half_day_the_minutes_before_the_early_close_are_avoided() -> None:
    early = replace(SESSION, closes=SESSION.opens + timedelta(hours=3, minutes=30))
    late = early.closes - timedelta(minutes=10)
    refusal = only(rule_on((sell("AA", 1),), on=quoted(market(session=early, as_of=late), "AA", as_of=late)))
    assert refusal.rule == "trading_hours"


def test_the_policys_trading_window_is_in_the_exchanges_time() -> None:
    # NOW is 11:00 in New York, 16:00 UTC.
    assert rule_on((sell("AA", 1),), policy(execution__trade_until=time(11, 1))).allowed
    assert only(rule_on((sell("AA", 1),), policy(execution__trade_until=time(11, 0)))).rule == "trading_hours"
    assert only(rule_on((sell("AA", 1),), policy(execution__trade_from=time(11, 1)))).rule == "trading_hours"


def test_an_index_and_an_unknown_instrument_have_no_identity_to_trade() -> None:
    unknown = Instrument(999, "ZZ", "USD")
    index = Instrument(conid("AA"), "AA", "USD", AssetClass.INDEX)
    for stranger in (unknown, index):
        assert only(rule_on((replace(buy("AA", 10), instrument=stranger),))).rule == "identity"


def test_a_sell_is_cut_to_what_is_held_and_not_being_sold() -> None:
    busy = even(orders=(working("AA", Side.SELL, 30),))
    ruling = rule_on((sell("AA", 90),), account=busy)
    assert [o.quantity for o in ruling.allowed] == [70]
    assert [(r.rule, r.value, int(r.largest)) for r in ruling.refusals] == [("held_quantity", "90", 70)]
    assert only(rule_on((sell("II", 5),))).rule == "held_quantity"


def test_the_legs_of_an_exit_share_what_is_held() -> None:
    ruling = rule_on((sell("AA", 60), sell("AA", 60, leg=2), sell("AA", 60, leg=3)))
    assert [(o.leg, int(o.quantity)) for o in ruling.allowed] == [(1, 60), (2, 40)]
    assert [r.rule for r in ruling.refusals] == ["held_quantity", "held_quantity"]


@pytest.mark.parametrize("quantity", ["0", "-5", "0.5", "NaN", "Infinity"])
def test_a_quantity_that_is_no_whole_share_is_refused(quantity: str) -> None:
    assert only(rule_on((buy("II", quantity),))).rule == "quantity"


def test_a_fraction_of_a_share_is_cut_off() -> None:
    assert [o.quantity for o in rule_on((buy("II", "30.9"),)).allowed] == [30]


def test_one_symbol_is_never_bought_and_sold_in_one_session() -> None:
    ruling = rule_on((buy("AA", 20), sell("AA", 20)))
    assert [o.side for o in ruling.allowed] == [Side.SELL]
    assert [r.rule for r in ruling.refusals] == ["one_side_per_session"]
    done = replace(working("AA", Side.BUY, 20, "PM1"), status="Filled", filled_quantity=Decimal(20))
    assert only(rule_on((sell("AA", 20),), account=even(orders=(done,)))).rule == "one_side_per_session"
    theirs = replace(done, coid="other")
    assert rule_on((sell("AA", 20),), account=even(orders=(theirs,))).allowed


def test_the_same_order_twice_is_a_duplicate() -> None:
    ruling = rule_on((buy("II", 20), buy("II", 20)))
    assert len(ruling.allowed) == 1
    assert [r.rule for r in ruling.refusals] == ["duplicate"]
    pending = even(orders=(working("II", Side.BUY, 20, "PM1"),))
    assert only(rule_on((buy("II", 20),), account=pending)).rule == "duplicate"


RISK = {
    "unknown_risk": {"on": market(vix=None)},
    "universe.symbols": {"rules": policy(universe__symbols=("AA",))},
    "universe.asset_classes": {"rules": policy(universe__asset_classes=(AssetClass.ETF,))},
    "universe.sectors": {"rules": policy(universe__sectors=("Utilities",))},
    "universe.min_market_cap": {"rules": policy(universe__min_market_cap=Decimal(10**12))},
    "universe.min_average_volume": {"rules": policy(universe__min_average_volume=Decimal(10**8))},
    "universe.max_volatility_30d": {"rules": policy(universe__max_volatility_30d=0.02)},
    "price_jump": {"on": quoted(market(), "II", prior_close=Decimal(85))},
    "max_orders_per_day": {"day": DayUse(orders=20)},
    "max_turnover": {"day": DayUse(turnover=Decimal(30000))},
    "daily_loss": {"history": navs(106000)},
    "exposure": {"history": navs(100000, 0.2)},
    "cool_down": {"memory": replace(NO_MEMORY, sold_at_loss={conid("II"): 30})},
    "min_order_value": {"rules": policy(execution__min_order_value=Decimal(3001))},
}


@pytest.mark.parametrize("rule", RISK)
def test_what_increases_risk_is_refused_by_each_rule(rule: str) -> None:
    refusal = only(rule_on((buy("II", 30),), **RISK[rule]))  # type: ignore[arg-type]  # a table of keyword arguments
    assert refusal.rule == rule


@pytest.mark.parametrize("rule", RISK)
def test_no_rule_of_risk_or_budget_blocks_an_exit(rule: str) -> None:
    ruling = rule_on((sell("AA", 100),), **RISK[rule])  # type: ignore[arg-type]  # as above
    assert [o.quantity for o in ruling.allowed] == [100]
    assert ruling.refusals == ()


def test_a_name_of_an_unknown_sector_is_not_bought_where_it_would_be_counted_in_one_and_is_sold() -> None:
    def unknown(order: Order) -> Order:
        return replace(order, instrument=replace(order.instrument, sector=UNKNOWN_SECTOR))

    base = market()
    on = replace(base, instruments={n: replace(one, sector=UNKNOWN_SECTOR) for n, one in base.instruments.items()})
    assert only(rule_on((unknown(buy("II", 30)),), on=on)).rule == "universe.sector_of"
    assert rule_on((unknown(sell("AA", 30)),), on=on).allowed
    named = policy(universe__sector_of={"II": "Utilities"})
    assert rule_on((unknown(buy("II", 30)),), named, on=on).allowed
    nowhere = policy(risk_limits__max_sector=1.0, allocation__sectors={})
    assert rule_on((unknown(buy("II", 30)),), nowhere, on=on).allowed


def test_a_buy_needs_cash_in_the_names_own_currency() -> None:
    euros = (CashBalance("EUR", Decimal(20000), Decimal(20000)),)
    assert only(rule_on((buy("II", 30),), account=replace(even(), cash=euros))).rule == "funding_currency"
    both = (CashBalance("USD", Decimal(2000), Decimal(2000)), CashBalance("EUR", Decimal(18000), Decimal(18000)))
    shrunk("funding_currency", buy("II", 30), 20, account=replace(even(), cash=both))


def test_a_missing_prior_close_bars_a_buy_and_not_an_exit() -> None:
    on = quoted(quoted(market(), "II", prior_close=None), "AA", prior_close=None)
    ruling = rule_on((buy("II", 30), sell("AA", 10)), on=on)
    assert [o.side for o in ruling.allowed] == [Side.SELL]
    assert [r.rule for r in ruling.refusals] == ["price_jump"]


def test_a_market_cap_or_volume_that_nobody_knows_is_not_enough() -> None:
    on = quoted(market(), "II", market_cap=None, average_volume=None)
    assert only(rule_on((buy("II", 30),), on=on)).rule == "universe.min_market_cap"
    free = policy(
        universe__min_market_cap=Decimal(0),
        universe__min_average_volume=Decimal(0),
        execution__max_share_of_volume=1.0,
    )
    assert rule_on((buy("II", 30),), free, on=on).allowed


def shrunk(rule: str, asked: Order, largest: int, **case: object) -> None:
    """One order cut to exactly `largest`, where one more share would be refused."""
    ruling = rule_on((asked,), **case)  # type: ignore[arg-type]  # as above
    assert [o.quantity for o in ruling.allowed] == [largest]
    assert [(r.rule, int(r.largest)) for r in ruling.refusals] == [(rule, largest)]
    more = rule_on((replace(asked, quantity=Decimal(largest + 1)),), **case)  # type: ignore[arg-type]  # as above
    assert [r.rule for r in more.refusals] == [rule]


def test_a_buy_shrinks_to_the_position_limit() -> None:
    shrunk("max_position", buy("EE", 90), 50)


def test_a_buy_shrinks_to_the_sector_limit() -> None:
    shrunk("max_sector", buy("DD", 90), 50, rules=policy(risk_limits__max_sector=0.35, risk_limits__max_position=0.3))


def test_a_buy_shrinks_to_the_cash_reserve() -> None:
    roomy = policy(risk_limits__max_position=0.3, risk_limits__max_exposure=1.0)
    shrunk("cash_reserve", buy("JJ", 120), 100, rules=roomy)


def test_a_buy_shrinks_to_the_exposure_allowed() -> None:
    shrunk("exposure", buy("II", 90), 50, rules=policy(risk_limits__max_exposure=0.85))


def test_a_buy_shrinks_to_the_largest_order() -> None:
    shrunk("max_order_value", buy("II", 90), 60, rules=policy(execution__max_order_value=Decimal(6000)))


def test_a_buy_shrinks_to_the_days_turnover_after_the_sells() -> None:
    shrunk("max_turnover", buy("II", 90), 50, day=DayUse(turnover=Decimal(25000)))
    ruling = rule_on((buy("II", 90), sell("AA", 100)), day=DayUse(turnover=Decimal(15000)))
    assert [(o.side, int(o.quantity)) for o in ruling.allowed] == [(Side.SELL, 100), (Side.BUY, 50)]


def test_a_buy_shrinks_to_the_brokers_available_funds() -> None:
    shrunk("available_cash", buy("II", 90), 40, account=even(available_funds=Decimal(4000)))


def test_a_cash_account_spends_settled_cash_and_not_todays_proceeds() -> None:
    unsettled = (CashBalance("USD", Decimal(20000), Decimal(3000)),)
    account = replace(even(), account_type="CASH", cash=unsettled)
    shrunk("available_cash", buy("II", 90), 30, account=account)
    for kind, spent in (("CASH", 30), (None, 30), ("MARGIN", 90)):
        ruling = rule_on((buy("II", 90), sell("AA", 80)), account=replace(account, account_type=kind))
        assert [o.quantity for o in ruling.allowed if o.side is Side.BUY] == [spent]


def test_open_buys_count_as_if_they_had_filled() -> None:
    pending = even(orders=(working("II", Side.BUY, 60, "other"),))
    wide = policy(risk_limits__max_exposure=1.0)
    shrunk("cash_reserve", buy("JJ", 90), 40, account=pending, rules=wide)
    nearly = even(orders=(working("EE", Side.BUY, 30, "other"),))
    shrunk("max_position", buy("EE", 60), 20, account=nearly, rules=wide)


def wild(*names: str) -> Market:
    return with_history(market(), {name: closes(conid(name), 0.035) for name in names})


def test_a_buy_shrinks_to_the_volatility_and_the_var_that_remain() -> None:
    for field, rule, limit in (
        ("max_annual_volatility", "annual_volatility", 0.05),
        ("max_var_95_1d", "var_95_1d", 0.0055),
    ):
        rules = policy(**{f"risk_limits__{field}": limit}, universe__max_volatility_30d=1.0)
        ruling = rule_on((buy("II", 90),), rules, on=wild("II"))
        (allowed,), (refusal,) = ruling.allowed, ruling.refusals
        assert refusal.rule == rule
        assert 0 < allowed.quantity == refusal.largest < 90
        shrunk(rule, buy("II", 90), int(allowed.quantity), rules=rules, on=wild("II"))


def test_a_buy_into_a_cluster_shrinks_to_its_limit() -> None:
    path = closes(5, QUIET)
    together = with_history(market(), dict.fromkeys(("AA", "CC", "II"), path))
    rules = policy(risk_limits__max_correlated=0.25)
    shrunk("correlated_cluster", buy("II", 90), 25, on=together, rules=rules)
    (refusal,) = rule_on((buy("II", 90),), rules, on=together).refusals
    assert refusal.limit == "0.2250, 90% of 0.2500"


def test_a_statistic_beyond_nine_tenths_of_its_limit_admits_what_does_not_raise_it() -> None:
    path = closes(5, QUIET)
    together = with_history(market(), dict.fromkeys(("AA", "CC", "II"), path))
    # AA and CC are a fifth: 0.95 of the limit.
    rules = policy(risk_limits__max_correlated=0.2 / 0.95)
    assert only(rule_on((buy("II", 20),), rules, on=together)).rule == "correlated_cluster"
    assert [o.quantity for o in rule_on((buy("JJ", 20),), rules, on=together).allowed] == [20]


def test_a_broken_statistic_admits_what_lowers_it_and_nothing_that_raises_it() -> None:
    rules = policy(risk_limits__max_annual_volatility=0.02)
    path = closes(conid("AA"))
    mirror = 100 * path[-1] / path
    hedged = with_history(market(), {"II": mirror})
    assert [o.quantity for o in rule_on((buy("II", 20),), rules, on=hedged).allowed] == [20]
    same = with_history(market(), {"II": path})
    assert only(rule_on((buy("II", 20),), rules, on=same)).rule == "annual_volatility"


def test_a_buy_without_history_cannot_be_judged() -> None:
    short = market(history={**market().history, conid("II"): series(conid("II"), closes(1)[-50:])})
    assert only(rule_on((buy("II", 20),), on=short)).rule == "unknown_risk"


def test_exits_make_room_for_the_buys_that_follow() -> None:
    rules = policy(risk_limits__max_exposure=0.8)
    assert only(rule_on((buy("II", 40),), rules)).rule == "exposure"
    assert len(rule_on((buy("II", 40), sell("AA", 50)), rules).allowed) == 2


def test_buys_are_judged_one_after_the_other() -> None:
    ruling = rule_on((buy("II", 70), buy("JJ", 70)), policy(risk_limits__max_exposure=0.9))
    assert [(o.instrument.symbol, int(o.quantity)) for o in ruling.allowed] == [("II", 70), ("JJ", 30)]
    assert [r.rule for r in ruling.refusals] == ["cash_reserve"]


def test_a_buy_cut_below_the_smallest_order_is_dropped() -> None:
    rules = policy(risk_limits__max_exposure=0.804)
    refusal = only(rule_on((buy("II", 40),), rules))
    assert (refusal.rule, int(refusal.largest)) == ("exposure", 0)


def test_exits_count_against_the_orders_of_the_day_before_any_buy() -> None:
    rules = policy(execution__max_orders_per_day=2)
    ruling = rule_on((buy("II", 30), sell("AA", 10), sell("BB", 10)), rules)
    assert [o.side for o in ruling.allowed] == [Side.SELL, Side.SELL]
    assert [r.rule for r in ruling.refusals] == ["max_orders_per_day"]


def test_the_limit_price_is_what_a_buy_costs() -> None:
    asked = buy("II", 90, limit_price=Decimal(102))
    rules = policy(execution__max_order_value=Decimal(5100))
    assert [o.quantity for o in rule_on((asked,), rules).allowed] == [50]


def test_a_cool_down_ends() -> None:
    memory = replace(NO_MEMORY, sold_at_loss={conid("II"): 31})
    assert rule_on((buy("II", 30),), memory=memory).allowed


def test_a_refusal_says_rule_measured_limit_and_what_would_pass() -> None:
    (refusal,) = rule_on((buy("EE", 90),)).refusals
    assert str(refusal) == "max_position: EE 0.1900, limit 0.1500; at most 50 would pass"


def test_other_peoples_unknown_open_buys_tie_up_cash() -> None:
    stranger = replace(working("AA", Side.BUY, 60, "other"), conid=4711)
    wide = policy(risk_limits__max_exposure=1.0)
    shrunk("cash_reserve", buy("JJ", 90), 40, account=even(orders=(stranger,)), rules=wide)


def test_summer_and_winter_time_are_the_exchanges_own() -> None:
    opens = datetime(2026, 7, 1, 13, 30, tzinfo=NOW.tzinfo)
    summer = replace(SESSION, date=date(2026, 7, 1), opens=opens, closes=opens + timedelta(hours=6, minutes=30))
    moment = opens + timedelta(minutes=90)
    on = quoted(market(session=summer, as_of=moment), "AA", as_of=moment)
    assert rule_on((sell("AA", 1),), policy(execution__trade_until=time(11, 1)), on=on).allowed


def test_the_sectors_of_the_market_hold_where_the_broker_knows_none() -> None:
    blank = replace(
        even(),
        positions=tuple(replace(p, instrument=replace(p.instrument, sector="Unknown")) for p in even().positions),
    )
    rules = policy(risk_limits__max_sector=0.35, risk_limits__max_position=0.3)
    shrunk("max_sector", buy("DD", 90), 50, rules=rules, account=blank)


def test_a_portfolio_of_cash_may_buy() -> None:
    ruling = rule_on((buy("II", 100), order("JJ", Side.BUY, 100)), account=portfolio({}, 100000))
    assert [o.quantity for o in ruling.allowed] == [100, 100]


def test_of_several_broken_rules_the_one_that_binds_is_named_with_the_value_asked_for() -> None:
    (refusal,) = rule_on((buy("EE", 300),)).refusals
    assert str(refusal) == "max_position: EE 0.4000, limit 0.1500; at most 50 would pass"
