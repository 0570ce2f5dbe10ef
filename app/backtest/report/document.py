"""The report's sections, in the order in which a person asks."""

from collections.abc import Iterator, Mapping

import numpy as np

from app.backtest.page import element, listed, page, table, text
from app.backtest.replay import METRICS
from app.backtest.report import charts
from app.backtest.report.charts import Line
from app.backtest.report.series import (
    below_peak,
    days_of,
    filled_forward,
    grown,
    level_of,
    monthly,
    most_traded,
    sectors,
)
from app.backtest.report.words import BENCHMARKS, LIMITS, STATISTICS, UNKNOWN, estimate, number, percent
from app.backtest.result import Backtest, Benchmark, Estimate, Judged
from app.domain.plan import EXITS_ONLY

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CHARTED_NAMES = 6
_COMPARED = {"cagr": "return a year", "max_drawdown": "largest drawdown", "sharpe": "Sharpe ratio"}


def html(backtest: Backtest) -> str:
    """One self-contained file."""
    names = ", ".join(one.replayed.policy.name for one in backtest.judged)
    dates = backtest.judged[0].replayed.dates
    title = f"{names}: what would have been, {dates[0]} to {dates[-1]}"
    return page(title, _body(backtest, title))


def _body(backtest: Backtest, title: str) -> Iterator[str]:
    yield element("h1", title)
    yield from (element("p", mark, "mark") for mark in backtest.marks)
    if backtest.in_sample_until is not None and not any("in sample" in mark for mark in backtest.marks):
        yield element("p", f"in sample until {backtest.in_sample_until}", "mark")
    for judged in backtest.judged:
        if len(backtest.judged) > 1:
            yield element("h2", judged.replayed.policy.name)
        yield from _policy(judged, backtest)
    yield element("h2", "What is assumed")
    yield listed(backtest.assumptions)
    yield from _data(backtest)
    yield from _checks(backtest)


def _policy(judged: Judged, backtest: Backtest) -> Iterator[str]:
    yield element("p", headline(judged), "lead")
    yield element("p", _invested(judged))
    yield from _pictures(judged, backtest)
    yield from _figures(judged)
    yield from _differences(judged)
    yield from _claims(judged)
    yield from _risk(judged)
    yield from _decisions(judged)
    yield from _months(judged)
    yield from _sectors(judged)
    yield from _periods(judged)
    yield from _actions(judged)


def headline(judged: Judged) -> str:
    """What became of the money, beside what would have become of it, in one sentence."""
    replayed, found = judged.replayed, judged.statistics
    beside = " and ".join(
        f"{BENCHMARKS.get(one.name, one.name)} {number(float(one.nav[-1]), 0)}"
        for one in judged.benchmarks
        if one.name in ("buy_and_hold", "equal_weight")
    )
    start, end = (number(float(nav), 0) for nav in (replayed.nav[0], replayed.nav[-1]))
    yearly = estimate(found["cagr"], percent)
    return (
        f"{start} {replayed.start.currency} became {end} after costs ({yearly} a year); {beside}. "
        f"The largest drawdown was {percent(found['max_drawdown'].value)}."
    )


def _invested(judged: Judged) -> str:
    found = judged.statistics
    return (
        f"Invested {percent(found['exposure_mean'].value, 0)} on average; under 20 % on "
        f"{number(found['sessions_below_20pct'].value, 0)} of {number(len(judged.replayed.dates), 0)} sessions; "
        f"exits only on {percent(found['days_reducing'].value, 0)} of days; "
        f"under water {percent(found['time_under_water'].value, 0)} of the time."
    )


