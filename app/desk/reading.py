"""Stages one and two: what the account holds, and what the market says. Nothing is filled in that was not answered."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from app.desk.desk import Desk, Run, known
from app.desk.memory import remember
from app.domain.errors import DataError, Halted, LedgerError, PolicyError
from app.domain.instrument import AssetClass, Instrument
from app.domain.market import Market, PriceSeries, Quote, QuoteKind, VixReading
from app.domain.navs import NavKind, NavPoint, closes, follow
from app.domain.portfolio import Portfolio

INDEX = "SPX"
VIX = "VIX"


async def read_account(desk: Desk, run: Run) -> Run:
    """Positions, cash and orders, the account's earlier values, and what the ledger remembers."""
    portfolio = await desk.broker.portfolio(run.key.account)
    if portfolio.currency != desk.policy.currency:
        raise PolicyError(
            f"the policy is in {desk.policy.currency}, the account's base currency is {portfolio.currency}",
            "Set `currency` in the policy to the account's",
        )
    await _refuse_unrecorded_orders(desk, run, portfolio)
    portfolio = _with_sectors(desk, portfolio)
    navs = await _nav_history(desk, run)
    memory = remember(
        await desk.write(desk.ledger.history, run.key.book),
        await desk.write(desk.ledger.last_evaluation, run.key.book, run.key.session_date),
        desk.calendar,
        run.key.session_date,
    )
    run.progress(
        f"account read: {len(portfolio.positions)} positions, net asset value {portfolio.nav:,.2f} {portfolio.currency}"
    )
    return replace(run, portfolio=portfolio, navs=navs, memory=memory)


async def read_market(desk: Desk, run: Run) -> Run:
    """Contracts, price histories and quotes of every name that is held or may be bought; quotes last, to be fresh."""
    portfolio = known(run.portfolio, "the portfolio")
    instruments, unresolved = await desk.market_data.instruments(desk.policy.universe.symbols)
    for symbol, reason in unresolved.items():
        run.progress(f"{symbol} cannot be traded: {reason}")
    indices, _ = await desk.market_data.instruments((INDEX, VIX), AssetClass.INDEX)
    names = {i.conid: replace(i, sector=desk.sector(i.symbol)) for i in instruments.values()}
    names |= {p.instrument.conid: p.instrument for p in portfolio.positions}

    history, gaps = await _histories(desk, [*names, *(i.conid for s, i in indices.items() if s == INDEX)], run)
    index = history.pop(indices[INDEX].conid, None) if INDEX in indices else None
    quotes, missing = await desk.market_data.quotes([*names, *(i.conid for i in indices.values())])
    vix = await _vix(desk, run, indices.get(VIX), quotes)

    untradable = {conid: reason for conid, reason in {**gaps, **missing}.items() if conid in names}
    untradable |= _unusable(names, quotes)
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
    )
    run.progress(f"market read: {len(market.quotes)} quotes, {len(history)} price histories, VIX {_words(vix)}")
    return replace(run, market=market)


async def _refuse_unrecorded_orders(desk: Desk, run: Run, portfolio: Portfolio) -> None:
    """Other programs' orders are external and fine; one under our name that the ledger does not know is not."""
    for order in portfolio.orders:
        if order.is_ours and await desk.write(desk.ledger.find_intent, run.key.book, order.coid or "") is None:
            raise Halted(
                f"the broker holds order {order.coid} under our name and the ledger has no record of it",
                "Check that this is the right ledger (DATABASE_URL, state directory), and the order at the broker",
            )


def _with_sectors(desk: Desk, portfolio: Portfolio) -> Portfolio:
    positions = tuple(
        replace(p, instrument=replace(p.instrument, sector=desk.sector(p.instrument.symbol)))
        for p in portfolio.positions
    )
    return replace(portfolio, positions=positions)


async def _nav_history(desk: Desk, run: Run) -> tuple[NavPoint, ...]:
    """The ledger's, with the closes since then, or on day one all of them, from the broker's own record.

    A preview adds them for itself only.
    """
    navs = await desk.write(desk.ledger.navs, run.key.book)
    today = run.key.session_date
    if navs and navs[-1].session_date > today:
        raise LedgerError(
            f"the ledger holds a value of this account for {navs[-1].session_date}, after {today}",
            "Time does not run backwards in one account: use another state directory",
        )
    newest = closes(navs)[-1] if closes(navs) else None
    # The ledger goes forward only: a close that the broker reports late stays out.
    first = navs[-1].session_date if navs else date.min
    if newest is not None and desk.calendar.sessions_between(newest.session_date, today) <= 1:
        return navs
    added: list[NavPoint] = []
    kind = NavKind.CLOSE if navs else NavKind.BROKER
    for session_date, nav in await desk.broker.performance(run.key.account):
        after_newest = newest is None or session_date > newest.session_date
        if first <= session_date < today and after_newest and nav > 0:
            newest = follow(newest, session_date, kind, nav)
            added.append(newest)
    if added and not run.key.dry_run and run.claim is not None:
        await desk.write(desk.ledger.add_navs, run.key.book, added)
    return tuple(sorted((*navs, *added), key=lambda point: point.session_date))


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


def _words(vix: VixReading | None) -> str:
    if vix is None:
        return "unknown"
    return f"{vix.value:.1f} ({vix.source})"
