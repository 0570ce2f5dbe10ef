"""The account's book: cash, positions and net asset value as functions of what was executed.

Average cost is price only; commissions lower cash and nothing else. The book never holds a short position, because
the order desk refuses to sell what is not held.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_FLOOR, Decimal

import numpy as np
import numpy.typing as npt

from api_gateway.simulator.errors import StartError
from api_gateway.simulator.exchange.contracts import Contract
from api_gateway.simulator.exchange.currencies import ExchangeRates
from api_gateway.simulator.exchange.market import Market, to_decimal
from api_gateway.simulator.exchange.prices import Floats
from api_gateway.simulator.faults.broker_rules import AccountType
from api_gateway.simulator.orders.order import Execution
from api_gateway.simulator.scenario import Opening

_CENT = Decimal("0.01")
INITIAL_MARGIN, MAINTENANCE_MARGIN = Decimal("0.50"), Decimal("0.25")


@dataclass(frozen=True)
class Position:
    contract: Contract
    quantity: int
    average_cost: Decimal
    realized: Decimal = Decimal(0)

    def after(self, execution: Execution) -> "Position":
        if execution.side == "BUY":
            quantity = self.quantity + execution.quantity
            cost = self.quantity * self.average_cost + execution.quantity * execution.price
            return replace(self, quantity=quantity, average_cost=cost / quantity)
        gain = execution.quantity * (execution.price - self.average_cost)
        left = self.quantity - execution.quantity
        return replace(
            self,
            quantity=left,
            average_cost=self.average_cost if left else Decimal(0),
            realized=self.realized + gain,
        )


@dataclass(frozen=True)
class CashMovement:
    """Cash that no trade explains. `external` for a deposit or withdrawal, which is no return on the account.

    `row` is how the broker's list of transactions tells it, None where it never does.
    """

    session: int
    currency: str
    amount: Decimal
    external: bool
    row: "CashRow | None" = None


@dataclass(frozen=True)
class CashRow:
    """`kind` in the broker's words, told from session row `told_in` on, `times` over; `conid` of what paid it."""

    kind: str
    description: str
    told_in: int
    conid: int | None = None
    times: int = 1


@dataclass(frozen=True)
class _Change:
    """A change of a holding in today's shares, as the history of net asset values needs it."""

    session: int
    conid: int
    quantity: float


@dataclass(frozen=True)
class BookRecord:
    """All that a book knows."""

    opening_cash: dict[str, Decimal]
    opening_positions: tuple[Position, ...]
    positions: tuple[Position, ...]
    changes: tuple[_Change, ...]
    executions: tuple[Execution, ...]
    gains: dict[str, Decimal]
    movements: tuple[CashMovement, ...]
    announced: tuple[CashMovement, ...]
    since: int


@dataclass(frozen=True, kw_only=True)
class Balance:
    """What the account has in one currency; `carried` are the parts that nothing here trades, by the ledger's field."""

    cash: Decimal
    settled_cash: Decimal
    stock_value: Decimal
    unrealized: Decimal
    realized: Decimal
    carried: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def net_liquidation(self) -> Decimal:
        return self.cash + self.stock_value + sum(self.carried.values(), Decimal(0))


_ZERO = Decimal(0)
NOTHING = Balance(cash=_ZERO, settled_cash=_ZERO, stock_value=_ZERO, unrealized=_ZERO, realized=_ZERO)


@dataclass(frozen=True, kw_only=True)
class Valuation(Balance):
    """The account at one instant, in its base currency.

    Margin account: half of the stock value to open, a quarter to keep (Regulation T). Cash account: nothing is lent,
    and the proceeds of a sale are spent once they have settled.
    """

    account_type: AccountType

    @property
    def initial_share(self) -> Decimal:
        return INITIAL_MARGIN if self.account_type == "margin" else Decimal(1)

    @property
    def maintenance_share(self) -> Decimal:
        return MAINTENANCE_MARGIN if self.account_type == "margin" else Decimal(1)

    @property
    def initial_margin(self) -> Decimal:
        return self.stock_value * self.initial_share

    @property
    def maintenance_margin(self) -> Decimal:
        return self.stock_value * self.maintenance_share

    @property
    def available_funds(self) -> Decimal:
        if self.account_type == "cash":
            return self.settled_cash
        return self.net_liquidation - self.initial_margin

    @property
    def excess_liquidity(self) -> Decimal:
        return self.net_liquidation - self.maintenance_margin

    @property
    def buying_power(self) -> Decimal:
        return max(self.available_funds / self.initial_share, Decimal(0))


