"""`portfolio adopt`: how an account is taken over, looked at before the first run or chosen before and after it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

from app.commands.local_run import run_locally
from app.commands.output import AccountOption, JsonOption, StateOption, UrlOption, print_json, settings_of, tell, user
from app.commands.service_client import Call, ask_service, with_query
from app.commands.terminal_adoption import show_modes
from app.desk.desk import Desk
from app.desk.records import RunStatus
from app.desk.run.attempt import RunResult
from app.desk.run.taking_over import MODES, choose_mode, show_taking_over
from app.domain.errors import UsageError

ModeOption = Annotated[str | None, typer.Option("--mode", help=f"One of {MODES}; goes on record for the account.")]
PreviewOption = Annotated[bool, typer.Option("--preview", help="All three side by side; records nothing.")]
WhyOption = Annotated[str | None, typer.Option("--reason", help="Why; goes on record.")]
ActorOption = Annotated[str | None, typer.Option("--actor", help="Who; the user of this machine if not given.")]


def command(
    mode: ModeOption = None,
    preview: PreviewOption = False,
    reason: WhyOption = None,
    account: AccountOption = None,
    url: UrlOption = None,
    state: StateOption = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """How an account is taken over: --preview compares the modes, --mode chooses one for it."""
    if preview:
        call = Call(with_query("/adoption", account=account or None), method="GET")
        found = _done(state, url, call, lambda desk: show_taking_over(desk, account, tell))
        print_json(found) if as_json else show_modes(Console(), found)
        return
    if mode is None:
        raise UsageError("nothing was chosen", f"Look with --preview, or choose one with --mode: {MODES}")
    if not reason:
        raise UsageError("a mode goes on record with a reason", "Say why with --reason")
    who = actor or user()
    body = {"mode": mode, "reason": reason, "actor": who, "account": account}
    shown = Call("/adoption", body, shown_by="`portfolio adopt --preview`")
    facts = _done(state, url, shown, lambda desk: choose_mode(desk, mode, reason, who, account))
    if as_json:
        print_json(facts)
        return
    when = facts["taken_over"]
    since = f"taken over on {when}, which stays" if when else "the next run takes it over so"
    typer.echo(f"account {facts['account']}: mode {facts['mode']}, before {facts['before']}; {since}")


def _done(
    state: StateOption, url: str | None, call: Call, work: Callable[[Desk], Awaitable[dict[str, Any]]]
) -> Mapping[str, Any]:
    settings = settings_of(state)
    if url is not None:
        return ask_service(settings, url, call, tell)

    async def job(desk: Desk, *_: object) -> RunResult:
        return RunResult("", RunStatus.RECONCILED, await work(desk))

    return run_locally(settings, job, tell)
