"""What a person reads: a report, a list of runs. The numbers are the report's own, only their form changes."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from app.commands.terminal_adoption import adoption_parts
from app.commands.terminal_orders import after_parts, choice_parts, lot_words, with_dates
from app.commands.terminal_parts import action_of, heading, money, percent, plain_table
from app.commands.terminal_reasons import Said, grouped
from app.commands.terminal_summary import NOTHING_NEEDED, is_told, summary_lines
from app.commands.terminal_targets import earned_parts, target_parts
from app.explain.source import source_words

SEVERITY_STYLE = {"LOW": "green", "MEDIUM": "yellow", "HIGH": "red", "CRITICAL": "bold red", "UNKNOWN": "magenta"}
# Metrics that are not shares of the account, with the digits that they are shown with.
NOT_SHARES = {"vix": 1, "beta": 2, "sharpe": 2, "sortino": 2}
# Below one unit of the base currency the broker's figure and ours are the same to a person.
SHOWN_DIFFERENCE = Decimal(1)
Row = Mapping[str, Any]


def show_report(console: Console, report: Mapping[str, Any], before: str | None = None) -> None:
    """One run: four lines that tell it all, then from what was seen to what was done. `before` is said first."""
    summary, said = report.get("summary"), Said()
    parts: list[RenderableType] = [*summary_lines(summary, before), _header(report)]
    said.add(*(told["text"] for told in (summary or {}).values()))
    if report["portfolio"]:
        parts += [heading("What was seen"), _portfolio(report["portfolio"], report["market"])]
    if report["evaluation"]:
        exits = _exits(report["evaluation"])
        said.add(*exits)
        parts += [heading("What was measured"), _metrics(report["evaluation"]), *map(Text, exits)]
    parts += [*target_parts(report), *adoption_parts(report)]
    parts += choice_parts(report, said)
    console.print(Group(*parts, *after_parts(report), *earned_parts(report), *_gains(report), _footer(report)))


def show_standing(console: Console, told: Mapping[str, Any]) -> None:
    """A run that left no report: the four lines, and its own."""
    console.print(Group(*summary_lines(told["summary"]), Text("")))
    show_runs(console, [told])


def show_runs(console: Console, runs: Sequence[Row]) -> None:
    """One line a run, newest first, and what the newest needs of a person."""
    if not runs:
        console.print("No runs yet. `portfolio demo` makes one.")
        return
    table = plain_table("session", "slot", "status", "action", "account", "run")
    for run in runs:
        status = run["status"] + (", nobody at work" if run["lapsed"] else "")
        table.add_row(run["session_date"], run["slot"], status, action_of(run), run["account"], run["run_id"])
    console.print(table)
    needs = runs[0].get("needs")
    if len(runs) > 1 and needs and needs != NOTHING_NEEDED:
        console.print(Text(f"The newest needs you: {needs}"))


def _header(report: Row) -> RenderableType:
    told_mode = is_told(report.get("summary"), report["mode_reason"])
    lines = [
        Text(
            f"{report['slot']} run of {report['session_date']}, account {report['account']}: {report['status']}", "bold"
        ),
        Text(f"as of {report['as_of']}  ·  {source_words(report['source'])}"),
        Text(f"mode {report['mode']}" + ("" if told_mode else f": {report['mode_reason']}")),
        Text(f"policy {report['policy']['name']} v{report['policy']['version']} ({report['policy']['hash'][:19]}…)"),
    ]
    if report["note"] and not is_told(report.get("summary"), report["note"]):
        lines.append(Text(report["note"], style="bold yellow"))
    return Padding(Group(*lines), (1, 0, 0, 0))


def _portfolio(portfolio: Row, market: Row | None) -> RenderableType:
    currency = portfolio["currency"]
    head = Text(
        f"net asset value {money(portfolio['nav'])} {currency}, cash {money(portfolio['cash'])}, "
        f"unrealised {money(portfolio['unrealized_pnl'])}"
    )
    lines: list[RenderableType] = [head]
    if portfolio["fx_rates"]:
        rates = {name: f" at {rate}" for name, rate in portfolio["fx_rates"].items()}
        kept = (f"{money(cash)} {name}{rates.get(name, '')}" for name, cash in portfolio["balances"].items())
        lines.append(Text(f"cash by currency: {', '.join(kept)}"))
    if market:
        vix = "unknown" if market["vix"] is None else f"{market['vix']:.1f} ({market['vix_source']})"
        lines.append(Text(f"VIX {vix}, trend {market['trend'] or 'unknown'}"))
        invented = [quote["symbol"] for quote in market["quotes"] if "synthetic" in quote["marks"]]
        if invented:
            lines.append(Text(f"SYNTHETIC prices from a generator: {', '.join(invented)}"))
    table = plain_table(
        "symbol", "sector", "quantity", "price", "value", "weight", "cost", "return",
        right=("quantity", "price", "value", "weight", "cost", "return"),
    )  # fmt: skip
    for row in portfolio["positions"]:
        cost = float(row["average_cost"])
        gain = f"{float(row['price']) / cost - 1:+.1%}" if cost > 0 else "–"
        abroad = f" {row['currency']}" if row["currency"] != currency else ""
        table.add_row(
            row["symbol"], row["sector"], f"{float(row['quantity']):,.0f}", money(row["price"]),
            money(row["market_value"]) + abroad, percent(row["weight"]), money(row["average_cost"]), gain,
        )  # fmt: skip
    lines.append(table)
    lines += [
        Text(f"lots of {row['symbol']}: {lot_words(row['lots'])}", "dim") for row in with_dates(portfolio["positions"])
    ]
    lines += _beside(portfolio)
    if market and market["untradable"]:
        blocked = grouped((symbol, (why,)) for symbol, why in market["untradable"].items())
        lines += [Text(f"untradable today: {line}") for line in blocked]
    lines += [Text(_unsettled(row)) for row in (market or {}).get("unsettled", ())]
    return Group(*lines)


def _unsettled(row: Row) -> str:
    waits = "; its purchases wait for it" if row["buys_wait"] else ""
    return f"sector unknown: {row['symbol']}: write {row['write']} into the policy{waits}"


def _beside(portfolio: Row) -> list[RenderableType]:
    """What is held and not managed, and what of the broker's own figure NAV leaves out; older reports know neither."""
    lines: list[RenderableType] = []
    if portfolio.get("unmanaged"):
        table = plain_table("not managed", "type", "quantity", "value", "because", right=("quantity", "value"))
        for row in portfolio["unmanaged"]:
            since = f" of {row['value_from']}" if row["value_from"] else ""
            quantity = "–" if row["quantity"] is None else f"{Decimal(row['quantity']):,f}"
            value = "unknown" if row["value"] is None else money(row["value"]) + since
            table.add_row(row["symbol"], row["asset_class"], quantity, value, row["reason"])
        lines.append(table)
    parts = portfolio.get("nav_parts")
    if parts and parts["broker"] and abs(Decimal(parts["broker"]) - Decimal(portfolio["nav"])) >= SHOWN_DIFFERENCE:
        lines.append(
            Text(
                f"the broker's own net liquidation {money(parts['broker'])}: accrued dividends "
                f"{money(parts['accrued_dividends'])}, accrued interest {money(parts['accrued_interest'])}, "
                f"other differences {money(parts['difference'])}"
            )
        )
    for row in portfolio.get("unreadable", ()):
        lines.append(Text(f"cannot be read: {row['kind']} of {row['symbol'] or row['conid'] or '?'}: {row['reason']}"))
    return lines + [Text(gap) for gap in portfolio.get("gaps", ())]


