"""The gateway's side diagnoses itself in a process of its own, because the two sides share no code; here it is read."""

import asyncio
import os
import sys
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from app.commands import child
from app.commands.checks.records import Check, Status, failure, ok, skipped
from app.settings import child_environment

# Above what the process allows itself, so that only one that hangs is ended.
SECONDS = 11.0
NAMES = (
    "gateway", "tls", "allow_list", "login", "competing", "bridge", "accounts", "trading_mode", "account",
    "market_data", "clock",
)  # fmt: skip
_UNPINNED = "Take it out of the settings and run this again: it shows the fingerprint, and the line to write."
SESSION = ("gateway", "tls", "allow_list", "login", "competing", "bridge")


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Found(_Answer):
    name: str
    status: Literal["ok", "warning", "failure", "skipped"]
    finding: str
    remedy: str | None


class _Facts(_Answer):
    currency: str | None


class _Diagnosis(_Answer):
    checks: tuple[_Found, ...]
    facts: _Facts


@dataclass(frozen=True, slots=True)
class GatewaySide:
    """`currency` is the account's base currency, None where it was not found out."""

    checks: tuple[Check, ...]
    currency: str | None = None

    @property
    def culprit(self) -> str | None:
        """The check because of which the session cannot be used, as far as the gateway's side knows."""
        return next((check.name for check in self.checks if check.name in SESSION and not check.is_passed), None)


async def look() -> GatewaySide:
    """With this process's environment. A process that does not answer is a finding, too."""
    heartbeat, held = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", child.__name__, "api_gateway.diagnosis", "--json"),
        stdin=heartbeat,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=child_environment(),
        process_group=0,
    )
    try:
        async with asyncio.timeout(SECONDS):
            out, err = await process.communicate()
    except TimeoutError:
        return _unknown(f"the diagnosis of the gateway did not end within {SECONDS:g} s", "Run it again.")
    finally:
        os.close(heartbeat)
        os.close(held)
        if process.returncode is None:
            process.kill()
            await process.wait()
    said = err.decode(errors="replace").strip().splitlines()
    if process.returncode == 2:
        finding = said[-1].removeprefix("diagnosis: ")
        is_pin = finding.startswith("IBKR_CERT_SHA256:")
        return _unknown(finding, _UNPINNED if is_pin else "Correct that setting.")
    try:
        found = _Diagnosis.model_validate_json(out)
    except ValidationError:
        last = said[-1] if said else f"it ended with status {process.returncode}"
        return _unknown(f"the diagnosis of the gateway failed: {last}", "Run `python -m api_gateway.diagnosis`.")
    checks = tuple(Check(each.name, Status(each.status), each.finding, each.remedy) for each in found.checks)
    return GatewaySide(checks, found.facts.currency)


def base_currency(side: GatewaySide, policy_currency: str | None) -> Check:
    """The account's against the policy's."""
    name = "base_currency"
    if side.currency is None or policy_currency is None:
        (check,) = skipped((name,), f"not known because of {'account' if policy_currency else 'policy'}")
        return check
    if side.currency != policy_currency:
        finding = f"the account's base currency is {side.currency}, the policy's is {policy_currency}: no run starts"
        return failure(name, finding, f"Write `currency: {side.currency}` in the policy, with amounts to match.")
    return ok(name, f"account and policy are both in {side.currency}")


def _unknown(finding: str, remedy: str) -> GatewaySide:
    first, *others = NAMES
    return GatewaySide((failure(first, finding, remedy), *skipped(others, f"not looked at because of {first}")))
