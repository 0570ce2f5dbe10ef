"""What the gate guarantees for any account, market and list of orders, however they came about."""

import math
from collections import Counter
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.domain.market import QuoteKind
from app.domain.order import Order, Side
from app.domain.order_size import largest_order, smallest_order
from app.domain.portfolio import Portfolio
from app.domain.ruling import KillLevel
from app.domain.sizing import is_margin, spendable
from app.domain.universe import eligible
from app.risk import after, measure, post_trade
from app.risk.limits import STATISTIC_ROOM, STATISTICS
from tests.support.worlds import NAMES, SESSION, conid, instrument, market, sell
from tests.unit.risk.drawn import HOSTILE, MOMENTS, WANTED, World, at, calm_worlds, gated, hostile_worlds, worlds

EDGE = Decimal("0.000001")


def buys(orders: tuple[Order, ...]) -> tuple[Order, ...]:
    return tuple(one for one in orders if one.side is Side.BUY)


def sells(orders: tuple[Order, ...]) -> tuple[Order, ...]:
    return tuple(one for one in orders if one.side is Side.SELL)


def value(orders: tuple[Order, ...]) -> Decimal:
    return sum((one.notional for one in orders), Decimal(0))


@given(hostile_worlds(), HOSTILE)
def test_the_gate_allows_each_order_at_most_once_and_never_more_of_it(world: World, wanted: tuple[Order, ...]) -> None:
    # A signalling not-a-number cannot even be compared.
    left = [one for one in wanted if one.quantity.is_finite()]
    for allowed in gated(world, wanted).allowed:
        assert allowed.quantity == int(allowed.quantity) > 0
        source = next(
            one
            for one in left
            if replace(one, quantity=allowed.quantity) == allowed and allowed.quantity <= one.quantity
        )
        left.remove(source)


@given(hostile_worlds(), HOSTILE)
def test_gating_what_the_gate_allowed_changes_nothing(world: World, wanted: tuple[Order, ...]) -> None:
    once = gated(world, wanted)
    twice = gated(world, once.allowed)
    assert twice.allowed == once.allowed
    assert twice.refusals == ()


@given(hostile_worlds(), HOSTILE)
def test_everything_cut_is_refused_with_its_rule(world: World, wanted: tuple[Order, ...]) -> None:
    ruling = gated(world, wanted)
    comparable = [one for one in wanted if one.quantity.is_finite()]
    untouched = sum(one in comparable for one in ruling.allowed)
    assert len(ruling.refusals) >= len(wanted) - untouched
    assert all(refusal.rule and refusal.value and refusal.limit for refusal in ruling.refusals)
    cut = Counter(refusal.symbol for refusal in ruling.refusals)
    assert set(cut) <= {one.instrument.symbol for one in wanted}


@given(hostile_worlds(), HOSTILE)
def test_all_buys_together_stay_within_cash_less_the_reserve(world: World, wanted: tuple[Order, ...]) -> None:
    allowed = gated(world, wanted).allowed
    if not buys(allowed):
        return
    proceeds = value(sells(allowed))
    assert value(buys(allowed)) <= spendable(world.portfolio, proceeds) + EDGE
    then = after(world.portfolio, allowed)
    reserve = Decimal(str(world.policy.risk_limits.min_cash_reserve))
    assert then.total_cash - world.portfolio.open_buys >= reserve * then.nav - EDGE
    if not is_margin(world.portfolio):
        settled = sum((balance.settled_cash for balance in world.portfolio.cash), Decimal(0))
        assert value(buys(allowed)) <= settled


@given(hostile_worlds(), HOSTILE)
def test_buys_stay_within_the_orders_turnover_and_sizes_of_the_day(world: World, wanted: tuple[Order, ...]) -> None:
    allowed, rules = gated(world, wanted).allowed, world.policy.execution
    if not buys(allowed):
        return
    assert world.day.orders + len(allowed) <= rules.max_orders_per_day
    turnover = Decimal(str(rules.max_turnover)) * world.portfolio.nav
    assert world.day.turnover + value(allowed) <= turnover * (1 + EDGE)
    for one in buys(allowed):
        quote = world.market.quotes[one.instrument.conid]
        halved = 2 if world.market.live and quote.kind is QuoteKind.DELAYED else 1
        least, most = smallest_order(rules, world.portfolio.nav), largest_order(rules, world.portfolio.nav)
        assert least <= one.notional <= most / halved + EDGE
        assert quote.average_volume is not None
        assert one.quantity * halved <= Decimal(str(rules.max_share_of_volume)) * quote.average_volume + EDGE


