"""Reads what an account holds. An incomplete answer raises; it is never taken for an empty account."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Malformed, PacingViolation
from api_gateway.clientportal.limits import PERFORMANCE
from api_gateway.clientportal.memory import GatewayMemory
from api_gateway.clientportal.pacing import LONGEST_WAIT_SECONDS
from api_gateway.clientportal.records import AccountType, Cash, Ledger, NavHistory, NavPoint, Position, Summary
from api_gateway.clientportal.session import Session
from api_gateway.clientportal.transport import Transport

_EXCHANGE_TIME = ZoneInfo("America/New_York")


class PortfolioReads:
    def __init__(self, transport: Transport, session: Session, memory: GatewayMemory) -> None:
        self._transport = transport
        self._session = session
        self._memory = memory

    async def positions(self, account: str) -> tuple[Position, ...]:
        """Near-real-time positions, closed ones (quantity zero) dropped."""
        answer = await self._read(f"/portfolio2/{account}/positions")
        held = (row for row in wire.rows(answer, "positions") if wire.required_number(row, "position") != 0)
        return tuple(_position(row) for row in held)

    async def summary(self, account: str) -> Summary:
        return summary_of(await self._read(f"/portfolio/{account}/summary"))

    async def ledger(self, account: str) -> Ledger:
        answer = wire.mapping(await self._read(f"/portfolio/{account}/ledger"), "ledger")
        # BASE is the sum over the currencies, not a currency.
        base = wire.mapping(answer.get("BASE"), "ledger BASE")
        rows = {name: wire.mapping(row, f"ledger {name}") for name, row in answer.items() if name != "BASE"}
        return Ledger(
            cash=tuple(_cash(name, row) for name, row in rows.items()),
            unrealized_pnl=wire.required_number(base, "unrealizedpnl"),
            realized_pnl=wire.required_number(base, "realizedpnl"),
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
        fresh = _nav_history(answer, self._session.market_now())
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


def _position(row: Mapping[str, object]) -> Position:
    return Position(
        conid=wire.conid(row.get("conid")),
        # Near-real-time rows carry the ticker as description.
        symbol=wire.required_text(row, "ticker", "description", "contractDesc"),
        name=wire.text(row, "name"),
        asset_class=wire.required_text(row, "secType", "assetClass"),
        currency=wire.required_text(row, "currency"),
        quantity=wire.required_number(row, "position"),
        price=wire.required_number(row, "marketPrice", "mktPrice"),
        market_value=wire.required_number(row, "marketValue", "mktValue"),
        average_cost=wire.required_number(row, "avgCost"),
        unrealized_pnl=wire.required_number(row, "unrealizedPnl"),
        realized_pnl=wire.required_number(row, "realizedPnl"),
    )


def _cash(currency: str, row: Mapping[str, object]) -> Cash:
    return Cash(
        currency=currency,
        cash=wire.required_number(row, "cashbalance"),
        settled_cash=wire.required_number(row, "settledcash"),
        exchange_rate=wire.required_number(row, "exchangerate"),
    )


def _summary_amount(summary: Mapping[str, object], key: str) -> Decimal:
    row = wire.mapping(summary.get(key), f"summary {key}")
    if row.get("isNull") is True:
        raise Malformed(f"summary {key} is null")
    return wire.required_number(row, "amount")


def _day_trades(summary: Mapping[str, object]) -> int | None:
    row = summary.get("daytradesremaining")
    told = wire.optional_number(row, "value") if isinstance(row, dict) else None
    # -1 stands for no limit.
    return int(told) if told is not None and told >= 0 else None


def _account_type(summary: Mapping[str, object]) -> AccountType | None:
    """`accounttype` names the owner (individual, joint); whether it may borrow is in the trading type."""
    row = summary.get("tradingtype-s")
    trading_type = wire.text(row, "value") if isinstance(row, dict) else None
    if trading_type is None:
        return None
    return "margin" if "MRGN" in trading_type.upper() else "cash"


def _nav_history(answer: object, as_of: datetime) -> NavHistory:
    nav = wire.mapping(wire.mapping(answer, "performance").get("nav"), "performance nav")
    series = wire.rows(nav.get("data"), "performance data")
    dates, values = nav.get("dates"), series[0].get("navs") if len(series) == 1 else None
    if not isinstance(dates, list) or not isinstance(values, list) or len(dates) != len(values):
        raise Malformed("performance: dates and values do not match")
    points = tuple(
        NavPoint(date=_compact_date(day), nav=wire.number(value)) for day, value in zip(dates, values, strict=True)
    )
    return NavHistory(as_of=as_of, currency=wire.required_text(series[0], "baseCurrency"), points=points)


def _compact_date(value: object) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise Malformed(f"not a date: {value!r}") from error
