"""Stages one and two: what the account holds, and what the market says. Nothing is filled in that was not answered."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from app.desk.desk import Desk
from app.desk.records import IntentRecord, Quarantine
from app.desk.report.unsettled import told, unsettled
from app.desk.stages.cash_rows import explain_cash
from app.desk.stages.continuity import Continuity, continuity
from app.desk.stages.memory import orders_of, remember
from app.desk.stages.money import with_money
from app.desk.stages.nav_history import nav_history, today
from app.desk.stages.reconcile import our_ids, refuse_strange_trades, refuse_strangers, without_abandoned
from app.desk.stages.valuation import carried, refuse_contradiction, value_doubt, without_market
from app.desk.states import AccountRead, MarketRead, Run, doubt_of
from app.domain.adoption import adoption_of
from app.domain.errors import DataError, PolicyError
from app.domain.instrument import AssetClass, Instrument
from app.domain.market import Market, PriceSeries, Quote, QuoteKind, VixReading
from app.domain.order import BrokerOrder, OrderReport, Trade
from app.domain.portfolio import Portfolio

INDEX = "SPX"
VIX = "VIX"
# A quote this many times the account's own price of the same moment is in another unit, or another instrument's.
MOST_APART = 25


async def read_account(desk: Desk, run: Run) -> AccountRead:
    """Positions, cash and orders; whether they follow from what was; earlier values; what the ledger remembers."""
    # Before the portfolio, which may then use the same order list: the broker shows it once in five seconds.
    report = run.broker_report or await desk.broker.report(run.key.account)
    portfolio = await desk.broker.portfolio(run.key.account)
    if portfolio.currency != desk.policy.currency:
        raise PolicyError(
            f"the policy is in {desk.policy.currency}, the account's base currency is {portfolio.currency}",
            "Set `currency` in the policy to the account's",
        )
    # After the broker's answers: whatever they show of ours was committed as sent before it could reach the broker.
    ids = our_ids(portfolio.orders, report.trades)
    known = await desk.in_thread(desk.ledger.account_record, run.key.book, run.key.session_date, ids)
    portfolio = replace(portfolio, orders=without_abandoned(portfolio.orders, known.orders))
    report = replace(report, trades=without_abandoned(report.trades, known.orders))
    refuse_strangers(portfolio.orders, known.orders)
    refuse_strange_trades(desk, run, report.trades, known.orders)
    before = known.snapshot
    portfolio = carried(portfolio, before.values if before else {})
    refuse_contradiction(portfolio)
    portfolio = _with_sectors(desk, _with_unlisted(run, portfolio, known.open_intents))
    _tell_account(run, portfolio)
    trades = (
        report.trades + fills_on_record(run.clock.now(), known.filled_since, report.trades)
        if before is not None
        else ()
    )
    recorded, income = (sum((flow.amount for flow in flows), Decimal(0)) for flows in (known.flows, known.income))
    found = continuity(before, portfolio, trades, recorded, income)
    found, known = await explain_cash(desk, run, portfolio, known, found)
    quarantined = await _quarantine(desk, run, found) or known.quarantined
    note = _tell_unexplained(run, portfolio, found)
    adoption = known.adoption or adoption_of(portfolio, run.key.session_date, known.adoption_mode)
    memory = remember(
        known.filled,
        known.evaluation,
        desk.calendar,
        run.key.session_date,
        {position.instrument.conid: position.quantity for position in portfolio.positions},
        adoption,
        known.inherited,
        known.resumed,
    )
    memory = await with_money(desk, run, portfolio, known, memory)
    read = AccountRead(
        **vars(replace(run, broker_report=report, note=note or run.note)),
        portfolio=portfolio,
        flows=known.flows,
        trades=trades,
        continuity=found,
        quarantined=quarantined,
        navs=await nav_history(desk, run, known, doubt_of(portfolio, found)),
        filled=orders_of(known.filled),
        memory=memory,
        first_contact=known.adoption is None,
        tax_basis=known.tax_basis,
    )
    now = today(read)
    earlier = tuple(point for point in read.navs if point.session_date < run.key.session_date)
    # A young account has no earlier value: what it loses is counted from here.
    return replace(read, navs=(*earlier, now)) if now is not None else read


def _tell_account(run: Run, portfolio: Portfolio) -> None:
    run.progress(
        f"account read: {len(portfolio.positions)} positions, net asset value {portfolio.nav:,.2f} {portfolio.currency}"
    )
    for line in portfolio.unmanaged:
        run.progress(f"{line.symbol} is not managed: {line.reason}")
    for row in portfolio.unreadable:
        run.progress(f"an {row.kind} of {row.symbol or 'an unknown name'} cannot be read: {row.reason}")
    for gap in portfolio.gaps:
        run.progress(gap)
    doubt = value_doubt(portfolio)
    if doubt is not None:
        run.progress(f"drawdown and daily loss are unknown today: {doubt}")


async def read_market(desk: Desk, run: AccountRead) -> MarketRead:
    """Contracts, price histories and quotes of every name that is held or may be bought; quotes last, to be fresh."""
    portfolio = run.portfolio
    instruments, unresolved = await desk.market_data.instruments(desk.policy.universe.symbols)
    for symbol, reason in unresolved.items():
        run.progress(f"{symbol} cannot be traded: {reason}")
    indices, _ = await desk.market_data.instruments((INDEX, VIX), AssetClass.INDEX)
    names = {i.conid: replace(i, sector=desk.sector(i)) for i in instruments.values()}
    names |= {p.instrument.conid: p.instrument for p in portfolio.positions}

    history, gaps = await _histories(desk, [*names, *(i.conid for s, i in indices.items() if s == INDEX)], run)
    index = history.pop(indices[INDEX].conid, None) if INDEX in indices else None
    quotes, missing = await desk.market_data.quotes([*names, *(i.conid for i in indices.values())])
    vix = await _vix(desk, run, indices.get(VIX), quotes)

    untradable = {conid: reason for conid, reason in {**gaps, **missing}.items() if conid in names}
    untradable |= _unusable(names, quotes)
    untradable |= _wrong_unit(portfolio, quotes)
    untradable |= _strange(portfolio, run.broker_report, names)
    untradable |= {q.conid: f"in quarantine since {q.since}: {q.reason}" for q in run.quarantined if q.conid in names}
    untradable |= {d.conid: f"in quarantine: {d.reason}" for d in run.continuity.doubts if d.conid in names}
    market = Market(
        as_of=run.clock.now(),
        session=run.session,
        instruments=names,
        quotes={conid: quote for conid, quote in quotes.items() if conid in names},
        history=history,
        index=index,
        vix=vix,
        untradable=untradable,
        source=run.broker_session.source,
        live=desk.trading_mode != "paper",
        most_a_buy=desk.most_a_buy,
    )
    for row in unsettled(desk.policy, market):
        run.progress(told(row))
    run.progress(f"market read: {len(market.quotes)} quotes, {len(history)} price histories, VIX {_words(vix)}")
    return MarketRead(**vars(replace(run, portfolio=without_market(portfolio, market))), market=market)


def _with_unlisted(run: Run, portfolio: Portfolio, sent: Sequence[IntentRecord]) -> Portfolio:
    """With our orders of today that may still fill and that the broker's list does not show, as it can lag behind.

    They only narrow what may be ordered: what they sell is not sold twice, what they buy is paid for.
    """
    if run.at_close:
        return portfolio
    listed = {order.coid for order in portfolio.orders}
    unlisted = tuple(_as_open(intent) for intent in sent if intent.coid not in listed)
    return replace(portfolio, orders=(*portfolio.orders, *unlisted))


def _as_open(intent: IntentRecord) -> BrokerOrder:
    return BrokerOrder(
        order_id=intent.broker_order_id or intent.coid,
        conid=intent.conid,
        side=intent.side,
        quantity=intent.quantity,
        filled_quantity=intent.filled_quantity,
        status="Submitted",
        symbol=intent.symbol,
        coid=intent.coid,
        limit_price=intent.limit_price,
        average_price=intent.average_price,
    )


def _with_sectors(desk: Desk, portfolio: Portfolio) -> Portfolio:
    positions = tuple(
        replace(p, instrument=replace(p.instrument, sector=desk.sector(p.instrument))) for p in portfolio.positions
    )
    return replace(portfolio, positions=positions)


async def _quarantine(desk: Desk, run: Run, found: Continuity) -> tuple[Quarantine, ...]:
    """All names in quarantine after one that does not follow was added to them; a preview adds none."""
    for doubt in found.doubts:
        run.progress(f"{doubt.symbol} in quarantine: {doubt.reason}")
    if run.claim is None or run.key.dry_run or not found.doubts:
        return ()
    await run.journal.flush()
    for doubt in found.doubts:
        mark = Quarantine(doubt.conid, doubt.symbol, doubt.reason, run.key.session_date)
        await desk.in_thread(desk.ledger.quarantine, run.key.book, mark, run.clock.now())
    return await desk.in_thread(desk.ledger.quarantined, run.key.book)


def _tell_unexplained(run: Run, portfolio: Portfolio, found: Continuity) -> str | None:
    """The note of a run that finds an unexplained cash flow."""
    unexplained = found.unexplained(portfolio.nav)
    if unexplained == 0:
        return None
    words = f"{unexplained:,.2f} {portfolio.currency} came from outside and nobody has explained it"
    run.progress(words)
    return (
        f"{words}: drawdown and daily loss are unknown until the broker's rows or `portfolio flow add` say what it was"
    )


def fills_on_record(at: datetime, filled: Sequence[IntentRecord], listed: Sequence[Trade]) -> tuple[Trade, ...]:
    """Our own fills that the broker, who lists a few days only, no longer shows; as of `at`."""
    known_there = {trade.coid for trade in listed}
    return tuple(
        Trade(
            execution_id=f"ledger:{intent.coid}",
            order_id=intent.broker_order_id or "",
            conid=intent.conid,
            side=intent.side,
            quantity=intent.filled_quantity,
            price=intent.average_price,
            time=at,
            coid=intent.coid,
        )
        for intent in filled
        if intent.coid not in known_there and intent.average_price is not None
    )


async def _histories(desk: Desk, conids: Iterable[int], run: Run) -> tuple[dict[int, PriceSeries], dict[int, str]]:
    """(closes up to the previous session, why there are none) by conid."""

    async def one(conid: int) -> PriceSeries | DataError:
        try:
            return await desk.market_data.history(conid, run.key.session_date)
        except DataError as error:
            return error

    wanted = list(dict.fromkeys(conids))
    found = dict(zip(wanted, await asyncio.gather(*(one(conid) for conid in wanted)), strict=True))
    series = {conid: item for conid, item in found.items() if isinstance(item, PriceSeries)}
    return series, {conid: item.cause for conid, item in found.items() if isinstance(item, DataError)}


async def _vix(desk: Desk, run: Run, instrument: Instrument | None, quotes: dict[int, Quote]) -> VixReading | None:
    """Today's quote, else a close of the last three sessions; None rather than an older one."""
    if instrument is None:
        return None
    quote = quotes.get(instrument.conid)
    if quote is not None and quote.last is not None and quote.kind is not QuoteKind.HALTED:
        source = "derived" if "derived" in quote.marks else quote.source
        return VixReading(float(quote.last), run.key.session_date, source)
    try:
        series = await desk.market_data.history(instrument.conid, run.key.session_date)
    except DataError:
        return None
    if desk.calendar.sessions_between(series.dates[-1], run.key.session_date) > 3:
        return None
    return VixReading(float(series.closes[-1]), series.dates[-1], series.source)


