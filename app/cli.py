"""An autonomous portfolio manager for Interactive Brokers accounts.

Exit status: 0 done, 1 failed, 2 wrong usage or settings, 3 waited as long as --timeout says, 4 a run waits for
a person, 5 halted, 6 refused, 128+n stopped by signal n before the end (0 for `up`, `simulate` and `playground`).
Every error is one line that says what to do; with --json it is one JSON object.
"""

from collections.abc import Awaitable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from app.commands import (
    about,
    adopt,
    audit,
    controls,
    events,
    flows,
    init,
    pages,
    policies,
    positions,
    processes,
    prove,
    questions,
    recover,
    replay,
    serve,
    signals,
    tax,
    verify,
)
from app.commands.demo import TwoDays
from app.commands.doctor import doctor
from app.commands.leftovers import end_leftovers
from app.commands.local_run import run_locally
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
    session_of,
    settings_of,
    show,
    tell,
)
from app.commands.processes import (
    DEFAULT_PORTS,
    LOOPBACK,
    Ports,
    Simulated,
    everything,
    free_ports,
    how_its_book_began,
    mcp_server,
    private_directory,
    simulated_accounts,
    simulator,
)
from app.commands.service_client import Call, ask_service, with_query
from app.commands.terminal import show_runs
from app.desk.accounts import named
from app.desk.desk import Desk, Progress
from app.desk.report.standing import overview, standing_of
from app.desk.run.attempt import RunRequest, RunResult
from app.desk.run.daily import run_daily
from app.desk.run_names import LAST, run_meant
from app.desk.stages.pipeline import PerformStages
from app.settings import read_policy

DEMO_PACING = 0.1


class _WithHistory(TyperGroup):
    """Imports the commands over history when one is asked for, or all are shown; nobody who halts waits for them."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - the framework's own
        """Every one."""
        self._complete()
        return super().list_commands(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - the framework's own
        """One that is not here is looked for there."""
        if args[0] not in self.commands:
            self._complete()
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the framework's own
        """A shell that completes asks before anything is looked up."""
        about.prepare_completion()
        return super().main(*args, **kwargs)

    def _complete(self) -> None:
        from app.commands import over_history

        group = typer.main.get_command(over_history.cli)
        assert isinstance(group, TyperGroup)  # noqa: S101 - of several commands
        for name, command in group.commands.items():
            self.commands.setdefault(name, command)


cli = typer.Typer(
    cls=_WithHistory, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, help=__doc__
)
audit_cli = typer.Typer(no_args_is_help=True, help="The audit trail.")
cli.add_typer(audit_cli, name="audit")
about.register(cli)
controls.register(cli)
flows.register(cli)
init.register(cli)
serve.register(cli)
policies.register(cli)
audit_cli.command()(audit.verify)
audit_cli.command()(audit.anchor)
cli.command("docs")(pages.show)
cli.command("questions")(questions.show)
cli.command("tax")(tax.tax)
cli.command()(positions.positions)
cli.command("events")(events.events)
cli.command("adopt")(adopt.command)
cli.command("recover")(recover.command)
cli.command()(doctor)
cli.command()(replay.replay)
cli.command()(prove.prove)
cli.command()(verify.verify)

AsOfOption = Annotated[str | None, typer.Option("--as-of", help="Session to replay, YYYY-MM-DD.")]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Seed of the simulator.")]
DataOption = Annotated[str | None, typer.Option("--data", help="auto, or synthetic for generated prices.")]
PolicyOption = Annotated[
    Path | None, typer.Option("--policy", help="A policy file, or the name of a shipped one: `portfolio policy list`.")
]
ScenarioOption = Annotated[
    str | None,
    typer.Option("--scenario", help="A name of docs/simulator.md, such as three_funds or strange, or a YAML file."),
]


@cli.command()
def up(
    state: StateOption = None,
    port: int = DEFAULT_PORTS.service,
    mcp_port: int = DEFAULT_PORTS.mcp,
    gateway_port: int = DEFAULT_PORTS.gateway,
    as_of: AsOfOption = None,
    seed: SeedOption = None,
    data: DataOption = None,
    pacing: Annotated[float, typer.Option("--pacing", help="Scale of IBKR's pacing; 1 is its real one.")] = DEMO_PACING,
    policy: PolicyOption = None,
) -> None:
    """Simulator, MCP server and service on loopback, until Ctrl-C."""
    settings = settings_of(state)
    read_policy(policy or settings.policy_file)
    simulated = Simulated(session_of(as_of), seed, pacing, data, book=settings.state_dir / "simulator")
    ports = Ports(port, mcp_port, gateway_port)
    with (
        signals.until_stopped(),
        everything(
            settings.state_dir, ports, simulated, settings, policy, lambda url: tell(how_its_book_began(url)), "up"
        ) as url,
    ):
        typer.echo(f"service {url}   MCP http://{LOOPBACK}:{mcp_port}/mcp   simulator http://{LOOPBACK}:{gateway_port}")
        typer.echo("READY")
        processes.wait()


@cli.command()
def demo(
    state: StateOption = None,
    as_of: AsOfOption = None,
    seed: SeedOption = None,
    data: DataOption = None,
    scenario: ScenarioOption = None,
    policy: PolicyOption = None,
    first_contact: Annotated[
        bool, typer.Option("--first-contact", help="Today's run is the first to see the account.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Everything up, the account taken over when its book was bought, today's run, its report, everything down."""
    settings = settings_of(state)
    read_policy(policy or settings.policy_file)
    tell("starting the simulator, the MCP server and the service")
    simulated = Simulated(session_of(as_of), seed, DEMO_PACING, data, scenario=scenario)
    days = TwoDays()
    prepare = days.begin if not first_contact else lambda _: None
    with everything(settings.state_dir, free_ports(), simulated, settings, policy, prepare) as url:
        if days.first is None and not first_contact:
            tell("no prices of the day on which the book was bought: this is the first contact")
        report = ask_service(settings, url, Call("/run/daily"), tell)
        if days.first is not None:
            tell(f"the account was taken over on {days.first}; now it is today")
            for path in days.go_on(lambda: ask_service(settings, url, Call("/ready", method="GET"), tell)):
                report = ask_service(settings, url, Call(path), tell)
        finish(report, as_json)


