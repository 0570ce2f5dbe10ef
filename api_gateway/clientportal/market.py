"""Reads quotes and daily closes. A price that did not arrive is missing; a previous close never passes for a trade."""

import asyncio
import re
from collections.abc import Mapping, Set
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from api_gateway.clientportal import wire
from api_gateway.clientportal.contracts import ContractReads
from api_gateway.clientportal.errors import GatewayRefused, Incomplete, Malformed
from api_gateway.clientportal.records import History, MissingQuote, Quote, QuoteKind
from api_gateway.clientportal.session import Session
from api_gateway.clientportal.transport import Transport
from api_gateway.clientportal.units import scaled

_EXCHANGE_TIME: Final = ZoneInfo("America/New_York")
_CLOSE_HOUR: Final = 16
_FRIDAY: Final = 4
_MOST_CONIDS: Final = 100
_MOST_POLLS: Final = 8
_POLL_SECONDS: Final = 0.25
_FIRST_POLL_SECONDS: Final = 0.05
_HISTORY_ATTEMPTS: Final = 3

_LAST, _BID, _ASK, _PRIOR_CLOSE, _SYMBOL, _AVAILABILITY = "31", "84", "86", "7741", "55", "6509"
_VOLUME, _AVERAGE_VOLUME, _MARKET_CAP = "7762", "7282", "7289"
_FIELDS: Final = (
    _LAST,
    _BID,
    _ASK,
    _PRIOR_CLOSE,
    _SYMBOL,
    _AVAILABILITY,
    _VOLUME,
    _AVERAGE_VOLUME,
    _MARKET_CAP,
)
# What an index has: nobody bids for it.
_INDEX_FIELDS: Final = (_LAST, _PRIOR_CLOSE)
_FIELD_NAMES: Final = {
    _LAST: "last",
    _BID: "bid",
    _ASK: "ask",
    _PRIOR_CLOSE: "prior_close",
    _VOLUME: "volume",
    _AVERAGE_VOLUME: "average_volume",
    _MARKET_CAP: "market_cap",
}
_KINDS: Final[Mapping[str, QuoteKind]] = {"R": "live", "D": "delayed", "Z": "frozen", "Y": "frozen"}
Row = Mapping[str, object]


