"""Interactive Brokers through its MCP server: the account, its orders, prices and contracts.

It parses and never guesses: an answer that does not fit raises, and an order without an answer has an unknown outcome.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np
from pydantic import ValidationError

from app.broker import wire
from app.broker.connection import McpConnection, ToolFailed
from app.broker.holdings import balances, holdings, unreadable, untold
from app.broker.kinds import class_of, instrument_of, only_managed
from app.broker.signing import answers, plain, version
from app.domain.cash import CashRow
from app.domain.errors import BrokerUnavailable, DataError, InsufficientHistory, UsageError
from app.domain.instrument import AssetClass, ContractRules, Increment, Instrument
from app.domain.market import PriceSeries, Quote
from app.domain.order import (
    CONTRACT_SIZES,
    SHARES,
    BrokerOrder,
    Order,
    OrderReport,
    Outcome,
    Placement,
    Side,
    Ticket,
    Trade,
    WhatIf,
)
from app.domain.portfolio import Portfolio
from app.domain.questions import Question
from app.domain.session import BrokerSession, Simulation

# Executions that move no cash but their fees: margin alone, or one currency for another of the same worth.
_NO_CASH = frozenset({"FUT", "CFD", "CASH"})
MOST_A_CALL = 500
AnswerType = TypeVar("AnswerType", bound=wire.Answer)
Item = TypeVar("Item")


async def _ask(
    connection: McpConnection, answer: type[AnswerType], tool: str, arguments: Mapping[str, Any] | None = None
) -> AnswerType:
    """One call, parsed. Raises BrokerUnavailable where there is no answer or one of another shape."""
    content = await connection.call(tool, arguments)
    try:
        return answer.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BrokerUnavailable(
            f"the answer of {tool} is not of the agreed shape ({where}: {first['msg']})",
            "Run the app and its MCP server from the same release",
        ) from error


async def _read(
    connection: McpConnection, answer: type[AnswerType], tool: str, arguments: Mapping[str, Any] | None = None
) -> AnswerType:
    """Like `_ask`, for reads whose refusal means that the broker is not there to be read."""
    try:
        return await _ask(connection, answer, tool, arguments)
    except ToolFailed as failed:
        raise BrokerUnavailable(failed.cause, failed.remedy) from failed


def _parts(names: Sequence[Item]) -> Iterator[list[Item]]:
    """However many there are, a call asks for no more than it is sure to be answered in time."""
    return (list(names[start : start + MOST_A_CALL]) for start in range(0, len(names), MOST_A_CALL))


class McpBroker:
    """The account and its orders."""

    def __init__(self, connection: McpConnection) -> None:
        self._connection = connection

    async def session(self) -> BrokerSession:
        """See `Broker.session`."""
        answer = await _read(self._connection, wire.SessionAnswer, "session_status")
        marker = answer.simulator
        return BrokerSession(
            state=answer.state,
            message=answer.message,
            remedy=answer.remedy,
            accounts=answer.accounts,
            paper=answer.paper,
            now=answer.now,
            trading_mode=answer.trading_mode,
            since=answer.since,
            login_url=answer.login_url,
            next_reset=answer.next_reset,
            simulation=Simulation(marker.as_of, marker.seed, marker.data, marker.pacing) if marker else None,
        )

    async def portfolio(self, account: str) -> Portfolio:
        """See `Broker.portfolio`."""
        answer = await _read(self._connection, wire.PortfolioAnswer, "portfolio", {"account": account})
        if answer.account != account:
            raise BrokerUnavailable("the broker answered for another account", "Check IBKR_ACCOUNT_ID")
        told = balances(answer.cash, answer.currency)
        rates = {answer.currency: Decimal(1)} | {b.currency: b.exchange_rate for b in told.cash}
        found = holdings(answer.positions, answer.strange, rates)
        gaps = (*told.gaps, *untold(answer.strange))
        if answer.available_funds is None:
            gaps += ("available funds are not told: nothing is bought",)
        if not answer.orders_complete:
            gaps += ("the broker has not said that its list of today's orders is complete",)
        return Portfolio(
            account=account,
            currency=answer.currency,
            positions=found.positions,
            cash=told.cash,
            available_funds=answer.available_funds or Decimal(0),
            buying_power=answer.buying_power,
            as_of=answer.as_of,
            source=answer.source,
            account_type=answer.account_type,
            orders=tuple(_order(row) for row in answer.orders),
            broker_net_liquidation=answer.net_liquidation,
            unmanaged=(*found.unmanaged, *told.unmanaged),
            unreadable=unreadable(answer.strange),
            nav_parts={part.name: part.amount for part in answer.nav_parts},
            gaps=gaps,
        )

    async def performance(self, account: str) -> tuple[tuple[date, Decimal], ...]:
        """See `Broker.performance`."""
        answer = await _read(self._connection, wire.PerformanceAnswer, "performance", {"account": account})
        return tuple((point.date, point.nav) for point in answer.points)

    async def cash_rows(self, account: str, conids: Sequence[int]) -> tuple[CashRow, ...]:
        """See `Broker.cash_rows`. What the broker could not tell is no row."""
        arguments = {"account": account, "conids": list(conids)}
        answer = await _read(self._connection, wire.CashRowsAnswer, "cash_rows", arguments)
        return tuple(
            CashRow(
                id=row.id,
                day=row.date,
                kind=row.kind,
                amount=row.amount,
                currency=row.currency,
                description=row.description,
                conid=row.conid,
                rate=row.exchange_rate,
                margin=row.margin,
                source=row.source,
            )
            for row in answer.rows
        )

    async def preview(self, account: str, order: Order, time_in_force: str) -> WhatIf:
        """See `Broker.preview`."""
        if order.limit_price is None:
            raise UsageError(f"the preview of {order.instrument.symbol} needs a limit price")
        arguments = {
            "account": account,
            "conid": order.instrument.conid,
            "side": order.side.value,
            "quantity": plain(order.quantity),
            "limit_price": plain(order.limit_price),
            "tif": time_in_force,
        }
        answer = await _read(self._connection, wire.PreviewAnswer, "preview_order", arguments)
        return WhatIf(
            amount=answer.amount,
            commission=answer.commission,
            equity_after=answer.equity_after,
            initial_margin_after=answer.initial_margin_after,
            maintenance_margin_after=answer.maintenance_margin_after,
            warnings=answer.warnings,
            error=answer.error,
        )

    async def place(self, ticket: Ticket, signature: str) -> Placement:
        """See `Broker.place`. Only an error of the tool before it sends counts as refused; all else is unknown."""
        arguments = {
            "ticket": {
                "version": version(ticket),
                "account": ticket.account,
                "conid": ticket.conid,
                "side": ticket.side.value,
                "quantity": plain(ticket.quantity),
                "limit_price": plain(ticket.limit_price),
                "time_in_force": ticket.time_in_force,
                "coid": ticket.coid,
                "run_id": ticket.run_id,
                "policy_hash": ticket.policy_hash,
                "expires": ticket.expires,
                **({"answers": answers(ticket)} if ticket.answers else {}),
            },
            "signature": signature,
        }
        try:
            answer = await _ask(self._connection, wire.PlacementAnswer, "place_order", arguments)
        except (BrokerUnavailable, ToolFailed) as failed:
            return Placement(Outcome.UNKNOWN, message=failed.cause)
        return Placement(
            wire.outcome(answer),
            answer.order_id,
            answer.status,
            answer.message,
            tuple(Question(q.message_ids, q.text, q.confirmed, q.why) for q in answer.questions),
        )

    async def cancel(self, account: str, order_id: str) -> str:
        """See `Broker.cancel`."""
        try:
            arguments = {"account": account, "order_id": order_id}
            answer = await _ask(self._connection, wire.CancelAnswer, "cancel_order", arguments)
        except (BrokerUnavailable, ToolFailed):
            return "unknown"
        return f"{answer.outcome}: {answer.message}" if answer.questions else answer.outcome

    async def report(self, account: str) -> OrderReport:
        """See `Broker.report`."""
        answer = await _read(self._connection, wire.ReportAnswer, "order_report", {"account": account})
        return OrderReport(
            orders=tuple(_order(row) for row in answer.orders),
            trades=tuple(_trade(row) for row in answer.trades),
            as_of=answer.as_of,
            complete=answer.orders_complete,
            unreadable=unreadable(answer.strange),
        )

    async def order(self, account: str, order_id: str) -> BrokerOrder:
        """See `Broker.order`."""
        arguments = {"account": account, "order_id": order_id}
        return _order(await _read(self._connection, wire.OrderAnswer, "order_status", arguments))


class McpMarketData:
    """Prices and contracts."""

    def __init__(self, connection: McpConnection) -> None:
        self._connection = connection

    async def instruments(
        self, symbols: Sequence[str], asset_class: AssetClass = AssetClass.STOCK
    ) -> tuple[dict[str, Instrument], dict[str, str]]:
        """See `MarketData.instruments`."""
        answers = [
            await _read(
                self._connection,
                wire.ContractsAnswer,
                "resolve_contracts",
                {"symbols": part, "asset_class": asset_class.value},
            )
            for part in _parts(symbols)
        ]
        found: dict[str, Instrument] = {}
        left = {row.symbol: row.reason for answer in answers for row in answer.unresolved}
        for contract in (contract for answer in answers for contract in answer.contracts):
            kind = contract.asset_class if asset_class is AssetClass.INDEX else class_of(contract.type)
            if isinstance(kind, AssetClass):
                found[contract.symbol] = instrument_of(contract, kind)
            else:
                left[contract.symbol] = only_managed(kind)
        return found, left

    async def quotes(self, conids: Sequence[int]) -> tuple[dict[int, Quote], dict[int, str]]:
        """See `MarketData.quotes`."""
        answers = [
            await _read(self._connection, wire.QuotesAnswer, "quotes", {"conids": part}) for part in _parts(conids)
        ]
        quotes = {
            q.conid: Quote(
                conid=q.conid,
                kind=q.kind,
                as_of=q.as_of,
                source=q.source,
                bid=q.bid,
                ask=q.ask,
                last=q.last,
                prior_close=q.prior_close,
                average_volume=q.average_volume,
                market_cap=q.market_cap,
                marks=q.marks,
            )
            for answer in answers
            for q in answer.quotes
        }
        return quotes, {row.conid: row.reason for answer in answers for row in answer.missing}

    async def history(self, conid: int, before: date) -> PriceSeries:
        """See `MarketData.history`. The bar of a session in progress is dropped: its close nobody knows."""
        try:
            answer = await _ask(self._connection, wire.HistoryAnswer, "history", {"conid": conid})
            ended = sum(day < before for day in answer.dates)
            series = PriceSeries(
                conid, answer.dates[:ended], np.array(answer.closes[:ended]), answer.source, answer.as_of
            )
        except (ToolFailed, ValueError) as failed:
            raise DataError(f"no price history of conid {conid}: {failed}") from failed
        if ended == 0:
            raise InsufficientHistory(f"conid {conid} has no close before {before}")
        return series

    async def rules(self, conid: int, side: Side) -> ContractRules:
        """See `MarketData.rules`."""
        arguments = {"conid": conid, "side": side.value}
        answer = await _read(self._connection, wire.RulesAnswer, "contract_rules", arguments)
        if not answer.can_trade:
            raise DataError(f"the account may not trade conid {conid}")
        increments = tuple(Increment(row.lower_edge, row.increment) for row in answer.increments)
        return ContractRules(conid, increments, answer.quantity_increment)


def _trade(row: wire.TradeAnswer) -> Trade:
    word = row.security_type or "STK"
    amount = None
    if word in _NO_CASH:
        amount = Decimal(0)
    elif word not in SHARES:
        size = row.multiplier or Decimal(CONTRACT_SIZES.get(word, 1))
        amount = abs(row.net_amount) if row.net_amount is not None else row.price * row.quantity * size
    return Trade(
        execution_id=row.execution_id,
        order_id=row.order_id,
        conid=row.conid,
        side=row.side,
        quantity=row.quantity,
        price=row.price,
        time=row.time,
        coid=row.coid,
        commission=row.commission,
        currency=row.currency,
        security_type=row.security_type,
        amount=amount,
    )


def _order(row: wire.OrderAnswer) -> BrokerOrder:
    return BrokerOrder(
        order_id=row.order_id,
        conid=row.conid,
        side=row.side,
        quantity=row.quantity,
        filled_quantity=row.filled_quantity,
        status=row.status,
        symbol=row.symbol,
        coid=row.coid,
        limit_price=row.limit_price,
        average_price=row.average_price,
        currency=row.currency,
        security_type=row.security_type,
        legs=tuple((leg.conid, leg.ratio) for leg in row.legs),
    )
