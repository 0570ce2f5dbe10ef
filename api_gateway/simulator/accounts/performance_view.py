"""Net asset values, returns and transactions as the performance endpoints write them.

Values are those of the book at the closes before today's, from the session the accounts were funded in: today's close
comes with the night's statement, not in the evening.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from api_gateway.simulator.accounts.account_book import AccountBook
from api_gateway.simulator.exchange.contracts import Contract
from api_gateway.simulator.exchange.hours import NEW_YORK, Moment
from api_gateway.simulator.wire import epoch_ms
from api_gateway.simulator.world import World

# Sessions a period reaches back, with the one it starts from.
PERIODS = {"1D": 2, "7D": 6, "1M": 22, "3M": 64, "6M": 127, "1Y": 253}


@dataclass(frozen=True)
class _Track:
    """One account over session rows first..last, each list [last - first + 1]."""

    days: tuple[str, ...]
    values: list[float]
    returns: list[float]


def _last(world: World, moment: Moment) -> int:
    """Row of the last session before today."""
    today = moment.now.astimezone(NEW_YORK).date()
    return moment.session - (world.market.session_date(moment.session) == today)


def _track(world: World, account: str, period: str, last: int) -> _Track:
    book = world.books[account]
    count = last + 1 - max(last + 1 - PERIODS[period], book.since)
    values = world.accounting.close_values(account, last)[-count:]
    flows = book.external_flows(world.rates, last)[-count:]
    # Time-weighted: what was paid in or out on a day is taken off before the day's growth is measured.
    growth = np.concatenate(([1.0], (values[1:] - flows[1:]) / values[:-1]))
    return _Track(
        tuple(f"{world.market.session_date(row):%Y%m%d}" for row in range(last + 1 - count, last + 1)),
        [round(float(value), 2) for value in values],
        [round(float(total) - 1.0, 6) for total in np.cumprod(growth)],
    )


def performance(world: World, accounts: list[str], period: str, moment: Moment) -> dict[str, Any]:
    if world.scenario.young:
        return {"currencyType": "base", "rc": 0, "nd": 0} | _empty(accounts)
    tracks = {account: _track(world, account, period, _last(world, moment)) for account in accounts}
    days = next(iter(tracks.values())).days
    navs: list[dict[str, Any]] = []
    returns: list[dict[str, Any]] = []
    for account, track in tracks.items():
        common = {
            "idType": "acctid",
            "id": account,
            "start": days[0],
            "end": days[-1],
            "baseCurrency": world.scenario.currency,
        }
        navs.append(common | {"navs": track.values, "startNAV": {"date": days[0], "val": track.values[0]}})
        returns.append(common | {"returns": track.returns})
    return {
        "currencyType": "base",
        "rc": 0,
        "nd": len(days) - 1,
        "nav": {"data": navs, "freq": "D", "dates": days},
        "cps": {"data": returns, "freq": "D", "dates": days},
        "id": "getPerformanceData",
        "included": accounts,
        "pm": "TWR",
    }


def _empty(accounts: list[str]) -> dict[str, Any]:
    """Of an account that is too young for a statement."""
    none: dict[str, Any] = {"data": [], "freq": "D", "dates": []}
    return {"nav": none, "cps": none, "id": "getPerformanceData", "included": accounts, "pm": "TWR"}


def all_periods(world: World, accounts: list[str], moment: Moment) -> dict[str, Any]:
    """Every period per account; a period's lists begin after its starting value, unlike those of one period."""
    last = _last(world, moment)
    rows: dict[str, Any] = {}
    for account in () if world.scenario.young else accounts:
        tracks = {period: _track(world, account, period, last) for period in PERIODS}
        longest = tracks["1Y"]
        rows[account] = {
            period: {
                "freq": "D",
                "startNAV": {"date": track.days[0], "val": track.values[0]},
                "dates": track.days[1:],
                "nav": track.values[1:],
                "cps": track.returns[1:],
            }
            for period, track in tracks.items()
        } | {
            "baseCurrency": world.scenario.currency,
            "start": longest.days[0],
            "end": longest.days[-1],
            "periods": list(PERIODS),
            "lastSuccessfulUpdate": f"{moment.now.astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S}",
        }
    days = next(iter(rows.values()))["1Y"]["dates"] if rows else []
    return {
        "currencyType": "base",
        "rc": 0,
        "view": accounts,
        "nd": len(days),
        "id": "getPerformanceAllPeriods",
        "included": accounts,
        "pm": "TWR",
        **rows,
    }


