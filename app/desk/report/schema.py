"""The report of a run: a stable contract. Its JSON schema in `docs/` is generated from these types.

Money and quantities are decimal strings; ratios are fractions; times are UTC.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

from app.desk.records import RunStatus
from app.desk.report.question import QuestionPart

# Reports from before it was told had the fields of version 1.
SCHEMA_VERSION = 1


def _plain(amount: Decimal) -> str:
    return format(amount, "f")


Amount = Annotated[
    Decimal,
    PlainSerializer(_plain, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}),
]


class Part(BaseModel):
    """Base of every part."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PolicyPart(Part):
    """Which rules governed."""

    name: str
    version: int
    hash: str


class LotPart(Part):
    """Shares of one purchase, oldest first out; amounts in the instrument's currency, `cost` a share before fees.

    Null where the record does not tell: bought before it began, or by another hand.
    """

    acquired: date | None
    quantity: Amount
    cost: Amount | None
    unrealized_pnl: Amount | None
    holding_days: int | None


class PositionPart(Part):
    """One holding as it was read; price, cost and values in its own currency, `weight` a fraction of NAV."""

    symbol: str
    conid: int
    sector: str
    currency: str
    quantity: Amount
    price: Amount
    market_value: Amount
    weight: float
    average_cost: Amount
    unrealized_pnl: Amount
    lots: tuple[LotPart, ...]


class UnmanagedPart(Part):
    """A holding that no rule orders, and why; `value` is its part of NAV, both amounts in the account's base currency.

    Null where nobody tells. `value_from` is the session whose value is carried, null for today's.
    """

    symbol: str
    conid: int | None
    asset_class: str
    currency: str | None
    quantity: Amount | None
    value: Amount | None
    exposure: Amount | None
    value_from: date | None
    reason: str


class NavPart(Part):
    """What NAV is made of, beside the broker's own net liquidation; in the account's base currency.

    `accrued_dividends` and `accrued_interest` are owed and not yet paid: the broker counts them, NAV does not.
    `difference` is what remains of the broker's figure after all of it, null where it tells none.
    """

    cash: Amount
    positions: Amount
    unmanaged: Amount
    accrued_dividends: Amount
    accrued_interest: Amount
    broker: Amount | None
    difference: Amount | None


class UnreadablePart(Part):
    """An order or execution in the broker's lists that could not be read."""

    kind: str
    symbol: str | None
    conid: int | None
    reason: str


class PortfolioPart(Part):
    """The account as it was read; amounts in `currency`, but `balances`: trade-date cash in each currency, by currency.

    `fx_rates`: base currency per unit of each other currency. `positions` are what the policy's rules manage,
    `unmanaged` is the rest of what is held. `gaps`: what the broker did not tell, and what follows.
    """

    currency: str
    nav: Amount
    nav_parts: NavPart
    cash: Amount
    buying_power: Amount | None
    unrealized_pnl: Amount
    realized_pnl: Amount
    account_type: str | None
    as_of: datetime
    balances: dict[str, Amount]
    fx_rates: dict[str, Amount]
    positions: tuple[PositionPart, ...]
    unmanaged: tuple[UnmanagedPart, ...]
    unreadable: tuple[UnreadablePart, ...]
    gaps: tuple[str, ...]


class QuarantinePart(Part):
    """A name without automatic orders until a person has looked."""

    symbol: str
    since: date
    reason: str


class ContinuityPart(Part):
    """Money from outside: all that was detected, what a person explained, and what is left to explain."""

    detected_flows: Amount
    recorded_flows: Amount
    unexplained_flow: Amount
    quarantine: tuple[QuarantinePart, ...]


class TradePart(Part):
    """One execution; `coid` is null where another program ordered it."""

    execution_id: str
    coid: str | None
    conid: int
    side: str
    quantity: Amount
    price: Amount
    commission: Amount | None
    time: datetime


class LevelPart(Part):
    """The kill level in force, and why."""

    level: str
    reason: str
    actor: str


class QuotePart(Part):
    """One price as it was read; `marks` names what is simulated, derived or fictional."""

    symbol: str
    conid: int
    bid: Amount | None
    ask: Amount | None
    last: Amount | None
    prior_close: Amount | None
    average_volume: Amount | None
    market_cap: Amount | None
    kind: str
    as_of: datetime
    source: str
    marks: tuple[str, ...]


class MarketPart(Part):
    """What the market said. `untradable`: symbol → why it is not ordered today.

    `volatility_30d`: symbol → annualised volatility of the last 30 returns, null without the history.
    `sentiment`: symbol → of its news, from -1 to 1, null where there is none.
    """

    vix: float | None
    vix_source: str | None
    trend: str | None
    quotes: tuple[QuotePart, ...]
    untradable: dict[str, str]
    volatility_30d: dict[str, float | None]
    sentiment: dict[str, float | None]


class MetricPart(Part):
    """One measurement against its limit; a metric without a limit is shown for information."""

    name: str
    value: float | None
    limit: float | None
    severity: str
    note: str | None


class ExitPart(Part):
    """A sale that the policy demands."""

    rule: str
    symbol: str
    fraction: float
    value: float
    threshold: float


