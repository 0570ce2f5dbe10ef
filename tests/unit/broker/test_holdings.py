"""What the rules manage of an account and what is only carried: each strange row costs its own name, no other."""

from decimal import Decimal
from typing import Any

import pytest

from app.broker import wire
from app.broker.connection import McpConnection
from app.broker.holdings import balances, holdings, unreadable, untold
from app.broker.mcp import McpBroker
from app.domain.instrument import AssetClass
from app.domain.order import Side
from tests.unit.broker.canned import ANSWERS, ORDER, Canned

ACCOUNT = "DU1234567"
RATES = {"USD": Decimal(1), "GBP": Decimal("1.2")}
PLAIN: dict[str, Any] = {
    "conid": 7, "symbol": "GAW", "name": None, "asset_class": "STK", "type": "COMMON", "currency": "USD",
    "quantity": "100",
    "price": "24", "market_value": "2400", "average_cost": "20", "unrealized_pnl": "400", "realized_pnl": "0",
}  # fmt: skip


def row(**changes: object) -> wire.PositionAnswer:
    return wire.PositionAnswer.model_validate(PLAIN | changes)


def test_a_stock_or_fund_held_long_with_a_price_is_managed() -> None:
    found = holdings([row(), row(conid=8, type="ETF"), row(conid=9, currency="GBP", type="ADR")], [], RATES)
    kinds = [(position.instrument.conid, position.instrument.asset_class) for position in found.positions]
    assert kinds == [(7, AssetClass.STOCK), (8, AssetClass.ETF), (9, AssetClass.STOCK)]
    assert found.unmanaged == ()


def test_what_the_broker_says_of_a_share_goes_with_it() -> None:
    (position,) = holdings([row(industry="Banks", category="Commer Banks Non-US")], [], RATES).positions
    assert (position.instrument.industry, position.instrument.category) == ("Banks", "Commer Banks Non-US")


@pytest.mark.parametrize(
    ("changes", "reason", "value", "exposure"),
    [
        ({"asset_class": "OPT", "quantity": "2", "price": "2.15", "market_value": "430"}, "an option", "430", "430"),
        ({"asset_class": "BOND", "quantity": "2", "price": "98.5", "market_value": "1970"}, "a bond", "1970", "1970"),
        ({"asset_class": "FUND"}, "a mutual fund", "2400", "2400"),
        ({"type": "PUBLIC"}, "a preferred share or a note: only stocks and funds", "2400", "2400"),
        ({"type": "CLOSED-END FUND"}, "a closed-end fund", "2400", "2400"),
        ({"type": None}, "does not tell whether it is a share or a fund", "2400", "2400"),
        ({"type": None, "asset_class": "ETF"}, "does not tell whether it is a share or a fund", "2400", "2400"),
        ({"asset_class": "WAR"}, "a warrant", "2400", "2400"),
        ({"asset_class": "CRYPTO", "currency": "GBP"}, "a cryptocurrency", "2880", "2880"),
        ({"asset_class": "cash", "price": "1.06", "market_value": "106"}, "counted in the cash", "0", "0"),
        ({"asset_class": "FUT", "market_value": "192000"}, "a future", "0", "192000"),
        ({"asset_class": "CFD", "unrealized_pnl": "-130"}, "a contract for difference", "-130", "2400"),
        ({"asset_class": "CFD", "unrealized_pnl": None}, "nobody tells its value", None, "2400"),
        ({"asset_class": "MOON"}, "of the type MOON", "2400", "2400"),
        ({"asset_class": "UNKNOWN", "price": None, "market_value": None}, "nobody tells its value", None, None),
        ({"asset_class": "OPT", "price": "2.15", "market_value": None}, "nobody tells its value", None, None),
        ({"asset_class": "OPT", "price": "2", "market_value": None, "multiplier": "100"}, "option", "20000", "20000"),
        ({"quantity": "-50", "market_value": "-1200"}, "a short position", "-1200", "1200"),
        ({"currency": "EUR"}, "no rate of exchange for EUR", None, None),
        ({"price": None, "market_value": None}, "no price today", None, None),
        ({"price": None, "market_value": None, "note": "marketPrice is null"}, "marketPrice is null", None, None),
        ({"price": None}, "no price today", "2400", "2400"),
        ({"price": "0", "market_value": "0"}, "worthless or delisted", "0", "0"),
        ({"price": "-3", "market_value": "-300"}, "a price below zero", "-300", "300"),
        # A price in pence beside a value in pounds, and a quantity that is ten times too large.
        ({"price": "2400", "market_value": "2400"}, "the row contradicts itself", "2400", "2400"),
        ({"quantity": "1000"}, "the row contradicts itself", "2400", "2400"),
    ],
)  # fmt: skip
def test_whatever_else_is_held_is_carried_at_the_brokers_value_with_the_reason(
    changes: dict[str, Any], reason: str, value: str | None, exposure: str | None
) -> None:
    found = holdings([row(conid=6, symbol="KO"), row(**changes)], [], RATES)
    assert [position.instrument.symbol for position in found.positions] == ["KO"]
    (line,) = found.unmanaged
    assert reason in line.reason
    assert line.value == (None if value is None else Decimal(value))
    assert line.exposure == (None if exposure is None else Decimal(exposure))
    assert (line.conid, line.symbol) == (7, "GAW")


def test_shares_of_a_price_that_was_rounded_are_no_contradiction() -> None:
    found = holdings([row(price="0.4237", quantity="112", market_value="47.45")], [], RATES)
    assert found.unmanaged == ()