def _metrics(evaluation: Row) -> RenderableType:
    table = plain_table("metric", "value", "limit", "severity", "", right=("value", "limit"))
    for metric in evaluation["metrics"]:
        limit = "" if metric["limit"] is None else percent(metric["limit"])
        severity = Text(metric["severity"], style=SEVERITY_STYLE[metric["severity"]])
        shown: RenderableType = severity if metric["limit"] is not None else Text("shown only", style="dim")
        digits = NOT_SHARES.get(metric["name"])
        known = metric["value"] is not None and digits is not None
        value = f"{metric['value']:.{digits}f}" if known else percent(metric["value"])
        table.add_row(metric["name"], value, limit, shown, metric["note"] or "")
    return table


def _exits(evaluation: Row) -> list[str]:
    return [
        f"exit due: {e['symbol']} {e['rule']} at {percent(e['value'])} against {percent(e['threshold'])}: "
        f"sell {percent(e['fraction'], 0)} of it"
        for e in evaluation["exits_due"]
    ]


def _planned_words(row: Row) -> str:
    sales, words = row["sales"], []
    if row["side"] == "SELL":
        terms = (("short term", "short_term"), ("long term", "long_term"), ("term unknown", "unknown_term"))
        named = [f"{money(sales[key])} {name}" for name, key in terms if Decimal(sales[key])]
        unknown = Decimal(sales["unknown"])
        cost = [f"of {unknown:,f} shares the cost is unknown"] if unknown else []
        words = [f"would realise {money(sales['counted'])} {row['currency']}", *named, *cost]
    if Decimal(sales["deferred"]):
        words.append(f"a loss of {money(sales['deferred'])} is put off, bought within 30 days ({row['bought_until']})")
    if Decimal(row["late"]):
        words.append(f"buying puts off an earlier loss of {money(row['late'])}")
    return f"{row['side']} {row['symbol']}: {', '.join(words)}" if words else ""


