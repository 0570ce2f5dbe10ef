"""Commands about the policy: whether it is sound, what it does, and what another one would do."""

from dataclasses import asdict
from decimal import Decimal
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from app.commands.newest import newest_report, newest_reports
from app.commands.output import (
    AccountOption,
    JsonOption,
    StateOption,
    print_json,
    session_of,
    settings_of,
    tell,
)
from app.commands.policy_comments import comments, purpose
from app.commands.processes import Simulated, everything, free_ports
from app.commands.service_client import Call, ask_service
from app.domain.account_size import Account, does_not_fit
from app.domain.errors import LedgerError, UsageError
from app.domain.policy import Policy
from app.domain.policy.check import Finding
from app.explain.account_size import account_of, listings_of
from app.explain.difference import Change, Decided, changes, decided
from app.explain.settings import PolicyField, noise, policy_fields
from app.settings import Settings, policy_path, read_policy, shipped_policies, shipped_policy

DRY_RUN = Call("/run/daily?dry_run=true")
PACING = 0.1
FileArgument = Annotated[Path | None, typer.Argument(help="Policy file or shipped name; else the configured one.")]


def register(cli: typer.Typer) -> None:
    """Add `portfolio policy …`."""
    policy = typer.Typer(no_args_is_help=True, help="The investment policy.")
    policy.command("list")(list_shipped)
    policy.command("check")(check)
    policy.command("explain")(explain)
    policy.command("diff")(diff)
    cli.add_typer(policy, name="policy")


def list_shipped(state: StateOption = None, as_json: JsonOption = False) -> None:
    """The policies that come with the project: each name may stand where a policy file does."""
    used = policy_path(settings_of(state).policy_file).resolve()
    rows = [
        {
            "name": name,
            "for": purpose(file.read_text(encoding="utf-8")),
            "file": str(file),
            "hash": read_policy(file)[0].hash,
            "configured": file == used,
        }
        for name, file in shipped_policies().items()
    ]
    if as_json:
        print_json({"policies": rows})
        return
    for row in rows:
        typer.echo(f"{row['name']}{' (configured)' if row['configured'] else ''}: {row['for']}\n  {row['file']}")
    if not any(row["configured"] for row in rows):
        typer.echo(f"configured: {used}")


def check(
    file: FileArgument = None,
    nav: Annotated[float | None, typer.Option("--nav", min=0, help="Net asset value to check the sizes for.")] = None,
    state: StateOption = None,
    account: AccountOption = None,
    as_json: JsonOption = False,
) -> None:
    """Whether a policy is complete, free of contradictions, and can work for an account of this size."""
    configured = settings_of(state)
    path = file or configured.policy_file
    policy, findings = read_policy(path)
    sizes = _sizes(configured, policy, nav, account)
    if as_json:
        warnings = [str(finding) for finding in findings]
        told = {name: [str(finding) for finding in found] for name, found in sizes.items()}
        print_json(
            {"file": str(path), "name": policy.name, "hash": policy.hash, "warnings": warnings, "account_size": told}
        )
        return
    for finding in findings:
        typer.echo(f"warning: {finding}")
    for name, found in sizes.items():
        for finding in found:
            typer.echo(f"warning: {name}: {finding}")
        if not found:
            typer.echo(f"{name}: every number can work for an account of this size")
    typer.echo(f"{path}: policy {policy.name!r} version {policy.version} is valid, {policy.hash}")


def _sizes(
    configured: Settings, policy: Policy, nav: float | None, account: str | None
) -> dict[str, tuple[Finding, ...]]:
    """Account → what cannot work for it; of `nav` by itself, at the prices of the newest run, where there is one."""
    sent = configured.max_order_value
    try:
        reports = newest_reports(configured, account)
    except LedgerError as error:
        # The file can be judged without one.
        tell(f"no account's value is known: {error.cause}")
        reports = {}
    if nav is not None:
        if not isfinite(nav):
            raise UsageError("--nav is not an amount", "Write an amount like 5000")
        prices = next((listings_of(report) for report in reports.values()), {})
        worth = Decimal(str(nav))
        return {
            f"{worth.normalize():,f} {policy.currency}": does_not_fit(
                policy, Account(worth, policy.currency, prices, sent)
            )
        }
    return {
        f"account {name}": does_not_fit(policy, account_of(report, sent))
        for name, report in reports.items()
        if report["portfolio"]["currency"] == policy.currency
    }