def _pictures(judged: Judged, backtest: Backtest) -> Iterator[str]:
    days, replayed = days_of(judged), judged.replayed
    ways = {replayed.policy.name: level_of(replayed)}
    ways |= {BENCHMARKS.get(one.name, one.name): grown(one.nav) for one in judged.benchmarks}
    until = backtest.in_sample_until
    note = f", in sample until {until}" if until else ""
    equity = [Line(name, level, f"×{number(float(level[-1]))}") for name, level in ways.items()]
    yield charts.line_chart(f"What one became (logarithmic){note}", days, equity, _times, log=True, height=300)
    falls = [Line(name, below_peak(level), percent(float(below_peak(level).min()))) for name, level in ways.items()]
    yield charts.line_chart(f"Below the peak{note}", days, falls, _whole_percent, floor=0.0)
    exposure = Line("invested", replayed.exposure, f"{percent(float(replayed.exposure.mean()), 0)} on average")
    yield charts.line_chart("Invested share, from what was filled", days[1:], [exposure], _whole_percent, floor=0.0)
    levels = [day.level.value for day in replayed.days]
    shares = ", ".join(f"{name} {percent(levels.count(name) / len(levels), 0)}" for name in sorted(set(levels)))
    yield charts.strip("Kill level", days[1:], levels, shares)


def _figures(judged: Judged) -> Iterator[str]:
    yield element("h2", "Figures")
    heads = ["", judged.replayed.policy.name, *(BENCHMARKS.get(one.name, one.name) for one in judged.benchmarks)]
    ways: list[Judged | Benchmark] = [judged, *judged.benchmarks]
    rows = [
        [words, *(estimate(one.statistics.get(name), tell) for one in ways)]
        for name, (words, tell) in STATISTICS.items()
        if any(name in one.statistics for one in ways)
    ]
    yield table(heads, rows, "95 % intervals in brackets; – where a figure is not defined or not known")
    yield (
        "<dl>"
        + "".join(
            f"<dt><b>{text(BENCHMARKS.get(one.name, one.name))}</b></dt><dd>{text(one.words)}</dd>"
            for one in judged.benchmarks
        )
        + "</dl>"
    )


def _differences(judged: Judged) -> Iterator[str]:
    """The policy less each benchmark, for several lengths of blocks."""
    if not any(one.by_block for one in judged.benchmarks):
        return
    yield element("h2", "The policy less each benchmark")
    yield element(
        "p",
        "Paired by days. An interval that holds zero means: not told apart. Blocks are of so many sessions.",
        "soft",
    )
    for name, words in _COMPARED.items():
        rows = list(_forest(judged, name))
        if rows:
            yield element("h3", words)
            yield f'<div class="wide"><table>{"".join(rows)}</table></div>'


def _forest(judged: Judged, name: str) -> Iterator[str]:
    tell = STATISTICS[name][1]
    found = [
        (one.name, block, told[name])
        for one in judged.benchmarks
        for block, told in one.by_block.items()
        if name in told and None not in (told[name].value, told[name].low, told[name].high)
    ]
    edge = max((abs(end) for _, _, one in found for end in (one.low, one.high) if end is not None), default=1.0) or 1.0
    for benchmark, block, one in found:
        if one.value is None or one.low is None or one.high is None:
            continue
        bar = charts.interval_bar(one.value, one.low, one.high, edge)
        yield (
            f"<tr>{element('td', BENCHMARKS.get(benchmark, benchmark))}{element('td', f'blocks of {block}')}"
            f"<td>{bar}</td>{element('td', estimate(one, tell))}</tr>"
        )


def _claims(judged: Judged) -> Iterator[str]:
    if not judged.claims:
        return
    yield element("h2", "What such programs claim")
    lines = []
    for told in judged.claims.values():
        against = told.get("against")
        if isinstance(against, Mapping):
            lines += [
                f"{told['claim']}, against {BENCHMARKS.get(name, name)}: {its['verdict']}: {its['said']}"
                for name, its in against.items()
            ]
        else:
            lines.append(f"{told['claim']}: {told.get('said', told.get('verdict', UNKNOWN))}")
    yield listed(lines)


def _risk(judged: Judged) -> Iterator[str]:
    replayed = judged.replayed
    if replayed.metrics is None:
        return
    yield element("h2", "Risk against its limits, as measured each day")
    limits = replayed.policy.risk_limits
    ceilings: dict[str, float] = {
        "max_position": limits.max_position,
        "max_sector": limits.max_sector,
        "annual_volatility": limits.max_annual_volatility,
        "var_95_1d": limits.max_var_95_1d,
        "correlated_cluster": limits.max_correlated,
        "exposure": limits.max_exposure,
    }
    yield '<div class="cards">'
    for name, words in LIMITS.items():
        values = replayed.metrics[:, METRICS.index(name)]
        known = values[np.isfinite(values)]
        over = float((known > ceilings[name] + 1e-9).mean()) if len(known) else None
        line = Line(words, values, f"over its limit on {percent(over, 0)} of days")
        yield charts.line_chart(
            words, replayed.dates, [line], _whole_percent, limit=ceilings[name], floor=0.0, height=150
        )
    yield "</div>"


