"""The account in the report: what it holds and is worth, what does not follow from what it was, what was traded."""

from datetime import date, datetime
from decimal import Decimal

from app.desk.report.part import CENT, Amount, Part, cents
from app.desk.states import AccountRead
from app.domain.cash import CashKind
from app.domain.instrument import AssetClass
from app.domain.lots import Lot, by_name, lots
from app.domain.order import Trade
from app.domain.portfolio import DIVIDENDS, INTEREST, Portfolio
from app.domain.unmanaged import UnmanagedHolding


class LotPart(Part):
    """Shares of one purchase, oldest first out; amounts in the instrument's currency, `cost` a share before fees.

    Null where the record does not tell: bought before it began, or by another hand.
    """

    acquired: date | None
    quantity: Amount
    cost: Amount | None
    unrealized_pnl: Amount | None
    holding_days: int | None


class PositionPart(Part):
    """One holding as it was read; price, cost and values in its own currency, `weight` a fraction of NAV."""

    symbol: str
    conid: int
    sector: str
    asset_class: str = AssetClass.STOCK
    currency: str
    quantity: Amount
    price: Amount
    market_value: Amount
    weight: float
    average_cost: Amount
    unrealized_pnl: Amount
    lots: tuple[LotPart, ...]


class UnmanagedPart(Part):
    """A holding that no rule orders, and why; `value` is its part of NAV, both amounts in the account's base currency.

    Null where nobody tells. `value_from` is the session whose value is carried, null for today's.
    """

    symbol: str
    conid: int | None
    asset_class: str
    currency: str | None
    quantity: Amount | None
    value: Amount | None
    exposure: Amount | None
    value_from: date | None
    reason: str


class NavPart(Part):
    """What NAV is made of, beside the broker's own net liquidation; in the account's base currency.

    `accrued_dividends` and `accrued_interest` are owed and not yet paid: the broker counts them, NAV does not.
    `difference` is what remains of the broker's figure after all of it, null where it tells none.
    """

    cash: Amount
    positions: Amount
    unmanaged: Amount
    accrued_dividends: Amount
    accrued_interest: Amount
    broker: Amount | None
    difference: Amount | None


class UnreadablePart(Part):
    """An order or execution in the broker's lists that could not be read."""

    kind: str
    symbol: str | None
    conid: int | None
    reason: str


class PortfolioPart(Part):
    """The account as it was read; amounts in `currency`, but `balances`: trade-date cash in each currency, by currency.

    `fx_rates`: base currency per unit of each other currency. `positions` are what the policy's rules manage,
    `unmanaged` is the rest of what is held. `gaps`: what the broker did not tell, and what follows.
    """

    currency: str
    nav: Amount
    nav_parts: NavPart
    cash: Amount
    buying_power: Amount | None
    unrealized_pnl: Amount
    realized_pnl: Amount
    account_type: str | None
    as_of: datetime
    balances: dict[str, Amount]
    fx_rates: dict[str, Amount]
    positions: tuple[PositionPart, ...]
    unmanaged: tuple[UnmanagedPart, ...]
    unreadable: tuple[UnreadablePart, ...]
    gaps: tuple[str, ...]


class QuarantinePart(Part):
    """A name without automatic orders until a person has looked."""

    symbol: str
    since: date
    reason: str


class CashRowPart(Part):
    """Cash that this run could explain; `amount` in base currency, `id` of the row that tells it."""

    session_date: date
    kind: str
    amount: Amount
    note: str
    id: str | None


class ContinuityPart(Part):
    """Cash that executions do not explain: all of it, what rows and people say of it, and what is left to explain.

    `recorded_flows` was paid in and out, `recorded_income` earned and paid as costs; `rows` are new today.
    """

    detected_flows: Amount
    recorded_flows: Amount
    unexplained_flow: Amount
    quarantine: tuple[QuarantinePart, ...]
    recorded_income: Amount = Decimal(0)
    rows: tuple[CashRowPart, ...] = ()


class TradePart(Part):
    """One execution; `coid` is null where another program ordered it."""

    execution_id: str
    coid: str | None
    conid: int
    side: str
    quantity: Amount
    price: Amount
    commission: Amount | None
    time: datetime


