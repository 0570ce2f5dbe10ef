"""`portfolio tax`: the gains of a year by the ledger alone, here or by the service at --url."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

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
from app.commands.service_client import Call, ask_service, with_query
from app.commands.terminal_parts import heading, money, plain_table
from app.desk.accounts import Whose
from app.desk.controls.tax import tax_of
from app.settings import read_policy

Row = Mapping[str, Any]
YearOption = Annotated[int | None, typer.Option("--year", help="A calendar year; without it that of the newest run.")]
# What each table shows: (head, name of the figure).
_MONEY = (("proceeds", "proceeds"), ("cost", "cost"), ("gain", "gain"), ("put off", "deferred"))
_TERMS = (("short term", "short_term"), ("long term", "long_term"), ("term unknown", "unknown_term"))


def tax(
    year: YearOption = None,
    account: AccountOption = None,
    url: UrlOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Gains of a year and of what is held, by lot: numbers of this record, not advice."""
    settings = settings_of(state)
    if url is not None:
        path = with_query("/tax", year=year, account=account)
        facts: Row = ask_service(settings, url, Call(path, method="GET"), tell)
    else:
        policy, _ = read_policy(settings.policy_file)
        with opened_ledger(settings) as ledger:
            facts = tax_of(ledger, Whose(account, settings.accounts), policy.tax.lot_method, year)
    if as_json:
        print_json(facts)
        return
    Console().print(tax_text(facts))


def tax_text(facts: Row) -> RenderableType:
    """By name, then added up; what is not known after it, and what decides."""
    sold = [row for row in facts["names"] if float(row["realised"]["quantity"])]
    held = [row for row in facts["names"] if float(row["unrealised"]["quantity"])]
    parts: list[RenderableType] = [
        Text(f"account {facts['account']}, {facts['year']}, as of {facts['as_of']}, lots {facts['lot_method']}", "bold")
    ]
    parts += _table("Realised", sold, "realised", facts["totals"])
    parts += _table("Unrealised", held, "unrealised", facts["totals"])
    parts += _windows(facts["names"])
    if facts["unknown"]:
        parts += [heading("What this record does not know"), *(Text(line) for line in facts["unknown"])]
    return Group(*parts, Text(f"\n{facts['note']}"))


def _table(title: str, rows: list[Row], kind: str, totals: list[Row]) -> list[RenderableType]:
    if not rows:
        return [heading(title), Text("nothing")]
    return [heading(title), _figures(rows, kind, totals, _MONEY), Text(), _figures(rows, kind, totals, _TERMS)]


def _figures(rows: list[Row], kind: str, totals: list[Row], shown: tuple[tuple[str, str], ...]) -> Table:
    heads = [head for head, _ in shown]
    table = plain_table("name", "quantity", *heads, right=("quantity", *heads))
    for row in rows:
        part = row[kind]
        unknown = f" ({part['unknown']} unknown)" if float(part["unknown"]) else ""
        table.add_row(row["symbol"], part["quantity"] + unknown, *(money(part[name]) for _, name in shown))
    for total in totals:
        name = f"all, in {total['currency']}" if total["base"] else f"in {total['currency']}"
        table.add_row(name, "", *(money(total[kind][each]) for _, each in shown), style="bold")
    return table


def _windows(rows: list[Row]) -> list[RenderableType]:
    """Thirty days either way."""
    lines = [
        Text(f"{row['symbol']}: a sale at a loss up to {row['bought_until']} is put off, the name was bought")
        for row in rows
        if row["bought_until"]
    ]
    lines += [
        Text(f"{row['symbol']}: buying it up to {row['loss_until']} puts off a loss of {money(row['open_loss'])}")
        for row in rows
        if row["loss_until"]
    ]
    return [heading("Within 30 days"), *lines] if lines else []
