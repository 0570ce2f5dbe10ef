"""Commands that only a person gives: kill levels, approvals, exits by hand, reconciling, explanations."""

import getpass
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from app.commands.callers import Job, ask_service, work_here
from app.commands.output import (
    AccountOption,
    JsonOption,
    StateOption,
    TimeoutOption,
    UrlOption,
    WaitOption,
    opened_ledger,
    patience_of,
    print_json,
    settings_of,
    show,
    tell,
)
from app.desk.accounts import Whose
from app.desk.controls.cash_flow import Explanation, explain_flow
from app.desk.controls.level import EVERYBODY, Release, level_of, release, set_level
from app.desk.run.approvals import approve, exit_position, reject
from app.desk.run.daily import reconcile_now
from app.desk.run.wait import Patience
from app.domain.errors import UsageError
from app.domain.flows import amount_of, day_of
from app.domain.ruling import KillLevel

ReasonOption = Annotated[str, typer.Option("--reason", help="Why; goes on record.")]
ActorOption = Annotated[str | None, typer.Option("--actor", help="Who; the user of this machine if not given.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every account, now and later.")]


def register(cli: typer.Typer) -> None:
    """Add the commands to `portfolio`."""
    for command in (halt, reduce, resume, level):
        cli.command()(command)
    cli.command("approve")(approve_run)
    cli.command("reject")(reject_run)
    cli.command("exit")(exit_symbol)
    cli.command("reconcile")(reconcile)
    cli.command("release")(release_symbol)
    flow = typer.Typer(no_args_is_help=True, help="Money from outside.")
    # An amount that was paid out begins like an option.
    flow.command("add", context_settings={"ignore_unknown_options": True})(flow_add)
    cli.add_typer(flow, name="flow")


