"""An autonomous portfolio manager for Interactive Brokers accounts.

Exit status: 0 done, 1 failed, 2 wrong usage. Every error is one line that says what to do.
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any, NoReturn
from urllib.parse import urlencode

import httpx2
import typer
from rich.console import Console

from app import processes
from app.desk.reporting import overview
from app.domain.errors import PolicyError, PortfolioError, UsageError
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from app.processes import (
    LOOPBACK,
    Ports,
    Simulated,
    everything,
    free_ports,
    mcp_server,
    private_directory,
    simulator,
)
from app.screen import show_report, show_runs
from app.settings import Settings, load_settings, read_policy

DEMO_PACING = 0.1
NDJSON = "application/x-ndjson"

cli = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, help=__doc__)
policy_cli = typer.Typer(no_args_is_help=True, help="The investment policy.")
audit_cli = typer.Typer(no_args_is_help=True, help="The audit trail.")
cli.add_typer(policy_cli, name="policy")
cli.add_typer(audit_cli, name="audit")

StateOption = Annotated[Path | None, typer.Option("--state", help="Directory of everything a run leaves.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
AsOfOption = Annotated[str | None, typer.Option("--as-of", help="Session to replay, YYYY-MM-DD.")]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Seed of the simulator.")]
DataOption = Annotated[str | None, typer.Option("--data", help="auto, or synthetic for generated prices.")]


@cli.command()
def up(
    state: StateOption = None,
    port: int = 8085,
    mcp_port: int = 5002,
    gateway_port: int = 5055,
    as_of: AsOfOption = None,
    seed: SeedOption = None,
    data: DataOption = None,
    pacing: Annotated[float, typer.Option("--pacing", help="Scale of IBKR's pacing; 1 is its real one.")] = DEMO_PACING,
) -> None:
    """Simulator, MCP server and service on loopback, until Ctrl-C."""
    settings = _settings(state)
    read_policy(settings.policy_file)
    simulated = Simulated(_date(as_of), seed, pacing, data)
    with everything(settings.state_dir, Ports(port, mcp_port, gateway_port), simulated, settings) as url:
        typer.echo(f"service {url}   MCP http://{LOOPBACK}:{mcp_port}/mcp   simulator http://{LOOPBACK}:{gateway_port}")
        typer.echo("READY")
        _until_stopped()


@cli.command()
def demo(
    state: StateOption = None,
    as_of: AsOfOption = None,
    seed: SeedOption = None,
    data: DataOption = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="Another policy file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Everything up, one run of the day, its report, everything down."""
    settings = _settings(state)
    read_policy(policy or settings.policy_file)
    _tell("starting the simulator, the MCP server and the service")
    simulated = Simulated(_date(as_of), seed, DEMO_PACING, data)
    with everything(settings.state_dir, free_ports(), simulated, settings, policy) as url:
        _show(_ask_service(url, {}), as_json)


@cli.command()
def run(
    url: Annotated[str | None, typer.Option("--url", help="Service to ask; without it the run happens here.")] = None,
    state: StateOption = None,
    account: Annotated[str | None, typer.Option("--account", help="Account, where there are several.")] = None,
    slot: Annotated[str, typer.Option("--slot", help="Name of the day's slot.")] = "daily",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Preview only; the day stays free.")] = False,
    as_json: JsonOption = False,
) -> None:
    """The daily run: by the service at --url, or here against IBKR_GATEWAY_URL."""
    settings = _settings(state)
    if url is not None:
        asked = {"account": account, "slot": slot, "dry_run": "true" if dry_run else None}
        query = {name: value for name, value in asked.items() if value is not None}
        token = settings.caller_token.get_secret_value() if settings.caller_token else None
        _show(_ask_service(url, query, token), as_json)
        return
    _show(_run_here(settings, account, slot, dry_run), as_json)


