"""What was measured, and what the ledger remembered, in the report."""

from decimal import Decimal

from pydantic import Field

from app.desk.report.part import Amount, Part
from app.desk.states import MarketRead
from app.domain.evaluation import Evaluation
from app.domain.plan import Memory


class MetricPart(Part):
    """One measurement against its limit; a metric without a limit is shown for information.

    `acts_as`: the severity that rules act upon, where the breach was there when the account was taken over.
    """

    name: str
    value: float | None
    limit: float | None
    severity: str
    note: str | None
    acts_as: str | None = None


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

    `reinforced`: since each addition to what is held now. `sold_at_loss`: since a sale at a loss, by anything.
    `profit_levels_taken`: of what is held now. `bought`, `sold`: since the newest purchase and sale. `new_money`: paid
    in and not invested yet; `planned_withdrawal`: announced; base currency.
    """

    last_rebalance: int | None
    last_rotation: int | None
    reinforced: dict[str, tuple[int, ...]]
    sold_at_loss: dict[str, int]
    profit_levels_taken: dict[str, int]
    bought: dict[str, int] = Field(default_factory=dict)
    sold: dict[str, int] = Field(default_factory=dict)
    new_money: Amount = Decimal(0)
    planned_withdrawal: Amount = Decimal(0)


class EvaluationPart(Part):
    """What was measured. `drawdown_acted_at`: the drawdown at which the drawdown action last acted.

    `inherited` breaches by what they are kept under, each with how far it was over its limit as the account was taken
    over; `settled`: the account was where its targets want it since then.
    """

    metrics: tuple[MetricPart, ...]
    drawdown: float | None
    exits_due: tuple[ExitPart, ...]
    drift: tuple[DriftPart, ...]
    exposure_caps: tuple[CapPart, ...]
    drawdown_acted_at: float | None
    inherited: dict[str, float] | None = None
    settled: bool = False


def evaluation_part(memory: Memory, evaluation: Evaluation) -> EvaluationPart:
    return EvaluationPart(
        metrics=tuple(
            MetricPart(
                name=m.name, value=m.value, limit=m.limit, severity=m.severity.value, note=m.note, acts_as=m.acts_as
            )
            for m in evaluation.metrics
        ),
        drawdown=evaluation.drawdown,
        exits_due=tuple(
            ExitPart(rule=e.rule.value, symbol=e.symbol, fraction=e.fraction, value=e.value, threshold=e.threshold)
            for e in evaluation.exits_due
        ),
        drift=tuple(
            DriftPart(kind=d.kind, name=d.name, weight=d.weight, target=d.target, attainable=d.attainable)
            for d in evaluation.drifts
        ),
        exposure_caps=tuple(CapPart(rule=c.rule, limit=c.limit) for c in evaluation.caps),
        drawdown_acted_at=evaluation.drawdown_acted_at,
        inherited=dict(evaluation.inherited) or None,
        settled=evaluation.settled,
    )


def memory_part(run: MarketRead) -> MemoryPart:
    memory = run.memory
    symbols = {conid: instrument.symbol for conid, instrument in run.market.instruments.items()}
    return MemoryPart(
        last_rebalance=memory.last_rebalance,
        last_rotation=memory.last_rotation,
        reinforced={symbols[n]: ago for n, ago in memory.reinforced.items() if n in symbols},
        sold_at_loss={symbols[n]: ago for n, ago in memory.sold_at_loss.items() if n in symbols},
        profit_levels_taken={symbols[n]: count for n, count in memory.profit_levels_taken.items() if n in symbols},
        bought={symbols[n]: ago for n, ago in memory.bought.items() if n in symbols},
        sold={symbols[n]: ago for n, ago in memory.sold.items() if n in symbols},
        new_money=memory.new_money,
        planned_withdrawal=memory.planned_withdrawal,
    )
