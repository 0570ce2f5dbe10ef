"""What a policy's fields say about each other: every field may be valid and the whole still impossible.

Errors are rules that contradict each other; warnings are rules that do nothing, or that look like a slip. Judges the
policy alone and must never look at an account or a market.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from enum import StrEnum

from app.domain.instrument import GICS_SECTORS, AssetClass
from app.domain.policy import DrawdownAction, Execution, Fx, Mode, Occasion, Policy, RiskTolerance
from app.domain.policy.fields import CASH, slips
from app.domain.questions import DOCUMENTED, Bound
from app.domain.sizing import HEADROOM
from app.domain.slots import name_problem
from app.domain.tolerance import TOLERANCE

_OPEN, _CLOSE, _HALF_DAY_CLOSE = ("09:30", "16:00", "13:00")
# An investor's own word against the limits: annual volatility and drawdown that still fit it. Our convention.
_CALM_ENOUGH = {RiskTolerance.CONSERVATIVE: 0.15, RiskTolerance.MODERATE: 0.25, RiskTolerance.AGGRESSIVE: 1.0}
_SHORT_HORIZON_YEARS, _SHORT_HORIZON_EXPOSURE = 3, 0.6


class Level(StrEnum):
    """An error keeps the policy from being used."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem; `field` is the path as the file writes it."""

    severity: Level
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def check(policy: Policy, sectors: Mapping[str, str]) -> tuple[Finding, ...]:
    """Every contradiction and oddity, errors first. `sectors`: symbol → GICS sector, before the policy's own word.

    A name that is in neither may be in any sector: that is the broker's to tell, and `portfolio doctor` asks him.
    """
    sectors = {**sectors, **policy.universe.sector_of}
    findings = [
        finding
        for rule in (
            _universe,
            _symbols,
            _sector_names,
            _targets,
            _capacity,
            _limits,
            _exits,
            _market,
            _execution,
            _slots,
            _answers,
            _investor,
            _notifications,
            _slips,
        )
        for finding in rule(policy, sectors)
    ]
    return tuple(sorted(findings, key=lambda finding: finding.severity is Level.WARNING))


def _error(field: str, message: str) -> Finding:
    return Finding(Level.ERROR, field, message)


def _warning(field: str, message: str) -> Finding:
    return Finding(Level.WARNING, field, message)


def _percent(fraction: float) -> str:
    return f"{fraction * 100:.6g} %"


def _buyable(policy: Policy, sectors: Mapping[str, str]) -> tuple[str, ...]:
    """The symbols that the universe itself does not rule out."""
    universe = policy.universe
    return tuple(
        symbol
        for symbol in dict.fromkeys(universe.symbols)
        if symbol not in universe.restricted
        and (not universe.sectors or symbol not in sectors or sectors[symbol] in universe.sectors)
    )


def _room(policy: Policy, symbols: tuple[str, ...]) -> float:
    """How much of NAV those symbols can hold inside the position limits."""
    limits, funds = policy.risk_limits, policy.universe.diversified_funds
    return sum(limits.max_diversified_fund if symbol in funds else limits.max_position for symbol in symbols)


def invested_target(policy: Policy) -> float | None:
    """The share of NAV that the targets invest, None where there are no targets."""
    allocation = policy.allocation
    if allocation.asset_classes:
        return sum(target for name, target in allocation.asset_classes.items() if name != CASH)
    return sum(allocation.sectors.values()) if allocation.sectors else None


def _universe(policy: Policy, sectors: Mapping[str, str]) -> Iterator[Finding]:
    universe = policy.universe
    for name in ("symbols", "restricted", "diversified_funds"):
        values: tuple[str, ...] = getattr(universe, name)
        for symbol in sorted({symbol for symbol in values if values.count(symbol) > 1}):
            yield _error(f"universe.{name}", f"{symbol} is listed twice")
    if not _buyable(policy, sectors):
        yield _error(
            "universe.symbols", "every name is restricted or outside universe.sectors; nothing could be bought"
        )
    for symbol in universe.diversified_funds:
        if symbol not in universe.symbols:
            yield _warning("universe.diversified_funds", f"{symbol} is not in universe.symbols; it is never bought")
    if AssetClass.INDEX in universe.asset_classes:
        yield _error("universe.asset_classes", "an index (IND) cannot be held")


def _symbols(policy: Policy, sectors: Mapping[str, str]) -> Iterator[Finding]:
    universe, buyable = policy.universe, _buyable(policy, sectors)
    for symbol in universe.symbols:
        if symbol in universe.restricted:
            yield _warning("universe.restricted", f"{symbol} is also in universe.symbols; it is never ordered")
        elif symbol not in buyable:
            yield _warning("universe.symbols", f"{symbol} is in no sector of universe.sectors; it is never bought")


