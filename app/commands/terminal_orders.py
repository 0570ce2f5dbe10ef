"""What could be done, what was chosen and why, what became of it, and what is there afterwards, for the terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from app.commands.terminal_parts import action_of, heading, money, percent, plain_table
from app.commands.terminal_reasons import Said, grouped, order_reason

SHORTFALLS_SHOWN = 3
Row = Mapping[str, Any]


def choice_parts(report: Row, said: Said) -> list[RenderableType]:
    """From the plans to what the gate refused."""
    parts: list[RenderableType] = []
    if report["plans"]:
        parts += [heading("What could be done"), _plans(report)]
        parts += [Text(one["text"]) for one in _chosen(report).get("exempt", ())]
    if report["decision"]:
        parts += [heading("What was chosen"), *_decision(report["decision"], said)]
    if report.get("explanations"):
        parts += [heading("Why this and not the others"), *_explanations(report, said)]
    if report["orders"]:
        parts += [heading("What was ordered"), _orders(report["orders"], said)]
    news = [one for one in report["refusals"] if not _is_in(one, report["orders"])]
    if news:
        parts += [heading("What the gate refused or made smaller"), _refusals(news)]
    return parts


def after_parts(report: Row) -> list[RenderableType]:
    """Nothing where nothing was filled: it is as it was seen then."""
    after = report.get("after")
    if not after or not any(float(order["filled_quantity"]) for order in report["orders"]):
        return []
    table = plain_table(
        "symbol", "quantity", "price", "value", "weight", right=("quantity", "price", "value", "weight")
    )  # fmt: skip
    for row in after["positions"]:
        weight = "–" if row["weight"] is None else percent(row["weight"])
        table.add_row(row["symbol"], f"{float(row['quantity']):,.0f}", money(row["price"]), money(row["value"]), weight)
    currency = after["currency"]
    return [
        heading("What is there now"),
        Text(
            f"proceeds of sales {money(after['proceeds'])} {currency}, spent on purchases {money(after['spent'])}, "
            f"commissions {money(after['commissions'])}, cash {money(after['cash'])}"
        ),
        table,
    ]


def _chosen(report: Row) -> Row:
    chosen = report["decision"]["plan_id"] if report["decision"] else None
    return next((plan for plan in report["plans"] if plan["id"] == chosen), {})


def _plans(report: Row) -> RenderableType:
    """With their reasons only where no explanation has them: reports of earlier versions, and exits by hand."""
    reasons = () if report.get("explanations") else ("because",)
    table = plain_table(
        "", "plan", "orders", "turnover", "cash after", *reasons, right=("orders", "turnover", "cash after")
    )
    chosen = _chosen(report).get("id")
    for plan in report["plans"]:
        after = plan["post_trade"]
        table.add_row(
            "→" if plan["id"] == chosen else "",
            plan["id"],
            str(len(plan["orders"])),
            percent(after["turnover"]) if after else "–",
            percent(after["cash_weight"]) if after else "–",
            *([plan["reason"]] if reasons else []),
        )
    return table


def _decision(decision: Row, said: Said) -> list[RenderableType]:
    rationale = said.less(decision["rationale"])
    said.add(decision["rationale"])
    lines: list[RenderableType] = [Text(f"{action_of(decision)}, chosen by {decision['chosen_by']}: {rationale}")]
    if decision["fallback"]:
        lines.append(Text(f"the rules chose because: {decision['fallback']}", style="yellow"))
    return lines


def _explanations(report: Row, said: Said) -> list[RenderableType]:
    """One paragraph an action, in the order of precedence; of the chosen one what was not said yet."""
    lines: list[RenderableType] = []
    decision = report["decision"]
    chosen_by = f"Chosen by {decision['chosen_by']}: " if decision else ""
    preferred = f"Offered, and {action_of(decision)} was chosen by {decision['chosen_by']}: " if decision else ""
    for row in report["explanations"]:
        because = row["because"]
        for before, now in ((chosen_by, "Chosen: "), (preferred, "Offered: ")):
            if before and because.startswith(before):
                because = now + because.removeprefix(before)
        if said.whole(because.removeprefix("Chosen: ")):
            because = "Chosen."
        because = said.shorter(said.less(because))
        said.add(because)
        lines.append(Text.assemble((f"{action_of(row)}  ", "bold"), because))
        if row["changes"]:
            lines.append(Text(f"    would need: {'; '.join(row['changes'])}", "dim"))
        short = row["shortfalls"][:SHORTFALLS_SHOWN]
        lines += [Text(f"    {line}", "dim") for line in grouped((_off(one), one["reasons"]) for one in short)]
    return lines


def _off(short: Row) -> str:
    return f"{short['name']} ends at {percent(short['after'])} (target {percent(short['target'])})"


def _orders(orders: Sequence[Row], said: Said) -> RenderableType:
    right = ("limit", "filled", "filled at")
    table = plain_table("order", "limit", "state", "filled", "filled at", "because", right=right)
    for order in orders:
        table.add_row(
            f"{order['side']} {float(order['quantity']):,.0f} {order['symbol']}",
            money(order["limit_price"]),
            order["state"],
            f"{float(order['filled_quantity']):,.0f}",
            money(order["average_price"]),
            order_reason(order, said),
        )
    sold = [Text(f"sold of {row['symbol']}: {lot_words(row['lots'])}", "dim") for row in with_dates(orders)]
    # Reports of earlier versions name no questions.
    asked = [
        Text(f"the broker asked about {row['symbol']} ({', '.join(q['ids']) or 'no id'}): {q['text']} {q['advice']}")
        for row in orders
        for q in row.get("questions", ())
        if not q["answered"]
    ]
    return Group(table, *sold, *asked)


def _is_in(refusal: Row, orders: Iterable[Row]) -> bool:
    """An order's own reason says it, whole."""
    words = f"{refusal['rule']}: {refusal['symbol']} "
    return any(order["reason"] and words in order["reason"] for order in orders)


def _refusals(refusals: Sequence[Row]) -> RenderableType:
    table = plain_table("rule", "symbol", "value", "limit", "would pass", right=("would pass",))
    for refusal in refusals:
        table.add_row(
            refusal["rule"], refusal["symbol"], refusal["value"], refusal["limit"], f"{float(refusal['largest']):,.0f}"
        )
    return table


def with_dates(rows: Sequence[Row]) -> list[Row]:
    """Those of which the record holds a purchase; reports of earlier versions name no lots."""
    return [row for row in rows if any(lot["acquired"] for lot in row.get("lots", ()))]


def lot_words(lots: Sequence[Row]) -> str:
    """Purchases, oldest first."""
    return ", ".join(
        f"{float(lot['quantity']):,.0f} bought {lot['acquired']} at {money(lot['cost'])}"
        f" ({money(lot['unrealized_pnl'])} in {lot['holding_days']} days)"
        if lot["acquired"]
        else f"{float(lot['quantity']):,.0f} bought before the record began or elsewhere"
        for lot in lots
    )
