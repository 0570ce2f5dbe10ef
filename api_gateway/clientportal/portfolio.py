"""Reads what an account holds. An incomplete answer raises; it is never taken for an empty account."""

import re
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Incomplete, Malformed, PacingViolation
from api_gateway.clientportal.limits import PERFORMANCE
from api_gateway.clientportal.memory import GatewayMemory
from api_gateway.clientportal.pacing import LONGEST_WAIT_SECONDS
from api_gateway.clientportal.records import AccountType, Cash, Ledger, NavHistory, NavPoint, Position, Summary
from api_gateway.clientportal.session import Session
from api_gateway.clientportal.transport import Transport

_EXCHANGE_TIME: Final = ZoneInfo("America/New_York")
_PAGE: Final = 100
_MOST_PAGES: Final = 100
# Exchange rates are rounded, and the sum over the currencies is older than they are by moments.
_SUM_TOLERANCE: Final = Decimal("0.01")
# Rates move all day; on a Monday the currencies have been traded since Sunday.
_LONGEST_RATE_AGE: Final = timedelta(days=1)
_MARKET_VALUES: Final = (
    "stockmarketvalue",
    "futuremarketvalue",
    "stockoptionmarketvalue",
    "futureoptionmarketvalue",
    "issueroptionsmarketvalue",
    "warrantsmarketvalue",
    "commoditymarketvalue",
    "corporatebondsmarketvalue",
    "tbondsmarketvalue",
    "tbillsmarketvalue",
    "cryptocurrencyvalue",
    "moneyfunds",
    "funds",
)


class PortfolioReads:
    def __init__(self, transport: Transport, session: Session, memory: GatewayMemory) -> None:
        self._transport = transport
        self._session = session
        self._memory = memory
        self._is_whole = False

    async def positions(self, account: str) -> tuple[Position, ...]:
        """Near-real-time positions, closed ones (quantity zero) dropped.

        Raises: Incomplete for an empty answer that the ledger contradicts, and where the two lists do not agree.
        """
        rows = _of_account(await self._read(f"/portfolio2/{account}/positions"), account)
        if not rows and (await self.ledger(account)).invested:
            rows = await self._by_pages(account, rows)
        # Whether this list is cut at the length of a page is not documented.
        elif len(rows) >= _PAGE and (not self._is_whole or len(rows) % _PAGE == 0):
            rows = await self._by_pages(account, rows)
            self._is_whole = True
        return tuple(_position(row) for row in rows if wire.required_number(row, "position") != 0)

    async def _by_pages(self, account: str, near: Sequence[wire.Row]) -> Sequence[wire.Row]:
        """The near-real-time rows when the pages hold no more, else the pages when they hold these and others."""
        pages = await self._pages(account)
        if not _held(pages) <= _held(near):
            # The pages are kept by the gateway for minutes; what was sold meanwhile would be a contradiction.
            await self._transport.ask(f"/portfolio/{account}/positions/invalidate", {})
            pages = await self._pages(account)
        if near and _held(pages) <= _held(near):
            return near
        if not pages or not _held(near) <= _held(pages):
            raise Incomplete("the gateway's lists of positions do not agree with each other")
        return pages

    async def _pages(self, account: str) -> Sequence[wire.Row]:
        found: list[wire.Row] = []
        for page in range(_MOST_PAGES):
            rows = wire.rows(await self._read(f"/portfolio/{account}/positions/{page}"), "positions")
            found += rows
            if len(rows) < _PAGE:
                return _of_account(found, account)
        raise Incomplete(f"more than {_MOST_PAGES} pages of positions")

    async def summary(self, account: str) -> Summary:
        answer = wire.mapping(await self._read(f"/portfolio/{account}/summary"), "summary")
        owner = answer.get("accountcode")
        if owner is not None:
            wire.same_account(wire.mapping(owner, "summary accountcode"), "value", expected=account)
        return Summary(
            currency=wire.currency(wire.mapping(answer.get("netliquidation"), "summary netliquidation"), "currency"),
            account_type=_account_type(answer),
            net_liquidation=_summary_amount(answer, "netliquidation"),
            available_funds=_summary_amount(answer, "availablefunds"),
            buying_power=_summary_amount(answer, "buyingpower"),
            day_trades_remaining=_day_trades(answer),
        )

    async def ledger(self, account: str) -> Ledger:
        answer = wire.mapping(await self._read(f"/portfolio/{account}/ledger"), "ledger")
        rows = {name: wire.mapping(row, f"ledger {name}") for name, row in answer.items() if name != "endofbundle"}
        for row in rows.values():
            wire.same_account(row, "acctcode", expected=account)
        # BASE is the sum over the currencies, not a currency.
        base = wire.mapping(rows.pop("BASE", None), "ledger BASE")
        cash = tuple(_cash(name, row) for name, row in rows.items())
        _check_sums(cash, rows, base)
        for each in cash:
            _check_age(each, rows[each.currency], self._session.market_now())
        return Ledger(
            cash=cash,
            unrealized_pnl=wire.required_number(base, "unrealizedpnl"),
            realized_pnl=wire.required_number(base, "realizedpnl"),
            invested=any(wire.optional_number(base, key) for key in _MARKET_VALUES),
        )

    async def performance(self, account: str) -> NavHistory:
        """One year of closing NAVs.

        The broker answers once a quarter of an hour, so an answer is kept for its session date; while the limit is not
        free an older one is served with its own time.
        """
        # The session comes first: only then is it known whose answer has been kept.
        await self._session.primed()
        kept = self._memory.performance(account)
        if kept is not None and self._is_good(kept):
            return kept
        try:
            answer = await self._session.guarded(lambda: self._ask_performance(account))
        except PacingViolation:
            if kept is None:
                raise
            return kept
        return self.keep_performance(account, answer)

    def keep_performance(self, account: str, answer: object) -> NavHistory:
        """Keeps the broker's answer for this account and one year, whoever asked for it. Raises: Malformed."""
        fresh = _nav_history(answer, account, self._session.market_now())
        self._memory.keep_performance(account, fresh)
        return fresh

    def _is_good(self, kept: NavHistory) -> bool:
        of_today = _session_date(kept.as_of) == _session_date(self._session.market_now())
        return of_today or self._transport.pacer.wait(PERFORMANCE) > LONGEST_WAIT_SECONDS

    async def _ask_performance(self, account: str) -> object:
        # A repetition would wait out the quarter of an hour.
        body = {"acctIds": [account], "period": "1Y"}
        return await self._transport.read("/pa/performance", body=body, attempts=1)

    async def _read(self, path: str) -> object:
        return await self._session.guarded(lambda: self._transport.read(path))


