"""How an account was taken over, and the prices at which a rule acts, for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from app.commands.terminal_parts import heading, money, percent, plain_table

Row = Mapping[str, Any]
_MODES = {
    "adopt": "what is over a limit is worked off in small steps; names outside the universe stay",
    "transition": "the same, and names outside the universe are sold within the weeks",
    "now": "everything at once",
}


def adoption_parts(report: Row) -> list[RenderableType]:
    """Nothing of a report that an earlier version made."""
    parts = adoption_lines(report["adoption"]) if report.get("adoption") else []
    if report.get("price_levels"):
        parts += [heading("At which prices a rule acts"), _levels_table(report["price_levels"])]
    return parts


def adoption_lines(told: Row) -> list[RenderableType]:
    """Of a report; on the first contact with the three modes side by side."""
    mode = f"mode {told['mode']} ({told['mode_chosen_by']}'s)"
    begun = f"taken over on {told['session_date']} at {money(told['nav'])}, {mode}"
    if told["first_contact"]:
        begun = f"this is the first contact: gains, losses and drawdown count from today; {mode}"
    elif not told["working_off"] and not told["inherited"]:
        return []
    lines: list[RenderableType] = [heading("How the account is taken over"), Text(begun)]
    if told["working_off"]:
        lines.append(Text(f"until {told['until']} what was found is worked off and not acted upon"))
    if told["inherited"]:
        names = ", ".join(f"{each['name']} {percent(each['excess'])} over" for each in told["inherited"])
        lines.append(Text(f"inherited: {names}"))
    if told["legacy"]:
        lines.append(Text(f"outside the universe: {', '.join(told['legacy'])}"))
    if told["modes"]:
        lines.append(_modes_table(told["modes"]))
        lines += [Text(f"{mode}: {words}", "dim") for mode, words in _MODES.items()]
        lines.append(Text("another one: `portfolio adopt --mode MODE --reason WHY`", "dim"))
    return lines


def _modes_table(modes: Sequence[Row]) -> Table:
    """What each would order today."""
    table = plain_table(
        "mode", "orders", "turnover", "commission", "realised gain", "stays", "inherited",
        right=("orders", "turnover", "commission", "realised gain"),
    )  # fmt: skip
    for mode in modes:
        table.add_row(
            mode["mode"], str(len(mode["orders"])), money(mode["turnover"]), money(mode["commission"]),
            money(mode["realized_gain"]), f"{len(mode['stays'])} names", str(len(mode["inherited"])),
        )  # fmt: skip
    return table


def _levels_table(levels: Sequence[Row]) -> Table:
    """One line a holding."""
    names = ("symbol", "price", "counts from", "stop", "cut", "take profit", "reinforce", "volatility a month")
    table = plain_table(*names, right=names[1:])
    for row in levels:
        prices = (money(row[name]) for name in ("price", "base", "stop", "cut", "take_profit", "reinforce"))
        table.add_row(row["symbol"], *prices, percent(row["monthly_volatility"]))
    return table


def show_modes(console: Console, told: Row) -> None:
    """What `portfolio adopt --preview` found."""
    for line in adoption_lines(told):
        console.print(line)
    for mode in told["modes"]:
        console.print(heading(f"{mode['mode']}: {len(mode['orders'])} orders"))
        for order in mode["orders"]:
            console.print(f"{order['side']} {order['quantity']} {order['symbol']}: {order['reason']}")
        console.print(Text(f"stays: {', '.join(mode['stays']) or 'nothing'}", "dim"))