def halt(
    reason: ReasonOption,
    account: AccountOption = None,
    everywhere: AllOption = False,
    state: StateOption = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send nothing any more, for any account where none is named. Orders at the broker stay there: docs/runbook.md."""
    _set(KillLevel.HALTED, reason, account, everywhere, state, actor, as_json)


def reduce(
    reason: ReasonOption,
    account: AccountOption = None,
    everywhere: AllOption = False,
    state: StateOption = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send exits only."""
    _set(KillLevel.REDUCING, reason, account, everywhere, state, actor, as_json)


def resume(
    reason: ReasonOption,
    account: AccountOption = None,
    everywhere: AllOption = False,
    state: StateOption = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back to the policy's limits."""
    _set(KillLevel.ACTIVE, reason, account, everywhere, state, actor, as_json)


def level(account: AccountOption = None, state: StateOption = None, as_json: JsonOption = False) -> None:
    """The kill level in force, and why; each account's where there are several."""
    settings = settings_of(state)
    with opened_ledger(settings) as ledger:
        _told(level_of(ledger, Whose(account, settings.accounts)), as_json)


def approve_run(
    run_id: str,
    account: AccountOption = None,
    url: UrlOption = None,
    state: StateOption = None,
    actor: ActorOption = None,
    wait: WaitOption = None,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on with a waiting run: everything is read and gated anew, sizes may only shrink."""
    who = actor or getpass.getuser()
    body = {"actor": who, "account": account}
    _work(
        _Asked(url, f"/runs/{quote(run_id, safe='')}/approve", body, patience_of(wait, timeout, url)), state, as_json,
        lambda desk, perform, told: approve(desk, run_id, who, perform, told, account),
    )  # fmt: skip


def reject_run(
    run_id: str,
    reason: ReasonOption,
    account: AccountOption = None,
    url: UrlOption = None,
    state: StateOption = None,
    actor: ActorOption = None,
    wait: WaitOption = None,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Never send the orders of a waiting run."""
    who = actor or getpass.getuser()
    body = {"actor": who, "reason": reason, "account": account}
    _work(
        _Asked(url, f"/runs/{quote(run_id, safe='')}/reject", body, patience_of(wait, timeout, url)), state, as_json,
        lambda desk, _, told: reject(desk, run_id, who, reason, told, account),
    )  # fmt: skip


def exit_symbol(
    symbol: str,
    confirm: Annotated[bool, typer.Option("--confirm", help="Without it nothing is sold.")] = False,
    account: AccountOption = None,
    url: UrlOption = None,
    state: StateOption = None,
    actor: ActorOption = None,
    wait: WaitOption = None,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sell all that is held of one name, through the gate, under any kill level."""
    if not confirm:
        raise UsageError(f"leaving {symbol.upper()} sells all of it", "Say so with --confirm")
    who = actor or getpass.getuser()
    body = {"actor": who, "confirm": True, "account": account}
    _work(
        _Asked(url, f"/exit/{quote(symbol, safe='')}", body, patience_of(wait, timeout, url)), state, as_json,
        lambda desk, _, told: exit_position(desk, symbol, who, account, told),
    )  # fmt: skip


def reconcile(
    account: AccountOption = None,
    url: UrlOption = None,
    wait: WaitOption = None,
    timeout: TimeoutOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Settle what the broker's books tell of open orders."""
    path = "/reconcile" if account is None else f"/reconcile?{urlencode({'account': account})}"
    asked = _Asked(url, path, None, patience_of(wait, timeout, url))
    _work(asked, state, as_json, lambda desk, _, told: reconcile_now(desk, account, told))


def release_symbol(
    symbol: str,
    reason: ReasonOption,
    account: AccountOption = None,
    state: StateOption = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let automatic orders near a name again, after a person has looked."""
    settings = settings_of(state)
    with opened_ledger(settings) as ledger:
        told = Release(symbol, reason, actor or getpass.getuser(), Whose(account, settings.accounts))
        _told(release(ledger, told, datetime.now(UTC)), as_json)


def flow_add(
    amount: Annotated[str, typer.Argument(help="Base currency; paid in, or out where negative.")],
    note: Annotated[str, typer.Option("--note", help="What it was.")],
    day: Annotated[str | None, typer.Option("--date", help="Session, YYYY-MM-DD, else the newest run's.")] = None,
    account: AccountOption = None,
    state: StateOption = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what money from outside was, so that it counts as neither gain nor loss."""
    settings = settings_of(state)
    told = Explanation(
        amount_of(amount),
        note,
        actor or getpass.getuser(),
        None if day is None else day_of(day),
        Whose(account, settings.accounts),
    )
    with opened_ledger(settings) as ledger:
        _told(explain_flow(ledger, told, datetime.now(UTC)), as_json)


def _set(
    level: KillLevel,
    reason: str,
    account: str | None,
    everywhere: bool,
    state: Path | None,
    actor: str | None,
    as_json: bool,
) -> None:
    settings = settings_of(state)
    whose = Whose(account, settings.accounts, everywhere)
    with opened_ledger(settings) as ledger:
        told = set_level(ledger, level, reason, actor or getpass.getuser(), datetime.now(UTC), whose)
    if told["account"] == EVERYBODY and not as_json:
        typer.echo("for all accounts:")
    _told(told, as_json)


def _told(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    rows = facts.get("accounts", ())
    # What binds one account only is not told as if it bound all.
    for row in rows if len(rows) > 1 else (facts,):
        typer.echo("   ".join(f"{name} {value}" for name, value in row.items() if name != "accounts"))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a service is asked for, where there is one at `url`; how long it may take, wherever it is done."""

    url: str | None
    path: str
    body: dict[str, Any] | None
    patience: Patience


def _work(asked: _Asked, state: Path | None, as_json: bool, job: Job) -> None:
    settings = settings_of(state)
    if asked.url is not None:
        show(ask_service(settings, asked.url, asked.path, asked.body, tell, asked.patience), as_json)
    else:
        show(work_here(settings, job, tell, asked.patience), as_json)