class MarketReads:
    def __init__(self, transport: Transport, session: Session, contracts: ContractReads) -> None:
        self._transport = transport
        self._session = session
        self._contracts = contracts
        # Fields a contract ended up with once, so that it is not waited on for those it never has.
        self._settled: dict[int, frozenset[str]] = {}

    async def quotes(self, conids: list[int]) -> tuple[tuple[Quote, ...], tuple[MissingQuote, ...]]:
        """Quotes in the order asked; a conid without usable prices is among the missing, with the reason."""
        wanted = list(dict.fromkeys(conids))
        (magnifiers, unknown), rows = await asyncio.gather(self._contracts.magnifiers(wanted), self._poll_all(wanted))
        found = [
            MissingQuote(conid=conid, reason=f"the unit of its prices is not known: {unknown[conid]}")
            if conid in unknown
            else self._quote(conid, rows.get(conid), magnifiers[conid])
            for conid in wanted
        ]
        quotes = tuple(each for each in found if isinstance(each, Quote))
        return quotes, tuple(each for each in found if isinstance(each, MissingQuote))

    async def _poll_all(self, conids: list[int]) -> dict[int, Row]:
        starts = range(0, len(conids), _MOST_CONIDS)
        batches = await asyncio.gather(*(self._poll(conids[start : start + _MOST_CONIDS]) for start in starts))
        return {conid: row for batch in batches for conid, row in batch.items()}

    async def history(self, conid: int, period: str) -> History:
        """Daily closes of completed sessions.

        Raises: Malformed where the unit of the prices is not known; ValueError for a period that is not days, weeks,
        months or years in lower case: the gateway answers upper case with another period instead of an error.
        """
        number, unit = period[:-1], period[-1:]
        if not number.isdigit() or int(number) == 0 or unit not in ("d", "w", "m", "y"):
            raise ValueError(f"period {period!r} is not a count followed by d, w, m or y")
        magnifier = await self._contracts.magnifier(conid)
        answer = wire.mapping(await self._session.run_primed(lambda: self._bars(conid, period)), "history")
        self._check_symbol(conid, wire.text(answer, "symbol"))
        now = self._session.market_now()
        bars = _completed(wire.rows(answer.get("data"), "history bars"), now)
        if not bars:
            raise Incomplete(f"no daily closes for contract {conid}")
        marker = answer.get("simulator")
        origin = wire.text(marker, "origin") if isinstance(marker, dict) else None
        return History(
            conid=conid,
            dates=tuple(day for day, _ in bars),
            closes=tuple(float(scaled(close, magnifier)) for _, close in bars),
            # The broker's trade bars are adjusted for splits alone; the simulator replays dividend-adjusted closes.
            adjusted=origin is not None,
            source=self._session.source,
            origin=origin,
            as_of=now,
            price_magnifier=magnifier,
        )

    async def _bars(self, conid: int, period: str) -> object:
        params = {"conid": str(conid), "period": period, "bar": "1d"}
        for attempt in range(_HISTORY_ATTEMPTS):
            try:
                return await self._transport.read("/iserver/marketdata/history", params)
            except GatewayRefused as error:
                # The first request for a contract may fail while the gateway fetches its chart.
                if error.status not in (404, 500) or attempt == _HISTORY_ATTEMPTS - 1:
                    raise
            await self._transport.pacer.pause(_POLL_SECONDS)
        raise AssertionError("the attempts neither returned nor raised")

    async def _poll(self, conids: list[int]) -> dict[int, Row]:
        """The fullest rows within a few polls: the first answer for a contract is bare, slow fields come later."""
        rows: dict[int, Row] = {}
        unchanged = 0
        for poll in range(_MOST_POLLS):
            fresh = await self._session.run_primed(lambda: self._snapshot(conids))
            grown: dict[int, Row] = {conid: {**rows.get(conid, {}), **row} for conid, row in fresh.items()}
            unchanged = unchanged + 1 if rows and _keys(grown) == _keys(rows) else 0
            rows = grown
            arrived = all(self._arrived(conid, rows.get(conid, {})) for conid in conids)
            settled = unchanged >= 2 and all(_LAST in row or _PRIOR_CLOSE in row for row in rows.values())
            if settled:
                self._settled |= _keys(rows)
            if arrived or settled:
                break
            await self._transport.pacer.pause(_FIRST_POLL_SECONDS if poll == 0 else _POLL_SECONDS)
        return rows

    def _arrived(self, conid: int, row: Row) -> bool:
        if self._contracts.known_asset_class(conid) == "IND":
            wanted = frozenset(_INDEX_FIELDS)
        else:
            wanted = self._settled.get(conid, frozenset(_FIELDS))
        return wanted <= row.keys()

    async def _snapshot(self, conids: list[int]) -> dict[int, Row]:
        params = {"conids": ",".join(str(conid) for conid in conids), "fields": ",".join(_FIELDS)}
        answer = await self._transport.read("/iserver/marketdata/snapshot", params)
        return _by_contract(answer, frozenset(conids))

    def _quote(self, conid: int, row: Row | None, magnifier: int) -> Quote | MissingQuote:
        try:
            return self._read_quote(conid, row or {}, magnifier)
        except Malformed as error:
            return MissingQuote(conid=conid, reason=str(error))

    def _read_quote(self, conid: int, row: Row, magnifier: int) -> Quote | MissingQuote:
        if not any(field in row for field in (_LAST, _BID, _ASK, _PRIOR_CLOSE)):
            return MissingQuote(conid=conid, reason="the gateway delivered no price")
        if "_updated" not in row:
            return MissingQuote(conid=conid, reason="the gateway did not say when the quote was received")
        availability = (wire.text(row, _AVAILABILITY) or "")[:1]
        last_mark, last = _last(row, magnifier)
        kind = _kind(availability, last_mark)
        bid, ask = _positive(row, _BID, magnifier), _positive(row, _ASK, magnifier)
        if last is None and (bid is None or ask is None):
            return MissingQuote(conid=conid, reason="neither a last price nor both sides of a quote")
        if kind is None:
            return MissingQuote(
                conid=conid, reason=f"no market data subscription (availability {availability or 'absent'})"
            )
        symbol = wire.text(row, _SYMBOL)
        self._check_symbol(conid, symbol)
        return Quote(
            conid=conid,
            symbol=symbol,
            bid=bid,
            ask=ask,
            last=last,
            prior_close=_positive(row, _PRIOR_CLOSE, magnifier),
            kind=kind,
            volume=wire.optional_number(row, _VOLUME),
            average_volume=wire.optional_number(row, _AVERAGE_VOLUME),
            market_cap=wire.optional_number(row, _MARKET_CAP),
            as_of=wire.instant(row["_updated"]),
            source=self._session.source,
            marks=_marks(row),
            price_magnifier=magnifier,
        )

    def _check_symbol(self, conid: int, told: str | None) -> None:
        """Raises: Malformed when the answer is about another contract than the one asked for."""
        known = self._contracts.known_symbol(conid)
        if known is not None and told is not None and _letters(told) != _letters(known):
            raise Malformed(f"the answer for contract {conid} names another symbol")