@cli.command()
def simulate(port: int = 5055, as_of: AsOfOption = None, seed: SeedOption = None, data: DataOption = None) -> None:
    """The gateway simulator alone, at IBKR's own pacing, until Ctrl-C."""
    settings = _settings(None)
    with simulator(private_directory(settings.state_dir), port, Simulated(_date(as_of), seed, None, data)) as url:
        typer.echo(f"Client Portal simulator at {url}/v1/api")
        typer.echo("READY")
        _until_stopped()


@cli.command()
def playground(
    state: StateOption = None,
    port: int = 8501,
    as_of: AsOfOption = None,
    seed: SeedOption = None,
    data: DataOption = None,
) -> None:
    """The five agents in the ADK playground, on the simulator; they preview and send nothing."""
    directory, ports = private_directory(_settings(state).state_dir), free_ports()
    with ExitStack() as stack:
        gateway = stack.enter_context(
            simulator(directory, ports.gateway, Simulated(_date(as_of), seed, DEMO_PACING, data))
        )
        shared = stack.enter_context(mcp_server(directory, ports.mcp, gateway, "off"))
        url = stack.enter_context(processes.playground(directory, port, shared))
        typer.echo(f"open {url} and send any message to start a preview of the daily run")
        typer.echo("READY")
        _until_stopped()


@cli.command()
def runs(state: StateOption = None, limit: int = 20, as_json: JsonOption = False) -> None:
    """The newest runs on record."""
    with _ledger(_settings(state)) as ledger:
        found = [overview(record) for record in ledger.runs(limit)]
    _print_json(found) if as_json else show_runs(Console(), found)


@cli.command()
def show(run_id: str, state: StateOption = None, as_json: JsonOption = False) -> None:
    """The report of one run."""
    with _ledger(_settings(state)) as ledger:
        record = ledger.run(run_id)
    if record is None:
        raise UsageError(f"there is no run {run_id}", "`portfolio runs` lists them")
    if record.report is None:
        _print_json(overview(record)) if as_json else show_runs(Console(), [overview(record)])
        return
    _show(record.report, as_json)


