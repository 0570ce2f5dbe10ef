"""Where the account is going, for the terminal: targets, tilts, the way back from a fall, what was earned."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from app.commands.terminal_parts import heading, money, percent, plain_table
from app.commands.terminal_reasons import grouped

Row = Mapping[str, Any]
NAMES_SHOWN = 20


def target_parts(report: Row) -> list[RenderableType]:
    """Nothing of a report that an earlier version made."""
    told = report.get("targets")
    if not told:
        return []
    parts: list[RenderableType] = [heading(f"Where it is going: {percent(told['invested'])} invested")]
    parts += [Text(f"WARNING: {words}", "bold yellow") for words in told["warnings"]]
    rows = [*(row for row in told["groups"] if row["kind"] != "name"), *told["names"][:NAMES_SHOWN]]
    if rows:
        parts.append(_table(rows))
    # Not a column: on a narrow screen it would break words.
    parts += [Text(line, "dim") for line in grouped((row["name"], row["reasons"]) for row in rows)]
    if len(told["names"]) > NAMES_SHOWN:
        parts.append(Text(f"and {len(told['names']) - NAMES_SHOWN} more names", "dim"))
    parts += [Text(tilt_words(row)) for row in told["tilts"]]
    if told["recovery"]:
        parts += [Text(words) for words in recovery_words(told["recovery"])]
    return parts


def _table(rows: Sequence[Row]) -> Table:
    table = plain_table("", "weight", "target", "going to", right=("weight", "target", "going to"))
    for row in rows:
        target = "–" if row["target"] is None else percent(row["target"])
        table.add_row(row["name"], percent(row["weight"]), target, percent(row["attainable"]))
    return table


def tilt_words(row: Row) -> str:
    """One tilt in a sentence."""
    until = f"until {row['until']}" if row["until"] else "while it stays a winner"
    return f"tilt: {row['name']} {row['weight']:+.1%} of NAV by a {row['by']}, {until}"


def recovery_words(row: Row) -> list[str]:
    """The way back from a fall, in sentences."""
    cap = "nothing" if row["cap"] is None else f"up to {percent(row['cap'])}"
    fell = f"fell {percent(row['acted_at'])} by {row['acted']}" + (
        "" if row["began"] == row["acted"] else f", acted upon since {row['began']}"
    )
    lines = [f"on the way back: {fell}; {cap} may be invested by purchases"]
    if row["rebased"]:
        lines.append(f"falls are counted anew from {row['rebased']}")
    elif row["mark_latest"] is None:
        lines.append("nothing is bought until a person resumes: `portfolio resume`")
    else:
        lines.append(
            f"falls are counted anew from {row['mark_earliest']} on where the trend is no bear, "
            f"from {row['mark_latest']} on in any case"
        )
    if row["next_step"] and row["next_cap"] is not None:
        lines.append(
            f"next step: up to {percent(row['next_cap'])} on {row['next_step']} at the earliest; "
            f"no cap from {row['ends']} on at the latest, unless it falls anew"
        )
    return lines


def earned_parts(report: Row) -> list[RenderableType]:
    """Nothing of a report that an earlier version made, and of an account that has not traded."""
    told = report.get("earned")
    if not told or not told["total"]["fills"]:
        return []
    table = plain_table("", "orders", "earned", "fees", right=("orders", "earned", "fees"))
    for row in (*told["actions"], *told["rules"], told["total"]):
        table.add_row(row["name"], str(row["fills"]), money(row["earned"]), money(row["fees"]))
    since = f" since {told['since']}" if told["since"] else ""
    words = f"{told['currency']}, against not having traded, at today's prices, without dividends"
    left_out = told["total"]["unpriced"]
    return [
        heading(f"What each action and rule has earned or cost{since}"),
        Text(words, "dim"),
        table,
        *([Text(f"{left_out} orders are left out: nobody knows the price then or now", "dim")] if left_out else []),
    ]