@dataclass(frozen=True)
class _Trade:
    day: date
    session: int
    contract: Contract
    quantity: int
    price: Decimal
    gain: Decimal


def _trades(world: World, book: AccountBook, conids: frozenset[int]) -> list[_Trade]:
    """The purchases that the account began with, and everything since; `quantity` is negative for a sale."""
    funded = world.market.session_date(book.since)
    bought = [
        _Trade(funded, book.since, one.contract, one.quantity, one.average_cost, Decimal(0))
        for one in book.opening_positions
    ]
    since = [
        _Trade(
            one.time.astimezone(NEW_YORK).date(),
            one.session,
            one.contract,
            one.signed_quantity,
            one.price,
            book.gain(one.execution_id),
        )
        for one in book.executions
    ]
    return [one for one in (*bought, *since) if one.contract.conid in conids]


def _rate(world: World, trade: _Trade, moment: Moment) -> Decimal:
    """Base currency for one unit of the trade's at its session's close; of a session that is running, now."""
    currency = trade.contract.currency
    if trade.session > moment.completed:
        return world.rates.rate(currency, moment)
    return world.rates.at_close(currency, trade.session)


def transactions(world: World, account: str, conids: frozenset[int], days: int, moment: Moment) -> dict[str, Any]:
    """Purchases and sales of the contracts in the last `days` days; amounts without commission, the sum in base."""
    base, today = world.scenario.currency, moment.now.astimezone(NEW_YORK).date()
    first = today - timedelta(days=days)
    trades = [one for one in _trades(world, world.books[account], conids) if one.day >= first]
    rates = {one: _rate(world, one, moment) for one in trades}
    gains = [one for one in trades if one.quantity < 0]
    return {
        "rc": 0,
        "nd": days,
        "rpnl": {
            "data": [
                {
                    "date": f"{one.day:%Y%m%d}",
                    "cur": one.contract.currency,
                    "fxRate": 1 if one.contract.currency == base else float(rates[one]),
                    "side": "L",
                    "acctid": account,
                    "amt": str(one.gain),
                    "conid": str(one.contract.conid),
                }
                for one in gains
            ],
            "amt": str(sum((one.gain * rates[one] for one in gains), Decimal(0))),
        },
        "currency": base,
        "from": epoch_ms(_midnight(first)),
        "id": "getTransactions",
        "to": epoch_ms(_midnight(today)),
        "includesRealTime": True,
        "transactions": [
            {
                "cur": one.contract.currency,
                "date": f"{_midnight(one.day):%a %b %d %H:%M:%S %Z %Y}",
                "rawDate": f"{one.day:%Y%m%d}",
                "fxRate": float(rates[one]),
                "pr": float(one.price),
                "qty": float(one.quantity),
                "acctid": account,
                "amt": float(-one.quantity * one.price),
                "conid": one.contract.conid,
                "type": "Buy" if one.quantity > 0 else "Sell",
                "desc": one.contract.name,
            }
            for one in trades
        ]
        + _cash_rows(world, account, conids, first, moment),
    }


def _cash_rows(world: World, account: str, conids: frozenset[int], first: date, moment: Moment) -> list[dict[str, Any]]:
    """Dividends of the contracts, and cash that no contract paid; neither has a price or a quantity (documented).

    Whether the broker lists the latter here is not documented: see the rows that are told late, or never.
    """
    rows: list[dict[str, Any]] = []
    for one in world.books[account].movements:
        row, day = one.row, world.market.session_date(one.session)
        if row is None or row.told_in > moment.session or day < first:
            continue
        if row.conid is not None and row.conid not in conids:
            continue
        told = {
            "cur": one.currency,
            "date": f"{_midnight(day):%a %b %d %H:%M:%S %Z %Y}",
            "rawDate": f"{day:%Y%m%d}",
            "fxRate": float(world.rates.rate(one.currency, moment)),
            "acctid": account,
            "amt": float(one.amount),
            "conid": row.conid or 0,
            "type": row.kind,
            "desc": row.description,
        }
        rows += [told] * row.times
    return rows


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), NEW_YORK)
