"""Finds the one contract that a symbol means, or says why there is none: the first hit of a search is often wrong."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import GatewayRefused, Malformed
from api_gateway.clientportal.records import Contract, ContractRules, PriceIncrement, Side, Unresolved
from api_gateway.clientportal.session import Session
from api_gateway.clientportal.transport import Transport

_LISTINGS: Final = frozenset({"NASDAQ", "NYSE", "ARCA", "AMEX", "BATS"})
_INDEX_EXCHANGES: Final = frozenset({"CBOE", "NASDAQ", "NYSE", "CME"})


class ContractReads:
    """Answers are kept for the process: a conid never changes its meaning."""

    def __init__(self, transport: Transport, session: Session) -> None:
        self._transport = transport
        self._session = session
        self._contracts: dict[tuple[str, str], Contract] = {}
        self._asset_classes: dict[int, str] = {}
        self._rules: dict[tuple[int, Side], tuple[date, ContractRules]] = {}

    async def resolve(
        self, symbols: Iterable[str], asset_class: str
    ) -> tuple[tuple[Contract, ...], tuple[Unresolved, ...]]:
        """Contracts of the symbols that mean exactly one US listing (or index), and the others with the reason."""
        wanted = list(dict.fromkeys(symbol.strip().upper() for symbol in symbols if symbol.strip()))
        new = [symbol for symbol in wanted if (symbol, asset_class) not in self._contracts]
        unresolved: list[Unresolved] = []
        if new and asset_class == "IND":
            for symbol in new:
                self._keep(await self._index(symbol), unresolved)
        elif new:
            for found in await self._stocks(new):
                self._keep(found, unresolved)
        contracts = tuple(
            self._contracts[symbol, asset_class] for symbol in wanted if (symbol, asset_class) in self._contracts
        )
        return contracts, tuple(unresolved)

    async def asset_class(self, conid: int) -> str:
        known = self._asset_classes.get(conid)
        if known is None:
            known = wire.required_text(await self._info(conid), "instrument_type")
            self._asset_classes[conid] = known
        return known

    def known_asset_class(self, conid: int) -> str | None:
        return self._asset_classes.get(conid)

    async def rules(self, conid: int, side: Side) -> ContractRules:
        """Kept for the session date: an exchange does not change its price grid while it is open."""
        key, today = (conid, side), self._session.market_now().date()
        kept = self._rules.get(key)
        if kept is None or kept[0] != today:
            kept = self._rules[key] = (today, await self._read_rules(conid, side))
        return kept[1]

    async def _read_rules(self, conid: int, side: Side) -> ContractRules:
        body = {"conid": conid, "isBuy": side == "BUY"}
        answer = wire.mapping(await self._read("/iserver/contract/rules", body=body), "contract rules")
        accounts = answer.get("canTradeAcctIds")
        return ContractRules(
            conid=conid,
            increments=_increments(answer),
            quantity_increment=wire.required_number(answer, "sizeIncrement"),
            currency=wire.text(answer, "cashCcy"),
            can_trade=isinstance(accounts, list) and bool(accounts),
        )

    def _keep(self, found: Contract | Unresolved, unresolved: list[Unresolved]) -> None:
        if isinstance(found, Unresolved):
            unresolved.append(found)
            return
        self._contracts[found.symbol, found.asset_class] = found
        self._asset_classes[found.conid] = found.asset_class

    async def _stocks(self, symbols: list[str]) -> list[Contract | Unresolved]:
        answer = wire.mapping(await self._read("/trsrv/stocks", {"symbols": ",".join(symbols)}), "stocks")
        return [_listing(symbol, answer.get(symbol)) for symbol in symbols]

    async def _index(self, symbol: str) -> Contract | Unresolved:
        try:
            answer = await self._read("/iserver/secdef/search", {"symbol": symbol, "secType": "IND"})
        except GatewayRefused as error:
            # An unknown symbol is answered with an error text instead of an empty list.
            return Unresolved(symbol=symbol, reason=error.text)
        hits = [row for row in wire.rows(answer, "search") if _is_us_index(row, symbol)]
        if len(hits) != 1:
            return Unresolved(symbol=symbol, reason=f"{len(hits)} indices on US exchanges, exactly one is needed")
        return Contract(
            symbol=symbol,
            conid=wire.conid(hits[0].get("conid")),
            name=wire.required_text(hits[0], "companyName", "companyHeader"),
            exchange=wire.required_text(hits[0], "description"),
            # US exchanges quote their indices in dollars.
            currency="USD",
            asset_class="IND",
        )

    async def _info(self, conid: int) -> Mapping[str, object]:
        return wire.mapping(await self._read(f"/iserver/contract/{conid}/info"), "contract info")

    async def _read(self, path: str, params: Mapping[str, str] | None = None, *, body: object = None) -> object:
        return await self._session.guarded(lambda: self._transport.read(path, params, body=body))


def _listing(symbol: str, companies: object) -> Contract | Unresolved:
    hits = [
        (company, contract)
        for company in (wire.rows(companies, "stocks") if companies is not None else [])
        if wire.text(company, "assetClass") == "STK"
        for contract in wire.rows(company.get("contracts"), "stock contracts")
        if contract.get("isUS") is True and wire.text(contract, "exchange") in _LISTINGS
    ]
    if len(hits) != 1:
        return Unresolved(symbol=symbol, reason=f"{len(hits)} US listings, exactly one is needed")
    company, contract = hits[0]
    return Contract(
        symbol=symbol,
        conid=wire.conid(contract.get("conid")),
        name=wire.required_text(company, "name"),
        exchange=wire.required_text(contract, "exchange"),
        # A listing on a US exchange trades in dollars.
        currency="USD",
        asset_class="STK",
    )


def _is_us_index(row: Mapping[str, object], symbol: str) -> bool:
    kinds = {wire.text(section, "secType") for section in wire.rows(row.get("sections") or [], "search sections")}
    return (
        wire.text(row, "symbol") == symbol
        and (wire.text(row, "secType") or "IND") == "IND"
        and (not kinds or "IND" in kinds)
        and wire.text(row, "description") in _INDEX_EXCHANGES
    )


def _increments(answer: Mapping[str, object]) -> tuple[PriceIncrement, ...]:
    ladder = answer.get("incrementRules")
    if isinstance(ladder, list) and ladder:
        return tuple(
            PriceIncrement(
                lower_edge=wire.required_number(row, "lowerEdge"), increment=wire.required_number(row, "increment")
            )
            for row in wire.rows(ladder, "increment rules")
        )
    increment = wire.required_number(answer, "increment")
    if increment <= 0:
        raise Malformed("the price increment is not positive")
    return (PriceIncrement(lower_edge=wire.number(0), increment=increment),)