def _sector_names(policy: Policy, sectors: Mapping[str, str]) -> Iterator[Finding]:
    preferred = policy.strategies.sector_rotation.preferred_sectors
    named = {
        "universe.sectors": policy.universe.sectors,
        "strategies.sector_rotation.preferred_sectors": preferred,
        "allocation.sectors_pct": tuple(policy.allocation.sectors),
    }
    for field, names in named.items():
        for name in names:
            if name not in GICS_SECTORS:
                near = get_close_matches(name, GICS_SECTORS, n=1)
                hint = f"; did you mean {near[0]}?" if near else f"; they are {', '.join(GICS_SECTORS)}"
                yield _error(field, f"{name} is not a GICS sector{hint}")
            elif field != "allocation.sectors_pct" and not _names_of(policy, sectors, name):
                yield _warning(field, f"no name that may be bought is in {name}")


def _names_of(policy: Policy, sectors: Mapping[str, str], sector: str) -> tuple[str, ...]:
    return tuple(symbol for symbol in _buyable(policy, sectors) if sectors.get(symbol, sector) == sector)


def _targets(policy: Policy, sectors: Mapping[str, str]) -> Iterator[Finding]:
    allocation, classes = policy.allocation, policy.allocation.asset_classes
    held = {str(name) for name in policy.universe.asset_classes}
    for name in classes:
        if name != CASH and name not in held:
            wanted = ", ".join(sorted({*held, CASH}))
            yield _error(f"allocation.asset_classes_pct.{name}", f"not a class of universe.asset_classes ({wanted})")
    total = sum(classes.values())
    if classes and abs(total - 1) > TOLERANCE:
        yield _error("allocation.asset_classes_pct", f"the targets add up to {_percent(total)}, not to 100 %")
    invested = invested_target(policy)
    in_sectors = sum(allocation.sectors.values())
    if allocation.sectors and invested is not None and abs(in_sectors - invested) > TOLERANCE:
        yield _error(
            "allocation.sectors_pct",
            f"the targets add up to {_percent(in_sectors)}, what is invested to {_percent(invested)}",
        )
    for sector, target in allocation.sectors.items():
        yield from _sector_target(policy, sectors, sector, target)


def _sector_target(policy: Policy, sectors: Mapping[str, str], sector: str, target: float) -> Iterator[Finding]:
    field, names = f"allocation.sectors_pct.{sector}", _names_of(policy, sectors, sector)
    room = _room(policy, names)
    if target > policy.risk_limits.max_sector + TOLERANCE:
        limit = _percent(policy.risk_limits.max_sector)
        yield _error(field, f"{_percent(target)} is above risk_limits.max_sector_pct ({limit})")
    if target > 0 and not names and sector in GICS_SECTORS:
        yield _error(field, f"cannot be met: no name that may be bought is in {sector}")
    elif target > room + TOLERANCE and names:
        yield _error(
            field,
            f"cannot be met: {', '.join(names)} may hold {_percent(room)} inside the position limits, "
            f"the target is {_percent(target)}",
        )


def _capacity(policy: Policy, sectors: Mapping[str, str]) -> Iterator[Finding]:
    limits, band = policy.risk_limits, policy.allocation.drift_threshold
    names = _buyable(policy, sectors)
    room, invested = _room(policy, names), invested_target(policy)
    if invested is None:
        wanted = min(limits.max_exposure, 1 - limits.min_cash_reserve)
        if names and room < wanted - TOLERANCE:
            yield _warning(
                "risk_limits.max_position_pct",
                f"too few names ({len(names)}): they may hold {_percent(room)}, "
                f"the rest of {_percent(wanted)} stays in cash",
            )
        return
    if names and invested > room + TOLERANCE:
        yield _error(
            "allocation",
            f"too few names ({len(names)}): they may hold {_percent(room)} inside risk_limits.max_position_pct, "
            f"the targets invest {_percent(invested)}",
        )
    if invested > limits.max_exposure + TOLERANCE:
        yield _error(
            "allocation",
            f"the targets invest {_percent(invested)}, above risk_limits.max_exposure_pct "
            f"({_percent(limits.max_exposure)})",
        )
    if 1 - invested - band < limits.min_cash_reserve - TOLERANCE:
        yield _error(
            "allocation",
            f"the cash target of {_percent(1 - invested)} less the drift threshold of {_percent(band)} is below "
            f"risk_limits.min_cash_reserve_pct ({_percent(limits.min_cash_reserve)})",
        )


