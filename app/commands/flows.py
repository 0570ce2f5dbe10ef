"""Money that comes and goes: explained, announced, imported from a statement, and what more of it would change."""

from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.commands.amounts import WithAmounts
from app.commands.controls import ActorOption, ReasonOption, facts_by, print_facts_by
from app.commands.local_run import run_locally
from app.commands.output import (
    AccountOption,
    JsonOption,
    StateOption,
    UrlOption,
    print_json,
    safety_settings_of,
    settings_of,
    show,
    tell,
    user,
)
from app.commands.service_client import Call, Report, ask_service, with_query
from app.desk.accounts import Whose
from app.desk.controls.cash_flow import FlowStatement, explain_flow
from app.desk.controls.flow_plan import Announcement, cancel_plan, list_flows, plan_flow
from app.desk.controls.flow_undo import take_back_flow
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
from app.text_files import text_of

NumberArgument = Annotated[int, typer.Argument(help="As `portfolio flow list` shows it.")]
_SHOWN = "`portfolio flow list`"


def register(cli: typer.Typer) -> None:
    """Add the commands to `portfolio`."""
    flow = typer.Typer(no_args_is_help=True, help="Deposits, withdrawals, income and costs.")
    flow.command("add", cls=WithAmounts)(flow_add)
    flow.command("import")(flow_import)
    flow.command("plan", cls=WithAmounts)(flow_plan)
    flow.command("list")(flow_list)
    flow.command("undo")(flow_undo)
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
    print_facts_by(settings, url, call, lambda ledger: explain_flow(ledger, asked, datetime.now(UTC)), as_json)


def flow_import(
    file: Annotated[Path, typer.Argument(help="CSV of an activity statement or of a Flex query.")],
    account: AccountOption = None,
    url: UrlOption = None,
    state: StateOption = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain cash by a statement, where the broker's program does not tell of it."""
    settings = settings_of(state)
    try:
        text = text_of(file)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}", "Give the statement as CSV") from error
    who = actor or user()
    statement = Statement(statement_rows(text), who, Whose(account, settings.accounts))
    call = Call("/flows/import", {"csv": text, "actor": who, "account": account}, shown_by=_SHOWN)
    print_facts_by(settings, url, call, lambda ledger: import_statement(ledger, statement, datetime.now(UTC)), as_json)


def flow_plan(
    amount: Annotated[str, typer.Argument(help="What will be withdrawn, in base currency.")],
    due: Annotated[str, typer.Option("--by", help="Day by which it leaves, YYYY-MM-DD.")],
    note: Annotated[str, typer.Option("--note", help="What it is for.")] = "announced",
    account: AccountOption = None,
    url: UrlOption = None,
    state: StateOption = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Announce a withdrawal: its cash is raised from the most overweight names first."""
    settings = settings_of(state)
    who = actor or user()
    asked = Announcement(amount_of(amount), day_of(due), note, who, Whose(account, settings.accounts))
    body = {"amount": amount, "by": f"{asked.due}", "note": note, "actor": who, "account": account}
    call = Call("/flows/plans", body, shown_by=_SHOWN)
    print_facts_by(settings, url, call, lambda ledger: plan_flow(ledger, asked, datetime.now(UTC)), as_json)


def flow_list(
    account: AccountOption = None, url: UrlOption = None, state: StateOption = None, as_json: JsonOption = False
) -> None:
    """What is announced, and what was paid in, paid out, earned and charged, each under its number."""
    settings = settings_of(state)
    call = Call(with_query("/flows", account=account), method="GET")
    whose = Whose(account, settings.accounts)
    facts = facts_by(settings, url, call, lambda ledger: list_flows(ledger, whose))
    if as_json:
        print_json(facts)
        return
    for line in _list_lines(facts):
        typer.echo(line)


def _list_lines(facts: Report) -> Iterator[str]:
    if not (facts["planned"] or facts["flows"] or facts["taken_back"]):
        yield f"account {facts['account']}: no money came or went that is on record, and none is announced"
    for plan in facts["planned"]:
        yield f"{plan['number']:>6}  withdrawal of {plan['withdrawal']} by {plan['by']}   {plan['note']}"
    for flow in facts["flows"]:
        yield _flow_line(flow)
    for flow in facts["taken_back"]:
        yield f"{_flow_line(flow)}   taken back: {flow['taken_back']}"


def _flow_line(flow: Report) -> str:
    return f"{flow['number']:>6}  {flow['session_date']}  {flow['amount']:>14}  {flow['kind']:<16} {flow['note']}"


def flow_undo(
    number: NumberArgument,
    reason: ReasonOption,
    account: AccountOption = None,
    url: UrlOption = None,
    state: StateOption = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back a flow that was told by mistake, while no run has reckoned with it."""
    settings, who = settings_of(state), actor or user()
    whose = Whose(account, settings.accounts)
    call = Call(f"/flows/{number}/undo", {"reason": reason, "actor": who, "account": account}, shown_by=_SHOWN)
    print_facts_by(
        settings, url, call,
        lambda ledger: take_back_flow(ledger, number, reason, who, datetime.now(UTC), whose), as_json,
    )  # fmt: skip


def flow_cancel(
    number: NumberArgument,
    note: Annotated[str, typer.Option("--note", help="Why.")] = "cancelled",
    account: AccountOption = None,
    url: UrlOption = None,
    state: StateOption = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take an announced withdrawal back."""
    settings, who = safety_settings_of(state), actor or user()
    whose = Whose(account, settings.accounts)
    call = Call(f"/flows/plans/{number}/cancel", {"note": note, "actor": who, "account": account}, shown_by=_SHOWN)
    print_facts_by(
        settings, url, call,
        lambda ledger: cancel_plan(ledger, number, note, who, datetime.now(UTC), whose), as_json,
    )  # fmt: skip


def flow_what_if(
    amount: Annotated[str, typer.Argument(help="Base currency; paid in, or out where negative.")],
    account: AccountOption = None,
    url: UrlOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Today's decision if so much were paid in or out now; nothing is written or sent."""
    settings, added = settings_of(state), amount_of(amount)
    if url is not None:
        call = Call(with_query("/flows/what-if", amount=amount, account=account), method="GET")
        show(ask_service(settings, url, call, tell), as_json)
        return

    async def imagined(desk: Desk, progress: Progress) -> RunResult:
        report = await what_if(desk, added, account, progress)
        return RunResult(report["run_id"], RunStatus.DRY_RUN, report, fresh=True)

    def job(desk: Desk, _: PerformStages, progress: Progress) -> Awaitable[RunResult]:
        return imagined(desk, progress)

    show(run_locally(settings, job, tell), as_json)
