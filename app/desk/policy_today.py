"""What each setting of a policy does to a portfolio as a report found it; without a report, what it does at all.

Works on any policy, also one that the report was not made under: it takes the report's measurements and judges them by
the policy's own numbers. Must never show a notification address, which may hold a password.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from app.decision.conditions import LIMIT_OF
from app.domain.policy import Policy
from app.domain.policy_check import Finding, Level
from app.domain.policy_fields import written
from app.risk.limits import severity

SESSIONS_A_MONTH, SESSIONS_PER_YEAR = 21, 252
NAMED = 3
Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """One field: its value as the file writes it, what it does, and what that comes to today; None for nothing."""

    field: str
    value: object
    does: str
    today: str | None


@dataclass(frozen=True)
class Day:
    """A report's numbers, by what they are asked for; a report without a portfolio or an evaluation is of no use."""

    policy: Policy
    report: Report

    @property
    def same(self) -> bool:
        """The report was made under this very policy, so that what it says of rules holds."""
        return bool(self.report["policy"]["hash"] == self.policy.hash)

    @property
    def nav(self) -> float:
        """Base currency."""
        return float(self.report["portfolio"]["nav"])

    @property
    def positions(self) -> Sequence[Mapping[str, Any]]:
        """Holdings of a share or more."""
        return [row for row in self.report["portfolio"]["positions"] if float(row["quantity"]) >= 1]

    def metric(self, name: str) -> Mapping[str, Any]:
        """The measurement of that name."""
        return next(row for row in self.report["evaluation"]["metrics"] if row["name"] == name)

    def returns(self) -> dict[str, float]:
        """Symbol → price over average cost less one, the lowest first."""
        rows = ((p["symbol"], float(p["price"]), float(p["average_cost"])) for p in self.positions)
        found = {symbol: price / cost - 1 for symbol, price, cost in rows if cost > 0}
        return dict(sorted(found.items(), key=lambda item: item[1]))


def usable(report: Report | None) -> bool:
    """Something can be said of today by it."""
    return report is not None and report.get("portfolio") is not None and report.get("evaluation") is not None


def settings(policy: Policy, does: Mapping[str, str], report: Report | None) -> tuple[Setting, ...]:
    """Every field in the file's order. `does`: path without numbers of list items → what the field does."""
    day = Day(policy, report) if report is not None and usable(report) else None
    return tuple(
        Setting(path, masked(path, value), does.get(_unnumbered(path), ""), _today(day, path) if day else None)
        for path, value in written(policy)
    )


def masked(path: str, value: object) -> object:
    """Addresses without what is secret in them."""
    if path == "notifications.urls" and isinstance(value, list):
        return [f"{str(url).partition('://')[0]}://…" for url in value]
    return value


def noise(policy: Policy, report: Report) -> Finding | None:
    """A stop loss that a month's usual movement of a name reaches: one standard deviation of 21 sessions' returns.

    About one name in three whose price has no direction would be sold within a month. Volatility of 30 returns.
    """
    known = {s: v for s, v in (report["market"] or {}).get("volatility_30d", {}).items() if v is not None}
    listed = {symbol: known[symbol] for symbol in policy.universe.symbols if symbol in known}
    usual = {symbol: value * (SESSIONS_A_MONTH / SESSIONS_PER_YEAR) ** 0.5 for symbol, value in listed.items()}
    wild = sorted((symbol for symbol in usual if usual[symbol] > policy.exits.stop_loss), key=lambda s: -usual[s])
    if not wild:
        return None
    return Finding(
        Level.WARNING,
        "exits.stop_loss_pct",
        f"{policy.exits.stop_loss:.1%} is tighter than a month's usual movement of "
        f"{_listed([f'{symbol} ({usual[symbol]:.1%})' for symbol in wild])}: chance alone sells them",
    )


def _unnumbered(path: str) -> str:
    return ".".join(part for part in path.split(".") if not part.isdigit())


def _today(day: Day, path: str) -> str | None:
    words = _WORDS.get(_unnumbered(path))
    if words is not None:
        return words(day, path)
    return _said(day, path)