class DriftPart(Part):
    """Distance from a target."""

    kind: str
    name: str
    weight: float
    target: float
    attainable: float


class CapPart(Part):
    """One bound on the invested share."""

    rule: str
    limit: float


class MemoryPart(Part):
    """What the ledger remembered; sessions are counted back from the day, names by symbol.

    `reinforced`: since each addition to what is held now. `sold_at_loss`: since a stop or a cut. `profit_levels_taken`:
    of what is held now.
    """

    last_rebalance: int | None
    last_rotation: int | None
    reinforced: dict[str, tuple[int, ...]]
    sold_at_loss: dict[str, int]
    profit_levels_taken: dict[str, int]


class EvaluationPart(Part):
    """What was measured. `drawdown_acted_at`: the drawdown at which the drawdown action last acted."""

    metrics: tuple[MetricPart, ...]
    drawdown: float | None
    exits_due: tuple[ExitPart, ...]
    drift: tuple[DriftPart, ...]
    exposure_caps: tuple[CapPart, ...]
    drawdown_acted_at: float | None


class PlannedOrder(Part):
    """An order as a plan has it."""

    symbol: str
    side: str
    quantity: Amount
    reference_price: Amount
    mandatory: bool
    reason: str


class PostTradePart(Part):
    """The portfolio after the plan, before costs."""

    cash_weight: float
    exposure: float
    turnover: float
    metrics: dict[str, float | None]


class PlanPart(Part):
    """One thing that could have been done."""

    id: str
    action: str
    reason: str
    orders: tuple[PlannedOrder, ...]
    post_trade: PostTradePart | None


class DecisionPart(Part):
    """What was chosen. `fallback` says why the rules chose where a model was asked."""

    action: str
    plan_id: str
    chosen_by: str
    rationale: str
    fallback: str | None


class ConditionPart(Part):
    """One thing that an action asks for, of the policy's field `rule`; `distance` is threshold less value.

    Values are fractions, or sessions where the rule counts them. `change` says what would meet it.
    """

    rule: str
    subject: str
    met: bool
    text: str
    value: float | None
    threshold: float | None
    distance: float | None
    change: str | None


class ShortfallPart(Part):
    """A target that the closest feasible plan does not meet, as fractions of NAV."""

    kind: str
    name: str
    target: float
    attainable: float
    after: float
    reasons: tuple[str, ...]


class ExplanationPart(Part):
    """Why an action was chosen or not. Of `triggers` one is enough, of `requirements` all are needed.

    `standing`: chosen, offered, withheld, refused (by the gate), impossible (no order fits), not_triggered or barred.
    """

    action: str
    standing: str
    because: str
    triggers: tuple[ConditionPart, ...]
    requirements: tuple[ConditionPart, ...]
    changes: tuple[str, ...]
    shortfalls: tuple[ShortfallPart, ...]


class WhatIfPart(Part):
    """The broker's own preview of an order: amount and commission in its currency, the rest in base."""

    amount: Amount | None
    commission: Amount | None
    equity_after: Amount | None
    initial_margin_after: Amount | None
    maintenance_margin_after: Amount | None
    warnings: tuple[str, ...]
    error: str | None


class OrderPart(Part):
    """What became of one order; `state` is the ledger's word, or PREVIEWED or REFUSED where nothing was to be sent.

    `lots` of a sale: those that it takes all of its quantity from, first in, first out; of a buy none.
    """

    coid: str
    symbol: str
    side: str
    quantity: Amount
    reference_price: Amount
    limit_price: Amount | None
    state: str
    filled_quantity: Amount
    average_price: Amount | None
    reason: str | None
    trigger: str
    what_if: WhatIfPart | None
    lots: tuple[LotPart, ...]
    questions: tuple[QuestionPart, ...] = ()


class RefusalPart(Part):
    """What the gate cut, and the largest quantity that would have passed."""

    rule: str
    symbol: str
    value: str
    limit: str
    largest: Amount


class ModelPart(Part):
    """What choosing took; `cost` in USD, null when the model's price is unknown."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost: Amount | None


class BrokerPart(Part):
    """Calls to the broker's server."""

    calls: int
    calls_by_tool: dict[str, int]


class Report(Part):
    """One run, complete. The parts that a run did not come to are null.

    `schema_version` counts the changes that a reader must follow; a field that is only added is none.
    """

    schema_version: int = SCHEMA_VERSION
    run_id: str
    account: str
    session_date: date
    slot: str
    status: RunStatus
    mode: str
    mode_reason: str
    as_of: datetime
    source: str
    policy: PolicyPart
    level: LevelPart
    portfolio: PortfolioPart | None
    continuity: ContinuityPart | None
    market: MarketPart | None
    evaluation: EvaluationPart | None
    memory: MemoryPart | None
    plans: tuple[PlanPart, ...]
    decision: DecisionPart | None
    explanations: tuple[ExplanationPart, ...]
    orders: tuple[OrderPart, ...]
    trades: tuple[TradePart, ...]
    refusals: tuple[RefusalPart, ...]
    model: ModelPart
    broker: BrokerPart
    timings_ms: dict[str, float]
    note: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The contract's form."""
        return self.model_dump(mode="json")
