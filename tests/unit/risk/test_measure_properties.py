"""What holds of any evaluation: it depends on proportions alone, and every number in it is one."""

import math
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import DataError
from app.domain.evaluation import Evaluation
from app.domain.market import CLOSES, Array, Quote
from app.domain.plan import NO_MEMORY
from app.domain.portfolio import CashBalance, Position
from app.domain.unmanaged import UnmanagedHolding
from app.risk import post_trade
from tests.support.worlds import NAMES, changed, conid, market, navs, policy, portfolio, series, with_history
from tests.unit.risk.drawn import World, worlds

SCALES = st.sampled_from([Decimal(1) / 1000, Decimal("0.3"), Decimal(7), Decimal(10**6)])
PRICES = ("bid", "ask", "last", "prior_close", "market_cap")


def ratios(found: Evaluation) -> dict[str, object]:
    """Everything in an evaluation that has no currency."""
    return {
        "cash": found.cash_weight,
        "weights": found.weights,
        "sectors": found.sector_weights,
        "metrics": {m.name: (m.value, m.limit, m.severity) for m in found.metrics},
        "exits": {(e.rule, e.symbol, e.metric): (e.fraction, e.value, e.threshold) for e in found.exits_due},
        "drifts": {(d.kind, d.name): (d.weight, d.target, d.attainable) for d in found.drifts},
        "caps": {cap.rule: cap.limit for cap in found.caps},
    }


