"""From one recorded session's run to the next: what is on record of it, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from app.desk.records import Flow
from app.domain.market import Market
from app.domain.order import Order, OrderState, Side
from app.domain.plan import Plan
from app.domain.portfolio import Portfolio
from app.record.capture import Inputs


@dataclass(frozen=True, slots=True)
class Execution:
    """What became of an intent. `fee` in the instrument's currency as the broker's preview named it; `late`: it filled
    when its run was over.
    """

    conid: int
    symbol: str
    side: Side
    leg: int
    quantity: Decimal
    filled: Decimal
    price: Decimal | None
    fee: Decimal | None
    state: OrderState
    late: bool = False
    reason: str | None = None

    @property
    def name(self) -> tuple[int, Side, int]:
        """Of the plan's order that it is."""
        return self.conid, self.side, self.leg


@dataclass(frozen=True)
class Decided:
    """One run: what it was decided from, the plan of then and those that come of it now, in the order of the swaps.

    A plan is None where nothing else can come out: the same code, the same policy, the same closes.
    """

    run_id: str
    inputs: Inputs
    plan: Plan
    executions: tuple[Execution, ...]
    by_this_code: Plan | None = None
    by_this_policy: Plan | None = None
    by_these_closes: Plan | None = None

    @property
    def by_hand(self) -> bool:
        """A person asked for its one order."""
        return self.inputs.by_hand is not None


@dataclass(frozen=True)
class Missed:
    """A session without a run, and what its run would have ordered, with the closes that it would have paid."""

    session_date: date
    orders: tuple[Order, ...]
    closes: Mapping[int, Decimal]
    problem: str | None = None


@dataclass(frozen=True)
class Interval:
    """`closes` of `session_date` by conid, as they were kept by the end, in shares of the start; `closes_now` as the
    source gives them today. `others`: what runs of which nothing is kept did. `dividends`: a share, by conid.
    """

    session_date: date
    until: date
    start: Portfolio
    end: Portfolio
    market: Market
    decided: tuple[Decided, ...]
    closes: Mapping[int, Decimal]
    closes_now: Mapping[int, Decimal] = field(default_factory=dict)
    others: tuple[Execution, ...] = ()
    missed: tuple[Missed, ...] = ()
    flows: tuple[Flow, ...] = ()
    dividends: Mapping[int, Decimal] = field(default_factory=dict)
