"""Reads what an account holds. An incomplete answer raises; it is never taken for an empty account."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from api_gateway.clientportal import wire
from api_gateway.clientportal.balances import ledger_of, summary_of
from api_gateway.clientportal.cash_rows import cash_rows, implied_flows
from api_gateway.clientportal.classification import classifications, is_whole, merged
from api_gateway.clientportal.definitions import Definitions
from api_gateway.clientportal.errors import ClientPortalError, GatewayRefused, Incomplete, Malformed, PacingViolation
from api_gateway.clientportal.gateway_memory import GatewayMemory
from api_gateway.clientportal.pacing import LONGEST_WAIT_SECONDS
from api_gateway.clientportal.performance import nav_history
from api_gateway.clientportal.positions import SHARES, holdings, named, rows_of
from api_gateway.clientportal.records import (
    CashRow,
    CashRows,
    Holdings,
    Ledger,
    NavHistory,
    Position,
    StrangeRow,
    Summary,
)
from api_gateway.clientportal.request_limits import PERFORMANCE, TRANSACTIONS
from api_gateway.clientportal.session import Session
from api_gateway.clientportal.transport import Transport

_EXCHANGE_TIME: Final = ZoneInfo("America/New_York")
_PAGE: Final = 100
_MOST_PAGES: Final = 100
# How far back cash is looked for: what is told later than that a person explains.
_CASH_DAYS: Final = 45


class PortfolioReads:
    def __init__(self, transport: Transport, session: Session, memory: GatewayMemory, definitions: Definitions) -> None:
        self._transport = transport
        self._session = session
        self._memory = memory
        self._definitions = definitions
        self._is_whole = False
        self._cash_rows: dict[str, CashRows] = {}

    async def positions(self, account: str) -> tuple[Position, ...]:
        """As `holdings`, without the rows that are none."""
        return (await self.holdings(account)).positions

    async def holdings(self, account: str) -> Holdings:
        """Near-real-time positions, closed ones (quantity zero) dropped.

        Raises: Incomplete for an empty answer that the ledger contradicts, and where the two lists do not agree.
        """
        rows: Sequence[object] = rows_of(await self._read(f"/portfolio2/{account}/positions"), account)
        if not named(rows) and (await self.ledger(account)).invested:
            rows = await self._by_pages(account, rows)
        # Whether this list is cut at the length of a page is not documented.
        elif len(rows) >= _PAGE and (not self._is_whole or len(rows) % _PAGE == 0):
            rows = await self._by_pages(account, rows)
            self._is_whole = True
        return holdings(rows)

    async def classified(self, account: str) -> Holdings:
        """As `holdings`, with what each share is: near-real-time rows tell no type, and a first page tells nothing."""
        found = await self.holdings(account)
        open_ones = [each for each in found.positions if each.asset_class in SHARES and not is_whole(each)]
        told = await classifications(self._definitions, [each.conid for each in open_ones])
        positions = tuple(
            each.model_copy(update=dict(merged(each, told[each.conid]))) if each.conid in told else each
            for each in found.positions
        )
        return found.model_copy(update={"positions": positions})

    async def _by_pages(self, account: str, near: Sequence[object]) -> Sequence[object]:
        """The near-real-time rows when the pages hold no more, else the pages when they hold these and others."""
        pages = await self._pages(account)
        if not named(pages) <= named(near):
            # The pages are kept by the gateway for minutes; what was sold meanwhile would be a contradiction.
            await self._transport.ask(f"/portfolio/{account}/positions/invalidate", {})
            pages = await self._pages(account)
        if named(near) and named(pages) <= named(near):
            return near
        if not named(pages) or not named(near) <= named(pages):
            apart = ", ".join(map(str, sorted(named(pages) ^ named(near))[:5])) or "the ledger shows investments"
            raise Incomplete(f"the gateway's lists of positions do not agree with each other: {apart}")
        return pages

    async def _pages(self, account: str) -> Sequence[object]:
        found: list[object] = []
        for page in range(_MOST_PAGES):
            rows = rows_of(await self._read(f"/portfolio/{account}/positions/{page}"), account)
            found += rows
            if len(rows) < _PAGE:
                return found
        raise Incomplete(f"more than {_MOST_PAGES} pages of positions")

    async def summary(self, account: str) -> Summary:
        return summary_of(await self._read(f"/portfolio/{account}/summary"), account)

    async def ledger(self, account: str) -> Ledger:
        return ledger_of(await self._read(f"/portfolio/{account}/ledger"), account, self._session.market_now())

    async def performance(self, account: str) -> NavHistory:
        """One year of closing NAVs.

        The broker answers once a quarter of an hour, so an answer is kept for its session date; while the limit is not
        free an older one is served with its own time.
        """
        # The session comes first: only then is it known whose answer has been kept.
        await self._session.prime()
        kept = self._memory.performance(account)
        if kept is not None and self._is_good(kept):
            return kept
        try:
            answer = await self._session.run_primed(lambda: self._ask_performance(account))
        except PacingViolation:
            if kept is None:
                raise
            return kept
        return self.keep_performance(account, answer)

    def keep_performance(self, account: str, answer: object) -> NavHistory:
        """Keeps the broker's answer for this account and one year, whoever asked for it. Raises: Malformed."""
        fresh = nav_history(answer, account, self._session.market_now())
        self._memory.keep_performance(account, fresh)
        return fresh

    async def cash_rows(self, account: str, conids: Sequence[int]) -> CashRows:
        """What was paid in, out or by a contract in the last weeks: transactions, and flows that performance implies.

        The broker lists transactions once a quarter of an hour; while the limit is not free an older list is served.
        Without a contract nothing is listed. What one of the two sources refuses is told beside the other's rows.
        """
        await self._session.prime()
        asked = tuple(sorted(set(conids)))
        strange: list[StrangeRow] = []
        if asked and self._transport.pacer.wait(TRANSACTIONS) <= LONGEST_WAIT_SECONDS:
            try:
                answer = await self._session.run_primed(lambda: self._ask_transactions(account, asked))
                rows, unread = cash_rows(answer, account)
                self._cash_rows[account] = CashRows(as_of=self._session.market_now(), rows=rows, strange=unread)
            except (GatewayRefused, Malformed, PacingViolation) as error:
                strange.append(_untold("transactions", error))
        listed = self._cash_rows.get(account, CashRows(as_of=self._session.market_now(), rows=()))
        implied: tuple[CashRow, ...] = ()
        try:
            since = _session_date(self._session.market_now()) - timedelta(days=_CASH_DAYS)
            implied = tuple(row for row in implied_flows(await self.performance(account)) if row.date >= since)
        except (GatewayRefused, Malformed, PacingViolation) as error:
            strange.append(_untold("performance", error))
        return CashRows(as_of=listed.as_of, rows=(*listed.rows, *implied), strange=(*listed.strange, *strange))

    async def _ask_transactions(self, account: str, conids: tuple[int, ...]) -> object:
        body = {"acctIds": [account], "conids": list(conids), "days": _CASH_DAYS}
        return await self._transport.read("/pa/transactions", body=body, attempts=1)

    def _is_good(self, kept: NavHistory) -> bool:
        # An empty one may have been too early in the day.
        of_today = kept.points and _session_date(kept.as_of) == _session_date(self._session.market_now())
        return bool(of_today) or self._transport.pacer.wait(PERFORMANCE) > LONGEST_WAIT_SECONDS

    async def _ask_performance(self, account: str) -> object:
        # A repetition would wait out the quarter of an hour.
        body = {"acctIds": [account], "period": "1Y"}
        return await self._transport.read("/pa/performance", body=body, attempts=1)

    async def _read(self, path: str) -> object:
        return await self._session.run_primed(lambda: self._transport.read(path))


def _untold(what: str, error: ClientPortalError) -> StrangeRow:
    return StrangeRow(what="transaction", conid=None, symbol=None, reason=wire.masked(f"{what}: {error}"))


def _session_date(moment: datetime) -> date:
    return moment.astimezone(_EXCHANGE_TIME).date()