def close(value: object) -> object:
    """The same within rounding, at any depth."""
    if isinstance(value, dict):
        return {key: close(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return tuple(close(inner) for inner in value)
    return pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value


def numbers(found: Evaluation) -> list[float]:
    """Every number that an evaluation shows."""
    shown = [value for metric in found.metrics if (value := metric.value) is not None]
    shown += [found.cash_weight, found.exposure, *found.weights.values(), *found.sector_weights.values()]
    shown += [value for exit in found.exits_due for value in (exit.fraction, exit.value, exit.threshold)]
    shown += [value for drift in found.drifts for value in (drift.weight, drift.target, drift.attainable)]
    return shown


def in_other_money(world: World, scale: Decimal) -> World:
    """The same world with every amount in a unit that much smaller."""

    def quote(one: Quote) -> Quote:
        amounts = {name: value * scale for name in PRICES if (value := getattr(one, name)) is not None}
        return replace(one, **amounts)

    account, on = world.portfolio, world.market
    positions = (replace(p, price=p.price * scale, average_cost=p.average_cost * scale) for p in account.positions)
    cash = tuple(replace(b, cash=b.cash * scale, settled_cash=b.settled_cash * scale) for b in account.cash)
    rules = changed(world.policy, "universe.min_market_cap", world.policy.universe.min_market_cap * scale)
    for name in ("min_order_value", "max_order_value"):
        amount = getattr(rules.execution, name)
        rules = rules if amount is None else changed(rules, f"execution.{name}", amount * scale)
    return replace(
        world,
        policy=rules,
        portfolio=replace(
            account,
            positions=tuple(positions),
            cash=cash,
            unmanaged=tuple(replace(line, **told(line, scale)) for line in account.unmanaged),
        ),
        market=replace(
            on,
            quotes={number: quote(one) for number, one in on.quotes.items()},
            history={n: replace(one, closes=one.closes * float(scale)) for n, one in on.history.items()},
        ),
        navs=tuple(replace(point, nav=point.nav * scale) for point in world.navs),
    )


def told(line: UnmanagedHolding, scale: Decimal) -> dict[str, Any]:
    """The amounts of a line that is not managed, in the other unit."""
    amounts = {"value": line.value, "exposure": line.exposure}
    return {name: amount * scale for name, amount in amounts.items() if amount is not None}


def renumbered(world: World, numbers: Mapping[int, int]) -> World:
    """The same world with other conids, and so with its columns in another order."""

    def position(one: Position) -> Position:
        return replace(one, instrument=replace(one.instrument, conid=numbers[one.instrument.conid]))

    on, memory = world.market, world.memory
    names = {numbers[n]: replace(one, conid=numbers[n]) for n, one in on.instruments.items()}
    return replace(
        world,
        portfolio=replace(
            world.portfolio,
            positions=tuple(position(p) for p in world.portfolio.positions),
            unmanaged=tuple(replace(line, conid=numbers.get(line.conid or 0)) for line in world.portfolio.unmanaged),
        ),
        market=replace(
            on,
            instruments=names,
            quotes={numbers[n]: replace(one, conid=numbers[n]) for n, one in on.quotes.items()},
            history={numbers[n]: replace(one, conid=numbers[n]) for n, one in on.history.items()},
            untradable={numbers[n]: reason for n, reason in on.untradable.items()},
        ),
        memory=replace(
            memory,
            sold_at_loss={numbers[n]: ago for n, ago in memory.sold_at_loss.items()},
            profit_levels_taken={numbers[n]: level for n, level in memory.profit_levels_taken.items()},
        ),
    )


@given(worlds())
def test_weights_and_cash_make_one(world: World) -> None:
    found = world.measured()
    beside = float(world.portfolio.unmanaged_value / world.portfolio.nav)
    assert sum(found.weights.values()) + found.cash_weight + beside == pytest.approx(1, abs=1e-12)
    assert sum(found.sector_weights.values()) == pytest.approx(found.managed_exposure, abs=1e-12)
    moving = float(world.portfolio.unmanaged_exposure / world.portfolio.nav)
    assert found.exposure - found.managed_exposure == pytest.approx(moving, abs=1e-12)


@given(worlds(), SCALES)
def test_the_unit_of_money_changes_no_ratio(world: World, scale: Decimal) -> None:
    assert ratios(in_other_money(world, scale).measured()) == close(ratios(world.measured()))


@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_in_which_names_are_listed_changes_not_a_bit(world: World, dice: Random) -> None:
    positions, on = list(world.portfolio.positions), world.market
    dice.shuffle(positions)
    shuffled = replace(
        world,
        portfolio=replace(world.portfolio, positions=tuple(positions)),
        market=replace(
            on,
            instruments=dict(sorted(on.instruments.items(), reverse=True)),
            history=dict(sorted(on.history.items(), reverse=True)),
            quotes=dict(sorted(on.quotes.items(), reverse=True)),
        ),
    )
    assert shuffled.measured() == world.measured()


@given(worlds(), st.permutations([conid(name) for name in NAMES]))
def test_the_numbering_of_the_names_changes_nothing_but_rounding(world: World, order: list[int]) -> None:
    numbers = dict(zip((conid(name) for name in NAMES), order, strict=True))
    found, other = ratios(world.measured()), ratios(renumbered(world, numbers).measured())
    found["weights"] = {numbers[number]: weight for number, weight in world.measured().weights.items()}
    assert other == close(found)


SEEDS = st.integers(0, 10**6)
AMOUNTS = st.one_of(
    st.decimals(-(10**15), 10**15, allow_nan=False, allow_infinity=False, places=4),
    st.sampled_from([Decimal("1e-300"), Decimal("1e300"), Decimal("-1e300"), Decimal("1e-9"), Decimal(0)]),
)


def path(seed: int, length: int) -> Array:
    """A quiet walk that on one day in `seed` % 50 is at one end of what a close can be. Shape: [length]."""
    generator = np.random.default_rng(seed)
    quiet = 100 * np.exp(np.cumsum(generator.normal(0, 0.01, length)))
    wild = generator.random(length) * (seed % 50) > seed % 50 - 1
    result: Array = np.where(wild, generator.choice(CLOSES, length), quiet)
    return result


@st.composite
def extremes(draw: st.DrawFn) -> World:
    """Amounts that are finite and nothing else, and the most extreme closes that there can be."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
    held = portfolio(dict.fromkeys(names, 1))
    positions = tuple(
        replace(p, quantity=draw(AMOUNTS), price=draw(AMOUNTS), average_cost=draw(AMOUNTS)) for p in held.positions
    )
    rate = draw(st.sampled_from([Decimal("1e-300"), Decimal("1.1"), Decimal("1e300")]))
    cash = (CashBalance("USD", draw(AMOUNTS), draw(AMOUNTS)), CashBalance("EUR", draw(AMOUNTS), Decimal(0), rate))
    on = with_history(market(), {name: path(draw(SEEDS), draw(st.sampled_from([61, 300]))) for name in names})
    on = replace(on, index=series(1, path(draw(SEEDS), 300)))
    account = replace(held, positions=positions, cash=cash)
    return World(policy(), account, on, navs(draw(AMOUNTS), draw(st.sampled_from([0.0, 0.3, 1.0]))), NO_MEMORY)


@given(extremes())
def test_no_finite_input_brings_out_a_number_that_is_not_finite(world: World) -> None:
    try:
        found = world.measured()
        then = post_trade(world.today(), ())
    except DataError:
        # Refusing is an answer; the desk stops, and nothing is decided.
        return
    assert all(math.isfinite(number) for number in numbers(found))
    assert all(value is None or math.isfinite(value) for value in then.metrics.values())
