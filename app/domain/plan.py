"""Plans: what could be done, and the one that was chosen."""

import hashlib
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from app.domain.adoption import Adoption
from app.domain.kept import kept_property
from app.domain.order import Order
from app.domain.recovery import Recovery


class Action(StrEnum):
    """The five things that a day can bring."""

    HOLD = "HOLD"
    REINFORCE = "REINFORCE"
    ROTATE = "ROTATE"
    CUT_LOSERS = "CUT_LOSERS"
    REBALANCE = "REBALANCE"


EXITS_ONLY = "EXITS ONLY"


def shown_as(action: str, orders: int) -> str:
    """The action of a plan with so many orders as people read it: HOLD that sells is none to them."""
    return EXITS_ONLY if action == Action.HOLD and orders else action


@dataclass(frozen=True, slots=True)
class PostTrade:
    """The portfolio as it would be after the plan, at reference prices and before costs.

    `metrics` holds the value of every metric by name, None where it cannot be computed.
    """

    cash_weight: float
    exposure: float
    turnover: float
    metrics: dict[str, float | None]


@dataclass(frozen=True)
class Plan:
    """Orders of one action, mandatory ones included; `reason` says what triggered it.

    `own_sales`: what of its sales by choice, in base currency, is not there to pay for its purchases.
    """

    action: Action
    orders: tuple[Order, ...]
    reason: str
    on_breach: bool = False
    post_trade: PostTrade | None = None
    own_sales: Decimal = Decimal(0)

    @kept_property
    def id(self) -> str:
        """The same action and orders always have the same id."""
        legs = sorted(f"{o.instrument.conid}:{o.side}:{o.quantity}:{o.leg}" for o in self.orders)
        return f"{self.action.value.lower()}-" + hashlib.sha256("|".join(legs).encode()).hexdigest()[:8]

    @property
    def shown_as(self) -> str:
        """Its action as people read it."""
        return shown_as(self.action.value, len(self.orders))

    @property
    def notional(self) -> Decimal:
        """Sum of the orders' values at reference prices."""
        return sum((order.notional for order in self.orders), Decimal(0))


@dataclass(frozen=True, slots=True)
class Choice:
    """One plan out of those offered. `fallback` says why the rules chose where a model was asked."""

    plan_id: str
    rationale: str
    chosen_by: str
    fallback: str | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a model was told beside the day's question, and what it answered; `failure` where no answer came."""

    model: str
    instruction: str
    answer: str | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """What the ledger remembers that today's decision depends on; sessions are counted back from today.

    `reinforced`: conid → sessions since each earlier reinforcement of what is held now.
    `sold_at_loss`: conid → sessions since it was sold at a loss, by anything.
    `profit_levels_taken`: conid → how many take-profit sales what is held now has had.
    `bought`, `sold`: conid → sessions since the newest buy, and since the newest sale.
    `last_rebalance`, `last_rotation`: sessions since, None for never.
    `previous_severities`: metric → severity at the previous session's run.
    `drawdown_acted_at`: drawdown at the last drawdown action.
    `previous_caps`: exposure caps in force at the previous session's run, by rule.
    `closed_trades`: profit after fees of each purchase that was sold again; None where a cost or a fee is not known.
    `adoption`: how the account was taken over, None where nobody ever did; `adopted` sessions ago. `settled`: it has
    been within the band around its targets since, with nothing inherited over its limit.
    `gain_bases`: conid → the price that gains and losses count from, where it is not the broker's average cost.
    `inherited`: breaches found at the adoption and still in force at the previous session's run, each with how far it
    was over its limit then; None where there was no such run.
    `recovery` from a fall, as at the previous session's run, `since_began` and `since_acted` sessions after the
    drawdown action acted first and last, `since_rebased` after the mark was rebased; `marked`: the session from which
    falls are counted, None from the adoption.
    `cut`: conid → sessions since what is held now was cut as a loser and not bought again.
    `cap_rose`: the session since which more may be invested, as at the previous session's run, `since_cap_rose`
    sessions ago.
    `resumed`: the session on which a person last resumed; `acknowledged`: metric → the value that was seen then.
    `rotated`: conid → shares bought, less those sold, by the newest rotation; `added`: conid → shares that
    reinforcements of what is held now bought.
    `new_money`: paid in and not invested yet; `planned_withdrawal`: announced and not raised yet; base currency.
    """

    reinforced: dict[int, tuple[int, ...]]
    sold_at_loss: dict[int, int]
    profit_levels_taken: dict[int, int]
    last_rebalance: int | None = None
    last_rotation: int | None = None
    previous_severities: dict[str, str] | None = None
    drawdown_acted_at: float | None = None
    previous_caps: dict[str, float] | None = None
    bought: dict[int, int] = field(default_factory=dict)
    sold: dict[int, int] = field(default_factory=dict)
    closed_trades: tuple[Decimal | None, ...] = ()
    adoption: Adoption | None = None
    adopted: int = 0
    settled: bool = False
    gain_bases: dict[int, Decimal] = field(default_factory=dict)
    inherited: dict[str, float] | None = None
    new_money: Decimal = Decimal(0)
    planned_withdrawal: Decimal = Decimal(0)
    recovery: Recovery | None = None
    since_began: int = 0
    since_acted: int = 0
    since_rebased: int | None = None
    marked: date | None = None
    resumed: date | None = None
    acknowledged: dict[str, float] = field(default_factory=dict)
    cut: dict[int, int] = field(default_factory=dict)
    cap_rose: date | None = None
    since_cap_rose: int = 0
    rotated: dict[int, Decimal] = field(default_factory=dict)
    added: dict[int, Decimal] = field(default_factory=dict)


NO_MEMORY = Memory(reinforced={}, sold_at_loss={}, profit_levels_taken={})
