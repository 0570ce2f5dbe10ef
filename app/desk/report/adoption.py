"""How the account was taken over, what that still means today, and the prices at which a rule acts, in the report."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from app.desk.desk import Desk
from app.desk.report.part import CENT, Amount, Part, cents
from app.desk.report.plan import PlannedOrder, planned_order
from app.desk.states import MarketRead, evaluation_of
from app.domain.adoption import mode_of
from app.domain.evaluation import position_key
from app.domain.price_levels import price_levels
from app.domain.taking_over import is_taking_over
from app.engine.first_contact import ModeOutcome, legacy_names

SHOWN = Decimal("0.0001")


class InheritedPart(Part):
    """A breach from before the account was taken over, and how far it was over its limit then."""

    name: str
    excess: float


class ModePart(Part):
    """What one mode would order today; amounts in base currency, the commission an estimate.

    `realized_gain` at the broker's average cost, null where one is not known. Of what `stays` nothing is sold.
    """

    mode: str
    orders: tuple[PlannedOrder, ...]
    turnover: Amount
    commission: Amount
    realized_gain: Amount | None
    stays: tuple[str, ...]
    inherited: tuple[InheritedPart, ...]


class AdoptionPart(Part):
    """`first_contact`: no run took the account over before this one, and `modes` compares what that could do.

    `until` is the last day on which what was found is worked off without being acted upon. `legacy` names are held
    outside the universe.
    """

    session_date: date
    nav: Amount
    mode: str
    mode_chosen_by: str
    first_contact: bool
    sessions_ago: int
    until: date
    working_off: bool
    inherited: tuple[InheritedPart, ...]
    legacy: tuple[str, ...]
    modes: tuple[ModePart, ...] = ()


class PriceLevelsPart(Part):
    """The prices of one holding, in its currency, at which a rule acts; `base` is what gains count from."""

    symbol: str
    currency: str
    price: Amount
    base: Amount
    monthly_volatility: float | None
    stop: Amount
    cut: Amount | None
    take_profit: Amount | None
    reinforce: Amount | None


def adoption_part(desk: Desk, run: MarketRead, modes: Sequence[ModeOutcome] = ()) -> AdoptionPart | None:
    """None where nobody takes the account over."""
    memory, policy = run.memory, desk.policy
    adoption = memory.adoption
    if adoption is None:
        return None
    evaluation, names = evaluation_of(run), _names(run)
    held = evaluation.inherited if evaluation else memory.inherited or {}
    return AdoptionPart(
        session_date=adoption.session_date,
        nav=adoption.nav,
        mode=mode_of(policy, adoption).value,
        mode_chosen_by="policy" if adoption.mode is None else "person",
        first_contact=run.first_contact,
        sessions_ago=memory.adopted,
        until=adoption.session_date + timedelta(weeks=policy.adoption.weeks),
        working_off=is_taking_over(policy, memory),
        inherited=_inherited(held, names),
        legacy=legacy_names(policy, run.portfolio),
        modes=tuple(_mode_part(each, names) for each in modes),
    )


def _names(run: MarketRead) -> Mapping[str, str]:
    """What a breach is kept under, of names that are held, in words."""
    return {position_key(p.instrument.conid): f"max_position {p.instrument.symbol}" for p in run.portfolio.positions}


def _inherited(found: Mapping[str, float], names: Mapping[str, str]) -> tuple[InheritedPart, ...]:
    told = {names.get(key, key.replace(":", " ")): excess for key, excess in found.items()}
    return tuple(InheritedPart(name=name, excess=told[name]) for name in sorted(told))


def _mode_part(found: ModeOutcome, names: Mapping[str, str]) -> ModePart:
    gain = found.realized_gain
    return ModePart(
        mode=found.mode.value,
        orders=tuple(planned_order(order) for order in found.orders),
        turnover=found.turnover.quantize(CENT),
        commission=found.commission.quantize(CENT),
        realized_gain=cents(gain),
        stays=found.stays,
        inherited=_inherited(found.inherited, names),
    )


def levels_part(desk: Desk, run: MarketRead) -> tuple[PriceLevelsPart, ...]:
    return tuple(
        PriceLevelsPart(
            symbol=each.symbol,
            currency=each.currency,
            price=each.price,
            base=each.base.quantize(SHOWN),
            monthly_volatility=each.monthly_volatility,
            stop=each.stop,
            cut=each.cut,
            take_profit=each.take_profit,
            reinforce=each.reinforce,
        )
        for each in price_levels(desk.policy, run.portfolio, run.market, run.memory)
    )
