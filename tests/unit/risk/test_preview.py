"""What the broker's preview must say before an order goes out, and what an exit may ignore of it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from app.domain.order import Order, WhatIf
from app.domain.ruling import Refusal
from app.risk import what_if_refusal
from tests.support.worlds import buy, policy, sell

FINE = WhatIf(Decimal(3000), Decimal(1), Decimal(100000), Decimal(50000), Decimal(40000))
# 30 shares at 100.
BUY, SELL = buy("II", 30), sell("AA", 30)


def judged(what_if: WhatIf, order: Order = BUY, share: float = 0.01) -> Refusal | None:
    return what_if_refusal(policy(execution__max_commission=share), order, what_if)


def refused_by(what_if: WhatIf, order: Order = BUY) -> str | None:
    refusal = judged(what_if, order)
    return refusal.rule if refusal is not None else None


def test_a_preview_without_objection_passes_both_sides() -> None:
    assert judged(FINE) is None
    assert judged(FINE, SELL) is None


def test_an_error_of_the_preview_stops_any_order() -> None:
    said = replace(FINE, error="no trading permission")
    for order in (BUY, SELL):
        refusal = judged(said, order)
        assert refusal is not None
        assert (refusal.rule, refusal.symbol) == ("what_if", order.instrument.symbol)
        assert refusal.value == "no trading permission"


OBJECTIONS = {
    "warning": ("what_if_warning", replace(FINE, warnings=("you will be short of cash", "think again"))),
    "no commission": ("what_if_unknown", replace(FINE, commission=None)),
    "no equity": ("what_if_unknown", replace(FINE, equity_after=None)),
    "no margin": ("what_if_unknown", replace(FINE, initial_margin_after=None)),
    "commission not a number": ("what_if_unknown", replace(FINE, commission=Decimal("NaN"))),
    "endless equity": ("what_if_unknown", replace(FINE, equity_after=Decimal("Infinity"))),
    "commission above its share": ("max_commission", replace(FINE, commission=Decimal("30.01"))),
    "negative commission": ("max_commission", replace(FINE, commission=Decimal("-0.01"))),
    "margin above equity": ("margin_after", replace(FINE, initial_margin_after=Decimal("100000.01"))),
    "negative margin": ("margin_after", replace(FINE, initial_margin_after=Decimal(-1))),
}


@pytest.mark.parametrize("objection", OBJECTIONS)
def test_an_objection_stops_a_buy_and_never_an_exit(objection: str) -> None:
    rule, what_if = OBJECTIONS[objection]
    assert refused_by(what_if) == rule
    assert refused_by(what_if, SELL) is None


def test_at_the_limits_themselves_a_buy_passes() -> None:
    assert refused_by(replace(FINE, commission=Decimal(30))) is None
    assert refused_by(replace(FINE, commission=Decimal(0))) is None
    assert refused_by(replace(FINE, initial_margin_after=FINE.equity_after)) is None
    assert refused_by(replace(FINE, initial_margin_after=Decimal(0))) is None


def test_the_commission_is_compared_with_the_amount_that_the_broker_names_in_the_same_currency() -> None:
    dear = replace(FINE, commission=Decimal("30.01"))
    assert judged(replace(dear, amount=Decimal(3001))) is None
    assert judged(replace(dear, amount=Decimal(2700)), share=0.012) is None
    assert judged(replace(dear, amount=Decimal(2700)), share=0.011) is not None


def test_without_the_amount_the_limit_price_says_what_the_order_is_worth() -> None:
    dear = replace(FINE, amount=None, commission=Decimal("30.01"))
    assert judged(dear) is not None
    assert judged(dear, replace(BUY, limit_price=Decimal(102))) is None
    assert judged(replace(FINE, amount=None, maintenance_margin_after=None)) is None


def test_the_refusal_gives_every_warning_and_every_missing_number() -> None:
    warned = judged(OBJECTIONS["warning"][1])
    assert warned is not None
    assert warned.value == "you will be short of cash; think again"
    silent = judged(WhatIf(None, None, None, None, None))
    assert silent is not None
    assert silent.value == "commission None, equity after None, initial margin after None"
    dear = judged(OBJECTIONS["commission above its share"][1])
    assert str(dear) == "max_commission: II 30.01, limit 0 to 30.00, 1.000% of the order's value"