@policy_cli.command("check")
def policy_check(
    file: Annotated[Path | None, typer.Argument(help="Policy file; without it the configured one.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Whether a policy file is complete and free of contradictions."""
    path = file or _settings(None).policy_file
    policy, findings = read_policy(path)
    if as_json:
        _print_json(
            {"file": str(path), "name": policy.name, "hash": policy.hash, "warnings": [str(f) for f in findings]}
        )
        return
    for finding in findings:
        typer.echo(f"warning: {finding}")
    typer.echo(f"{path}: policy {policy.name!r} version {policy.version} is valid, {policy.hash}")


@audit_cli.command("verify")
def audit_verify(state: StateOption = None, as_json: JsonOption = False) -> None:
    """Walk the audit trail from its first event; status 1 when anything was altered."""
    with _ledger(_settings(state)) as ledger:
        found = ledger.verify()
    if as_json:
        _print_json({"ok": found.ok, "events": found.events, "books": found.books, "problems": list(found.problems)})
    else:
        for problem in found.problems:
            typer.echo(f"ALTERED: {problem}")
        verdict = "intact" if found.ok else "NOT intact"
        typer.echo(f"{found.events} events in {found.books} books: the audit trail is {verdict}")
    if not found.ok:
        raise typer.Exit(1)


def main() -> NoReturn:
    """Entry point: every error on purpose becomes one line on stderr."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        sys.exit(cli(standalone_mode=True))
    except PortfolioError as error:
        typer.echo(f"portfolio: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError | PolicyError) else 1)


def _stop(*_: object) -> NoReturn:
    raise SystemExit(0)


def _until_stopped() -> None:
    while True:
        signal.pause()


def _settings(state: Path | None) -> Settings:
    return load_settings(state_dir=state) if state is not None else load_settings()


def _date(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--as-of {text} is not a date", "Write it as YYYY-MM-DD") from None


def _ask_service(url: str, query: Mapping[str, str], token: str | None = None) -> Mapping[str, Any]:
    """POST /run/daily, progress to stderr; the report, waiting for another caller's run to end."""
    headers = {"Accept": NDJSON} | ({"Authorization": f"Bearer {token}"} if token else {})
    answer: dict[str, Any] | None = None
    try:
        with (
            httpx2.Client(base_url=url, timeout=None, trust_env=False) as http,
            http.stream("POST", f"/run/daily?{urlencode(query)}", headers=headers) as response,
        ):
            for line in response.iter_lines():
                answer = json.loads(line)
                if "progress" in (answer or {}):
                    _tell(str((answer or {})["progress"]))
    except (httpx2.HTTPError, ValueError) as error:
        raise ServiceFailed(f"no answer from the service at {url}: {error}", "Is it up? Try `portfolio up`") from None
    return _body(url, answer, headers)


class ServiceFailed(PortfolioError):
    """The service could not do the run, or could not be asked."""


def _body(url: str, answer: dict[str, Any] | None, headers: Mapping[str, str]) -> Mapping[str, Any]:
    """The report out of the last line, or the problem as an error."""
    if answer is None:
        raise ServiceFailed(f"the service at {url} ended without an answer", "See its log")
    status, body = answer.get("status"), answer.get("body", answer)
    if status == 202:
        return _await_other(url, body, headers)
    if status == 200:
        return dict(body)
    failure = UsageError if status == 422 else ServiceFailed
    raise failure(body.get("detail") or str(body), body.get("remedy"))


def _await_other(url: str, running: Mapping[str, Any], headers: Mapping[str, str]) -> Mapping[str, Any]:
    _tell(f"another caller's run {running['run_id']} is in progress; waiting for it")
    with httpx2.Client(base_url=url, timeout=30, trust_env=False) as http:
        while True:
            found: dict[str, Any] = http.get(running["address"], headers={**headers, "Accept": "*/*"}).json()
            if found["status"] != "running":
                return found
            time.sleep(0.5)


def _run_here(settings: Settings, account: str | None, slot: str, dry_run: bool) -> Mapping[str, Any]:
    """This process works as the app, with an MCP server of its own."""
    from app.agent import conduct
    from app.desk.daily import RunRequest, run_daily
    from app.wiring import wire

    state = private_directory(settings.state_dir)
    with ExitStack() as stack:
        _tell("starting the MCP server")
        variables = stack.enter_context(
            mcp_server(state, free_ports().mcp, settings.ibkr_gateway_url, settings.trading_mode)
        )
        here = load_settings(
            state_dir=state,
            mcp_url=variables["MCP_URL"],
            mcp_token=None,
            mcp_token_file=variables["MCP_TOKEN_FILE"],
            ticket_key=None,
            ticket_key_file=variables["TICKET_KEY_FILE"],
        )

        async def work() -> Mapping[str, Any]:
            _cancel_when_terminated()
            wiring = wire(here)
            try:
                result = await run_daily(wiring.desk(), RunRequest(account, slot, dry_run), conduct, _tell)
            finally:
                await wiring.close()
            if result.report is None:
                raise ServiceFailed(f"run {result.run_id} is in progress elsewhere", "`portfolio show` it later")
            return result.report

        try:
            return asyncio.run(work())
        except asyncio.CancelledError:
            raise ServiceFailed("the run was stopped", "Run again: the next run goes on where it stopped") from None
        finally:
            signal.signal(signal.SIGTERM, _stop)


def _cancel_when_terminated() -> None:
    """An order on the wire gets its answer on record before the process ends, which an exit at once would not leave."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _show(report: Mapping[str, Any], as_json: bool) -> None:
    _print_json(report) if as_json else show_report(Console(), report)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _tell(progress: str) -> None:
    typer.echo(f"· {progress}", err=True)


@contextmanager
def _ledger(settings: Settings) -> Iterator[SqlLedger]:
    """The ledger that the settings name; reading makes no new one."""
    if settings.database_url is None and not settings.ledger_file.exists():
        raise UsageError(
            f"there is no ledger in {settings.state_dir}", "`portfolio demo` makes one; --state names another"
        )
    ledger = open_ledger(settings.ledger_url)
    try:
        yield ledger
    finally:
        ledger.dispose()
