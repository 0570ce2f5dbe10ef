"""The report of a run: a stable contract. Its JSON schema in `docs/` is generated from these types.

Money and quantities are decimal strings; ratios are fractions; times are UTC.
"""

from datetime import date, datetime
from typing import Any

from app.desk.records import RunStatus
from app.desk.report.account import ContinuityPart, PortfolioPart, TradePart
from app.desk.report.adoption import AdoptionPart, PriceLevelsPart
from app.desk.report.after import AfterPart
from app.desk.report.earned import EarnedPart
from app.desk.report.evaluation import EvaluationPart, MemoryPart
from app.desk.report.explanation import ExplanationPart
from app.desk.report.market import MarketPart
from app.desk.report.order import OrderPart, RefusalPart
from app.desk.report.part import Amount, Part
from app.desk.report.plan import DecisionPart, PlanPart
from app.desk.report.summary import SummaryPart
from app.desk.report.targets import TargetsPart
from app.desk.report.tax import TaxPart

# Reports from before it was told had the fields of version 1.
SCHEMA_VERSION = 1


class PolicyPart(Part):
    """Which rules governed."""

    name: str
    version: int
    hash: str


class LevelPart(Part):
    """The kill level in force, and why."""

    level: str
    reason: str
    actor: str


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

    `schema_version` counts the changes that a reader must follow; a field that is only added is none. `summary` and
    `after` are null in reports of earlier versions, `after` also where the run did not read the account.
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
    adoption: AdoptionPart | None = None
    price_levels: tuple[PriceLevelsPart, ...] = ()
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
    tax: TaxPart | None = None
    targets: TargetsPart | None = None
    earned: EarnedPart | None = None
    summary: SummaryPart | None = None
    after: AfterPart | None = None

    def as_json(self) -> dict[str, Any]:
        """The contract's form."""
        return self.model_dump(mode="json")