def summary_of(content: object) -> Summary:
    """Parses the answer of `/portfolio/{account}/summary`. Raises: Malformed."""
    answer = wire.mapping(content, "summary")
    net = wire.mapping(answer.get("netliquidation"), "summary netliquidation")
    return Summary(
        currency=wire.required_text(net, "currency"),
        account_type=_account_type(answer),
        net_liquidation=wire.required_number(net, "amount"),
        available_funds=_summary_amount(answer, "availablefunds"),
        buying_power=_summary_amount(answer, "buyingpower"),
        day_trades_remaining=_day_trades(answer),
    )


def _session_date(moment: datetime) -> date:
    return moment.astimezone(_EXCHANGE_TIME).date()


def _of_account(answer: object, account: str) -> Sequence[wire.Row]:
    """Rows of positions, one per contract."""
    rows = wire.rows(answer, "positions")
    for row in rows:
        wire.same_account(row, "acctId", expected=account)
    return wire.unique_rows(rows, wire.contract, "positions")


def _held(rows: Sequence[wire.Row]) -> Set[int]:
    return {wire.contract(row) for row in rows if wire.required_number(row, "position") != 0}


def _position(row: wire.Row) -> Position:
    return Position(
        conid=wire.contract(row),
        # Near-real-time rows carry the ticker as description.
        symbol=wire.required_text(row, "ticker", "description", "contractDesc"),
        name=wire.text(row, "name"),
        asset_class=wire.required_text(row, "secType", "assetClass"),
        currency=wire.currency(row, "currency"),
        quantity=wire.required_number(row, "position"),
        price=wire.required_number(row, "marketPrice", "mktPrice"),
        market_value=wire.required_number(row, "marketValue", "mktValue"),
        average_cost=wire.required_number(row, "avgCost"),
        unrealized_pnl=wire.required_number(row, "unrealizedPnl"),
        realized_pnl=wire.required_number(row, "realizedPnl"),
    )


