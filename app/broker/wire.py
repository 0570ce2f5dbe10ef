"""What the MCP server's tools answer, typed on this side. Unknown fields are ignored, missing ones are errors."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict

from app.domain.cash import CashKind, CashSource
from app.domain.instrument import AssetClass
from app.domain.market import QuoteKind
from app.domain.order import Outcome, Side
from app.domain.session import SessionState


def _storable(text: str) -> str:
    """Text of other people that no database stumbles over, and no longer than anybody reads."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ")[:4_000]


OthersText = Annotated[str, AfterValidator(_storable)]


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True)


class SimulatorAnswer(Answer):
    as_of: date
    seed: int
    data: str
    pacing: float


class SessionAnswer(Answer):
    state: SessionState
    message: str
    remedy: str | None
    accounts: tuple[str, ...]
    paper: bool | None
    now: AwareDatetime
    simulator: SimulatorAnswer | None
    trading_mode: str
    since: AwareDatetime | None = None
    login_url: str | None = None
    next_reset: AwareDatetime | None = None


class CashAnswer(Answer):
    currency: str
    cash: Decimal
    settled_cash: Decimal | None
    exchange_rate: Decimal | None


class ModelAnswer(Answer):
    model: str
    quantity: Decimal


class ClassifiedAnswer(Answer):
    """What the broker says that a share or fund is; null is what it does not tell."""

    type: str | None = None
    industry: str | None = None
    category: str | None = None


class PositionAnswer(ClassifiedAnswer):
    """`asset_class` is the broker's security type, whichever; `models` what of the quantity other models hold."""

    conid: int
    symbol: str
    name: str | None
    asset_class: str
    currency: str
    quantity: Decimal
    price: Decimal | None
    market_value: Decimal | None = None
    average_cost: Decimal | None
    unrealized_pnl: Decimal | None = None
    realized_pnl: Decimal | None
    multiplier: Decimal | None = None
    models: tuple[ModelAnswer, ...] = ()
    note: str | None = None


class StrangeAnswer(Answer):
    what: str
    conid: int | None
    symbol: str | None
    reason: str


class NavPartAnswer(Answer):
    name: str
    amount: Decimal


class LegAnswer(Answer):
    conid: int
    ratio: int


class OrderAnswer(Answer):
    order_id: str
    coid: str | None
    conid: int
    symbol: str | None
    side: Side
    quantity: Decimal
    filled_quantity: Decimal
    limit_price: Decimal | None
    average_price: Decimal | None
    status: str
    currency: str | None
    security_type: str | None = None
    legs: tuple[LegAnswer, ...] = ()


class PortfolioAnswer(Answer):
    account: str
    currency: str
    account_type: str | None
    net_liquidation: Decimal | None
    available_funds: Decimal | None
    buying_power: Decimal | None
    cash: tuple[CashAnswer, ...]
    positions: tuple[PositionAnswer, ...]
    orders: tuple[OrderAnswer, ...]
    as_of: AwareDatetime
    source: str
    nav_parts: tuple[NavPartAnswer, ...] = ()
    strange: tuple[StrangeAnswer, ...] = ()
    orders_complete: bool = True


class NavAnswer(Answer):
    date: date
    nav: Decimal


class PerformanceAnswer(Answer):
    points: tuple[NavAnswer, ...]


class CashRowAnswer(Answer):
    id: OthersText
    date: date
    kind: CashKind
    amount: Decimal
    currency: str
    description: OthersText
    conid: int | None = None
    exchange_rate: Decimal | None = None
    margin: Decimal = Decimal(0)
    source: CashSource


class CashRowsAnswer(Answer):
    rows: tuple[CashRowAnswer, ...]


class ContractAnswer(ClassifiedAnswer):
    symbol: str
    conid: int
    name: str | None
    currency: str
    asset_class: AssetClass


class UnresolvedAnswer(Answer):
    symbol: str
    reason: str


class ContractsAnswer(Answer):
    contracts: tuple[ContractAnswer, ...]
    unresolved: tuple[UnresolvedAnswer, ...]


class IncrementAnswer(Answer):
    lower_edge: Decimal
    increment: Decimal


class RulesAnswer(Answer):
    conid: int
    increments: tuple[IncrementAnswer, ...]
    quantity_increment: Decimal
    can_trade: bool


class QuoteAnswer(Answer):
    conid: int
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    prior_close: Decimal | None
    kind: QuoteKind
    average_volume: Decimal | None
    market_cap: Decimal | None
    as_of: AwareDatetime
    source: str
    marks: tuple[str, ...]


class MissingAnswer(Answer):
    conid: int
    reason: str


class QuotesAnswer(Answer):
    quotes: tuple[QuoteAnswer, ...]
    missing: tuple[MissingAnswer, ...]


class HistoryAnswer(Answer):
    conid: int
    dates: tuple[date, ...]
    closes: tuple[float, ...]
    source: str
    as_of: AwareDatetime


class PreviewAnswer(Answer):
    amount: Decimal | None
    commission: Decimal | None
    equity_after: Decimal | None
    initial_margin_after: Decimal | None
    maintenance_margin_after: Decimal | None
    warnings: tuple[str, ...]
    error: str | None


class TradeAnswer(Answer):
    execution_id: str
    order_id: str
    coid: str | None
    conid: int
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal | None
    time: datetime
    currency: str | None = None
    security_type: str | None = None
    multiplier: Decimal | None = None
    net_amount: Decimal | None = None


class ReportAnswer(Answer):
    orders: tuple[OrderAnswer, ...]
    trades: tuple[TradeAnswer, ...]
    as_of: AwareDatetime
    strange: tuple[StrangeAnswer, ...] = ()
    orders_complete: bool = True


class QuestionAnswer(Answer):
    message_ids: tuple[OthersText, ...]
    text: OthersText
    confirmed: bool
    why: OthersText | None = None


class PlacementAnswer(Answer):
    outcome: Outcome
    order_id: str | None
    status: str | None
    message: OthersText | None
    # Servers of before questions were told name none.
    questions: tuple[QuestionAnswer, ...] = ()


def outcome(answer: PlacementAnswer) -> Outcome:
    """An open outcome behind a question that nobody answered is no lost answer: nothing is under way."""
    asked = bool(answer.questions) and not answer.questions[-1].confirmed
    return Outcome.UNANSWERED if asked and answer.outcome is Outcome.UNKNOWN else answer.outcome


class CancelAnswer(Answer):
    outcome: str
    message: OthersText | None
    questions: tuple[QuestionAnswer, ...] = ()