@cli.command()
def run(
    url: UrlOption = None,
    state: StateOption = None,
    account: AccountOption = None,
    slot: Annotated[str, typer.Option("--slot", help="Name of the day's slot.")] = "daily",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Preview only; the day stays free.")] = False,
    wait: WaitOption = None,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """The daily run: by the service at --url, or here against IBKR_GATEWAY_URL."""
    patience = patience_of(wait, timeout, url)
    settings = settings_of(state)
    if url is not None:
        path = with_query("/run/daily", account=account, slot=slot, dry_run="true" if dry_run else None)
        finish(ask_service(settings, url, Call(path), tell, patience), as_json)
        return
    request = RunRequest(account, slot, dry_run)

    def job(desk: Desk, perform: PerformStages, told: Progress) -> Awaitable[RunResult]:
        return run_daily(desk, request, perform, told)

    finish(run_locally(settings, job, tell, patience, slot), as_json)


@cli.command()
def simulate(
    port: int = 5055,
    as_of: AsOfOption = None,
    seed: SeedOption = None,
    data: DataOption = None,
    session: Annotated[str, typer.Option("--session", help="strict, or lenient: nothing expires.")] = "strict",
    pacing: Annotated[float | None, typer.Option("--pacing", help="Scale of IBKR's pacing; 0 for none.")] = None,
    scenario: ScenarioOption = None,
    instruments: Annotated[int | None, typer.Option("--instruments", help="Stocks; up to 5000 if synthetic.")] = None,
    faults: Annotated[Path | None, typer.Option("--faults", help="YAML file of what shall go wrong.")] = None,
    pricing: Annotated[
        str | None, typer.Option("--pricing", help="intraday, or close: a session's close is its only quote.")
    ] = None,
) -> None:
    """The gateway simulator alone, at IBKR's own pacing, until Ctrl-C."""
    settings = settings_of(None)
    simulated = Simulated(session_of(as_of), seed, pacing, data, session, scenario, instruments, faults, pricing)
    directory = private_directory(settings.state_dir)
    end_leftovers(directory, tell)
    with signals.until_stopped(), simulator(directory, port, simulated) as url:
        typer.echo(f"Client Portal simulator at {url}/v1/api   accounts {', '.join(simulated_accounts(url))}")
        typer.echo(f"log in at {url}/ or with POST {url}/simulator/login")
        typer.echo("READY")
        processes.wait()


@cli.command()
def playground(
    state: StateOption = None,
    port: int = 8501,
    as_of: AsOfOption = None,
    seed: SeedOption = None,
    data: DataOption = None,
) -> None:
    """The five agents in the ADK playground, on the simulator; they preview and send nothing."""
    directory, ports = private_directory(settings_of(state).state_dir), free_ports()
    end_leftovers(directory, tell)
    with signals.until_stopped(), ExitStack() as stack:
        gateway = stack.enter_context(
            simulator(directory, ports.gateway, Simulated(session_of(as_of), seed, DEMO_PACING, data))
        )
        shared = stack.enter_context(mcp_server(directory, ports.mcp, gateway, "off"))
        url = stack.enter_context(processes.playground(directory, port, shared))
        typer.echo(f"open {url} and send any message to start a preview of the daily run")
        typer.echo("READY")
        processes.wait()


@cli.command()
def runs(
    state: StateOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="So many at most.")] = 20,
    account: AccountOption = None,
    as_json: JsonOption = False,
) -> None:
    """The newest runs on record; of one account where it is named."""
    with opened_ledger(settings_of(state)) as ledger:
        found = [overview(record) for record in ledger.runs(limit, None, named(account))]
    print_json(found) if as_json else show_runs(Console(), found)


@cli.command("show")
def show_run(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Its id, the beginning of it, or `last`.")] = LAST,
    account: AccountOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """The report of one run; without RUN of the newest."""
    with opened_ledger(settings_of(state)) as ledger:
        record = run_meant(ledger, run_id, named(account))
        told = record.report or standing_of(ledger, record)
    show(told, as_json)
