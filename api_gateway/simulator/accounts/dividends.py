"""Dividends that a scenario asks for, paid as sessions open. The prices are adjusted closes: nothing falls."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from api_gateway.simulator.accounts.account_book import AccountBook, CashRow
from api_gateway.simulator.errors import StartError
from api_gateway.simulator.exchange.contracts import Contract
from api_gateway.simulator.exchange.market import SESSIONS_PER_YEAR, Market, to_decimal
from api_gateway.simulator.scenario import Payer

_CENT, _PER_SHARE = Decimal("0.01"), Decimal("0.0001")


def told(contract: Contract, per_share: Decimal, session: int, times: int = 1) -> CashRow:
    """How the list of transactions tells a dividend, from row `session` on."""
    words = f"{contract.symbol} CASH DIVIDEND {contract.currency} {per_share:f} PER SHARE"
    return CashRow("Dividend Payment", words, session, contract.conid, times)


class Dividends:
    """Counts sessions from row `since`, in which the accounts were funded."""

    def __init__(self, payers: Iterable[Payer], books: Mapping[str, AccountBook], market: Market, since: int) -> None:
        """Raises: StartError for a name that this world lacks."""
        self._payers = [(one, _listed(market, one.symbol)) for one in payers]
        self._books = books
        self._market = market
        self._since = self.paid = since

    def pay(self, session: int) -> None:
        """Everything due up to row `session` and not yet paid."""
        for row in range(self.paid + 1, session + 1):
            for payer, contract in self._payers:
                if (row - self._since) % payer.every_sessions == 0:
                    self._pay(payer, contract, row)
        self.paid = max(self.paid, session)

    def _pay(self, payer: Payer, contract: Contract, row: int) -> None:
        before = to_decimal(float(self._market.closes(contract.conid)[row - 1]))
        part = payer.yield_pct / 100 * payer.every_sessions / SESSIONS_PER_YEAR
        per_share = (before * part).quantize(_PER_SHARE)
        for book in self._books.values():
            amount = (book.held(contract.conid) * per_share).quantize(_CENT)
            if amount:
                book.move_cash(contract.currency, amount, row, external=False, row=told(contract, per_share, row))


def _listed(market: Market, symbol: str) -> Contract:
    contract = market.universe.stock(symbol)
    if contract is None:
        raise StartError(f"dividends: no {symbol} among {len(market.universe.stocks)} instruments")
    return contract
