"""What a person reads: a report, a list of runs. The numbers are the report's own, only their form changes."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from app.commands.terminal_adoption import adoption_parts
from app.commands.terminal_parts import action_of, heading, money, percent, plain_table
from app.commands.terminal_summary import summary_parts, unreported_summary
from app.commands.terminal_targets import earned_parts, target_parts
from app.explain.source import source_words

SEVERITY_STYLE = {"LOW": "green", "MEDIUM": "yellow", "HIGH": "red", "CRITICAL": "bold red", "UNKNOWN": "magenta"}
SHORTFALLS_SHOWN = 3
# Metrics that are not shares of the account, with the digits that they are shown with.
NOT_SHARES = {"vix": 1, "beta": 2, "sharpe": 2, "sortino": 2}
# Below one unit of the base currency the broker's figure and ours are the same to a person.
SHOWN_DIFFERENCE = Decimal(1)
Row = Mapping[str, Any]


def show_report(console: Console, report: Mapping[str, Any]) -> None:
    """One run, from what was seen to what was done."""
    parts: list[RenderableType] = [*summary_parts(report), _header(report)]
    if report["portfolio"]:
        parts += [heading("What was seen"), _portfolio(report["portfolio"], report["market"])]
    if report["evaluation"]:
        parts += [heading("What was measured"), _metrics(report["evaluation"]), *_exits(report["evaluation"])]
    parts += [*target_parts(report), *adoption_parts(report)]
    if report["plans"]:
        parts += [heading("What could be done"), _plans(report)]
    if report["decision"]:
        parts += [heading("What was chosen"), _decision(report["decision"])]
    if report.get("explanations"):
        parts += [heading("Why this and not the others"), *_explanations(report["explanations"])]
    if report["orders"]:
        parts += [heading("What was ordered"), _orders(report["orders"])]
    if report["refusals"]:
        parts += [heading("What the gate refused or made smaller"), _refusals(report["refusals"])]
    console.print(Group(*parts, *earned_parts(report), *_gains(report), _footer(report)))


def show_runs(console: Console, runs: Sequence[Row]) -> None:
    """One line a run."""
    if not runs:
        console.print("No runs yet. `portfolio demo` makes one.")
        return
    table = plain_table("session", "slot", "status", "action", "account", "run")
    for run in runs:
        status = run["status"] + (", nobody at work" if run["lapsed"] else "")
        table.add_row(run["session_date"], run["slot"], status, action_of(run), run["account"], run["run_id"])
    console.print(table)


def show_unreported(console: Console, run: Row, orders: int, filled: int) -> None:
    """A run that ended without a report."""
    console.print(Group(*summary_parts(unreported_summary(run, orders, filled))))
    show_runs(console, [run])


def _header(report: Row) -> RenderableType:
    lines = [
        Text(
            f"{report['slot']} run of {report['session_date']}, account {report['account']}: {report['status']}", "bold"
        ),
        Text(f"as of {report['as_of']}  ·  {source_words(report['source'])}"),
        Text(f"mode {report['mode']}: {report['mode_reason']}"),
        Text(f"policy {report['policy']['name']} v{report['policy']['version']} ({report['policy']['hash'][:19]}…)"),
    ]
    if report["note"]:
        lines.append(Text(report["note"], style="bold yellow"))
    return Group(*lines)


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
        Text(f"lots of {row['symbol']}: {_lots(row['lots'])}", "dim") for row in _with_dates(portfolio["positions"])
    ]
    lines += _beside(portfolio)
    if market and market["untradable"]:
        lines += [Text(f"untradable today: {symbol}: {why}") for symbol, why in market["untradable"].items()]
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


def _with_dates(rows: Sequence[Row]) -> list[Row]:
    """Those of which the record holds a purchase; reports of earlier versions name no lots."""
    return [row for row in rows if any(lot["acquired"] for lot in row.get("lots", ()))]


def _lots(lots: Sequence[Row]) -> str:
    return ", ".join(
        f"{float(lot['quantity']):,.0f} bought {lot['acquired']} at {money(lot['cost'])}"
        f" ({money(lot['unrealized_pnl'])} in {lot['holding_days']} days)"
        if lot["acquired"]
        else f"{float(lot['quantity']):,.0f} bought before the record began or elsewhere"
        for lot in lots
    )


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


def _exits(evaluation: Row) -> list[RenderableType]:
    return [
        Text(
            f"exit due: {e['symbol']} {e['rule']} at {percent(e['value'])} against {percent(e['threshold'])}: "
            f"sell {percent(e['fraction'], 0)} of it"
        )
        for e in evaluation["exits_due"]
    ]


def _plans(report: Row) -> RenderableType:
    table = plain_table(
        "", "plan", "orders", "turnover", "cash after", "because", right=("orders", "turnover", "cash after")
    )
    chosen = report["decision"]["plan_id"] if report["decision"] else None
    for plan in report["plans"]:
        after = plan["post_trade"]
        table.add_row(
            "→" if plan["id"] == chosen else "",
            plan["id"],
            str(len(plan["orders"])),
            percent(after["turnover"]) if after else "–",
            percent(after["cash_weight"]) if after else "–",
            plan["reason"],
        )
    return table


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
    if row["loss_until"]:
        words.append(f"buying it again up to {row['loss_until']} would put off the loss")
    if Decimal(row["late"]):
        words.append(f"buying puts off an earlier loss of {money(row['late'])}")
    return f"{row['side']} {row['symbol']}: {', '.join(words)}"


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
        *(Text(_planned_words(row)) for row in rows),
        Text(
            f"realised {money(year['counted'])} {total['currency']} (short term {money(year['short_term'])}, long term "
            f"{money(year['long_term'])}, unknown {money(year['unknown_term'])}; put off {money(year['deferred'])}), "
            f"today {money(today['counted'])}; not realised {money(held['gain'])}"
        ),
        Text(
            f"`portfolio tax` shows each name, and {len(part['unknown'])} things that the record does not know", "dim"
        ),
    ]


def _decision(decision: Row) -> RenderableType:
    lines = [Text(f"{action_of(decision)}, chosen by {decision['chosen_by']}: {decision['rationale']}")]
    if decision["fallback"]:
        lines.append(Text(f"the rules chose because: {decision['fallback']}", style="yellow"))
    return Group(*lines)


def _explanations(explanations: Sequence[Row]) -> list[RenderableType]:
    """One paragraph an action, in the order of precedence."""
    lines: list[RenderableType] = []
    for row in explanations:
        lines.append(Text.assemble((f"{action_of(row)}  ", "bold"), row["because"]))
        if row["changes"]:
            lines.append(Text(f"    would need: {'; '.join(row['changes'])}", "dim"))
        for short in row["shortfalls"][:SHORTFALLS_SHOWN]:
            off = f"{short['name']} ends at {percent(short['after'])}, target {percent(short['target'])}"
            lines.append(Text(f"    {off}: {'; '.join(short['reasons'])}", "dim"))
    return lines


def _orders(orders: Sequence[Row]) -> RenderableType:
    table = plain_table("order", "limit", "state", "filled", "at", "because", right=("limit", "filled", "at"))
    for order in orders:
        table.add_row(
            f"{order['side']} {float(order['quantity']):,.0f} {order['symbol']}",
            money(order["limit_price"]),
            order["state"],
            f"{float(order['filled_quantity']):,.0f}",
            money(order["average_price"]),
            "; ".join(part for part in (order["trigger"], order["reason"]) if part),
        )
    sold = [Text(f"sold of {row['symbol']}: {_lots(row['lots'])}", "dim") for row in _with_dates(orders)]
    # Reports of earlier versions name no questions.
    asked = [
        Text(f"the broker asked about {row['symbol']} ({', '.join(q['ids']) or 'no id'}): {q['text']} {q['advice']}")
        for row in orders
        for q in row.get("questions", ())
        if not q["answered"]
    ]
    return Group(table, *sold, *asked)


def _refusals(refusals: Sequence[Row]) -> RenderableType:
    table = plain_table("rule", "symbol", "value", "limit", "would pass", right=("would pass",))
    for refusal in refusals:
        table.add_row(
            refusal["rule"], refusal["symbol"], refusal["value"], refusal["limit"], f"{float(refusal['largest']):,.0f}"
        )
    return table


def _footer(report: Row) -> RenderableType:
    model = report["model"]
    spent = "no model was asked" if model["calls"] == 0 else f"{model['calls']} model calls, cost {model['cost']} USD"
    total = report["timings_ms"].get("total")
    took = f"{total / 1000:.1f} s, " if total else ""
    return Padding(
        Text(f"{report['run_id']}: {took}{report['broker']['calls']} calls to the broker's server, {spent}", "dim"),
        (1, 0, 0, 0),
    )
