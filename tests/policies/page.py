"""The generated parts of `docs/policies/`: what a shipped policy aims at, and what came of it in replays.

Must never claim what an interval does not show: where one holds zero the word is "not told apart".
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from app.backtest.result import Benchmark, Estimate, Judged
from app.domain.market import Array
from app.domain.policy import DrawdownAction, Policy
from app.domain.policy.fields import CASH

PAGES = Path(__file__).parents[2] / "docs" / "policies"
TARGETS, FIGURES = "targets", "figures"
# Of these the sample has prices.
STOCKS = ("conservative", "moderate", "aggressive")
# (statistic, words, 100 where it is shown in percent, how).
SHOWN = (
    ("cagr", "return a year, %", 100, ".1f"),
    ("volatility", "volatility a year, %", 100, ".1f"),
    ("sharpe", "Sharpe ratio", 1, ".2f"),
    ("max_drawdown", "largest drawdown, %", 100, ".1f"),
    ("exposure_mean", "invested on average, %", 100, ".1f"),
    ("turnover", "turnover a year, %", 100, ".0f"),
    ("costs", "costs a year, %", 100, ".2f"),
    ("sessions_below_20pct", "sessions under 20 % invested", 1, ".0f"),
    ("days_reducing", "days of exits only, %", 100, ".2f"),
)
BESIDE = {
    "same_targets": "the same targets at the same exposure, no rules",
    "equal_weight": "equal weight, fully invested",
    "buy_and_hold": "buy and hold",
    "same_exposure": "equal weight at the same exposure",
    "unguarded": "the policy without its guard",
    "index": "price index",
}


def with_part(text: str, name: str, lines: Iterable[str]) -> str:
    """The page with the part of that name made of `lines`. ValueError where it has none."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no part {name}")
    return f"{head}{begin}\n{chr(10).join(lines)}\n{end}{tail}"


def targets(policy: Policy) -> Iterator[str]:
    """What the policy's file says, as a person asks for it."""
    allocation, limits = policy.allocation, policy.risk_limits
    yield "| target | % of net asset value |"
    yield "|---|---|"
    yield from (f"| {name} | {_percent(share)} |" for name, share in allocation.symbols.items())
    left = {name: share for name, share in allocation.asset_classes.items() if name != CASH}
    if allocation.sectors:
        yield from (f"| {name} | {_percent(share)} |" for name, share in allocation.sectors.items())
    elif allocation.selection.names is not None:
        chosen = allocation.selection
        scores = " and ".join(sorted(chosen.scores))
        yield f"| the {chosen.names} stocks that are best by {scores}, together | {_percent(left['STK'])} |"
    yield f"| cash | {_percent(allocation.asset_classes[CASH])} |"
    yield ""
    yield "| rule | is |"
    yield "|---|---|"
    yield from (f"| {name} | {words} |" for name, words in _rules(policy).items())
    sizes = limits.max_position, limits.max_diversified_fund, limits.max_sector
    yield f"| largest name, fund, sector | {_list(*sizes)} % |"
    moves = limits.max_annual_volatility, limits.max_var_95_1d, limits.max_correlated
    yield f"| volatility, value at risk, names that move as one | {_list(*moves)} % |"


def _rules(policy: Policy) -> Mapping[str, str]:
    exits, strategies, market = policy.exits, policy.strategies, policy.market
    cut, add, rotate = strategies.cut_losers, strategies.reinforce_winners, strategies.sector_rotation
    bands = ", ".join(f"{_percent(band.max_exposure)} % from {band.vix:g} points" for band in market.vix_bands)
    bear = market.bear_exposure < policy.risk_limits.max_exposure
    return {
        "weights and correction": (
            f"{policy.allocation.weighting}, {policy.allocation.frequency}, "
            f"from {_percent(policy.allocation.drift_threshold)} % drift"
        ),
        "stop loss": _level(exits.stop_loss, exits.volatility_multiple) if exits.stop_loss < 1 else "off",
        "CUT_LOSERS": (
            f"{_level(cut.trigger_loss, cut.volatility_multiple)}, sells {_percent(cut.sell)} %"
            if cut.enabled
            else "off"
        ),
        "take profit": (
            f"+{_percent(exits.take_profit)} %, sells {_percent(exits.take_profit_sell)} %"
            if exits.take_profit_sell > 0
            else "off"
        ),
        "REINFORCE": (
            f"+{_percent(add.trigger_gain)} %, adds {_percent(add.add)} %, at most {add.max_times} times"
            if add.enabled
            else "off"
        ),
        "ROTATE": f"{_percent(rotate.move)} % over {rotate.evaluation_sessions} sessions" if rotate.enabled else "off",
        "drawdown": f"at {_percent(policy.risk_limits.max_drawdown)} %: {_DRAWDOWN[exits.drawdown_action]}",
        "volatility index": f"invested at most {bands}" if bands else "asks nothing",
        "bear market": f"invested at most {_percent(market.bear_exposure)} %" if bear else "asks nothing",
    }


_DRAWDOWN = {
    DrawdownAction.HOLD: "no sale; what is invested then is the cap, until the way back",
    DrawdownAction.REDUCE: "sells down to the exposure of the drawdown",
    DrawdownAction.CUT_LOSERS: "sells what lost",
}


def _level(loss: float, multiple: float) -> str:
    return f"−{_percent(loss)} %" + (
        f", or {multiple:g} times a name's monthly volatility where that is more" if multiple else ""
    )


