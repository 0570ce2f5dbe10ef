"""`portfolio positions`: what is held, what it is worth and cost, and the prices at which a rule acts."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.text import Text

from app.commands.local_run import run_locally
from app.commands.output import (
    AccountOption,
    JsonOption,
    StateOption,
    UrlOption,
    opened_ledger,
    print_json,
    settings_of,
    tell,
)
from app.commands.service_client import Call, Report, ask_service, with_query
from app.commands.terminal_parts import heading, money, percent, plain_table
from app.desk.accounts import Whose
from app.desk.desk import Desk
from app.desk.records import RunStatus
from app.desk.run.attempt import RunResult
from app.desk.run.positions import recorded_positions, show_positions
from app.explain.source import source_words
from app.settings import Settings

Row = Mapping[str, Any]
RecordedOption = Annotated[bool, typer.Option("--recorded", help="By the record alone; nobody is asked.")]


def positions(
    recorded: RecordedOption = False,
    account: AccountOption = None,
    url: UrlOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is held: by the broker where it can be reached, else by the newest run on record; it says which."""
    settings = settings_of(state)
    facts = _of_service(settings, url, account, recorded) if url else _here(settings, account, recorded)
    if as_json:
        print_json(facts)
        return
    Console().print(positions_text(facts))


def _of_service(settings: Settings, url: str, account: str | None, recorded: bool) -> Report:
    path = with_query("/positions", account=account, recorded="true" if recorded else None)
    return ask_service(settings, url, Call(path, method="GET"), tell)


def _here(settings: Settings, account: str | None, recorded: bool) -> Report:
    # Looking makes no new ledger.
    with opened_ledger(settings) as ledger:
        if recorded:
            return recorded_positions(ledger, Whose(account, settings.accounts))

    async def job(desk: Desk, *_: object) -> RunResult:
        return RunResult("", RunStatus.RECONCILED, await show_positions(desk, account))

    return run_locally(settings, job, tell)


def positions_text(facts: Row) -> RenderableType:
    """What is held, what is held beside it, and what must be known of the numbers."""
    currency = facts["currency"]
    parts: list[RenderableType] = [
        Text(f"account {facts['account']}: net asset value {_or_unknown(facts['nav'])} {currency}, "
             f"cash {_or_unknown(facts['cash'])}", "bold"),
        Text(_told_by(facts)),
        Text(source_words(facts["source"])),
        *(Text(note) for note in facts["notes"]),
    ]  # fmt: skip
    if not facts["positions"] and not facts["not_managed"]:
        parts.append(Text("nothing is held but cash"))
    if facts["positions"]:
        parts += [heading("What is held"), _table(facts["positions"], currency), *_legacy(facts["positions"])]
        parts += [heading("At which prices a rule sells or buys more"), _levels(facts["positions"])]
    if facts["not_managed"]:
        parts += [heading("What is held and not managed: no rule orders it"), _beside(facts["not_managed"])]
    return Group(*parts)


def _told_by(facts: Row) -> str:
    as_of = f"as of {facts['as_of'][:16].replace('T', ' ')} UTC"
    if facts["from"] == "broker":
        return f"fresh from the broker, {as_of}"
    of = f"by run {facts['run_id']} of {facts['session_date']} ({facts['status']}), {as_of}"
    return f"not fresh: {of}" + (f"; the broker was not read: {facts['why']}" if facts["why"] else "")


def _table(rows: list[Row], currency: str) -> RenderableType:
    table = plain_table(
        "symbol", "quantity", "price", "value", "weight", "cost", "gain", "",
        right=("quantity", "price", "value", "weight", "cost", "gain", ""),
    )  # fmt: skip
    for row in rows:
        abroad = f" {row['currency']}" if row["currency"] not in (None, currency) else ""
        part = row["gain_fraction"]
        table.add_row(
            row["symbol"], f"{Decimal(row['quantity']):,f}", money(row["price"]), money(row["market_value"]) + abroad,
            percent(row["weight"]), money(row["average_cost"]), money(row["gain"]),
            "" if part is None else f"{part:+.1%}",
        )  # fmt: skip
    return table


def _legacy(rows: list[Row]) -> list[RenderableType]:
    names = ", ".join(row["symbol"] for row in rows if row["legacy"])
    return [Text(f"held outside the policy's universe (legacy): {names}")] if names else []


def _levels(rows: list[Row]) -> RenderableType:
    heads = ("stop", "cut", "take profit", "reinforce")
    table = plain_table("symbol", *heads, right=heads)
    for row in rows:
        table.add_row(row["symbol"], *(money(row[name.replace(" ", "_")]) for name in heads))
    return table


def _beside(rows: list[Row]) -> RenderableType:
    table = plain_table("name", "type", "quantity", "value", "because", right=("quantity", "value"))
    for row in rows:
        since = f" of {row['value_from']}" if row["value_from"] else ""
        quantity = "–" if row["quantity"] is None else f"{Decimal(row['quantity']):,f}"
        value = "unknown" if row["value"] is None else money(row["value"]) + since
        table.add_row(row["symbol"], row["asset_class"], quantity, value, row["reason"])
    return table


def _or_unknown(amount: str | None) -> str:
    return "unknown" if amount is None else money(amount)
