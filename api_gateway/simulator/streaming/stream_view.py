"""Summary and ledger as the socket writes them: lists, with capitals in the names where the endpoints have none."""

from typing import Any, Final

from api_gateway.simulator.accounts.portfolio_view import ledger, summary
from api_gateway.simulator.exchange.hours import Moment
from api_gateway.simulator.wire import epoch_s
from api_gateway.simulator.world import World

_SUMMARY: Final = """
    AccountCode AccountReady AccountType AccruedCash AccruedDividend AvailableFunds BuyingPower Cushion
    DayTradesRemaining EquityWithLoanValue ExcessLiquidity FullAvailableFunds FullExcessLiquidity FullInitMarginReq
    FullMaintMarginReq GrossPositionValue InitMarginReq Leverage LookAheadAvailableFunds LookAheadExcessLiquidity
    LookAheadInitMarginReq LookAheadMaintMarginReq MaintMarginReq NetLiquidation RegTEquity RegTMargin SMA
    TotalCashValue TradingType
"""
_LEDGER: Final = """
    acctCode cashbalance cashBalanceFXSegment commodityMarketValue corporateBondsMarketValue dividends exchangeRate
    funds interest issuerOptionsMarketValue moneyFunds netLiquidationValue realizedPnl unrealizedPnl settledCash
    severity stockMarketValue stockOptionMarketValue tBillsMarketValue tBondsMarketValue timestamp
    warrantsMarketValue
"""
_SUMMARY_NAMES = {name.lower(): name for name in _SUMMARY.split()}
_LEDGER_NAMES = {name.lower(): name for name in _LEDGER.split()}


def summary_rows(world: World, account: str, moment: Moment) -> list[dict[str, Any]]:
    """Amounts and texts have different fields."""
    rows = []
    for key, entry in summary(world, account, moment).items():
        name, dash, segment = key.partition("-")
        amount = {"currency": entry["currency"], "monetaryValue": entry["amount"]}
        said = {"value": entry["value"]} if entry["currency"] is None else amount
        named = {"key": f"{_SUMMARY_NAMES[name]}{dash}{segment.upper()}"}
        rows.append(named | said | {"severity": 0, "timestamp": epoch_s(moment.now)})
    return rows


def ledger_rows(world: World, account: str, moment: Moment) -> list[dict[str, Any]]:
    """A row for each currency, BASE first."""
    rows = ledger(world, account, moment)
    return [
        {_LEDGER_NAMES[name]: value for name, value in rows[currency].items() if name in _LEDGER_NAMES}
        | {"key": f"LedgerList{currency}", "secondKey": currency}
        for currency in sorted(rows, key=lambda one: (one != "BASE", one))
    ]