@given(hostile_worlds(), HOSTILE)
def test_barred_names_are_never_ordered_and_only_eligible_ones_bought(world: World, wanted: tuple[Order, ...]) -> None:
    barred = {conid(s) for s in world.policy.universe.restricted} | set(world.market.untradable)
    admitted = {one.conid for one in eligible(world.policy, world.market)} - set(world.memory.sold_at_loss)
    known = {conid(name): instrument(name) for name in NAMES}
    for one in gated(world, wanted).allowed:
        assert one.instrument.conid not in barred
        named = replace(one.instrument, sector=known[one.instrument.conid].sector)
        assert named == known[one.instrument.conid]
        quote = world.market.quotes[one.instrument.conid]
        assert quote.two_sided
        assert abs((one.limit_price or one.reference_price) / quote.price - 1) <= Decimal("0.06")
        assert one.side is Side.SELL or one.instrument.conid in admitted


@given(hostile_worlds(), HOSTILE)
def test_nothing_is_sold_that_is_not_held_and_no_name_is_on_both_sides(world: World, wanted: tuple[Order, ...]) -> None:
    allowed = gated(world, wanted).allowed
    sold: Counter[int] = Counter()
    for one in sells(allowed):
        sold[one.instrument.conid] += int(one.quantity)
    assert all(quantity <= world.portfolio.held(number) for number, quantity in sold.items())
    assert not {one.instrument.conid for one in buys(allowed)} & set(sold)
    keys = [(one.instrument.conid, one.leg) for one in allowed]
    assert len(keys) == len(set(keys))


@given(hostile_worlds(), HOSTILE, st.sampled_from(MOMENTS))
def test_nothing_is_allowed_outside_the_session_or_in_its_avoided_minutes(
    world: World, wanted: tuple[Order, ...], moment: datetime
) -> None:
    opens, closes = MOMENTS[3], MOMENTS[5]
    allowed = gated(at(world, moment), wanted).allowed
    assert not allowed or opens <= moment < closes
    assert SESSION.opens < opens < closes < SESSION.closes


@given(hostile_worlds(), HOSTILE)
def test_a_kill_level_lets_nothing_through_that_it_forbids(world: World, wanted: tuple[Order, ...]) -> None:
    allowed = gated(world, wanted).allowed
    assert not allowed or world.level is not KillLevel.HALTED
    assert not buys(allowed) or world.level is KillLevel.ACTIVE


def sane(world: World) -> World:
    """The world with everything that integrity asks for, and whatever risk and budget would object to."""
    level = KillLevel.REDUCING if world.level is KillLevel.HALTED else world.level
    universe = world.policy.universe.model_copy(update={"restricted": ()})
    rules = world.policy.model_copy(update={"universe": universe})
    quotes = {number: replace(q, average_volume=None, prior_close=None) for number, q in market().quotes.items()}
    on = replace(world.market, quotes=quotes, untradable={}, lots={})
    return replace(world, policy=rules, portfolio=replace(world.portfolio, orders=()), market=on, level=level)


@given(hostile_worlds(), HOSTILE, st.sampled_from([1, 7, 60, 10**6]))
def test_what_lowers_risk_passes_whatever_the_limits_the_day_and_the_other_orders(
    world: World, others: tuple[Order, ...], most: int
) -> None:
    calm = sane(world)
    exits = tuple(
        sell(p.instrument.symbol, min(most, int(p.quantity)), leg=7)
        for p in calm.portfolio.positions
        if p.quantity >= 1
    )
    alone = gated(calm, exits)
    assert alone.allowed == exits
    assert alone.refusals == ()
    unrelated = tuple(one for one in others if one.side is Side.BUY)
    crowded = gated(calm, (*exits, *unrelated))
    assert set(exits) <= set(crowded.allowed)


@given(st.one_of(calm_worlds(), worlds()), WANTED)
def test_no_buy_leaves_a_limit_broken_that_was_kept_or_worse_than_it_was(
    world: World, wanted: tuple[Order, ...]
) -> None:
    within_policy(world, world.portfolio, gated(world, wanted).allowed)


@given(hostile_worlds(), HOSTILE)
def test_an_adversarys_list_stays_within_the_policy(world: World, wanted: tuple[Order, ...]) -> None:
    within_policy(world, world.portfolio, gated(world, wanted).allowed)


def within_policy(world: World, account: Portfolio, allowed: tuple[Order, ...]) -> None:
    """With a buy among them, no measured limit is broken that was kept, and no broken one worse."""
    if not buys(allowed):
        return
    held = measure(world.today(after(account, sells(allowed))))
    then = post_trade(world.today(account), allowed)
    assert held.risk_may_rise
    for metric in held.metrics:
        reached = then.metrics.get(metric.name)
        if metric.limit is None or metric.value is None or reached is None:
            continue
        assert math.isfinite(reached)
        if metric.floor:
            assert reached >= min(metric.limit, metric.value) - 1e-9
        elif metric.name == "exposure":
            assert reached <= world.measured().max_exposure + 1e-9
        elif metric.name in STATISTICS:
            # What the buys cost beyond their worth makes all that was held a larger part of the whole.
            dearer = float(held.nav / after(account, allowed).nav)
            assert reached <= max(STATISTIC_ROOM * metric.limit, metric.value * dearer) + 1e-9
        else:
            assert reached <= max(metric.limit, metric.value) + 1e-9