def test_a_fraction_of_a_share_is_managed_with_the_whole_ones() -> None:
    (position,) = holdings([row(quantity="112.3742", market_value="2696.98")], [], RATES).positions
    assert position.quantity == Decimal("112.3742")


def test_what_another_model_holds_is_counted_beside_and_never_ordered() -> None:
    held = row(quantity="122", market_value="2928", models=[{"model": "Growth", "quantity": "10"}])
    found = holdings([held], [], RATES)
    assert [position.quantity for position in found.positions] == [Decimal(112)]
    assert [(line.quantity, line.value) for line in found.unmanaged] == [(Decimal(10), Decimal(240))]
    alone = holdings([row(models=[{"model": "Growth", "quantity": "100"}])], [], RATES)
    assert alone.positions == ()
    assert [line.quantity for line in alone.unmanaged] == [Decimal(100)]


def test_a_row_that_is_hardly_one_is_listed_by_its_kind() -> None:
    strange = [
        wire.StrangeAnswer(what="position", conid=None, symbol=None, reason="conid is missing"),
        wire.StrangeAnswer(what="ledger", conid=None, symbol="BTC", reason="cashbalance is not a number"),
        wire.StrangeAnswer(what="order", conid=7, symbol="GAW", reason="side is missing"),
    ]
    found = holdings([], strange, RATES)
    assert [(line.symbol, line.reason) for line in found.unmanaged] == [("unknown", "conid is missing")]
    assert [(each.kind, each.conid) for each in unreadable(strange)] == [("order", 7)]
    assert untold(strange) == ("cashbalance is not a number",)


def cash(**changes: object) -> wire.CashAnswer:
    told = {"currency": "EUR", "cash": "500", "settled_cash": "400", "exchange_rate": "1.1"}
    return wire.CashAnswer.model_validate(told | changes)


def test_cash_without_a_rate_is_listed_and_settled_cash_that_is_not_told_is_not_spent() -> None:
    told = balances([cash(), cash(currency="CHF", exchange_rate=None), cash(currency="JPY", exchange_rate="0")], "USD")
    assert [balance.currency for balance in told.cash] == ["EUR"]
    assert [line.reason for line in told.unmanaged] == [
        "no rate of exchange from CHF to USD", "no rate of exchange from JPY to USD",
    ]  # fmt: skip
    silent = balances([cash(settled_cash=None), cash(currency="CHF", cash="0", exchange_rate=None)], "USD")
    assert [balance.settled_cash for balance in silent.cash] == [Decimal(0)]
    assert silent.unmanaged == ()
    assert "settled cash in EUR is not told" in silent.gaps[0]


async def test_an_account_that_tells_little_is_read_as_far_as_it_tells(
    canned: Canned, connection: McpConnection
) -> None:
    canned.answers["portfolio"] |= {
        "net_liquidation": None, "available_funds": None, "buying_power": None, "orders_complete": False,
        "nav_parts": [{"name": "dividends", "amount": "12.5"}, {"name": "interest", "amount": "2"}],
        "strange": [{"what": "order", "conid": 5, "symbol": None, "reason": "side is missing"}],
    }  # fmt: skip
    portfolio = await McpBroker(connection).portfolio(ACCOUNT)
    assert portfolio.available_funds == 0
    assert (portfolio.buying_power, portfolio.nav_difference) == (None, None)
    assert portfolio.accrued == Decimal("14.5")
    assert [row.conid for row in portfolio.unreadable] == [5]
    assert len(portfolio.gaps) == 2


async def test_a_combination_is_an_order_of_its_legs(canned: Canned, connection: McpConnection) -> None:
    combo: dict[str, Any] = {"conid": 28812380, "coid": None, "quantity": "2", "filled_quantity": "0", "side": "BUY"}
    combo |= {"security_type": "BAG", "limit_price": "-2.15"}
    combo["legs"] = [{"conid": 9, "ratio": 100}, {"conid": 10, "ratio": -1}]
    canned.answers["portfolio"]["orders"] = [ORDER | combo]
    (order,) = (await McpBroker(connection).portfolio(ACCOUNT)).orders
    assert [order.left_of(9, side) for side in Side] == [200, 0]
    assert [order.left_of(10, side) for side in Side] == [0, 2]
    assert order.left_of(28812380, Side.BUY) == 0
    assert order.open_notional == 0


@pytest.mark.parametrize(
    ("changes", "paid"),
    [
        ({}, "-1002.5"),
        ({"security_type": "OPT", "quantity": "1", "price": "2.15"}, "-215"),
        ({"security_type": "OPT", "quantity": "1", "price": "2.15", "net_amount": "-21.5"}, "-21.5"),
        ({"security_type": "OPT", "price": "0"}, "0"),
        ({"security_type": "CASH"}, "0"),
        ({"security_type": "FUT"}, "0"),
    ],
)
async def test_an_execution_moved_the_cash_that_its_kind_moves(
    canned: Canned, connection: McpConnection, changes: dict[str, Any], paid: str
) -> None:
    trade = {
        "execution_id": "1.1",
        "order_id": "9001",
        "coid": None,
        "conid": 265598,
        "side": "SELL",
        "time": ANSWERS["portfolio"]["as_of"],
    }
    trade |= {"quantity": "10", "price": "100.25", "commission": None}
    canned.answers["order_report"] |= {"trades": [trade | changes]}
    (found,) = (await McpBroker(connection).report(ACCOUNT)).trades
    assert found.paid == Decimal(paid)
