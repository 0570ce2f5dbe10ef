"""Limit prices: marketable, collared, on the grid."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.instrument import ContractRules, Increment
from app.domain.market import Quote, QuoteKind
from app.domain.order import Side
from app.domain.pricing import limit_price
from app.domain.ruling import Refusal
from tests.support.worlds import policy, quote

CENTS = ContractRules(1, (Increment(Decimal(0), Decimal("0.0001")), Increment(Decimal(1), Decimal("0.01"))))
NICKELS = ContractRules(1, (Increment(Decimal(0), Decimal("0.05")),))


def at(bid: str, ask: str, prior: str | None = "100", kind: QuoteKind = QuoteKind.LIVE) -> Quote:
    close = None if prior is None else Decimal(prior)
    return replace(quote("AA"), bid=Decimal(bid), ask=Decimal(ask), prior_close=close, kind=kind)


def test_a_buy_pays_a_little_over_the_ask_and_a_sell_takes_a_little_under_the_bid() -> None:
    assert limit_price(policy(), Side.BUY, at("99.98", "100.02"), CENTS) == Decimal("100.13")
    assert limit_price(policy(), Side.SELL, at("99.98", "100.02"), CENTS) == Decimal("99.88")


def test_rounding_keeps_the_order_marketable() -> None:
    tight = policy(execution__limit_offset=0.0)
    assert limit_price(tight, Side.BUY, at("100.01", "100.02"), NICKELS) == Decimal("100.05")
    assert limit_price(tight, Side.SELL, at("100.01", "100.02"), NICKELS) == Decimal("100")


def test_a_wide_spread_is_collared_around_the_mid() -> None:
    assert limit_price(policy(), Side.BUY, at("90", "110"), CENTS) == Decimal("103")
    assert limit_price(policy(), Side.SELL, at("90", "110"), CENTS) == Decimal("97")


def test_a_jump_beyond_the_prior_close_stops_a_buy_and_a_confirmed_one_does_not_stop_an_exit() -> None:
    refused = limit_price(policy(), Side.BUY, at("130", "130.02"), CENTS, "AA")
    assert isinstance(refused, Refusal)
    assert (refused.rule, refused.symbol) == ("price_collar", "AA")
    assert limit_price(policy(), Side.SELL, at("70", "70.02"), CENTS) == Decimal("69.93")
    assert isinstance(limit_price(policy(), Side.SELL, at("70", "70.02", kind=QuoteKind.DELAYED), CENTS), Refusal)


def test_a_one_sided_quote_and_a_buy_without_prior_close_have_no_price() -> None:
    for broken, side in ((replace(quote("AA"), ask=None), Side.SELL), (at("100", "100.01", None), Side.BUY)):
        assert isinstance(limit_price(policy(), side, broken, CENTS), Refusal)
    assert limit_price(policy(), Side.SELL, at("100", "100.01", None), CENTS) == Decimal("99.9")


def test_a_grid_too_coarse_for_the_collar_has_no_price() -> None:
    coarse = ContractRules(1, (Increment(Decimal(0), Decimal(20)),))
    assert isinstance(limit_price(policy(), Side.BUY, at("109.9", "110.1", "110"), coarse), Refusal)


@given(
    st.decimals("0.5", "500", places=2),
    st.decimals("0", "20", places=2),
    st.decimals("0.5", "500", places=2),
    st.sampled_from(list(Side)),
    st.sampled_from([CENTS, NICKELS]),
)
def test_every_price_is_on_the_grid_and_inside_the_collar(
    bid: Decimal, spread: Decimal, prior: Decimal, side: Side, rules: ContractRules
) -> None:
    asked = at(str(bid), str(bid + spread), str(prior))
    price = limit_price(policy(), side, asked, rules)
    if isinstance(price, Refusal):
        return
    assert price % rules.step(price) == 0
    assert abs(price / asked.price - 1) <= Decimal("0.0300000001")
    if side is Side.BUY:
        assert abs(price / prior - 1) <= Decimal("0.1500000001")


@pytest.mark.parametrize("side", list(Side))
def test_below_one_dollar_the_finer_grid_holds(side: Side) -> None:
    price = limit_price(policy(), side, at("0.5", "0.5001", "0.5"), CENTS)
    assert price == (Decimal("0.5007") if side is Side.BUY else Decimal("0.4995"))