def _limits(policy: Policy, _: Mapping[str, str]) -> Iterator[Finding]:
    limits = policy.risk_limits
    for name in (
        "max_drawdown",
        "max_position",
        "max_sector",
        "max_annual_volatility",
        "max_var_95_1d",
        "max_daily_loss",
        "max_correlated",
        "max_exposure",
    ):
        if getattr(limits, name) == 0:
            yield _error(f"risk_limits.{name}_pct", "0 leaves no room for any position")
    if limits.max_exposure > 1 - limits.min_cash_reserve + TOLERANCE:
        yield _warning(
            "risk_limits.max_exposure_pct",
            f"{_percent(limits.max_exposure)} is never reached: min_cash_reserve_pct leaves "
            f"{_percent(1 - limits.min_cash_reserve)}",
        )
    if limits.max_position > limits.max_sector:
        yield _warning("risk_limits.max_position_pct", "is above max_sector_pct, which binds first")
    if limits.max_daily_loss > limits.max_drawdown:
        yield _warning("risk_limits.max_daily_loss_pct", "is above max_drawdown_pct, which binds first")


def _exits(policy: Policy, _: Mapping[str, str]) -> Iterator[Finding]:
    exits, strategies = policy.exits, policy.strategies
    cut, reinforce = strategies.cut_losers, strategies.reinforce_winners
    if exits.stop_loss == 0:
        yield _error("exits.stop_loss_pct", "0 sells every position that has not risen")
    if cut.enabled and cut.trigger_loss >= exits.stop_loss:
        yield _warning(
            "strategies.cut_losers.trigger_loss_pct",
            f"{_percent(cut.trigger_loss)} adds nothing: exits.stop_loss_pct sells at {_percent(exits.stop_loss)}",
        )
    if reinforce.enabled and exits.takes_profit and exits.take_profit <= reinforce.trigger_gain:
        yield _warning(
            "strategies.reinforce_winners.trigger_gain_pct",
            f"{_percent(reinforce.trigger_gain)} is not reached before exits.take_profit_pct "
            f"({_percent(exits.take_profit)}) sells",
        )
    if exits.drawdown_action is DrawdownAction.REDUCE and exits.drawdown_exposure >= policy.risk_limits.max_exposure:
        yield _warning("exits.drawdown_exposure_pct", "is not below risk_limits.max_exposure_pct: it reduces nothing")


def _market(policy: Policy, _: Mapping[str, str]) -> Iterator[Finding]:
    market, most = policy.market, policy.risk_limits.max_exposure
    for row, band in enumerate(market.vix_bands):
        if band.max_exposure >= most:
            yield _warning(
                f"market.vix_bands.{row}.max_exposure_pct", "is not below risk_limits.max_exposure_pct: it adds nothing"
            )
    if market.bear_exposure > most:
        yield _warning("market.bear_exposure_pct", "is above risk_limits.max_exposure_pct: it adds nothing")


def _execution(policy: Policy, _: Mapping[str, str]) -> Iterator[Finding]:
    rules = policy.execution
    yield from _order_sizes(rules)
    if rules.limit_offset > rules.price_collar:
        yield _error(
            "execution.limit_offset_pct",
            f"{_percent(rules.limit_offset)} puts every limit price outside price_collar_pct "
            f"({_percent(rules.price_collar)})",
        )
    if rules.fx is Fx.CONVERT:
        yield _error("execution.fx", "convert needs orders that exchange currencies, and none are sent; refuse or hold")
    if rules.max_turnover == 0:
        yield _error("execution.max_turnover_pct", "0 allows no order that is not an exit")
    fees = rules.max_commission * rules.max_turnover
    if fees > HEADROOM + TOLERANCE:
        yield _warning(
            "execution.max_commission_pct",
            f"of a day's turnover of {_percent(rules.max_turnover)} it may be {_percent(fees)} of net asset value, "
            f"more than the {_percent(HEADROOM)} that plans keep inside every limit",
        )
    if not _window_is_open(policy, _CLOSE):
        yield _error(
            "execution",
            "no minute of the day is left between trade_from, trade_until, avoid_open_minutes and avoid_close_minutes",
        )
    elif not _window_is_open(policy, _HALF_DAY_CLOSE):
        yield _warning("execution", f"no minute is left on half days, which close at {_HALF_DAY_CLOSE}")