def _losses_at_risk(rows: Sequence[Row]) -> list[str]:
    """Names by the day up to which buying one again would put its loss off."""
    names: dict[str, list[str]] = {}
    for row in rows:
        if row["loss_until"]:
            names.setdefault(row["loss_until"], []).append(row["symbol"])
    return [f"buying {', '.join(of)} again up to {day} would put off the loss" for day, of in names.items()]


def _gains(report: Row) -> list[RenderableType]:
    """The year's, and what the chosen plan's orders would bring; reports of earlier versions tell none."""
    part, chosen = report.get("tax"), report["decision"]["plan_id"] if report["decision"] else None
    if not part:
        return []
    total = next(row for row in part["totals"] if row["base"])
    year, today, held = total["realised"], total["today"], total["unrealised"]
    rows = [row for plan in report["plans"] if plan["id"] == chosen for row in plan.get("tax", ())]
    return [
        heading(f"Gains of {part['year']}, not advice"),
        *(Text(words) for row in rows if (words := _planned_words(row))),
        *(Text(words) for words in _losses_at_risk(rows)),
        Text(
            f"realised {money(year['counted'])} {total['currency']} (short term {money(year['short_term'])}, long term "
            f"{money(year['long_term'])}, unknown {money(year['unknown_term'])}; put off {money(year['deferred'])}), "
            f"today {money(today['counted'])}; not realised {money(held['gain'])}"
        ),
        Text(
            f"`portfolio tax` shows each name, and {len(part['unknown'])} things that the record does not know", "dim"
        ),
    ]


def _footer(report: Row) -> RenderableType:
    model = report["model"]
    spent = "no model was asked" if model["calls"] == 0 else f"{model['calls']} model calls, cost {model['cost']} USD"
    total = report["timings_ms"].get("total")
    took = f"{total / 1000:.1f} s, " if total else ""
    return Padding(
        Text(f"{report['run_id']}: {took}{report['broker']['calls']} calls to the broker's server, {spent}", "dim"),
        (1, 0, 0, 0),
    )