def portfolio_part(run: AccountRead) -> PortfolioPart:
    portfolio, fills = run.portfolio, by_name(run.fills)
    return PortfolioPart(
        currency=portfolio.currency,
        nav=portfolio.nav.quantize(CENT),
        nav_parts=_nav_parts(portfolio),
        cash=portfolio.total_cash.quantize(CENT),
        buying_power=cents(portfolio.buying_power),
        unrealized_pnl=portfolio.unrealized_pnl.quantize(CENT),
        realized_pnl=portfolio.realized_pnl.quantize(CENT),
        account_type=portfolio.account_type,
        as_of=portfolio.as_of,
        balances={b.currency: b.cash.quantize(CENT) for b in portfolio.cash},
        fx_rates={b.currency: b.exchange_rate for b in portfolio.cash if b.currency != portfolio.currency},
        positions=tuple(
            PositionPart(
                symbol=p.instrument.symbol,
                conid=p.instrument.conid,
                sector=p.instrument.sector,
                asset_class=p.instrument.asset_class,
                currency=p.instrument.currency,
                quantity=p.quantity,
                price=p.price,
                market_value=p.market_value.quantize(CENT),
                weight=portfolio.weight(p),
                average_cost=p.average_cost,
                unrealized_pnl=p.unrealized_pnl.quantize(CENT),
                lots=tuple(
                    lot_part(lot, p.price, run.key.session_date)
                    for lot in lots(fills.get(p.instrument.conid, ()), p.quantity)
                ),
            )
            for p in sorted(portfolio.positions, key=lambda p: p.instrument.symbol)
        ),
        unmanaged=tuple(_unmanaged(line) for line in sorted(portfolio.unmanaged, key=lambda line: line.symbol)),
        unreadable=tuple(
            UnreadablePart(kind=row.kind, symbol=row.symbol, conid=row.conid, reason=row.reason)
            for row in portfolio.unreadable
        ),
        gaps=portfolio.gaps,
    )


def _unmanaged(line: UnmanagedHolding) -> UnmanagedPart:
    return UnmanagedPart(
        symbol=line.symbol,
        conid=line.conid,
        asset_class=line.asset_class,
        currency=line.currency,
        quantity=line.quantity,
        value=cents(line.value),
        exposure=cents(line.exposure),
        value_from=line.value_from,
        reason=line.reason,
    )


def _nav_parts(portfolio: Portfolio) -> NavPart:
    return NavPart(
        cash=portfolio.total_cash.quantize(CENT),
        positions=sum(portfolio.values.values(), Decimal(0)).quantize(CENT),
        unmanaged=portfolio.unmanaged_value.quantize(CENT),
        accrued_dividends=portfolio.nav_parts.get(DIVIDENDS, Decimal(0)).quantize(CENT),
        accrued_interest=portfolio.nav_parts.get(INTEREST, Decimal(0)).quantize(CENT),
        broker=cents(portfolio.broker_net_liquidation),
        difference=cents(portfolio.nav_difference),
    )


def lot_part(lot: Lot, price: Decimal, today: date) -> LotPart:
    gain = lot.gain(price)
    return LotPart(
        acquired=lot.session_date,
        quantity=lot.quantity,
        cost=lot.cost,
        unrealized_pnl=gain.quantize(CENT) if gain is not None else None,
        holding_days=lot.days(today),
    )


def continuity_part(run: AccountRead) -> ContinuityPart:
    return ContinuityPart(
        detected_flows=run.continuity.detected,
        recorded_flows=run.continuity.recorded,
        unexplained_flow=run.unexplained_flow,
        quarantine=tuple(QuarantinePart(symbol=q.symbol, since=q.since, reason=q.reason) for q in run.quarantined),
        recorded_income=run.continuity.income,
        rows=tuple(
            CashRowPart(
                session_date=flow.session_date,
                kind=flow.kind.value if flow.kind else CashKind.OTHER.value,
                amount=flow.amount,
                note=flow.note,
                id=flow.external_id,
            )
            for flow in run.continuity.rows
        ),
    )


def trade_part(trade: Trade) -> TradePart:
    return TradePart(
        execution_id=trade.execution_id,
        coid=trade.coid,
        conid=trade.conid,
        side=trade.side.value,
        quantity=trade.quantity,
        price=trade.price,
        commission=trade.commission,
        time=trade.time,
    )