def _order_sizes(rules: Execution) -> Iterator[Finding]:
    if rules.max_order_value is not None and rules.min_order_value > rules.max_order_value:
        yield _error(
            "execution.min_order_value", f"{rules.min_order_value} is above max_order_value ({rules.max_order_value})"
        )
    least, most = rules.min_order_nav, rules.max_order_nav
    if least is not None and most is not None and least > most:
        yield _error("execution.min_order_nav_pct", f"{_percent(least)} is above max_order_nav_pct ({_percent(most)})")
    for name in ("max_order_nav", "max_order_volume"):
        if getattr(rules, name) == 0:
            yield _error(f"execution.{name}_pct", "0 allows no order")


def _slots(policy: Policy, _: Mapping[str, str]) -> Iterator[Finding]:
    opens, closes = map(time.fromisoformat, (_OPEN, _CLOSE))
    for slot, latest in policy.execution.slots.items():
        field = f"execution.slots.{slot}"
        problem = name_problem(slot)
        if problem:
            yield _error(field, problem)
        if latest >= closes:
            yield _error(
                field, f"{latest:%H:%M} is not before the exchange's close ({_CLOSE}); nothing could be ordered"
            )
        elif latest < opens:
            yield _error(field, f"{latest:%H:%M} is before the exchange opens ({_OPEN}); nothing could be ordered")


def _answers(policy: Policy, _: Mapping[str, str]) -> Iterator[Finding]:
    rules = policy.execution
    for message_id, most in rules.answer_questions.items():
        field = f"execution.answer_questions.{message_id}"
        known = DOCUMENTED[message_id]
        if known.bound is Bound.DELAYED and not rules.allow_delayed_quotes:
            yield _warning(field, "with real money it is never confirmed while allow_delayed_quotes is false")
        if known.bound is Bound.TICKET and known.by_default:
            yield _warning(field, "adds nothing: it is confirmed anyway")
        largest = rules.max_order_value
        if known.bound is Bound.VALUE and most is not None and largest is not None and most >= largest:
            yield _warning(field, f"{most:f} is not below max_order_value ({largest:f}): it binds nothing")


def _window_is_open(policy: Policy, closes: str) -> bool:
    rules, day = policy.execution, date(2000, 1, 3)
    opens_at, closes_at = (datetime.fromisoformat(f"{day}T{at}+00:00") for at in (_OPEN, closes))
    first = max(
        datetime.combine(day, rules.trade_from, opens_at.tzinfo),
        opens_at + timedelta(minutes=rules.avoid_open_minutes),
    )
    last = min(
        datetime.combine(day, rules.trade_until, opens_at.tzinfo),
        closes_at - timedelta(minutes=rules.avoid_close_minutes),
    )
    return first < last


def _investor(policy: Policy, _: Mapping[str, str]) -> Iterator[Finding]:
    investor, limits = policy.investor, policy.risk_limits
    most = _CALM_ENOUGH[investor.risk_tolerance]
    for name in ("max_annual_volatility", "max_drawdown"):
        if getattr(limits, name) > most:
            yield _warning(
                f"risk_limits.{name}_pct",
                f"{_percent(getattr(limits, name))} is much for a {investor.risk_tolerance} investor; "
                f"up to {_percent(most)} fits",
            )
    if investor.horizon_years < _SHORT_HORIZON_YEARS and limits.max_exposure > _SHORT_HORIZON_EXPOSURE:
        yield _warning(
            "investor.horizon_years",
            f"{investor.horizon_years} is short for an exposure of up to {_percent(limits.max_exposure)}",
        )


def _notifications(policy: Policy, _: Mapping[str, str]) -> Iterator[Finding]:
    told, waits = policy.notifications, policy.approval.mode is Mode.APPROVE
    for row, url in enumerate(told.urls):
        if "://" not in url:
            # The address itself stays unsaid: it may hold a password.
            yield _error(f"notifications.urls.{row}", "is not an address: one looks like mailto://name@example.com")
    if waits and not told.urls:
        yield _warning("notifications.urls", "approval.mode is approve, and nobody is told that orders wait")
    if waits and told.urls and Occasion.APPROVAL_NEEDED not in told.on:
        yield _warning("notifications.on", "approval.mode is approve, and approval_needed is not told")
    if told.urls and not told.on:
        yield _warning("notifications.on", "is empty: the addresses are never written to")


def _slips(policy: Policy, _: Mapping[str, str]) -> Iterator[Finding]:
    for path, fraction in slips(policy):
        percent = fraction * 100
        yield _warning(path, f"{percent:.6g} means {percent:.6g} %; was {percent * 100:.6g} meant?")
