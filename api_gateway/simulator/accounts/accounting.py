"""What the accounts are worth, and whether one of them can pay for an order. Reads the books and changes nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from api_gateway.simulator.accounts.account_book import NOTHING, AccountBook, Balance, Valuation, in_base
from api_gateway.simulator.accounts.carried import amounts, close_values, price_of
from api_gateway.simulator.errors import order_error
from api_gateway.simulator.exchange.currencies import ExchangeRates
from api_gateway.simulator.exchange.hours import Moment
from api_gateway.simulator.exchange.market import Market, to_decimal
from api_gateway.simulator.exchange.prices import Floats
from api_gateway.simulator.faults.broker_rules import BrokerRules
from api_gateway.simulator.orders.matching import commission
from api_gateway.simulator.orders.order import Order, OrderRequest
from api_gateway.simulator.scenario import Carried, Opening


class Accounting:
    def __init__(
        self,
        books: Mapping[str, AccountBook],
        openings: Iterable[Opening],
        market: Market,
        rates: ExchangeRates,
        rules: BrokerRules,
    ) -> None:
        """`books` by account."""
        self.books = books
        self._openings = {one.account: one for one in openings}
        self.rates = rates
        self._market = market
        self._rules = rules

    def reference_price(self, request: OrderRequest, moment: Moment) -> Decimal:
        return to_decimal(self._market.last_price(request.contract.conid, moment))

    def price_of(self, request: OrderRequest, moment: Moment) -> Decimal:
        """What a share of the order is reserved for: its limit, its stop or the market's price."""
        named = request.limit_price if request.limit_price is not None else request.stop_price
        return named if named is not None else self.reference_price(request, moment)

    def _cost(self, request: OrderRequest, quantity: int, moment: Moment) -> Decimal:
        """Of so much of the order, commission included: both must be paid for."""
        price = self.price_of(request, moment)
        return quantity * price + commission(quantity, price)

    def balances(self, account: str, moment: Moment) -> dict[str, Balance]:
        """By currency, with what the account carries beside its stocks."""
        opening = self._openings[account]
        found = self.books[account].balances(self.marks(account, moment), moment.session)
        for currency in dict.fromkeys((self.rates.base, *(line.currency for line in opening.carried))):
            parts = amounts(opening.carried, currency, self._market, moment)
            if currency == self.rates.base:
                parts |= opening.accrued.model_dump()
            if any(parts.values()):
                found[currency] = replace(found.get(currency, NOTHING), carried=parts)
        return found

    def lines(self, account: str, moment: Moment) -> list[tuple[Carried, Decimal | None]]:
        """What the account carries, each with its price."""
        return [(line, price_of(line, self._market, moment)) for line in self._openings[account].carried]

    def valuation(self, account: str, moment: Moment) -> Valuation:
        balances = self.balances(account, moment)
        rates = {currency: self.rates.rate(currency, moment) for currency in balances}
        return in_base(balances, rates, self._rules.account_type)

    def close_values(self, account: str, last: int) -> Floats:
        """Net asset value at every close up to row `last`, in base currency."""
        opening, book = self._openings[account], self.books[account]
        beside = close_values(opening.carried, self._market, self.rates, slice(book.since, last + 1))
        accrued = float(opening.accrued.dividends + opening.accrued.interest)
        return book.close_values(self._market, self.rates, last) + beside + accrued

    def marks(self, account: str, moment: Moment) -> dict[int, Decimal]:
        """Price of every position of an account by conid."""
        conids = [position.contract.conid for position in self.books[account].positions()]
        return {conid: to_decimal(self._market.last_price(conid, moment)) for conid in conids}

    def check(
        self, request: OrderRequest, orders: Iterable[Order], moment: Moment, changes: Order | None = None
    ) -> None:
        """Raises: GatewayRefusal for a short sale or too little buying power.

        What other open orders than the one it `changes` have promised is neither sold nor spent twice.
        """
        others = [one for one in orders if one.working and one != changes]
        mine = [one for one in others if one.request.account == request.account]
        working = [one for one in mine if one.request.side == request.side]
        quantity = request.quantity - (changes.filled_quantity if changes is not None else 0)
        if request.side == "SELL":
            conid = request.contract.conid
            promised = sum(one.remaining_quantity for one in working if one.request.contract.conid == conid)
            free = self.books[request.account].held(conid) - promised
            if quantity > free:
                raise order_error(
                    f"No trading permission to sell short: {quantity} {request.contract.symbol} to sell, "
                    f"{free} held and not promised to open orders"
                )
            return
        promised_cash = sum((self._cost(one.request, one.remaining_quantity, moment) for one in working), Decimal(0))
        self._check_money(request, self._cost(request, quantity, moment) + promised_cash, moment)

    def _check_money(self, request: OrderRequest, needed: Decimal, moment: Moment) -> None:
        """`needed` in the contract's currency, which a cash account must have and a margin account is lent."""
        currency = request.contract.currency
        if self._rules.account_type == "cash":
            settled = max(self.books[request.account].settled_cash(currency, moment.session), Decimal(0))
            if needed <= settled:
                return
            raise order_error(
                "YOUR ORDER IS NOT ACCEPTED. IN A CASH ACCOUNT ONLY SETTLED CASH "
                f"[{settled:.2f} {currency}] MAY PAY FOR OPEN BUYS AND THIS ORDER [{needed:.2f} {currency}]"
            )
        power, base = self.valuation(request.account, moment).buying_power, self.rates.base
        worth = needed * self.rates.rate(currency, moment)
        if worth <= power:
            return
        raise order_error(
            "YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR BUYING POWER "
            f"[{power:.2f} {base}] MUST EXCEED THE VALUE OF OPEN BUYS AND THIS ORDER [{worth:.2f} {base}]"
        )