def _by_contract(answer: object, asked: Set[int]) -> dict[int, Row]:
    """Rows of the contracts asked for. One that cannot be told whose is left out; two that differ leave no prices."""
    found: dict[int, Row] = {}
    for row in wire.rows(answer, "snapshot"):
        try:
            conid = wire.contract(row)
        except Malformed:
            continue
        if conid in asked and found.setdefault(conid, row) != row:
            found[conid] = {}
    return found


def _letters(symbol: str) -> str:
    """Share classes are written `BRK B`, `BRK.B` or `BRK/B`."""
    return re.sub(r"[^A-Z0-9]", "", symbol.upper())


def _keys(rows: Mapping[int, Row]) -> dict[int, frozenset[str]]:
    return {conid: frozenset(row) for conid, row in rows.items()}


def _last(row: Row, magnifier: int) -> tuple[str, Decimal | None]:
    """The marker and the price; no price where the gateway writes -1 or 0 for none."""
    if _is_blank(row.get(_LAST)):
        return "", None
    mark, found = wire.marked_price(row[_LAST])
    return mark, scaled(found, magnifier) if found > 0 else None


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _kind(availability: str, last_mark: str) -> QuoteKind | None:
    if last_mark == "H":
        return "halted"
    if last_mark == "C":
        return "prev_close"
    return _KINDS.get(availability)


def _positive(row: Row, field: str, magnifier: int) -> Decimal | None:
    """A price; None when absent, and when the gateway writes -1 or 0 for a side that nobody quotes."""
    if _is_blank(row.get(field)):
        return None
    found = wire.plain(row[field])
    return scaled(found, magnifier) if found > 0 else None


def _marks(row: Row) -> tuple[str, ...]:
    marker = row.get("simulator")
    if not isinstance(marker, dict):
        return ()
    marks = [name for name in ("synthetic", "simulated", "derived") if marker.get(name)]
    fictional = marker.get("fictional")
    if isinstance(fictional, list):
        marks += [f"fictional:{_FIELD_NAMES.get(str(field), str(field))}" for field in fictional]
    return tuple(marks)


def _completed(rows: list[Row], now: datetime) -> list[tuple[date, Decimal]]:
    """Day and close per bar, without the placeholder of an empty window and without a session still open at `now`."""
    if len(rows) == 1 and rows[0].get("t") is None:
        return []
    local = now.astimezone(_EXCHANGE_TIME)
    bars = [_bar(row) for row in rows]
    days = dict(bars)
    if any(days[day] != close for day, close in bars):
        raise Malformed("history: two closes for one day")
    closed = local.date() if local.hour >= _CLOSE_HOUR else local.date() - timedelta(days=1)
    return sorted((day, close) for day, close in days.items() if day <= closed)


def _bar(row: Row) -> tuple[date, Decimal]:
    day = wire.instant(row.get("t")).astimezone(_EXCHANGE_TIME).date()
    if day.weekday() > _FRIDAY:
        raise Malformed("history: a session on a weekend")
    return day, wire.price(row.get("c"))
