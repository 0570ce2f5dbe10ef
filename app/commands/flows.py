"""Money that comes and goes: explained, announced, imported from a statement, and what more of it would change."""

from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.commands.amounts import WithAmounts
from app.commands.controls import ActorOption, facts_by, print_facts
from app.commands.local_run import run_locally
from app.commands.output import (
    AccountOption,
    JsonOption,
    StateOption,
    UrlOption,
    opened_ledger,
    print_json,
    safety_settings_of,
    settings_of,
    show,
    tell,
    user,
)
from app.commands.service_client import Call
from app.desk.accounts import Whose
from app.desk.controls.cash_flow import FlowStatement, explain_flow
from app.desk.controls.flow_plan import Announcement, cancel_plan, list_flows, plan_flow
from app.desk.controls.statement import Statement, import_statement
from app.desk.desk import Desk, Progress
from app.desk.records import RunStatus
from app.desk.run.attempt import RunResult
from app.desk.run.what_if import what_if
from app.desk.stages.pipeline import PerformStages
from app.domain.cash import CashKind
from app.domain.errors import UsageError
from app.domain.flows import amount_of, day_of
from app.domain.statement import statement_rows


def register(cli: typer.Typer) -> None:
    """Add the commands to `portfolio`."""
    flow = typer.Typer(no_args_is_help=True, help="Deposits, withdrawals, income and costs.")
    flow.command("add", cls=WithAmounts)(flow_add)
    flow.command("import")(flow_import)
    flow.command("plan", cls=WithAmounts)(flow_plan)
    flow.command("list")(flow_list)
    flow.command("cancel")(flow_cancel)
    flow.command("what-if", cls=WithAmounts)(flow_what_if)
    cli.add_typer(flow, name="flow")


def flow_add(
    amount: Annotated[str, typer.Argument(help="Base currency; paid in, or out where negative.")],
    note: Annotated[str, typer.Option("--note", help="What it was.")],
    day: Annotated[str | None, typer.Option("--date", help="Session, YYYY-MM-DD, else the newest run's.")] = None,
    kind: Annotated[
        CashKind | None, typer.Option("--kind", help="Income and costs are a return; else it is a flow.")
    ] = None,
    account: AccountOption = None,
    url: UrlOption = None,
    state: StateOption = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain a deposit or a withdrawal, so that it counts as neither gain nor loss."""
    settings, who = settings_of(state), actor or user()
    session = None if day is None else day_of(day)
    body = {
        "amount": amount, "note": note, "actor": who, "account": account,
        "session_date": session and f"{session}", "kind": kind and kind.value,
    }  # fmt: skip
    asked = FlowStatement(amount_of(amount), note, who, session, Whose(account, settings.accounts), kind)
    call = Call("/flows", {name: value for name, value in body.items() if value is not None})
    print_facts(facts_by(settings, url, call, lambda ledger: explain_flow(ledger, asked, datetime.now(UTC))), as_json)


def flow_import(
    file: Annotated[Path, typer.Argument(help="CSV of an activity statement or of a Flex query.")],
    account: AccountOption = None,
    state: StateOption = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain cash by a statement, where the broker's program does not tell of it."""
    settings = settings_of(state)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}", "Give the statement as CSV") from error
    statement = Statement(statement_rows(text), actor or user(), Whose(account, settings.accounts))
    with opened_ledger(settings) as ledger:
        print_facts(import_statement(ledger, statement, datetime.now(UTC)), as_json)


def flow_plan(
    amount: Annotated[str, typer.Argument(help="What will be withdrawn, in base currency.")],
    due: Annotated[str, typer.Option("--by", help="Day by which it leaves, YYYY-MM-DD.")],
    note: Annotated[str, typer.Option("--note", help="What it is for.")] = "announced",
    account: AccountOption = None,
    state: StateOption = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Announce a withdrawal: its cash is raised from the most overweight names first."""
    settings = settings_of(state)
    whose = Whose(account, settings.accounts)
    asked = Announcement(amount_of(amount), day_of(due), note, actor or user(), whose)
    with opened_ledger(settings) as ledger:
        print_facts(plan_flow(ledger, asked, datetime.now(UTC)), as_json)


def flow_list(account: AccountOption = None, state: StateOption = None, as_json: JsonOption = False) -> None:
    """What is announced, and what was paid in, paid out, earned and charged."""
    settings = settings_of(state)
    with opened_ledger(settings) as ledger:
        facts = list_flows(ledger, Whose(account, settings.accounts))
    if as_json:
        print_json(facts)
        return
    for plan in facts["planned"]:
        typer.echo(f"{plan['number']:>6}  withdrawal of {plan['withdrawal']} by {plan['by']}   {plan['note']}")
    for flow in facts["flows"]:
        typer.echo(f"{flow['session_date']}  {flow['amount']:>14}  {flow['kind']:<16} {flow['note']}")


def flow_cancel(
    number: Annotated[int, typer.Argument(help="As `portfolio flow list` shows it.")],
    note: Annotated[str, typer.Option("--note", help="Why.")] = "cancelled",
    account: AccountOption = None,
    state: StateOption = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take an announced withdrawal back."""
    settings, who = safety_settings_of(state), actor or user()
    whose = Whose(account, settings.accounts)
    with opened_ledger(settings) as ledger:
        print_facts(cancel_plan(ledger, number, note, who, datetime.now(UTC), whose), as_json)


def flow_what_if(
    amount: Annotated[str, typer.Argument(help="Base currency; paid in, or out where negative.")],
    account: AccountOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Today's decision if so much were paid in or out now; nothing is written or sent."""
    settings, added = settings_of(state), amount_of(amount)

    async def imagined(desk: Desk, progress: Progress) -> RunResult:
        report = await what_if(desk, added, account, progress)
        return RunResult(report["run_id"], RunStatus.DRY_RUN, report)

    def job(desk: Desk, _: PerformStages, progress: Progress) -> Awaitable[RunResult]:
        return imagined(desk, progress)

    show(run_locally(settings, job, tell), as_json)