def explain(
    file: FileArgument = None,
    state: StateOption = None,
    account: AccountOption = None,
    as_json: JsonOption = False,
) -> None:
    """What each setting does to the portfolio as the newest run found it; without a run, what it does at all."""
    configured = settings_of(state)
    policy, findings = read_policy(file or configured.policy_file)
    report = newest_report(configured, account)
    fields = policy_fields(policy, comments(shipped_policy().read_text(encoding="utf-8")), report)
    stop = noise(policy, report) if report is not None else None
    warnings = [str(finding) for finding in (*findings, *([stop] if stop else []))]
    run = {name: report[name] for name in ("run_id", "account", "session_date", "as_of")} if report else None
    if as_json:
        rows = [asdict(field) for field in fields]
        print_json({"name": policy.name, "hash": policy.hash, "run": run, "warnings": warnings, "fields": rows})
        return
    for warning in warnings:
        typer.echo(f"warning: {warning}")
    typer.echo(f"policy {policy.name!r}: {_against(run)}")
    _print_fields(fields)


def diff(
    first: Annotated[Path, typer.Argument(help="A policy file.")],
    second: Annotated[Path, typer.Argument(help="Another one.")],
    as_of: Annotated[str | None, typer.Option("--as-of", help="Session to replay, YYYY-MM-DD.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the simulator.")] = None,
    data: Annotated[str | None, typer.Option("--data", help="auto, or synthetic for generated prices.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What each of two policies would decide about the same simulated day; nothing is sent and nothing kept."""
    files = (first, second)
    one, other = (read_policy(file)[0] for file in files)
    simulated = Simulated(session_of(as_of), seed, PACING, data)
    reports = [_previewed(file, simulated) for file in files]
    found, days = changes(one, other), [decided(report) for report in reports]
    if as_json:
        print_json(
            {
                "session_date": reports[0]["session_date"],
                "fields": [asdict(change) for change in found],
                "first": {"file": str(first), "name": one.name, **asdict(days[0])},
                "second": {"file": str(second), "name": other.name, **asdict(days[1])},
                "same_decision": (days[0].action, days[0].orders) == (days[1].action, days[1].orders),
            }
        )
        return
    _print_difference(files, reports[0]["session_date"], found, days)


def _against(run: dict[str, Any] | None) -> str:
    if run is None:
        return "no run on record, so this is what each setting does at all"
    return f"as of run {run['run_id']} of {run['session_date']}, account {run['account']}"


def _print_fields(fields: tuple[PolicyField, ...]) -> None:
    section = ""
    for field in fields:
        head = field.field.rpartition(".")[0]
        if head != section:
            section = head
            typer.echo(f"\n{section}")
        typer.echo(f"  {field.field.rpartition('.')[2]}: {_value(field.value)}  {field.does}")
        if field.today is not None:
            typer.echo(f"      today: {field.today}")


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_value(share)}" for name, share in value.items()) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return {"None": "null", "True": "true", "False": "false"}.get(str(value), str(value))


def _previewed(file: Path, simulated: Simulated) -> dict[str, Any]:
    """A preview under that policy, in a state of its own that is gone afterwards."""
    tell(f"the day under {file}")
    with TemporaryDirectory(prefix="portfolio-diff-") as directory:
        configured = settings_of(Path(directory))
        with everything(configured.state_dir, free_ports(), simulated, configured, file) as url:
            return dict(ask_service(configured, url, DRY_RUN, tell))


def _print_difference(files: tuple[Path, Path], session: str, found: tuple[Change, ...], days: list[Decided]) -> None:
    typer.echo(f"{len(found)} fields differ")
    for change in found:
        typer.echo(f"  {change.field}: {_value(change.first)} → {_value(change.second)}")
    for file, day in zip(files, days, strict=True):
        typer.echo(f"\n{session} under {file}: {day.shown_as or 'no decision'}")
        typer.echo(f"  {day.rationale or ''}")
        for label, texts in (
            ("orders", day.orders), ("offered", day.offered_as), ("breached", day.breaches), ("exits due", day.exits),
        ):  # fmt: skip
            typer.echo(f"  {label}: {', '.join(texts) or 'none'}")
    same = (days[0].action, days[0].orders) == (days[1].action, days[1].orders)
    typer.echo(f"\nthe two decide {'the same' if same else 'differently'}")