def _decisions(judged: Judged) -> Iterator[str]:
    replayed = judged.replayed
    chosen = most_traded(replayed, _CHARTED_NAMES)
    if not chosen:
        return
    yield element("h2", "Decisions on the prices")
    yield element("p", f"The {len(chosen)} names with most orders; ▲ bought, ▼ sold.", "soft")
    days = days_of(judged)
    first, last = replayed.first - 1, max(1, len(replayed.dates))
    closes = filled_forward(replayed.history.closes)[first : first + len(days)]
    yield '<div class="cards">'
    for column in chosen:
        instrument, prices = replayed.history.instruments[column], closes[:, column]
        own = [one for one in replayed.done if one.order.instrument.conid == instrument.conid]
        line = Line(instrument.symbol, prices, f"{len(own)} orders")
        found = charts.scale([line], log=True)
        places = [
            (
                (one.row - first) / last,
                float(found.place(np.array([float(one.price)]))[0]),
                one.order.side.value.lower(),
            )
            for one in own
        ]
        yield charts.line_chart(
            instrument.symbol, days, [line], _price, log=True, height=150, marks=charts.dots(places)
        )
    yield "</div>"


def _months(judged: Judged) -> Iterator[str]:
    yield element("h2", "Month by month")
    days = days_of(judged)
    level = level_of(judged.replayed)
    found = monthly(days, level)
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("", *_MONTHS, "year"))
    largest = max((abs(value) for value in found.values()), default=1.0) or 1.0
    rows = []
    for year in sorted({one for one, _ in found}):
        months = [found.get((year, month)) for month in range(1, 13)]
        whole = float(np.prod([1 + value for value in months if value is not None])) - 1
        rows.append(
            f"<tr>{element('td', year)}{''.join(_heat(value, largest) for value in months)}"
            f"<td><b>{text(percent(whole))}</b></td></tr>"
        )
    body = f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody>"
    yield f'<div class="wide"><table class="heat">{body}</table></div>'


def _heat(value: float | None, largest: float) -> str:
    if value is None:
        return f"<td>{UNKNOWN}</td>"
    tint = "good" if value >= 0 else "bad"
    return f'<td style="--tint:var(--{tint});--v:{abs(value) / largest:.2f}">{text(percent(value))}</td>'


def _sectors(judged: Judged) -> Iterator[str]:
    shares = sectors(judged.replayed)
    if not shares:
        return
    parts = [Line(name, share, f"{percent(float(share.mean()), 0)} on average") for name, share in shares.items()]
    yield element("h2", "Where it was")
    yield charts.stacked_chart("Sectors, as shares of the account", days_of(judged), parts, _whole_percent)


def _periods(judged: Judged) -> Iterator[str]:
    if not judged.periods:
        return
    yield element("h2", "The worst times")
    shown = [one for one in judged.benchmarks if len(one.periods) == len(judged.periods)]
    heads = ["", "from", "to", judged.replayed.policy.name, *(BENCHMARKS.get(one.name, one.name) for one in shown)]
    rows = [
        [
            own.name, str(own.first), str(own.last), percent(own.total_return),
            *(percent(one.periods[n].total_return) for one in shown),
        ]
        for n, own in enumerate(judged.periods)
    ]  # fmt: skip
    yield table(heads, rows)
    fall = judged.drawdown
    if fall is not None:
        back = f"regained on {fall.recovery}" if fall.recovery else "not regained by the end"
        yield element("p", f"Fell {percent(fall.depth)} from {fall.peak} to {fall.trough}, {back}.")


