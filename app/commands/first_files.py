"""The files that a desk on this machine begins with: `.env` and a policy of one's own. Nothing is ever overwritten."""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final

from app.domain.errors import UsageError
from app.environment import ENV_FILE

POLICY: Final = Path("policy.yaml")
STATE: Final = Path(".portfolio")

_ENV = """\
# Written by `portfolio init` on {today}. Every other setting and its default: .env.example of the project.
# Commands read this file in the directory in which they are started; the environment wins over it.

# The investment policy, a copy that is yours to change; `portfolio policy check` names every mistake in it.
POLICY_FILE={policy}
# off previews only, paper sends orders to a paper account. live sends them to a real one: not before weeks on paper.
TRADING_MODE={mode}
# The account, or several with commas; empty takes what the broker lists, on paper only.
IBKR_ACCOUNT_ID={account}
# Largest value of one buy, in the instrument's currency, whatever the policy says. An exit may be larger.
MAX_ORDER_VALUE={max_order_value}

# The broker's gateway on this machine. It listens with a certificate of its own: `portfolio doctor` prints the line
# IBKR_CERT_SHA256=... that trusts it; compare it before you write it here.
IBKR_GATEWAY_URL=https://localhost:{gateway_port}/v1/api

# What every run leaves, and the token and key that the parts show each other: private files, made by `portfolio init`.
STATE_DIR={state}
MCP_TOKEN_FILE={state}/mcp.token
TICKET_KEY_FILE={state}/ticket.key
"""


@dataclass(frozen=True, slots=True)
class Answers:
    """What is asked of a person, checked."""

    policy: str
    account: str
    gateway_port: int
    mode: str
    max_order_value: Decimal


def env_text(answers: Answers, today: date) -> str:
    """Of `.env`, with a comment for each setting."""
    return _ENV.format(
        today=today.isoformat(),
        policy=POLICY,
        mode=answers.mode,
        account=answers.account,
        max_order_value=f"{answers.max_order_value.normalize():f}",
        gateway_port=answers.gateway_port,
        state=STATE,
    )


def in_the_way() -> tuple[Path, ...]:
    """Those files that are there already, whatever they are."""
    return tuple(path for path in (ENV_FILE, POLICY) if path.exists() or path.is_symlink())


def set_aside(paths: tuple[Path, ...]) -> dict[Path, Path]:
    """Rename each; where it is now, by where it was."""
    moved: dict[Path, Path] = {}
    for path in paths:
        number = 1
        while (aside := path.with_name(f"{path.name}.{number}")).exists() or aside.is_symlink():
            number += 1
        try:
            path.rename(aside)
        except OSError as error:
            put_back(moved)
            raise _cannot(path, error) from None
        moved[path] = aside
    return moved


def put_back(moved: Mapping[Path, Path]) -> None:
    """Undo `set_aside`."""
    for path, aside in moved.items():
        with suppress(OSError):
            aside.rename(path)


def write_new(files: Mapping[Path, str]) -> None:
    """All of them, their owner's alone, or none. Raises UsageError, also where one is there already."""
    written: list[Path] = []
    try:
        for path, text in files.items():
            _write_new(path, text)
            written.append(path)
    except OSError as error:
        for done in written:
            with suppress(OSError):
                done.unlink()
        raise _cannot(path, error) from None


def _write_new(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mine = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        # Unlike a rename this never replaces what somebody else wrote meanwhile, and nobody sees half a file.
        os.link(mine, path)
    finally:
        with suppress(OSError):
            mine.unlink()


def _cannot(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path} cannot be written: {error.strerror}", "Work in a directory of your own")