def _percent(fraction: float) -> str:
    return f"{fraction * 100:.6g}"


def _list(*fractions: float) -> str:
    return ", ".join(map(_percent, fractions))


def window(one: Judged, title: str, chose: str) -> Iterator[str]:
    """One policy over the days of one replay, with what is beside it and what each rule did."""
    own = one.replayed
    yield f"### {title}"
    yield ""
    yield f"{own.dates[0]} to {own.dates[-1]}, {len(own.dates):,} sessions. {chose}"
    yield ""
    yield "| | value |"
    yield "|---|---|"
    for name, words, scale, how in SHOWN:
        if name in one.statistics:
            yield f"| {words} | {_text(one.statistics[name], scale, how)} |"
    yield ""
    yield ("| beside it | a year, % | largest drawdown, % | this policy less it: a year, points | drawdown | Sharpe |")
    yield "|---|---|---|---|---|---|"
    for name, words in BESIDE.items():
        benchmark = one.benchmark(name)
        if benchmark is not None:
            yield _row(words, benchmark)
    yield ""
    yield f"**{_said(one)}**"
    if one.without:
        yield ""
        yield "| with it instead of without | a year, points | largest drawdown, points | |"
        yield "|---|---|---|---|"
        for name, difference in one.without.items():
            year, fall = difference["cagr"], difference["max_drawdown"]
            yield f"| {name} | {_signed(year)} | {_signed(fall)} | {earned(year, fall)} |"
    yield ""
    yield _falls(one)


def _row(words: str, benchmark: Benchmark) -> str:
    its, less = benchmark.statistics, benchmark.differences
    return (
        f"| {words} | {_interval(its['cagr'])} | {_interval(its['max_drawdown'])} | {_signed(less['cagr'])} "
        f"| {_signed(less['max_drawdown'])} | {_signed(less['sharpe'], 1)} |"
    )


def _said(one: Judged) -> str:
    """What can be said against the same targets at the same exposure: the rules' own part."""
    beside = one.benchmark("same_targets") or one.benchmark("same_exposure")
    if beside is None:
        return "Nothing is beside it."
    words, year, fall = BESIDE[beside.name], beside.differences["cagr"], beside.differences["max_drawdown"]
    return (
        f"Against {words}: {verdict(year, 'more return', 'less return')}, "
        f"{verdict(fall, 'a larger fall', 'a smaller fall')}."
    )


def verdict(estimate: Estimate, above: str, below: str) -> str:
    """Only an interval without zero says anything."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "no interval"
    if estimate.low > 0:
        return f"{above} ({_signed(estimate)})"
    if estimate.high < 0:
        return f"{below} ({_signed(estimate)})"
    return f"{above.split()[-1]} not told apart ({_signed(estimate)})"


def earned(year: Estimate, fall: Estimate) -> str:
    """What a rule surely did to return and falls; both are with it less without it."""
    found = [
        words
        for estimate, sign, words in (
            (year, 1, "earned"), (year, -1, "cost"), (fall, -1, "made falls smaller"), (fall, 1, "made falls larger"),
        )
        if estimate.low is not None and estimate.high is not None and min(sign * estimate.low, sign * estimate.high) > 0
    ]  # fmt: skip
    if year.value == 0 and fall.value == 0:
        return "never acted"
    return ", ".join(found) or "not told apart"


def _falls(one: Judged) -> str:
    """The sentence that a limit of one fall is no limit of a lifetime, with this replay's figures."""
    policy, own = one.replayed.policy, one.replayed
    acted = {day.recovery.began for day in own.days if day.recovery is not None}
    largest = one.statistics["max_drawdown"].value or 0.0
    limit = _percent(policy.risk_limits.max_drawdown)
    count = {0: "no fall", 1: "one fall"}.get(len(acted), f"{len(acted)} falls")
    return (
        f"The limit of {limit} % bounds one fall and not the lifetime: {count} reached it here, "
        f"and the largest fall from the highest value ever was {100 * largest:.1f} %."
    )


def drawn(rows: Mapping[str, Sequence[tuple[float, float, float, float]]], seeds: int) -> Iterator[str]:
    """Market → (return, largest fall, same targets' return, its largest fall) of each seed, as fractions."""
    yield f"### {seeds} seeds of each synthetic market"
    yield ""
    yield "Prices that a seed drew, at which nobody traded. Mean of the seeds, with their lowest and highest."
    yield ""
    yield "| market | return in all, % | largest drawdown, % | same targets without rules: return, % | drawdown, % |"
    yield "|---|---|---|---|---|"
    for market, found in rows.items():
        table = 100 * np.array(found)
        yield f"| {market} | {' | '.join(_spread(column) for column in table.T)} |"


def _spread(values: Array) -> str:
    return f"{_minus(values.mean())} [{_minus(values.min())}, {_minus(values.max())}]"


def _minus(value: float) -> str:
    return f"{value:.1f}".replace("-", "−")


def _interval(estimate: Estimate) -> str:
    return _text(estimate, 100, ".1f")


def _signed(estimate: Estimate, scale: int = 100) -> str:
    return _text(estimate, scale, "+.2f" if scale == 1 else "+.1f")


def _text(estimate: Estimate, scale: int, how: str) -> str:
    if estimate.value is None:
        return "–"
    value = f"{estimate.value * scale:{how}}"
    if estimate.low is None or estimate.high is None:
        return value.replace("-", "−")
    return f"{value} [{estimate.low * scale:{how}}, {estimate.high * scale:{how}}]".replace("-", "−")