def _cash(currency: str, row: wire.Row) -> Cash:
    # The row names its currency in `secondkey`; a key alone could be anything.
    if wire.currency({"currency": currency}, "currency") != (wire.text(row, "secondkey") or currency):
        raise Malformed("ledger: a row stands under another currency than its own")
    return Cash(
        currency=currency,
        cash=wire.required_number(row, "cashbalance"),
        settled_cash=wire.required_number(row, "settledcash"),
        exchange_rate=wire.price(row.get("exchangerate")),
    )


def _check_sums(cash: tuple[Cash, ...], rows: Mapping[str, wire.Row], base: wire.Row) -> None:
    """Raises: Incomplete when the currencies do not add up to the total: one is missing, or its rate is wrong."""
    if not cash:
        raise Incomplete("the ledger has no currency")
    wire.required_number(base, "cashbalance")
    for key in ("cashbalance", "netliquidationvalue"):
        total = wire.optional_number(base, key)
        parts = [(wire.optional_number(rows[each.currency], key), each.exchange_rate) for each in cash]
        in_base = [amount * rate for amount, rate in parts if amount is not None and rate is not None]
        if total is None or len(in_base) < len(parts):
            continue
        gross = sum((abs(each) for each in in_base), Decimal(0))
        if abs(sum(in_base, Decimal(0)) - total) > _SUM_TOLERANCE * gross + 1:
            raise Incomplete(f"the ledger's currencies do not add up to its total ({key}): one or its rate is wrong")


def _check_age(cash: Cash, row: wire.Row, now: datetime) -> None:
    """Raises: Incomplete for an exchange rate that is older than a day, where the row tells its time."""
    told = row.get("timestamp")
    if cash.exchange_rate != 1 and told is not None and now - wire.instant(told) > _LONGEST_RATE_AGE:
        raise Incomplete(f"the exchange rate of {cash.currency} is from {wire.instant(told):%Y-%m-%d %H:%M} UTC")


def _summary_amount(summary: wire.Row, key: str) -> Decimal:
    row = wire.mapping(summary.get(key), f"summary {key}")
    if row.get("isNull") is True:
        raise Malformed(f"summary {key} is null")
    return wire.required_number(row, "amount")


def _day_trades(summary: wire.Row) -> int | None:
    row = summary.get("daytradesremaining")
    told = wire.mapping(row, "summary daytradesremaining").get("value") if row is not None else None
    # -1 stands for no limit.
    return wire.whole(told) if told is not None and wire.whole(told) >= 0 else None


def _account_type(summary: wire.Row) -> AccountType | None:
    """`accounttype` names the owner (individual, joint); whether it may borrow is in the trading type."""
    row = summary.get("tradingtype-s")
    trading_type = wire.text(wire.mapping(row, "summary tradingtype-s"), "value") if row is not None else None
    if trading_type is None or not trading_type.isupper():
        return None
    return "margin" if "MRGN" in trading_type else "cash"


def _nav_history(answer: object, account: str, as_of: datetime) -> NavHistory:
    nav = wire.mapping(wire.mapping(answer, "performance").get("nav"), "performance nav")
    series = wire.rows(nav.get("data"), "performance data")
    dates, values = nav.get("dates"), series[0].get("navs") if len(series) == 1 else None
    if not isinstance(dates, list) or not isinstance(values, list) or len(dates) != len(values):
        raise Malformed("performance: dates and values do not match")
    wire.same_account(series[0], "id", expected=account)
    points = tuple(
        NavPoint(date=_compact_date(day), nav=wire.number(value)) for day, value in zip(dates, values, strict=True)
    )
    if any(later.date <= earlier.date for earlier, later in pairwise(points)):
        raise Malformed("performance: the dates do not ascend")
    return NavHistory(as_of=as_of, currency=wire.currency(series[0], "baseCurrency"), points=points)


def _compact_date(value: object) -> date:
    if not isinstance(value, str) or re.fullmatch(r"\d{8}", value, re.ASCII) is None:
        raise Malformed("performance: not a date like 20221228")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise Malformed(f"not a date: {value!r}") from error