def _unusable(names: dict[int, Instrument], quotes: dict[int, Quote]) -> dict[int, str]:
    reasons: dict[int, str] = {}
    for conid in names:
        quote = quotes.get(conid)
        if quote is None:
            reasons[conid] = "no quote"
        elif quote.kind is QuoteKind.HALTED:
            reasons[conid] = "trading is halted"
        elif not quote.two_sided:
            reasons[conid] = "no two-sided quote"
    return reasons


def _wrong_unit(portfolio: Portfolio, quotes: Mapping[int, Quote]) -> dict[int, str]:
    """A quote in hundredths of the currency that the holding is in, or the other way round, prices no order."""
    reasons: dict[int, str] = {}
    for position in portfolio.positions:
        quote = quotes.get(position.instrument.conid)
        price = quote.price_if_known if quote else None
        if price is None or not position.price > 0:
            continue
        ratio = price / position.price
        if not 1 / MOST_APART < ratio < MOST_APART:
            reasons[position.instrument.conid] = (
                f"the quote {price:f} is {ratio:.4g} times the account's price {position.price:f}: not of one unit"
            )
    return reasons


def _strange(portfolio: Portfolio, report: OrderReport | None, names: Mapping[int, Instrument]) -> dict[int, str]:
    """Names that are held in a form that is not managed, or that an order nobody can read may be about."""
    positions = {position.instrument.conid for position in portfolio.positions}
    unreadable = {*portfolio.unreadable, *(report.unreadable if report else ())}
    reasons = [
        (line.conid, f"held and not managed: {line.reason}")
        for line in portfolio.unmanaged
        if line.conid not in positions and line.is_held
    ]
    reasons += [(row.conid, f"an {row.kind} cannot be read: {row.reason}") for row in unreadable]
    return {conid: reason for conid, reason in reasons if conid is not None and conid in names}


def _words(vix: VixReading | None) -> str:
    if vix is None:
        return "unknown"
    return f"{vix.value:.1f} ({vix.source})"