def in_base(balances: Mapping[str, Balance], rates: Mapping[str, Decimal], account_type: AccountType) -> Valuation:
    """Both by currency; `rates` in base currency for one unit."""

    def total(name: str) -> Decimal:
        return sum((getattr(one, name) * rates[currency] for currency, one in balances.items()), Decimal(0))

    carried: dict[str, Decimal] = {}
    for currency, one in balances.items():
        for name, amount in one.carried.items():
            carried[name] = carried.get(name, Decimal(0)) + amount * rates[currency]
    return Valuation(
        carried=carried,
        cash=total("cash"),
        settled_cash=total("settled_cash"),
        stock_value=total("stock_value"),
        unrealized=total("unrealized"),
        realized=total("realized"),
        account_type=account_type,
    )


class AccountBook:
    def __init__(self, cash: Mapping[str, Decimal], positions: tuple[Position, ...], since: int) -> None:
        """`cash` by currency. `since` is the session row at whose close the account was funded and bought positions."""
        self._opening_cash = dict(cash)
        self.opening_positions = positions
        self._positions = {position.contract.conid: position for position in positions}
        self._changes = [_Change(since, position.contract.conid, float(position.quantity)) for position in positions]
        self._executions: list[Execution] = []
        self._gains: dict[str, Decimal] = {}
        self._movements: list[CashMovement] = []
        self._announced: list[CashMovement] = []
        self.since = since

    def record(self) -> BookRecord:
        return BookRecord(
            self._opening_cash,
            self.opening_positions,
            self.positions(),
            tuple(self._changes),
            self.executions,
            self._gains,
            tuple(self._movements),
            tuple(self._announced),
            self.since,
        )

    def restore(self, record: BookRecord) -> None:
        """As it was when the record was made."""
        self._opening_cash = dict(record.opening_cash)
        self.opening_positions = record.opening_positions
        self._positions = {position.contract.conid: position for position in record.positions}
        self._changes = list(record.changes)
        self._executions = list(record.executions)
        self._gains = dict(record.gains)
        self._movements = list(record.movements)
        self._announced = list(record.announced)
        self.since = record.since

    @property
    def executions(self) -> tuple[Execution, ...]:
        return tuple(self._executions)

    def positions(self) -> tuple[Position, ...]:
        """Every contract held or traded since the start; a closed position stays listed with quantity zero."""
        return tuple(self._positions.values())

    def held(self, conid: int) -> int:
        position = self._positions.get(conid)
        return position.quantity if position is not None else 0

    def gain(self, execution_id: str) -> Decimal:
        """Realized by one execution, commission aside."""
        return self._gains[execution_id]

    def apply(self, execution: Execution) -> None:
        conid = execution.contract.conid
        before = self._positions.get(conid, Position(execution.contract, 0, Decimal(0)))
        after = self._positions[conid] = before.after(execution)
        self._gains[execution.execution_id] = after.realized - before.realized
        self._executions.append(execution)
        self._changes.append(_Change(execution.session, conid, float(execution.signed_quantity)))

    @property
    def movements(self) -> tuple[CashMovement, ...]:
        """Those that were only announced, too."""
        return (*self._movements, *self._announced)

    def move_cash(
        self, currency: str, amount: Decimal, session: int, *, external: bool, row: CashRow | None = None
    ) -> None:
        """A deposit (external), a withdrawal (external, negative), income or a cost; settled at once."""
        self._movements.append(CashMovement(session, currency, amount, external, row))

    def announce(self, currency: str, amount: Decimal, session: int, row: CashRow) -> None:
        """A row of the list of transactions without the cash it tells of."""
        self._announced.append(CashMovement(session, currency, amount, external=False, row=row))

    def split(self, conid: int, ratio: Decimal, price: Decimal, session: int) -> None:
        """`ratio` new shares for each old one; a fraction of a share is paid out at `price`, the new one."""
        self._changes = [
            replace(one, quantity=one.quantity * float(ratio)) if one.conid == conid else one for one in self._changes
        ]
        position = self._positions.get(conid)
        if position is None or not position.quantity:
            return
        exact = position.quantity * ratio
        whole = exact.to_integral_value(ROUND_FLOOR)
        self._positions[conid] = replace(
            position, quantity=int(whole), average_cost=position.average_cost / ratio if whole else Decimal(0)
        )
        if exact != whole:
            self._changes.append(_Change(session, conid, float(whole - exact)))
            paid = ((exact - whole) * price).quantize(_CENT)
            self.move_cash(position.contract.currency, paid, session, external=False)

    @property
    def currencies(self) -> tuple[str, ...]:
        """Every one that the account has, or had, something in."""
        traded = (position.contract.currency for position in self._positions.values())
        return tuple(dict.fromkeys((*self._opening_cash, *traded, *(one.currency for one in self._movements))))

    def _cash_flows(self, currency: str) -> list[tuple[int, Decimal]]:
        trades = [(one.session, one.cash_flow) for one in self._executions if one.contract.currency == currency]
        return trades + [(one.session, one.amount) for one in self._movements if one.currency == currency]

    def cash(self, currency: str) -> Decimal:
        """Trade-date cash."""
        opening = self._opening_cash.get(currency, Decimal(0))
        return opening + sum((amount for _, amount in self._cash_flows(currency)), Decimal(0))

    def settled_cash(self, currency: str, session: int) -> Decimal:
        """Cash that may be spent in a session: proceeds come one session after the sale, payments go at once.

        Source: IBKR, definition of settled cash (cash at settlement less purchases at the trade, fees included).
        """
        sales = (one for one in self._executions if one.contract.currency == currency and one.session >= session)
        unsettled = sum((one.cash_flow for one in sales if one.cash_flow > 0), Decimal(0))
        return self.cash(currency) - unsettled

    def external_flows(self, rates: ExchangeRates, last: int) -> Floats:
        """Deposits less withdrawals by session from the funding to row `last`, in base currency at the session's close.

        Shape [last - since + 1].
        """
        flows = np.zeros(last + 1 - self.since)
        for one in self._movements:
            if one.external and one.session <= last:
                flows[one.session - self.since] += float(one.amount) * rates.closes(one.currency)[one.session]
        return flows

    def balances(self, marks: Mapping[int, Decimal], session: int) -> dict[str, Balance]:
        """By currency; `marks` holds the price of every position by conid."""
        return {currency: self._balance(currency, marks, session) for currency in self.currencies}

    def _balance(self, currency: str, marks: Mapping[int, Decimal], session: int) -> Balance:
        mine = [position for position in self._positions.values() if position.contract.currency == currency]
        held = [position for position in mine if position.quantity]
        value = sum((position.quantity * marks[position.contract.conid] for position in held), Decimal(0))
        cost = sum((position.quantity * position.average_cost for position in held), Decimal(0))
        realized = sum((position.realized for position in mine), Decimal(0))
        return Balance(
            cash=self.cash(currency),
            settled_cash=self.settled_cash(currency, session),
            stock_value=value,
            unrealized=value - cost,
            realized=realized,
        )

    def close_values(self, market: Market, rates: ExchangeRates, last: int) -> Floats:
        """Net asset value at the close of every session from the funding to row `last`. Shape [last - since + 1]."""
        rows = np.arange(self.since, last + 1)
        return np.asarray(
            sum(self._values(one, market, rows) * rates.closes(one)[rows] for one in self.currencies), dtype=np.float64
        )

    def _values(self, currency: str, market: Market, rows: npt.NDArray[np.int64]) -> Floats:
        """What the account has in one currency, in that currency. Shape: rows [n] → [n]."""
        value = np.full(rows.shape, float(self._opening_cash.get(currency, Decimal(0))))
        for session, amount in self._cash_flows(currency):
            value += (rows >= session) * float(amount)
        for one in self._changes:
            if market.universe.by_conid[one.conid].currency == currency:
                value += (rows >= one.session) * one.quantity * market.closes(one.conid)[rows]
        return value


