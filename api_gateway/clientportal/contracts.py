"""Finds the one contract that a symbol means, or says why there is none: the first hit of a search is often wrong."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from api_gateway.clientportal import units, wire
from api_gateway.clientportal.classification import completed, of_definition
from api_gateway.clientportal.contract_rules import (
    Grid,
    disagrees,
    grid_of,
    quantity_increment,
    settled,
    single_increment,
)
from api_gateway.clientportal.definitions import Definitions, in_parts
from api_gateway.clientportal.errors import DataUnavailable, GatewayRefused, Malformed
from api_gateway.clientportal.gateway_memory import GatewayMemory
from api_gateway.clientportal.records import Contract, ContractRules, KeptContract, Limit, Side, Unresolved
from api_gateway.clientportal.session import Session
from api_gateway.clientportal.transport import Transport
from api_gateway.clientportal.units import Facts

_LISTINGS: Final = frozenset({"NASDAQ", "NYSE", "ARCA", "AMEX", "BATS"})
_BID, _ASK = "84", "86"
# The first answer for a contract is bare.
_QUOTE_POLLS: Final = 3
_QUOTE_POLL_SECONDS: Final = 0.25
_INDEX_EXCHANGES: Final = frozenset({"CBOE", "NASDAQ", "NYSE", "CME"})


class ContractReads:
    """A contract that was found is kept over restarts, and looked at again once per session date: tickers change."""

    def __init__(self, transport: Transport, session: Session, memory: GatewayMemory, definitions: Definitions) -> None:
        self._transport = transport
        self._session = session
        self._memory = memory
        self._definitions = definitions
        self._asset_classes: dict[int, str] = {}
        self._symbols: dict[int, str] = {}
        # Each for the session date under which it was told.
        self._facts: dict[int, tuple[date, Facts]] = {}
        self._told_rules: dict[tuple[int, Side], tuple[date, wire.Row]] = {}
        self._rules: dict[tuple[int, Side], tuple[date, ContractRules]] = {}
        self._magnifiers: dict[int, tuple[date, int]] = {}

    async def resolve(
        self, symbols: Iterable[str], asset_class: str, isins: Mapping[str, str] | None = None
    ) -> tuple[tuple[Contract, ...], tuple[Unresolved, ...]]:
        """Contracts of the symbols that mean exactly one US listing (or index), and the others with the reason.

        A symbol with an entry in `isins` is resolved only where the broker tells the same number.
        """
        # The session comes first: only then is it known whose contracts have been kept.
        await self._session.prime()
        wanted = list(dict.fromkeys(symbol.strip().upper() for symbol in symbols if symbol.strip()))
        found = await self._find_kept(wanted, asset_class)
        new = [symbol for symbol in wanted if symbol not in found]
        found |= await (self._indices(new) if asset_class == "IND" else self._stocks(new))
        self._keep([each for each in found.values() if isinstance(each, Contract)])
        for symbol, isin in (isins or {}).items():
            contract = found.get(symbol.strip().upper())
            if isinstance(contract, Contract):
                found[contract.symbol] = await self._with_isin(contract, isin.strip().upper())
        ordered = [found[symbol] for symbol in wanted]
        return (
            tuple(each for each in ordered if isinstance(each, Contract)),
            tuple(each for each in ordered if isinstance(each, Unresolved)),
        )

    async def order_refusal(self, order: Limit) -> str | None:
        """Why the exchange would not take the order's price or quantity. Raises: as `rules`.

        A sale is in whole shares and no more: an odd lot may always be sold, and how much is held is not known here.
        """
        rules = await self.rules(order.conid, order.side)
        lot = rules.quantity_increment if order.side == "BUY" else Decimal(1)
        if order.quantity % 1 or order.quantity % lot:
            return f"quantity: {order.quantity:f} is not a whole multiple of {lot:f} shares"
        steps = [step.increment for step in rules.increments if step.lower_edge <= order.limit_price]
        if not steps or order.limit_price % steps[-1]:
            return f"limit_price: {order.limit_price:f} is not on the exchange's price grid"
        return None

    async def asset_class(self, conid: int) -> str:
        known = self._asset_classes.get(conid)
        if known is None:
            row = await self._definitions.info(conid)
            known = self._asset_classes[conid] = wire.required_text(row, "instrument_type")
        return known

    def known_asset_class(self, conid: int) -> str | None:
        return self._asset_classes.get(conid)

    def known_symbol(self, conid: int) -> str | None:
        return self._symbols.get(conid)

    async def rules(self, conid: int, side: Side) -> ContractRules:
        """Kept for the session date: an exchange does not change its price grid while it is open."""
        key, today = (conid, side), self._session.market_now().date()
        kept = self._rules.get(key)
        if kept is None or kept[0] != today:
            kept = self._rules[key] = (today, await self._read_rules(conid, side))
        return kept[1]

    async def magnifier(self, conid: int) -> int:
        """Raises: Malformed where it is not known in which unit the contract is quoted."""
        found, unknown = await self.magnifiers([conid])
        if conid in unknown:
            raise Malformed(f"contract {conid}: {unknown[conid]}")
        return found[conid]

    async def magnifiers(self, conids: Iterable[int]) -> tuple[dict[int, int], dict[int, str]]:
        """What prices of the contracts are multiplied by in quotes and orders, and why that is unknown of others."""
        today = self._session.market_now().date()
        wanted = list(dict.fromkeys(conids))
        found = {conid: kept[1] for conid in wanted if (kept := self._magnifiers.get(conid)) and kept[0] == today}
        facts = await self.facts([conid for conid in wanted if conid not in found])
        found |= {conid: 1 for conid, known in facts.items() if known.is_plain}
        open_ones = [conid for conid in wanted if conid not in found]
        answers = await asyncio.gather(*(self._asked_magnifier(conid, facts[conid]) for conid in open_ones))
        unknown: dict[int, str] = {}
        for conid, answer in zip(open_ones, answers, strict=True):
            if isinstance(answer, int):
                found[conid] = answer
            else:
                unknown[conid] = answer
        return found, unknown

    async def facts(self, conids: Iterable[int]) -> dict[int, Facts]:
        """What the broker tells of each contract, looked up once per session date; of one it does not know, nothing."""
        today, wanted = self._today(), list(dict.fromkeys(conids))
        known = {conid: kept[1] for conid in wanted if (kept := self._facts.get(conid)) and kept[0] == today}
        new = [conid for conid in wanted if conid not in known]
        try:
            rows = await self._definitions.read(new)
        except (GatewayRefused, DataUnavailable):
            # The contract's own rules tell its currency, too.
            return {conid: known.get(conid, Facts()) for conid in wanted}
        for conid in new:
            known[conid] = units.facts_of(
                rows.get(conid, {}), currency="currency", exchange="listingExchange", asset_class="assetClass"
            )
            self._facts[conid] = (today, known[conid])
        return {conid: known[conid] for conid in wanted}

    async def _asked_magnifier(self, conid: int, facts: Facts) -> int | str:
        try:
            return units.magnifier_of(await self._rules_answer(conid, "SELL"), facts)
        except (GatewayRefused, DataUnavailable) as error:
            return 1 if facts.is_share_in_one_unit else str(error)

    async def _rules_answer(self, conid: int, side: Side) -> wire.Row:
        key, today = (conid, side), self._session.market_now().date()
        kept = self._told_rules.get(key)
        if kept is None or kept[0] != today:
            body = {"conid": conid, "isBuy": side == "BUY"}
            answer = wire.mapping(await self._read("/iserver/contract/rules", body=body), "contract rules")
            kept = self._told_rules[key] = (today, answer)
        return kept[1]

    async def _read_rules(self, conid: int, side: Side) -> ContractRules:
        answer = await self._rules_answer(conid, side)
        facts = (await self.facts([conid]))[conid]
        told = units.currency_of(answer, "cashCcy")
        facts = facts if told is None else Facts(told, facts.exchange, facts.asset_class)
        magnifier = units.magnifier_of(answer, facts)
        self._magnifiers[conid] = (self._session.market_now().date(), magnifier)
        grid = await self._grid(conid, answer)
        accounts = answer.get("canTradeAcctIds")
        mine = (await self._session.prime()).accounts
        return ContractRules(
            conid=conid,
            increments=grid.in_currency(magnifier),
            quantity_increment=quantity_increment(answer, facts, side),
            currency=facts.currency,
            can_trade=isinstance(accounts, list) and any(account in accounts for account in mine),
            price_magnifier=magnifier,
            note=grid.note,
        )

    async def _grid(self, conid: int, answer: wire.Row) -> Grid:
        grid, single = grid_of(answer), single_increment(answer)
        try:
            price = wire.optional_number(answer, "limitPrice")
        except Malformed:
            price = None
        if single is None or not disagrees(grid, single, price):
            return grid
        return settled(grid, single, await self._present_quote(conid) or [each for each in (price,) if each])

    async def _present_quote(self, conid: int) -> list[Decimal]:
        """Bid and ask as they are quoted, as far as there are any."""
        asked = {"conids": str(conid), "fields": f"{_BID},{_ASK}"}
        try:
            for _ in range(_QUOTE_POLLS):
                rows = wire.rows(await self._read("/iserver/marketdata/snapshot", asked), "snapshot")
                sides = [
                    row[side] for row in rows if wire.contract(row) == conid for side in (_BID, _ASK) if side in row
                ]
                if sides:
                    return [price for price in map(wire.plain, sides) if price > 0]
                await self._transport.pacer.pause(_QUOTE_POLL_SECONDS)
        except (GatewayRefused, DataUnavailable):
            return []
        return []

    async def _find_kept(self, symbols: list[str], asset_class: str) -> dict[str, Contract | Unresolved]:
        """Those kept, as far as the broker still tells the same of them today."""
        kept = {symbol: self._memory.contract(symbol, asset_class) for symbol in symbols}
        known = {symbol: found for symbol, found in kept.items() if found is not None}
        old = [found.contract for found in known.values() if _is_old(found, self._today())]
        looked_at = await self._confirmed(old)
        found: dict[str, Contract | Unresolved] = {}
        for symbol, each in known.items():
            now = looked_at.get(symbol, each.contract)
            found |= {symbol: now} if isinstance(now, Contract) else {}
        return found

    def _keep(self, contracts: list[Contract]) -> None:
        for contract in contracts:
            self._asset_classes[contract.conid] = contract.asset_class
            self._symbols[contract.conid] = contract.symbol
            self._facts[contract.conid] = (
                self._today(),
                Facts(contract.currency, contract.exchange, contract.asset_class),
            )
        self._memory.keep_contracts(contracts, self._today())

    def _today(self) -> date:
        return self._definitions.today

    async def _stocks(self, symbols: list[str]) -> dict[str, Contract | Unresolved]:
        found: dict[str, Contract | Unresolved] = {}
        for asked in in_parts(symbols):
            answer = wire.mapping(await self._read("/trsrv/stocks", {"symbols": ",".join(asked)}), "stocks")
            found |= {symbol: _alone(symbol, answer.get(symbol)) for symbol in asked}
        return found | await self._confirmed([each for each in found.values() if isinstance(each, Contract)])

    async def _confirmed(self, contracts: list[Contract]) -> dict[str, Contract | Unresolved]:
        """By symbol: with what the broker tells of each today, or why it is another than it was taken for."""
        definitions = await self._definitions.read(each.conid for each in contracts)
        found: dict[str, Contract | Unresolved] = {}
        for each in contracts:
            now = _defined(each, definitions)
            if isinstance(now, Contract) and now.asset_class == "STK":
                told = await completed(self._definitions, now.conid, of_definition(definitions[now.conid]))
                now = now.model_copy(update=dict(told))
            found[each.symbol] = now
        return found

    async def _indices(self, symbols: list[str]) -> dict[str, Contract | Unresolved]:
        return {symbol: await self._index(symbol) for symbol in symbols}

    async def _index(self, symbol: str) -> Contract | Unresolved:
        try:
            return _us_index(symbol, await self._read("/iserver/secdef/search", {"symbol": symbol, "secType": "IND"}))
        except GatewayRefused as error:
            # An unknown symbol is answered with an error text instead of an empty list.
            return Unresolved(symbol=symbol, reason=error.text)
        except Malformed as error:
            return Unresolved(symbol=symbol, reason=f"the gateway's search for it cannot be read: {error}")

    async def _with_isin(self, contract: Contract, isin: str) -> Contract | Unresolved:
        if not is_isin(isin):
            return Unresolved(symbol=contract.symbol, reason="the ISIN's check digit is wrong")
        row = await self._definitions.info(contract.conid)
        told, cusip = wire.text(row, "isin"), wire.text(row, "cusip")
        if told is None and cusip is None:
            return Unresolved(symbol=contract.symbol, reason="the gateway tells no number to hold the ISIN against")
        # The national number of a US or Canadian security stands in its ISIN after the country.
        if (told or isin[:2] + (cusip or "") + isin[-1]) != isin:
            return Unresolved(symbol=contract.symbol, reason="the gateway tells another ISIN")
        return contract

    async def _read(self, path: str, params: Mapping[str, str] | None = None, *, body: object = None) -> object:
        return await self._session.run_primed(lambda: self._transport.read(path, params, body=body))


def is_isin(text: str) -> bool:
    """Country, nine letters or digits, and a check digit that is right. Source: ISO 6166, the Luhn sum."""
    if re.fullmatch(r"[A-Z]{2}[A-Z0-9]{9}[0-9]", text, re.ASCII) is None:
        return False
    digits = [int(digit) for digit in "".join(str(int(letter, 36)) for letter in text)]
    doubled = [digit * 2 if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return sum(digit // 10 + digit % 10 for digit in doubled) % 10 == 0


def _is_old(kept: KeptContract, today: date) -> bool:
    """One that was kept before its type was told is looked at again, too."""
    return kept.checked != today or (kept.contract.asset_class == "STK" and kept.contract.type is None)


def _defined(contract: Contract, definitions: Mapping[int, wire.Row]) -> Contract | Unresolved:
    """The contract, when its definition says the same of it: a conid outlives a ticker, and a ticker its company."""
    row = definitions.get(contract.conid)
    if row is None:
        return Unresolved(symbol=contract.symbol, reason=f"the gateway does not define contract {contract.conid}")
    told = {
        "ticker": (wire.text(row, "ticker"), contract.symbol),
        "currency": (wire.text(row, "currency"), contract.currency),
        "assetClass": (wire.text(row, "assetClass"), contract.asset_class),
        "listingExchange": ((wire.text(row, "listingExchange") or "").partition(".")[0], contract.exchange),
    }
    for name, (found, expected) in told.items():
        if found != expected:
            reason = f"contract {contract.conid} has {name} {found or 'unknown'}, not {expected}"
            return Unresolved(symbol=contract.symbol, reason=reason)
    return contract.model_copy(update={"kind": wire.text(row, "type")})


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


def _us_index(symbol: str, answer: object) -> Contract | Unresolved:
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


def _is_us_index(row: wire.Row, symbol: str) -> bool:
    kinds = {wire.text(section, "secType") for section in wire.rows(row.get("sections") or [], "search sections")}
    return (
        wire.text(row, "symbol") == symbol
        and (wire.text(row, "secType") or "IND") == "IND"
        and (not kinds or "IND" in kinds)
        and wire.text(row, "description") in _INDEX_EXCHANGES
    )


def _alone(symbol: str, companies: object) -> Contract | Unresolved:
    try:
        return _listing(symbol, companies)
    except Malformed as error:
        return Unresolved(symbol=symbol, reason=f"the gateway's listings of it cannot be read: {error}")
