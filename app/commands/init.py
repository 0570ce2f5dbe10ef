"""`portfolio init`: a few questions, and the files that a desk on this machine begins with."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from app.commands import first_files as files
from app.commands.output import say, settings_of, tell
from app.commands.policy_comments import purpose
from app.commands.units import TIMER, units
from app.desk.accounts import masked
from app.domain.errors import UsageError
from app.environment import ENV_FILE
from app.settings import make_secret, shipped_policies, user_config

Value = TypeVar("Value")
MODES = {"off": "previews only, nothing is sent", "paper": "orders go to a paper account"}
PROGRAM = "portfolio"
_ACCOUNT = re.compile(r"[A-Z]{1,3}[0-9]{4,12}")
_LARGEST = Decimal(10) ** 12

PolicyOption = Annotated[
    str | None, typer.Option("--policy", help="A shipped one: `portfolio policy list`. [moderate]")
]
AccountOption = Annotated[str | None, typer.Option("--account", help="The account's id; empty for later. [empty]")]
PortOption = Annotated[str | None, typer.Option("--gateway-port", help="Where the gateway listens here. [5000]")]
ModeOption = Annotated[str | None, typer.Option("--mode", help="off or paper. [off]")]
ValueOption = Annotated[str | None, typer.Option("--max-order-value", help="Largest value of one buy. [50000]")]


def register(cli: typer.Typer) -> None:
    """Add the command to `portfolio`."""
    cli.command("init")(init)


def init(
    policy: PolicyOption = None,
    account: AccountOption = None,
    gateway_port: PortOption = None,
    mode: ModeOption = None,
    max_order_value: ValueOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; what no option says is the default.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Keep the files that are there aside, and write anew.")
    ] = False,
    systemd: Annotated[
        bool, typer.Option("--systemd", help="Only write systemd's units for this user, for the .env that is here.")
    ] = False,
) -> None:
    """A few questions, then `.env` and `policy.yaml` in this directory. Sends nothing and overwrites nothing."""
    given = (policy, account, gateway_port, mode, max_order_value)
    if systemd:
        if any(value is not None for value in given):
            raise UsageError("--systemd takes no answers: it is for the .env that is here", "Leave the others out")
        _write_units(force)
        return
    there = files.in_the_way()
    if there and not force:
        names = " and ".join(map(str, there))
        raise UsageError(
            f"{names} {'is' if len(there) == 1 else 'are'} here already; nothing was written",
            "Change what is there, or have it kept aside and written anew by --force",
        )
    asks = not yes and sys.stdin is not None and sys.stdin.isatty()
    answers = _answers(given, asks)
    if not asks and None in given:
        tell("nobody is asked; what no option says is the default")
    _write(answers, there)
    _tell_next(answers)


def _answers(given: tuple[str | None, ...], asks: bool) -> files.Answers:
    """Of the options, else of the person where there is one to ask, else the defaults."""
    policy, account, port, mode, value = given
    which = "".join(f"\n  {name}: {purpose(path.read_text(encoding='utf-8'))}" for name, path in _shipped())
    modes = "".join(f"\n  {name}: {meaning}" for name, meaning in MODES.items())
    chosen = _one(policy, asks, f"Which policy?{which}\n", "moderate", _policy)
    sends = _one(mode, asks, f"What may it do?{modes}\n", "off", _mode)
    return files.Answers(
        policy=chosen,
        mode=sends,
        account=_one(
            account,
            asks,
            "The account's id, as the broker shows it (Enter: later)",
            "",
            lambda text: _accounts(text, sends),
        ),
        gateway_port=_one(port, asks, "On which port does the gateway listen on this machine?", "5000", _port),
        max_order_value=_one(value, asks, "Largest value of one buy, in the instrument's currency", "50000", _value),
    )


def _one(given: str | None, asks: bool, question: str, default: str, read: Callable[[str], Value]) -> Value:
    if given is not None or not asks:
        return read((default if given is None else given).strip())
    while True:
        answer = typer.prompt(question, default=default, err=True, show_default=bool(default))
        try:
            return read(str(answer).strip())
        except UsageError as error:
            say(f"{error}")


def _shipped() -> list[tuple[str, Path]]:
    return list(shipped_policies().items())


def _policy(text: str) -> str:
    names = shipped_policies()
    if text not in names:
        raise UsageError(
            f"{text!r} is not a shipped policy", f"One of {', '.join(names)}; policy.yaml is yours to change"
        )
    return text


def _mode(text: str) -> str:
    if text == "live":
        raise UsageError("live is not where one begins", "Choose paper; later a person sets TRADING_MODE=live in .env")
    if text not in MODES:
        raise UsageError(f"{text!r} is not a mode", f"One of {', '.join(MODES)}")
    return text


def _accounts(text: str, mode: str) -> str:
    names = [name for part in text.upper().split(",") if (name := part.strip())]
    for name in names:
        if not _ACCOUNT.fullmatch(name):
            raise UsageError("that is not an account's id", "One looks like DU1234567; several are separated by commas")
        if mode == "paper" and not name.startswith("D"):
            raise UsageError(
                f"{masked(name)} is not a paper account", "A paper account's id begins with D; or choose off"
            )
    return ",".join(names)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65_535):
        raise UsageError(f"{text!r} is not a port", "One is a number from 1 to 65535; the gateway's own is 5000")
    return int(text)


def _value(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not 0 < value <= _LARGEST:
        raise UsageError(f"{text!r} is not an amount above zero", "Write it as a plain number, like 5000")
    return value


def _write(answers: files.Answers, there: tuple[Path, ...]) -> None:
    shipped = shipped_policies()[answers.policy].read_text(encoding="utf-8")
    for name in ("mcp.token", "ticket.key"):
        make_secret(files.STATE / name)
    moved = files.set_aside(there)
    try:
        files.write_new(
            {files.POLICY: shipped, ENV_FILE: files.env_text(answers, datetime.now(UTC).astimezone().date())}
        )
    except UsageError:
        files.put_back(moved)
        raise
    for before, aside in moved.items():
        typer.echo(f"{before} as it was: {aside}")


def _tell_next(answers: files.Answers) -> None:
    whose = ", ".join(map(masked, answers.account.split(","))) if answers.account else "what the broker lists"
    typer.echo(
        f"{files.POLICY}: your copy of the policy {answers.policy}; `portfolio policy explain` says what it does"
    )
    typer.echo(
        f"{ENV_FILE}: TRADING_MODE {answers.mode} ({MODES[answers.mode]}), account {whose}, "
        f"gateway https://localhost:{answers.gateway_port}, no buy above {answers.max_order_value.normalize():f}"
    )
    typer.echo(f"{files.STATE}: a token and a key, readable by you alone")
    typer.echo("Next: start the gateway, log in, and ask `portfolio doctor`; docs/paper-account.md has every step.")


def _write_units(force: bool) -> None:
    if not ENV_FILE.is_file():
        raise UsageError(
            "there is no .env in this directory", "Work in the desk's own directory; `portfolio init` makes one"
        )
    settings = settings_of(None)
    here, program = Path.cwd(), _program()
    if any(character in f"{here}{program}" for character in "\n\r"):
        raise UsageError("the directory's name has a line break, which systemd cannot take", "Move the desk elsewhere")
    directory = user_config() / "systemd" / "user"
    wanted = {directory / name: text for name, text in units(here, program, settings.port).items()}
    new = {path: text for path, text in wanted.items() if not _is(path, text)}
    there = tuple(path for path in new if path.exists() or path.is_symlink())
    if there and not force:
        raise UsageError(f"{there[0]} is there and says something else; nothing was written", "--force keeps it aside")
    moved = files.set_aside(there)
    try:
        files.write_new(new)
    except UsageError:
        files.put_back(moved)
        raise
    for path in wanted:
        typer.echo(f"{path}{'' if path in new else ' (as it was)'}")
    typer.echo(f"Next: systemctl --user daemon-reload && systemctl --user enable --now portfolio.service {TIMER}")


def _is(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def _program() -> Path:
    """The program itself, wherever it was started from."""
    started = Path(sys.argv[0])
    beside = Path(sys.executable).with_name(PROGRAM)
    return started.absolute() if started.name == PROGRAM and started.is_file() else beside