def _bought(opening: Opening, market: Market) -> list[tuple[Contract, Decimal]]:
    """What is bought, each with its share of the capital in percent. Raises: StartError for a name without prices."""
    universe = market.universe
    if opening.spread is not None:
        names = opening.spread.names
        if names > len(universe.stocks):
            raise StartError(f"account {opening.account}: {names} names, this world has {len(universe.stocks)}")
        return [(one, opening.spread.weight_pct / names) for one in universe.stocks[:names]]
    bought: list[tuple[Contract, Decimal]] = []
    for holding in opening.holdings:
        contract = universe.stock(holding.symbol)
        if contract is None:
            raise StartError(f"account {opening.account}: no {holding.symbol} among {len(universe.stocks)} instruments")
        bought.append((contract, holding.weight_pct))
    return bought


def opening_book(opening: Opening, market: Market, rates: ExchangeRates, since: int) -> AccountBook:
    """Buys the holdings at the closes, and other currencies at the rates, of session row `since`.

    Raises: StartError for a name without prices.
    """
    capital = opening.starting_capital
    cash = {rates.base: capital}
    positions: list[Position] = []
    for contract, weight_pct in _bought(opening, market):
        price = to_decimal(float(market.closes(contract.conid)[since]))
        rate = rates.at_close(contract.currency, since)
        quantity = int(capital * weight_pct / 100 / (price * rate))
        if quantity:
            positions.append(Position(contract, quantity, price))
            paid = quantity * price
            cash[rates.base] -= paid if contract.currency == rates.base else (paid * rate).quantize(_CENT)
            cash.setdefault(contract.currency, Decimal(0))
    for kept in opening.cash:
        rate = rates.at_close(kept.currency, since)
        amount = (capital * kept.weight_pct / 100 / rate).quantize(_CENT, ROUND_FLOOR)
        cash[rates.base] -= (amount * rate).quantize(_CENT)
        cash[kept.currency] = amount
    return AccountBook(cash, tuple(positions), since)