def _actions(judged: Judged) -> Iterator[str]:
    yield element("h2", "What was done, and what it cost")
    costs, replayed = judged.replayed.costs, judged.replayed
    yield element(
        "p",
        f"{number(len(replayed.done), 0)} orders filled, {number(len(replayed.lapsed), 0)} lapsed; commissions "
        f"{number(float(costs.commission))}, slippage {number(float(costs.slippage))} {replayed.start.currency}.",
    )
    for words, found in (("action", dict(_as_shown(judged.actions))), ("rule", judged.rules)):
        names = list(dict.fromkeys(name for told in found.values() for name in told))
        rows = [[one, *(_cell(told.get(name)) for name in names)] for one, told in found.items()]
        if rows:
            yield table([words, *(name.replace("_", " ") for name in names)], rows)
    if any(judged.earned.values()):
        yield element("h3", "What each earned or cost, against not having traded")
        yield element("p", "At the last closes, after fees, without dividends; an order of two rules counts for both.")
        for words, earned in (("action", judged.earned["actions"]), ("rule", judged.earned["rules"])):
            rows = [
                [one, number(told["fills"], 0), number(told["earned"]), number(told["fees"])]
                for one, told in earned.items()
            ]
            yield table([words, "orders", "earned", "fees"], rows)
    if judged.without:
        yield element("h3", "What each brought, against a run without it")
        rows = [
            [name, estimate(found.get("cagr"), percent), estimate(found.get("max_drawdown"), percent)]
            for name, found in judged.without.items()
        ]
        yield table(["switched off", "return a year", "largest drawdown"], rows, "paired by days, 95 % intervals")


def _as_shown(actions: Mapping[str, Mapping[str, object]]) -> Iterator[tuple[str, Mapping[str, object]]]:
    """HOLD that sold apart from HOLD that did nothing."""
    for name, told in actions.items():
        own = {one: value for one, value in told.items() if one not in {"days", "exits_only_days"}}
        days, exits = int(str(told["days"])), int(str(told["exits_only_days"]))
        if days > exits or not exits:
            yield name, {"days": days - exits, **({} if exits else own)}
        if exits:
            yield EXITS_ONLY, {"days": exits, **own}


def _cell(value: object) -> str:
    match value:
        case Estimate():
            return estimate(value, number)
        case int():
            return number(value, 0)
        case float():
            return number(value)
        case None:
            return UNKNOWN
    return str(value)


def _data(backtest: Backtest) -> Iterator[str]:
    history = backtest.history
    yield element("h2", "What it rests on")
    names = [one.symbol for one in history.instruments]
    told = f"{', '.join(names[:40])}{' …' if len(names) > 40 else ''}"
    first = backtest.judged[0].replayed
    rows = [
        ["data", f"{history.name} from {history.source}, adjustment {history.adjustment.value}"],
        ["span of the data", f"{history.dates[0]} to {history.dates[-1]}, {len(history.dates):,} sessions"],
        ["names", f"{len(names)}: {told}"],
        ["digest of the data", history.digest],
        *([f"policy {one.replayed.policy.name}", one.replayed.policy.hash] for one in backtest.judged),
        *([f"decisions of {one.replayed.policy.name}", one.replayed.decisions_digest] for one in backtest.judged),
        ["fill rule", f"{first.assumptions.fill.value}, {first.assumptions.slippage_bps} basis points of slippage"],
        ["policies tried", str(backtest.trials)],
        ["seed", str(backtest.seed)],
        ["intervals", f"{backtest.draws:,} draws, mean block {backtest.block or UNKNOWN}"],
    ]
    cells = "".join(f"<tr>{element('th', name)}{element('td', value)}</tr>" for name, value in rows)
    yield f'<table class="card">{cells}</table>'
    if history.notes:
        yield element("h3", "What the data cannot show")
        yield listed(history.notes)


def _checks(backtest: Backtest) -> Iterator[str]:
    if not backtest.checks:
        return
    yield element("h2", "Promises, tried")
    lines = "".join(
        f"<li>{element('span', 'passed' if one.passed else 'FAILED', 'pass' if one.passed else 'fail')} "
        f"<b>{text(one.name)}</b>: {text(one.said)}</li>"
        for one in backtest.checks
    )
    yield f"<ul>{lines}</ul>"


def _times(value: float | None) -> str:
    return f"×{value:g}" if value is not None else UNKNOWN


def _whole_percent(value: float | None) -> str:
    return percent(value, 0)


def _price(value: float | None) -> str:
    return f"{value:g}" if value is not None else UNKNOWN