def _said(day: Day, path: str) -> str | None:
    """What the run itself said of the field, where it was made under this policy."""
    if not day.same:
        return None
    texts = [
        condition["text"]
        for explanation in day.report.get("explanations", ())
        for condition in (*explanation["requirements"], *explanation["triggers"])
        if condition["rule"] == path
    ]
    return _listed(list(dict.fromkeys(texts))) or None


def _listed(texts: Sequence[str]) -> str:
    more = len(texts) - NAMED
    return ", ".join(texts[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _limit(name: str, limit: Callable[[Policy], float], *, floor: bool = False) -> Callable[[Day, str], str]:
    def words(day: Day, _: str) -> str:
        metric = day.metric(name)
        if metric["value"] is None:
            return f"{name} is unknown ({metric['note']}): nothing that adds risk is bought"
        level = severity(metric["value"], limit(day.policy), floor)
        return f"{name} is {metric['value']:.1%}: {level}"

    return words


def _returns(limit: Callable[[Policy], float], does: str, *, fall: bool) -> Callable[[Day, str], str]:
    """Names beyond a return on cost, or the one that is nearest to it."""

    def words(day: Day, _: str) -> str:
        found, threshold = day.returns(), limit(day.policy)
        if not found:
            return "nothing is held"
        ordered = list(found.items()) if fall else list(reversed(found.items()))
        beyond = [f"{s} ({g:+.1%})" for s, g in ordered if (g <= threshold if fall else g >= threshold)]
        if beyond:
            return f"{does}: {_listed(beyond)}"
        symbol, gain = ordered[0]
        return f"nothing is that far; nearest is {symbol} at {gain:+.1%}, {abs(threshold - gain):.1%} away"

    return words


def _drawdown_action(day: Day, _: str) -> str:
    drawdown, limit = day.report["evaluation"]["drawdown"], day.policy.risk_limits.max_drawdown
    if drawdown is None:
        return "the drawdown is unknown: nothing is done on its account"
    due = drawdown >= limit - 1e-9
    return f"the drawdown is {drawdown:.1%}: {'due' if due else f'not due before {limit:.1%}'}"


def _drawdown_exposure(day: Day, path: str) -> str:
    exposure = day.metric("exposure")["value"]
    return f"{_drawdown_action(day, path)}; {exposure:.1%} is invested"


def _vix(day: Day, path: str) -> str:
    value, row = day.report["market"]["vix"], int(path.split(".")[2])
    band = day.policy.market.vix_bands[row]
    if value is None:
        return "the volatility index is unknown: nothing that adds risk is bought"
    inside = value >= band.vix
    return f"the volatility index is {value:.1f}: the band {'holds' if inside else 'is not reached'}"


def _bear(day: Day, _: str) -> str:
    trend = day.report["market"]["trend"] or "unknown"
    return f"the trend is {trend}: {'it holds' if trend == 'bear' else 'no effect'}"


def _trend(day: Day, _: str) -> str:
    return f"the trend is {day.report['market']['trend'] or 'unknown'}"


def _sectors(day: Day, _: str) -> str | None:
    targets, weights = day.policy.allocation.sectors, _sector_weights(day)
    if not targets:
        return "no targets: what is invested is spread evenly over the names held"
    off = {s: weights.get(s, 0.0) - target for s, target in targets.items()}
    ordered = sorted(off, key=lambda sector: -abs(off[sector]))
    return "farthest off: " + _listed([f"{sector} {off[sector]:+.1%}" for sector in ordered])


def _drift(day: Day, _: str) -> str | None:
    targets, weights = day.policy.allocation.sectors, _sector_weights(day)
    threshold = day.policy.allocation.drift_threshold
    off = [sector for sector, target in targets.items() if abs(weights.get(sector, 0.0) - target) > threshold]
    return f"{len(off)} of {len(targets)} sectors are farther from their target" if targets else None


def _sector_weights(day: Day) -> dict[str, float]:
    weights: defaultdict[str, float] = defaultdict(float)
    for row in day.positions:
        if row["symbol"] not in day.policy.universe.diversified_funds:
            weights[row["sector"]] += row["weight"]
    return weights


def _of_nav(value: Callable[[Policy], float]) -> Callable[[Day, str], str]:
    return lambda day, _: f"{value(day.policy) / day.nav:.2%} of net asset value"


def _turnover(day: Day, _: str) -> str:
    most = f"{day.policy.execution.max_turnover * day.nav:,.0f} {day.report['portfolio']['currency']}"
    decision = day.report["decision"]
    chosen = [plan for plan in day.report["plans"] if decision and plan["id"] == decision["plan_id"]]
    after = chosen[0]["post_trade"] if chosen else None
    return f"at most {most}" + (f"; the plan that was chosen trades {after['turnover']:.1%}" if after else "")


def _orders(day: Day, _: str) -> str:
    return f"the day had {len(day.report['orders'])}"


def _held(day: Day, among: Sequence[str], *, inside: bool) -> list[str]:
    return [row["symbol"] for row in day.positions if (row["symbol"] in among) is inside]


def _symbols(day: Day, _: str) -> str:
    others = _held(day, day.policy.universe.symbols, inside=False)
    count = len(day.policy.universe.symbols)
    return f"{count} names; held and not among them: {_listed(others) or 'none'}"


def _restricted(day: Day, _: str) -> str:
    return f"held and frozen: {_listed(_held(day, day.policy.universe.restricted, inside=True)) or 'none'}"


def _funds(day: Day, _: str) -> str:
    return f"held: {_listed(_held(day, day.policy.universe.diversified_funds, inside=True)) or 'none'}"


def _wild(day: Day, _: str) -> str | None:
    known: Mapping[str, float | None] = day.report["market"].get("volatility_30d", {})
    most = day.policy.universe.max_volatility_30d
    wild = [f"{symbol} ({value:.0%})" for symbol, value in known.items() if value is not None and value > most]
    return f"too wild to be bought: {_listed(wild) or 'none'}" if known else None


def _mode(day: Day, _: str) -> str | None:
    return f"the run's mode was {day.report['mode']}: {day.report['mode_reason']}" if day.same else None


def _limits() -> Iterator[tuple[str, Callable[[Day, str], str]]]:
    for name, path in LIMIT_OF.items():
        attribute = path.removeprefix("risk_limits.").removesuffix("_pct")

        def limit(policy: Policy, attribute: str = attribute) -> float:
            return float(getattr(policy.risk_limits, attribute))

        yield path, _limit(name, limit, floor=name == "cash_reserve")


_WORDS: Mapping[str, Callable[[Day, str], str | None]] = MappingProxyType(
    {
        **dict(_limits()),
        "universe.symbols": _symbols,
        "universe.restricted": _restricted,
        "universe.diversified_funds": _funds,
        "universe.max_volatility_30d_pct": _wild,
        "exits.stop_loss_pct": _returns(lambda p: -p.exits.stop_loss, "sold", fall=True),
        "exits.take_profit_pct": _returns(lambda p: p.exits.take_profit, "a profit to take", fall=False),
        "exits.drawdown_action": _drawdown_action,
        "exits.drawdown_exposure_pct": _drawdown_exposure,
        "allocation.sectors_pct": _sectors,
        "allocation.drift_threshold_pct": _drift,
        "strategies.cut_losers.trigger_loss_pct": _returns(
            lambda p: -p.strategies.cut_losers.trigger_loss, "losers to cut", fall=True
        ),
        "strategies.reinforce_winners.trigger_gain_pct": _returns(
            lambda p: p.strategies.reinforce_winners.trigger_gain, "winners to add to", fall=False
        ),
        "market.vix_bands.vix": _vix,
        "market.vix_bands.max_exposure_pct": _vix,
        "market.bull_threshold_pct": _trend,
        "market.bear_threshold_pct": _trend,
        "market.bear_exposure_pct": _bear,
        "execution.min_order_value": _of_nav(lambda p: float(p.execution.min_order_value)),
        "execution.max_order_value": _of_nav(lambda p: float(p.execution.max_order_value)),
        "execution.max_orders_per_day": _orders,
        "execution.max_turnover_pct": _turnover,
        "approval.mode": _mode,
    }
)
