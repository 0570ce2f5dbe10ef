"""Commands that only a person gives: kill levels, approvals, exits by hand, reconciling, explanations."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import quote

import typer

from app.commands.local_run import Job, run_locally
from app.commands.output import (
    AccountOption,
    JsonOption,
    StateOption,
    TimeoutOption,
    UrlOption,
    WaitOption,
    finish,
    opened_ledger,
    patience_of,
    print_json,
    safety_settings_of,
    settings_of,
    tell,
    user,
)
from app.commands.service_client import Call, Report, ask_service, with_query
from app.desk.accounts import Whose
from app.desk.controls.level import EVERYBODY, Release, level_of, release, set_level
from app.desk.ports import Ledger
from app.desk.run.approvals import approve, reject
from app.desk.run.exit_by_hand import exit_position
from app.desk.run.reconcile_now import reconcile_now
from app.desk.run.wait import Patience
from app.domain.errors import UsageError
from app.domain.ruling import KillLevel
from app.settings import Settings
from app.wiring import outlook_of

ReasonOption = Annotated[str, typer.Option("--reason", help="Why; goes on record.")]
ActorOption = Annotated[str | None, typer.Option("--actor", help="Who; the user of this machine if not given.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every account, now and later.")]

LEVELS: Final = (
    (
        "halt",
        KillLevel.HALTED,
        "Send nothing any more, for any account where none is named. Orders at the broker stay there; with --url the "
        "service asks for open buys to be cancelled: docs/runbook.md.",
    ),
    ("reduce", KillLevel.REDUCING, "Send exits only."),
    ("resume", KillLevel.ACTIVE, "Back to the policy's limits."),
)
OPEN_BUYS: Final = "open_buys"
_LISTS: Final = frozenset({"accounts", OPEN_BUYS, "holds", "acknowledged"})
# Whoever halts does not wait for a service that is frozen: it can be done in the ledger.
SOON: Final = Patience(seconds=60)


def register(cli: typer.Typer) -> None:
    """Add the commands to `portfolio`."""
    for name, kill_level, words in LEVELS:
        cli.command(name, help=words)(_level_command(name, kill_level))
    cli.command()(level)
    cli.command("approve")(approve_run)
    cli.command("reject")(reject_run)
    cli.command("exit")(exit_symbol)
    cli.command("reconcile")(reconcile)
    cli.command("release")(release_symbol)


def _level_command(name: str, kill_level: KillLevel) -> Callable[..., None]:
    def change_level(
        reason: ReasonOption,
        account: AccountOption = None,
        everywhere: AllOption = False,
        url: UrlOption = None,
        state: StateOption = None,
        actor: ActorOption = None,
        as_json: JsonOption = False,
    ) -> None:
        # What loosens is no matter of safety.
        settings = settings_of(state) if kill_level is KillLevel.ACTIVE else safety_settings_of(state)
        who = actor or user()
        body = {"reason": reason, "actor": who, "account": account, "all": everywhere}
        whose = Whose(account, settings.accounts, everywhere)
        facts = facts_by(
            settings, url, Call(f"/{name}", body, shown_by=f"`portfolio level --url {url}`"),
            lambda ledger: set_level(ledger, kill_level, reason, who, datetime.now(UTC), whose),
        )  # fmt: skip
        if facts["account"] == EVERYBODY and not as_json:
            typer.echo("for all accounts:")
        print_facts(facts, as_json)

    return change_level


def level(
    account: AccountOption = None, url: UrlOption = None, state: StateOption = None, as_json: JsonOption = False
) -> None:
    """The kill level in force, and why; what keeps each account from buying, and what lifts it."""
    settings = safety_settings_of(state)
    call = Call(with_query("/level", account=account), method="GET")
    whose = Whose(account, settings.accounts)
    print_facts_by(settings, url, call, lambda ledger: level_of(ledger, whose, outlook_of(settings)), as_json)


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
    who = actor or user()
    body = {"actor": who, "account": account}
    call = Call(f"/runs/{quote(run_id, safe='')}/approve", body)
    _work(
        call, url, patience_of(wait, timeout, url), state, as_json,
        lambda desk, perform, progress: approve(desk, run_id, who, perform, progress, account),
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
    who = actor or user()
    body = {"actor": who, "reason": reason, "account": account}
    call = Call(f"/runs/{quote(run_id, safe='')}/reject", body)
    _work(
        call, url, patience_of(wait, timeout, url), state, as_json,
        lambda desk, _, progress: reject(desk, run_id, who, reason, progress, account), wanted="rejected",
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
    who = actor or user()
    body = {"actor": who, "confirm": True, "account": account}
    call = Call(f"/exit/{quote(symbol, safe='')}", body)
    _work(
        call, url, patience_of(wait, timeout, url), state, as_json,
        lambda desk, _, progress: exit_position(desk, symbol, who, account, progress),
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
    call, patience = Call(with_query("/reconcile", account=account)), patience_of(wait, timeout, url)
    _work(call, url, patience, state, as_json, lambda desk, _, progress: reconcile_now(desk, account, progress))


def release_symbol(
    symbol: str,
    reason: ReasonOption,
    account: AccountOption = None,
    url: UrlOption = None,
    state: StateOption = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let automatic orders near a name again, after a person has looked."""
    settings, who = settings_of(state), actor or user()
    call = Call(f"/release/{quote(symbol, safe='')}", {"reason": reason, "actor": who, "account": account})
    asked = Release(symbol, reason, who, Whose(account, settings.accounts))
    print_facts_by(settings, url, call, lambda ledger: release(ledger, asked, datetime.now(UTC)), as_json)


def facts_by(settings: Settings, url: str | None, call: Call, change: Callable[[Ledger], Report]) -> Report:
    """What the ledger's change says of itself: made by the service at `url`, or here where there is none."""
    if url is not None:
        return ask_service(settings, url, call, tell, SOON)
    with opened_ledger(settings) as ledger:
        return change(ledger)


def print_facts_by(
    settings: Settings, url: str | None, call: Call, change: Callable[[Ledger], Report], as_json: bool
) -> None:
    """What `facts_by` answers, for a person or a program."""
    print_facts(facts_by(settings, url, call, change), as_json)


def print_facts(facts: Report, as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    rows = facts.get("accounts", ())
    # What binds one account only is not told as if it bound all.
    for row in rows if len(rows) > 1 else (facts,):
        typer.echo("   ".join(f"{name} {value}" for name, value in row.items() if name not in _LISTS))
        for line in _lines(row):
            typer.echo(f"  {line}")
    if OPEN_BUYS in facts:
        typer.echo(f"open buys: {facts[OPEN_BUYS]}")


def _lines(row: Report) -> Iterator[str]:
    """What holds an account down, and what a person has seen."""
    for one in row.get("holds", ()):
        yield f"{one['allows']}: {one['because']}"
        yield f"  lifted by: {one['lifts']}"
    for seen in row.get("acknowledged", ()):
        again = f"raises the level from {seen['raises_from']:.1%}"
        yield f"seen by a person: {seen['metric']} at {seen['value']:.1%}; {again}"


def _work(
    call: Call, url: str | None, patience: Patience, state: Path | None, as_json: bool, job: Job, wanted: str = "done"
) -> None:
    settings = settings_of(state)
    if url is not None:
        finish(ask_service(settings, url, call, tell, patience), as_json, wanted)
    else:
        finish(run_locally(settings, job, tell, patience), as_json, wanted)
