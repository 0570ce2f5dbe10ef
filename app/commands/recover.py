"""`portfolio recover`: after an older copy of the ledger was restored, a person decides about what it lacks.

It sends nothing and never loosens the kill level. Exit status 1 while an order is left to decide about.
"""

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.commands.local_run import run_locally
from app.commands.output import (
    AccountOption,
    JsonOption,
    StateOption,
    TimeoutOption,
    UrlOption,
    WaitOption,
    patience_of,
    print_json,
    settings_of,
    tell,
    user,
)
from app.commands.service_client import Call, Report, ask_service, with_query
from app.desk.desk import Desk
from app.desk.records import RunStatus
from app.desk.run.attempt import RunResult
from app.desk.run.recover import Wishes, recover, show_recovery
from app.desk.run.wait import Patience
from app.domain.errors import UsageError
from app.settings import Settings

AdoptOption = Annotated[
    list[str] | None,
    typer.Option("--adopt", metavar="COID|all", help="It is ours: counted with its fills, and its day is not traded."),
]
AbandonOption = Annotated[
    list[str] | None,
    typer.Option("--abandon", metavar="COID|all", help="It is not ours: its name is quarantined until it is released."),
]
ByOption = Annotated[str | None, typer.Option("--by", "--actor", help="Who; the user of this machine if not given.")]
WhyOption = Annotated[str | None, typer.Option("--reason", help="Why; goes on record.")]
_LEAVE = "leave"


def command(
    adopt: AdoptOption = None,
    abandon: AbandonOption = None,
    by: ByOption = None,
    reason: WhyOption = None,
    account: AccountOption = None,
    url: UrlOption = None,
    wait: WaitOption = None,
    timeout: TimeoutOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """After an older copy of the ledger was restored: what the broker holds and it lacks, to be adopted or abandoned.

    Without --adopt and --abandon it asks at a terminal and only shows elsewhere. Status 1 while something is left.
    """
    where = _Where(settings_of(state), account, url, patience_of(wait, timeout, url))
    wishes = Wishes(by or user(), reason or "", tuple(adopt or ()), tuple(abandon or ()))
    if adopt or abandon:
        if not reason:
            raise UsageError("what is recovered goes on record with a reason", "Say why with --reason")
        found = where.recovered(wishes)
    else:
        found = where.seen()
        if not as_json and _attended() and any(order["may"] for order in found["orders"]):
            _show(found)
            asked = _asked(found, wishes)
            found = where.recovered(asked) if asked is not None else found
    print_json(found) if as_json else _show(found)
    if found["left"]:
        raise typer.Exit(1)


class _Where:
    """Whose broker and ledger are looked at: those of a service, or those of this machine's settings."""

    def __init__(self, settings: Settings, account: str | None, url: str | None, patience: Patience) -> None:
        self._settings, self._account, self._url, self._patience = settings, account, url, patience

    def seen(self) -> Report:
        """Changes nothing."""
        return self._done(Call(with_query("/recover", account=self._account or None), method="GET"), self._show)

    def recovered(self, wishes: Wishes) -> Report:
        """What was wished."""
        body = {
            "actor": wishes.actor,
            "reason": wishes.reason,
            "account": self._account,
            "adopt": wishes.adopt,
            "abandon": wishes.abandon,
        }
        call = Call("/recover", body, shown_by="`portfolio recover`")
        return self._done(call, lambda desk: recover(desk, wishes, self._account, tell))

    async def _show(self, desk: Desk) -> RunResult:
        return RunResult("", RunStatus.RECONCILED, await show_recovery(desk, self._account))

    def _done(self, call: Call, work: Callable[[Desk], Awaitable[RunResult]]) -> Report:
        if self._url is not None:
            return ask_service(self._settings, self._url, call, tell, self._patience)
        return run_locally(self._settings, lambda desk, _, __: work(desk), tell, self._patience)


def _attended() -> bool:
    """Somebody can answer."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def _asked(found: Report, wishes: Wishes) -> Wishes | None:
    """What a person at the terminal wants; None where everything is left as it is."""
    wanted: dict[str, list[str]] = {"adopt": [], "abandon": []}
    for order in found["orders"]:
        if not order["may"]:
            continue
        words = f"{order['coid']} {_words(order)}: {' or '.join(order['may'])}, or {_LEAVE} it"
        answer = _LEAVE
        while (answer := typer.prompt(words, default=order["may"][0])) not in (*order["may"], _LEAVE):
            typer.echo(f"{answer!r} is none of them")
        if answer != _LEAVE:
            wanted[answer].append(order["coid"])
    if not any(wanted.values()):
        return None
    reason = wishes.reason or typer.prompt("Why (goes on record)")
    sure = f"{wishes.actor} adopts {len(wanted['adopt'])} and abandons {len(wanted['abandon'])}. Do it?"
    if not typer.confirm(sure):
        return None
    return Wishes(wishes.actor, reason, tuple(wanted["adopt"]), tuple(wanted["abandon"]))


def _show(found: Report) -> None:
    console = Console()
    if "run_id" in found:
        done = f"adopted {len(found['adopted'])}, abandoned {len(found['abandoned'])}, on record as {found['run_id']}"
        console.print(Text(done, style="bold"))
    if found["orders"]:
        console.print(Text("Orders under our name that the ledger does not have as the broker has them", style="bold"))
        console.print(_table(found["orders"]))
    else:
        console.print(Text("The ledger has every order that the broker shows under our name."))
    missing = found["sessions_without_run"]
    if missing:
        console.print(Text(f"Sessions of the last days without any run on record: {', '.join(missing)}"))
    if found["unexplained_flow"]:
        console.print(Text(f"Cash that does not follow: {found['unexplained_flow']}"))
    console.print(Text("What is left to do", style="bold"))
    for number, step in enumerate(found["next"], start=1):
        console.print(Text(f"{number}. {step}"))


def _table(orders: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("id", "order", "filled", "session", "slot", "at the broker", "what is missing", "recommended"):
        table.add_column(column, overflow="fold")
    for order in orders:
        best = "nothing: by itself" if order["by_itself"] else (order["may"] or ["look at the broker"])[0]
        cells = (
            order["coid"],
            _words(order),
            order["filled_quantity"],
            order["session_date"],
            order["slot"] or "–",
            order["at_broker"],
            order["why"],
            best,
        )
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _words(order: Mapping[str, Any]) -> str:
    return f"{order['side']} {order['quantity']} {order['symbol']}"
